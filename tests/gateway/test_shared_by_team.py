"""Cached pictures, a run, a job, what a failed one left: all that requests share is shared within a team."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import GoOn
from tests.gateway.job_client import events
from tests.gateway.own_keys import Team
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import made_key
from tests.gateway.until import until

Ask = Callable[..., Future[httpx.Response]]


@pytest.fixture
def team(easel: RunningGateway, simulators: Simulators) -> Team:
    return Team.new(easel, simulators)


@pytest.fixture
def stranger(easel: RunningGateway, simulators: Simulators) -> Team:
    return Team.new(easel, simulators)


@pytest.fixture
def ask() -> Iterator[Ask]:
    with ThreadPoolExecutor(8) as threads:

        def in_a_thread(who: Team, **more: Any) -> Future[httpx.Response]:
            return threads.submit(who.draws, "fal/qwen-image", **more)

        yield in_a_thread


def colleague(team: Team, **fields: Any) -> Team:
    """Another key of the same team."""
    return replace(team, key=made_key(team.gateway, team.id, **fields))


def cache_of(who: Team, **more: Any) -> str:
    answer = who.draws("fal/qwen-image", **more)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-easel-cache"]


def test_cached_pictures_are_a_teams(team: Team, stranger: Team, simulators: Simulators) -> None:
    assert cache_of(team, seed=11) == "miss"
    assert cache_of(colleague(team), seed=11) == "hit"
    assert cache_of(stranger, seed=11) == "miss"
    only = {"x-easel-cache": "only"}
    assert stranger.draws("fal/qwen-image", seed=11, headers=only).status_code == 200
    assert stranger.draws("fal/qwen-image", seed=12, headers=only).status_code == 404
    assert simulators.paid("fal") == 2


def test_a_key_that_shares_none_sees_its_own_alone(team: Team, simulators: Simulators) -> None:
    loner, another = (colleague(team, share_cache=False) for _key in range(2))
    assert cache_of(team, seed=21) == "miss"
    assert [cache_of(loner, seed=21) for _try in range(2)] == ["miss", "hit"]
    assert cache_of(another, seed=21) == "miss"
    assert cache_of(loner, seed=22) == "miss"
    assert cache_of(team, seed=22) == "miss"
    assert simulators.paid("fal") == 5


def test_a_run_is_shared_within_a_team(
    team: Team, stranger: Team, simulators: Simulators, ask: Ask, go_on: GoOn
) -> None:
    loner = colleague(team, share_cache=False)
    asking = [ask(who, seed=31) for who in (team, colleague(team), stranger, loner)]
    until(lambda: len(simulators.calls("fal", "submit")) == 3)
    assert team.gateway.app.deps is not None
    gate = team.gateway.app.deps.gate
    until(lambda: gate.running == 4)
    go_on()
    answers = [each.result() for each in asking]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sorted(answer.headers["x-easel-cache"] for answer in answers[:2]) == ["miss", "shared"]
    assert [answer.headers["x-easel-cache"] for answer in answers[2:]] == ["miss", "miss"]
    assert simulators.paid("fal") == 3


def test_an_idempotency_key_is_a_word_of_the_team_that_says_it(team: Team, stranger: Team) -> None:
    headers = {"idempotency-key": "the same word"}
    first = team.draws("fal/qwen-image", headers=headers)
    others = stranger.draws("fal/qwen-image", prompt="something else", headers=headers)
    assert (first.status_code, others.status_code) == (200, 200)
    assert "idempotent-replayed" not in others.headers
    again = [who.draws("fal/qwen-image", headers=headers) for who in (team, colleague(team))]
    assert [answer.headers.get("idempotent-replayed") for answer in again] == ["true"] * 2
    assert {answer.headers["x-request-id"] for answer in again} == {first.headers["x-request-id"]}


def test_what_an_sdk_sends_again_is_its_own_keys(team: Team, stranger: Team) -> None:
    again = {"x-stainless-retry-count": "1"}
    first = team.draws("fal/qwen-image").headers["x-request-id"]
    for who in (stranger, colleague(team)):
        assert who.draws("fal/qwen-image", headers=again).headers["x-request-id"] != first
    assert team.draws("fal/qwen-image", headers=again).headers["x-request-id"] == first


def test_what_a_failed_request_left_is_for_its_own_key(team: Team, stranger: Team, simulators: Simulators) -> None:
    body: dict[str, Any] = {"n": 2, "seed": 41, "cache": "off"}
    late = {"provider": "fal", "on": "submit", "effect": "delay", "seconds": 0.4, "times": 2}
    simulators.set_faults([late, {"provider": "fal", "on": "submit", "effect": "drop_after"}])
    assert team.draws("fal/qwen-image", **body).status_code == 502
    simulators.set_faults([])
    paid = simulators.paid("fal")
    for who, more in ((stranger, 2), (colleague(team), 2), (team, 1)):
        assert who.draws("fal/qwen-image", **body).status_code == 200
        paid += more
        assert simulators.paid("fal") == paid


def test_nobody_hears_of_anothers_jobs(team: Team, stranger: Team) -> None:
    theirs = {team.draws().headers["x-request-id"]}
    own = stranger.draws().headers["x-request-id"]
    headers = {**stranger.key.headers, "last-event-id": "0"}
    with team.gateway.http.stream("GET", "/v1/events", headers=headers) as answer:
        told = events(answer)
        heard = [next(told) for _each in range(4)]
    assert {each.data["job"] for each in heard} == {own}
    assert not theirs & {each.data["job"] for each in heard}
    assert [each["id"] for each in stranger.ask("GET", "/v1/jobs").json()["data"]] == [own]
