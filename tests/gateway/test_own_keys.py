"""A team's own key at a provider: it alone is used there for that team, and what it meets is nobody else's trouble."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from gateway.flow.retries import ALWAYS
from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.conftest import GoOn, simulated_providers
from tests.gateway.own_keys import Team, accounts
from tests.gateway.photos import data_uri, photo
from tests.gateway.running import ADMIN_KEY, FOX, RunningGateway
from tests.gateway.until import until

OURS = ""


@pytest.fixture
def team(easel: RunningGateway, simulators: Simulators) -> Team:
    return Team.new(easel, simulators)


@pytest.fixture
def other(easel: RunningGateway, simulators: Simulators) -> Team:
    return Team.new(easel, simulators)


def rows(gateway: RunningGateway, sql: str, **values: Any) -> list[Any]:
    engine = create_engine(f"sqlite:///{gateway.app.settings.server.data_dir / 'easel.db'}")
    try:
        with engine.connect() as connection:
            return list(connection.execute(text(sql), values))
    finally:
        engine.dispose()


def test_every_call_goes_out_under_it_and_no_other_teams_does(team: Team, other: Team, simulators: Simulators) -> None:
    team.brings("fal")
    assert team.drawn_by() == other.drawn_by() == "fal"
    asked = accounts(simulators, "fal")
    assert asked[team.id] == asked[OURS] >= 3, "submitted, looked at, fetched"
    assert [call["account"] for call in simulators.calls("fal", "submit")] == [team.id, OURS]


def test_it_is_written_down_with_the_call(team: Team, other: Team) -> None:
    team.brings("fal")
    jobs = [each.draws().headers["x-request-id"] for each in (team, other)]
    for table in ("calls", "ledger"):
        found = [rows(team.gateway, f"SELECT own_key FROM {table} WHERE job = :job", job=job) for job in jobs]  # noqa: S608 - a table of ours
        assert found == [[(1,)], [(0,)]], table


def test_another_one_takes_its_place_at_once_and_without_it_ours_is_used(team: Team, simulators: Simulators) -> None:
    team.brings("fal", good=False)
    team.brings("fal")
    team.drawn_by()
    team.takes_back("fal")
    team.drawn_by()
    assert [call["account"] for call in simulators.calls("fal", "submit")] == [team.id, OURS]


def test_where_its_own_is_refused_ours_is_never_used(team: Team, other: Team, simulators: Simulators) -> None:
    key = team.brings("fal", good=False)
    answer = team.draws("fal/qwen-image")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_error")
    assert key not in answer.text
    assert len(simulators.calls("fal")) == 1
    assert simulators.paid("fal") == 0
    assert team.drawn_by() == "lumenfall", "where it has none of its own, ours"
    assert len(simulators.calls("fal")) == 1, "its breaker is open, for this team"
    assert other.drawn_by() == "fal"
    told = team.ask("POST", "/v1/images/plan", json=FOX).json()["candidates"]
    [fal] = [row for row in told if row["provider"] == "fal"]
    assert "the team's own key" in fal["excluded"]["reason"]
    told = other.ask("POST", "/v1/images/plan", json=FOX).json()["candidates"]
    assert [row["excluded"] for row in told if row["provider"] == "fal"] == [None]
    metrics = team.gateway.http.get("/metrics").text.splitlines()
    breakers = [line for line in metrics if line.startswith("easel_breaker_state{") and 'provider="fal"' in line]
    assert breakers, metrics
    assert all(line.endswith(" 0.0") for line in breakers), "closed"


def test_where_ours_is_refused_its_own_still_works(team: Team, other: Team, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 401}])
    assert other.drawn_by() == "lumenfall"
    assert other.drawn_by() == "lumenfall"
    team.brings("fal")
    assert team.drawn_by() == "fal"


def test_a_pause_that_its_account_is_asked_for_is_no_pause_for_others(
    team: Team, other: Team, simulators: Simulators
) -> None:
    team.brings("fal")
    slow = {"provider": "fal", "on": "submit", "effect": "status", "status": 429, "headers": {"retry-after": "60"}}
    simulators.set_faults([slow])
    assert team.drawn_by() == "lumenfall"
    assert team.drawn_by() == "lumenfall"
    assert other.drawn_by() == "fal"


def test_its_repetitions_take_nothing_from_those_of_others(
    team: Team, other: Team, simulators: Simulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert team.gateway.app.deps is not None
    monkeypatch.setattr(team.gateway.app.deps.routing.retries, "first_pause", 0.001)
    team.brings("fal")
    busy = {"provider": "fal", "on": "submit", "effect": "status", "status": 503}
    simulators.set_faults([{**busy, "times": 2 * ALWAYS}])
    while simulators.stage.script.told():
        team.draws("fal/qwen-image")
    simulators.set_faults([busy])
    assert other.drawn_by(model="fal/qwen-image") == "fal", "tried once more"


def test_a_ticket_is_followed_and_cancelled_under_the_key_it_was_given_to(
    team: Team, simulators: Simulators, go_on: GoOn
) -> None:
    team.brings("fal")
    job = team.draws(headers={"prefer": "respond-async"}).json()["id"]
    until(lambda: simulators.calls("fal", "status"))
    team.takes_back("fal")
    assert team.ask("POST", f"/v1/jobs/{job}/cancel").status_code in {200, 202}
    until(lambda: team.ask("GET", f"/v1/jobs/{job}").json()["status"] == "cancelled")
    assert len(simulators.calls("fal", "cancel")) == 1
    assert set(accounts(simulators, "fal")) == {team.id}
    go_on()


def test_a_key_that_is_taken_back_ends_no_call_that_is_out(team: Team, simulators: Simulators, go_on: GoOn) -> None:
    team.brings("fal")
    job = team.draws(headers={"prefer": "respond-async"}).json()["id"]
    until(lambda: simulators.calls("fal", "status"))
    team.takes_back("fal")
    assert team.draws("lumenfall/qwen-image").status_code == 200  # the change is known
    go_on()
    assert team.ask("GET", f"/v1/jobs/{job}", params={"wait": 30}).json()["status"] == "succeeded"
    assert set(accounts(simulators, "fal")) == {team.id}


def test_a_key_that_is_taken_back_is_not_used_again_nor_ours_in_its_place(team: Team, simulators: Simulators) -> None:
    """Between two tries of one call."""
    team.brings("fal")
    simulators.set_faults(
        [
            {"provider": "fal", "on": "submit", "effect": "delay", "seconds": 1.0},
            {"provider": "fal", "on": "submit", "effect": "status", "status": 503},
        ]
    )
    job = team.draws("fal/qwen-image", headers={"prefer": "respond-async"}).json()["id"]
    until(lambda: simulators.calls("fal", "submit"))
    team.takes_back("fal")
    told = team.ask("GET", f"/v1/jobs/{job}", params={"wait": 30}).json()
    assert told["status"] == "failed"
    assert "the team's own key there was deleted; nothing was sent" in told["error"]["message"]
    assert [call["account"] for call in simulators.calls("fal", "submit")] == [team.id]


def test_pictures_are_uploaded_to_the_account_that_pays(simulators: Simulators, all_providers: RunningGateway) -> None:
    team = Team.new(all_providers, simulators)
    team.brings("replicate")
    large = data_uri(photo(900, 900, colour=(3, 90, 160), compress_level=0))
    body = {"model": "replicate/qwen-image-edit-plus", "prompt": "a hat", "image": large}
    for headers in (team.key.headers, None):
        answer = all_providers.http.post("/v1/images/edits", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
    uploads = [call["account"] for call in simulators.calls("replicate", "upload")]
    assert uploads == [team.id, OURS]
    sent = simulators.calls("replicate", "submit")
    assert [call["account"] for call in sent] == [team.id, OURS]
    assert sent[0]["body"]["input"] != sent[1]["body"]["input"], "each by its own upload"


@pytest.fixture
def keyless(simulators: Simulators, tmp_path: Path) -> Iterator[RunningGateway]:
    """Without a key for any provider."""
    told = simulated_providers(simulators)
    urls = {
        slug: {key: url for key, url in told[slug].items() if key.endswith("_url")} for slug in ("fal", "lumenfall")
    }
    tables = {"server": {"data_dir": tmp_path}, "auth": {"admin_key": ADMIN_KEY}, "providers": urls}
    with RunningGateway(read_settings(None, tables)) as running:
        yield running


def test_a_provider_that_is_not_configured_serves_who_brings_a_key(
    keyless: RunningGateway, simulators: Simulators
) -> None:
    team, other = Team.new(keyless, simulators), Team.new(keyless, simulators)
    assert (keyless.http.get("/readyz").status_code, team.draws().status_code) == (503, 503)
    team.brings("lumenfall")
    assert keyless.http.get("/readyz").status_code == 200
    assert team.drawn_by() == "lumenfall"
    assert set(accounts(simulators, "lumenfall")) == {team.id}
    assert other.draws().json()["error"]["code"] == "no_provider"
    for each, available in ((team, ["lumenfall"]), (other, [])):
        providers = each.ask("GET", "/v1/models/qwen-image").json()["providers"]
        assert sorted({row["provider"] for row in providers if row["available"]}) == available
