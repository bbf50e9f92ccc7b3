"""A job whose gateway was killed goes on as its key was allowed to, whatever has become of the key since."""

from collections.abc import Callable, Iterator

import pytest

from simulators.running import Simulators
from tests.gateway.household import RESPOND_ASYNC, Household, household
from tests.gateway.processes import Processes
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import MadeKey, change_key, made_key, revoke

Change = Callable[[RunningGateway, MadeKey], object]

CHANGES: dict[str, Change] = {
    "nothing": lambda gateway, key: None,
    "revoked": lambda gateway, key: revoke(gateway, key.id),
    "narrowed": lambda gateway, key: change_key(gateway, key.id, providers=["openai"]),
    "widened": lambda gateway, key: change_key(gateway, key.id, providers=None),
}


@pytest.fixture(scope="module")
def shared_home(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    folder = tmp_path_factory.mktemp("home")
    with Processes(folder) as processes, household(all_simulators, folder, processes) as home:
        yield home


@pytest.mark.parametrize("since", CHANGES)
@pytest.mark.parametrize("dies", ["nothing sent", "ticket stored"])
def test_it_goes_on_as_it_was_accepted(shared_home: Household, simulators: Simulators, since: str, dies: str) -> None:
    survivor = shared_home.survivor
    provider = "lumenfall" if dies == "nothing sent" else "runware"  # whose tickets can be followed
    key = made_key(survivor, "default", providers=[provider], budget_usd=5)
    id = shared_home.dies_over(
        {"model": "qwen-image", "prompt": "a fox"}, dies, headers={**RESPOND_ASYNC, **key.headers}
    )
    CHANGES[since](survivor, key)
    job = shared_home.ends(id)
    assert (job["status"], job["provider"]) == ("succeeded", provider), job
    assert {call["provider"] for call in simulators.calls()} == {provider}
    assert simulators.paid(provider) == 1
