"""Several processes and a team's own key: who goes on after a kill -9 does so under the same one, or not at all."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.household import Household, household
from tests.gateway.own_keys import Team, accounts
from tests.gateway.processes import Processes
from tests.gateway.running import FOX
from tests.gateway.tenants import made_key
from tests.gateway.until import until

OURS = ""
MODELS = {"fal": "fal/qwen-image", "runware": "runware/qwen-image"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def shared_home(all_simulators: Simulators, folder: Path) -> Iterator[Household]:
    with Processes(folder) as forker, household(all_simulators, folder, forker) as home:
        yield home


@pytest.fixture
def home(shared_home: Household, simulators: Simulators) -> Household:
    assert not simulators.calls()
    shared_home.survivor.forget_trouble()
    return shared_home


@pytest.fixture
def team(home: Household, simulators: Simulators) -> Team:
    return Team.new(home.survivor, simulators)


def dies_over(team: Team, home: Household, dies: str, model: str, **more: Any) -> str:
    """The job of the team's request that a gateway died over."""
    gateway = home.start(dies)
    body = {**FOX, "model": model, "prompt": dies, **more}
    with contextlib.suppress(httpx.TransportError):
        gateway.http.post("/v1/images/generations", json=body, headers=team.key.headers)
    gateway.wait()
    [job] = team.ask("GET", "/v1/jobs").json()["data"]
    return job["id"]


def over(team: Team, home: Household, job: str) -> dict[str, Any]:
    home.take_up()
    told = team.ask("GET", f"/v1/jobs/{job}", params={"wait": 30}).json()
    assert told["status"] in {"succeeded", "failed", "cancelled"}
    return told


@pytest.mark.parametrize(("provider", "dies"), [("fal", "ticket stored"), ("runware", "ticket lost")])
def test_it_goes_on_under_the_same_key(
    team: Team, home: Household, simulators: Simulators, provider: str, dies: str
) -> None:
    team.brings(provider)
    job = dies_over(team, home, dies, MODELS[provider])
    assert over(team, home, job)["status"] == "succeeded"
    assert set(accounts(simulators, provider)) == {team.id}
    assert simulators.paid(provider) == 1


@pytest.mark.parametrize(("provider", "dies"), [("fal", "ticket stored"), ("runware", "ticket lost")])
def test_without_the_key_it_ends_and_ours_is_not_tried(
    team: Team, home: Household, simulators: Simulators, provider: str, dies: str
) -> None:
    team.brings(provider)
    job = dies_over(team, home, dies, MODELS[provider])
    team.takes_back(provider)
    told = over(team, home, job)
    assert told["status"] == "failed"
    assert "the team's own key there, under which it was begun, was deleted" in told["error"]["message"]
    assert "may have been paid" in told["error"]["message"]
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["unknown"]
    assert accounts(simulators, provider)[OURS] == 0


def test_no_other_provider_draws_what_may_be_paid_under_it(team: Team, home: Household, simulators: Simulators) -> None:
    """Nor does the one where it began, for which the configuration has a key."""
    team.brings("fal")
    job = dies_over(team, home, "ticket stored", "qwen-image")
    team.takes_back("fal")
    told = over(team, home, job)
    assert told["status"] == "failed"
    assert "the team's own key, under which it was sent, was deleted; it may have been paid" in told["error"]["message"]
    assert {call["provider"] for call in simulators.calls()} == {"fal"}
    assert set(accounts(simulators, "fal")) == {team.id}


def test_another_account_is_not_sent_what_the_first_may_have_drawn(
    team: Team, home: Household, simulators: Simulators
) -> None:
    team.brings("runware")
    job = dies_over(team, home, "ticket lost", MODELS["runware"])
    team.brings("runware")
    told = over(team, home, job)
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["unknown"]
    assert (len(simulators.calls("runware", "submit")), simulators.paid("runware")) == (1, 1)


def test_what_another_account_says_of_a_ticket_is_not_believed(
    team: Team, home: Household, simulators: Simulators
) -> None:
    """It may not see it: that is no reason to draw it again."""
    team.brings("fal")
    job = dies_over(team, home, "ticket stored", "qwen-image")
    team.brings("fal")
    refused = {"provider": "fal", "on": "result", "effect": "status", "status": 422, "body": {"detail": "not yours"}}
    simulators.set_faults([{**refused, "times": -1}])
    told = over(team, home, job)
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["unknown"]
    assert "another key since it was sent" in told["error"]["message"]
    assert {call["provider"] for call in simulators.calls(step="submit")} == {"fal"}
    assert (len(simulators.calls("fal", "submit")), simulators.calls("lumenfall")) == (1, [])


def test_what_began_under_ours_goes_on_under_ours(team: Team, home: Household, simulators: Simulators) -> None:
    job = dies_over(team, home, "ticket stored", MODELS["fal"])
    team.brings("fal")
    assert over(team, home, job)["status"] == "succeeded"
    assert set(accounts(simulators, "fal")) == {OURS}


def test_a_key_that_shares_no_pictures_shares_none_of_a_job_that_was_taken_up(
    team: Team, home: Household, simulators: Simulators
) -> None:
    loner = replace(team, key=made_key(home.survivor, team.id, share_cache=False))
    job = dies_over(loner, home, "ticket stored", MODELS["fal"], seed=5)
    assert over(loner, home, job)["status"] == "succeeded"
    body: dict[str, Any] = {"model": MODELS["fal"], "prompt": "ticket stored", "seed": 5}
    assert [who.draws(**body).headers["x-easel-cache"] for who in (loner, team)] == ["hit", "miss"]


def test_every_process_goes_by_it_and_nobody_sees_it(
    team: Team, home: Household, simulators: Simulators, folder: Path
) -> None:
    other = home.start()

    def served() -> tuple[int, list[str]]:
        """The status, and under whose key fal was asked."""
        simulators.stage.calls.clear()
        body = {**FOX, "model": MODELS["fal"]}
        answer = other.http.post("/v1/images/generations", json=body, headers=team.key.headers)
        return answer.status_code, list(accounts(simulators, "fal"))

    assert served() == (200, [OURS])
    keys = [team.brings("fal")]
    until(lambda: served() == (200, [team.id]))
    keys.append(team.brings("fal", good=False))
    until(lambda: served()[0] == 502)
    team.takes_back("fal")
    until(lambda: served() == (200, [OURS]))
    told = [gateway.http.get("/metrics").content for gateway in (home.survivor, other)]
    told += [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    assert any(b"request" in each for each in told)
    assert not [each[:200] for each in told for key in keys if key.encode() in each]
