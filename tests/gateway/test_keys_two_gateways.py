"""Two gateways on one database: what is said of a key at one holds at the other within a second."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import simulated_settings
from tests.gateway.running import FOX, RunningGateway
from tests.gateway.tenants import MadeKey, change_key, change_team, made_key, revoke
from tests.gateway.until import until

Change = Callable[[RunningGateway, MadeKey], object]

ENDS: dict[str, Change] = {
    "revoked": lambda gateway, key: revoke(gateway, key.id),
    "disabled": lambda gateway, key: change_key(gateway, key.id, disabled=True),
    "its team disabled": lambda gateway, key: change_team(gateway, key.team, disabled=True),
    "rotated": lambda gateway, key: gateway.http.post(f"/v1/admin/keys/{key.id}/rotate").raise_for_status(),
    "less rights": lambda gateway, key: change_key(gateway, key.id, models=["flux-*"]),
    "less rights of its team": lambda gateway, key: change_team(gateway, key.team, providers=["openai"]),
}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def pair(
    request: pytest.FixtureRequest, all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningGateway, RunningGateway]]:
    folder = tmp_path_factory.mktemp("pair")
    database = {"url": f"sqlite:///{folder / 'easel.db'}"}
    if request.param == "postgres":
        database = {"url": request.getfixturevalue("postgres_server").new_database()}

    def settled(data_dir: Path) -> RunningGateway:
        return RunningGateway(simulated_settings(all_simulators, data_dir, database=database))

    with settled(folder / "one") as one, settled(folder / "other") as other:
        yield one, other


def allowed(gateway: RunningGateway, key: MadeKey) -> bool:
    """It spends nothing, and asks for all that a picture would."""
    answer = gateway.http.post("/v1/images/plan", json=FOX, headers=key.headers)
    assert answer.status_code in {200, 401, 403}, answer.text
    return answer.status_code == 200


@pytest.mark.parametrize("end", ENDS)
def test_a_key_ends_at_the_other_gateway_within_a_second(pair: tuple[RunningGateway, RunningGateway], end: str) -> None:
    one, other = pair
    key = made_key(one)
    assert allowed(other, key), "it works at once everywhere"
    assert allowed(one, key)
    ENDS[end](one, key)
    ended = time.monotonic()
    assert not allowed(one, key)
    until(lambda: not allowed(other, key), 1.0)
    assert time.monotonic() - ended < 1.0 + 0.5, "a slow machine's answer included"


def test_a_new_text_works_at_once_everywhere(pair: tuple[RunningGateway, RunningGateway]) -> None:
    one, other = pair
    key = made_key(one)
    assert allowed(other, key)
    text = other.http.post(f"/v1/admin/keys/{key.id}/rotate", json={"grace_seconds": 60}).json()["key"]
    new = MadeKey(key.id, key.team, text, key.row)
    for gateway in pair:
        assert allowed(gateway, new)
        assert allowed(gateway, key)
