"""A gateway on a real socket, in front of the simulators, with an embedded store of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings, read_settings
from gateway.store import redis
from providers.registry import BUILT_IN
from simulators.running import Simulators
from tests.gateway.post_office import PostOffice
from tests.gateway.running import ADMIN_KEY, RunningGateway

Start = Callable[..., RunningGateway]
GoOn = Callable[[], None]


@pytest.fixture(scope="session", autouse=True)
def patient_redis() -> Iterator[None]:
    """On a busy machine a gateway that waits 50 ms for Redis would often do without what a test is about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis, "LIMIT", 3.0)
        yield


@pytest.fixture(scope="session")
def all_simulators() -> Iterator[Simulators]:
    with Simulators() as running:
        yield running


@pytest.fixture
def simulators(all_simulators: Simulators) -> Simulators:
    """The simulators as new: no faults, no calls."""
    all_simulators.reset()
    return all_simulators


@pytest.fixture
def go_on(simulators: Simulators) -> Iterator[GoOn]:
    """fal's queue stands still until this is called, or the test is over."""

    def moves_again() -> None:
        simulators.set_pace("fal")

    simulators.set_pace("fal", queue_seconds=3600)
    yield moves_again
    moves_again()


def simulated_providers(simulators: Simulators) -> dict[str, Any]:
    """The configuration of every provider, pointed at its stand-in."""
    addresses = simulators.addresses
    providers: dict[str, Any] = {
        name: {
            "api_key": addresses[name]["key"],
            **{key: value for key, value in addresses[name].items() if key in {"base_url", "queue_url", "rest_url"}},
        }
        for name in ("fal", "openai", "lumenfall")
    }
    providers["vllm-omni"] = {
        "kind": "openai_compatible",
        "dialect": "vllm-omni",
        "base_url": addresses["vllm-omni"]["base_url"],
        "api_key": addresses["vllm-omni"]["key"],
        "models": {"qwen-image": "Qwen/Qwen-Image"},
    }
    return providers


def simulated_settings(simulators: Simulators, data_dir: Path, **overrides: Any) -> Settings:
    """Settings for a gateway in front of the simulators; `overrides`: tables of easel.toml, merged one level deep."""
    base: dict[str, Any] = {
        "server": {"data_dir": data_dir},
        "auth": {"admin_key": ADMIN_KEY},
        "providers": simulated_providers(simulators),
        "models": {"qwen-image": {"route": ["fal", "lumenfall", "vllm-omni"]}},
    }
    for table, values in overrides.items():
        base[table] = {**base.get(table, {}), **values}
    return read_settings(None, base)


@pytest.fixture
def start(simulators: Simulators, tmp_path: Path) -> Iterator[Start]:
    """Starts gateways: `start(storage={"keep": False})`; each has `data_dir` to itself unless one is given."""
    running: list[RunningGateway] = []

    def starter(*, data_dir: Path | None = None, **overrides: Any) -> RunningGateway:
        directory = data_dir or tmp_path / f"data-{len(running)}"
        running.append(RunningGateway(simulated_settings(simulators, directory, **overrides)))
        return running[-1]

    yield starter
    for gateway in reversed(running):
        gateway.stop()


@pytest.fixture
def gateway(start: Start) -> RunningGateway:
    """A gateway with the usual settings."""
    return start()


@pytest.fixture(scope="session")
def with_everyone(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    tables: dict[str, Any] = {
        "server": {"data_dir": tmp_path_factory.mktemp("everyone")},
        "auth": {"admin_key": ADMIN_KEY},
        "providers": everyone(all_simulators),
    }
    with RunningGateway(read_settings(None, tables)) as running:
        yield running


def everyone(simulators: Simulators) -> dict[str, Any]:
    """The configuration of every built-in provider that has a stand-in."""
    told = {slug: dict(simulators.addresses[slug]) for slug in BUILT_IN if slug in simulators.addresses}
    return {slug: {"api_key": address.pop("key"), **address} for slug, address in told.items()}


@pytest.fixture
def all_providers(with_everyone: RunningGateway, simulators: Simulators) -> RunningGateway:
    """A gateway in front of all providers, that tests share; `provider/model` chooses one."""
    assert not simulators.calls()
    assert with_everyone.app.deps is not None
    with_everyone.app.deps.routing.forget()
    return with_everyone


@pytest.fixture(scope="session")
def always_running(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with RunningGateway(simulated_settings(all_simulators, tmp_path_factory.mktemp("shared"))) as running:
        yield running


@pytest.fixture
def easel(always_running: RunningGateway, simulators: Simulators) -> RunningGateway:
    """A gateway with the usual settings that all tests share, in front of simulators as new: it starts only once."""
    assert not simulators.calls()
    return always_running.forget_trouble()


@pytest.fixture(scope="session")
def always_open() -> Iterator[PostOffice]:
    office = PostOffice()
    yield office
    office.close()


@pytest.fixture
def office(always_open: PostOffice) -> PostOffice:
    """Where providers send their webhooks; empty, and keeping what comes."""
    return always_open.renew()
