"""Two gateways in front of the simulators, for all contract tests of a worker."""

from collections.abc import Iterator

import pytest

from simulators.running import Simulators
from tests.contract.exchanges import SIGNING_KEY
from tests.gateway.conftest import simulated_settings
from tests.gateway.running import RunningGateway


@pytest.fixture(scope="session")
def contract_simulators() -> Iterator[Simulators]:
    with Simulators() as running:
        yield running


@pytest.fixture
def simulators(contract_simulators: Simulators) -> Iterator[Simulators]:
    """As new, and left without faults."""
    contract_simulators.reset()
    yield contract_simulators
    contract_simulators.reset()


@pytest.fixture(scope="session")
def usual(contract_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """fal, OpenAI, Lumenfall and a vLLM-Omni server; no local worker."""
    with RunningGateway(simulated_settings(contract_simulators, tmp_path_factory.mktemp("usual"))) as running:
        yield running


@pytest.fixture(scope="session")
def narrow(contract_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One with small limits, a host name, and a worker that nobody will call."""
    settings = simulated_settings(
        contract_simulators,
        tmp_path_factory.mktemp("narrow"),
        server={"max_body_mb": 1, "deadline": 0.5, "allowed_hosts": ["127.0.0.1"]},
        storage={"signing_keys": [SIGNING_KEY]},
        providers={"local": {"workers": ["http://127.0.0.1:9"]}},
        models={"flux-schnell": {"max_concurrent_images": 1}},
    )
    with RunningGateway(settings) as running:
        yield running
