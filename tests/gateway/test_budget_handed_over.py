"""A job that waits, or that another gateway goes on with, is held to the budgets that its key and team have by then."""

from collections.abc import Callable
from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start
from tests.gateway.drawn import asked
from tests.gateway.job_client import Json
from tests.gateway.running import RunningGateway
from tests.gateway.spent import held_by_jobs, lines, purse
from tests.gateway.tenants import MadeKey, change_key, change_team, made_key, make_team
from tests.gateway.test_budget_edges import priced_providers
from tests.gateway.test_budgets import CHEAP
from tests.gateway.until import until

ASYNC = {"prefer": "respond-async"}
Next = Callable[..., RunningGateway]


@pytest.fixture
def next_one(start: Start, simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Next:
    """Gateways of one data_dir, in which one job runs at a time."""
    folder = tmp_path_factory.mktemp("home")

    def begin(**jobs: Any) -> RunningGateway:
        return start(data_dir=folder, jobs={"lease": 0.5, **jobs}, providers=priced_providers(simulators))

    return begin


def begun(gateway: RunningGateway, key: MadeKey, **body: Any) -> str:
    answer = gateway.generate(asked(**{"cache": "off", **body}), headers={**key.headers, **ASYNC})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def over(gateway: RunningGateway, key: MadeKey, id: str) -> Json:
    answer = gateway.http.get(f"/v1/jobs/{id}", params={"wait": 30}, headers=key.headers)
    job: Json = answer.json()
    assert job["status"] in {"succeeded", "failed", "cancelled"}, job
    return job


def settled(gateway: RunningGateway, key: MadeKey, spent: int) -> None:
    assert held_by_jobs(gateway) == 0
    assert purse(gateway, key.id) == (spent, 0)
    assert sum(line["cost_micros"] for line in lines(gateway, team=key.team)) == spent


def test_jobs_that_wait_for_a_place_are_held_when_they_begin(
    next_one: Next, simulators: Simulators, go_on: GoOn
) -> None:
    gateway = next_one(max_running=1)
    key = made_key(gateway, budget_usd=0.04)
    ids = [begun(gateway, key, model="fal/qwen-image") for _each in range(4)]
    until(lambda: simulators.calls("fal", "submit"))
    assert purse(gateway, key.id) == (0, CHEAP)
    go_on()
    jobs = [over(gateway, key, id) for id in ids]
    assert [job["status"] for job in jobs] == ["succeeded", "succeeded", "failed", "failed"]
    assert {job["error"]["code"] for job in jobs[2:]} == {"insufficient_quota"}
    assert simulators.paid("fal") == 2
    settled(gateway, key, 2 * CHEAP)


def test_what_is_held_goes_along_with_the_job(next_one: Next, simulators: Simulators, go_on: GoOn) -> None:
    """Nobody has it meanwhile, and nobody else may spend it."""
    first = next_one()
    key = made_key(first, budget_usd=0.05, budget_period="day")
    id = begun(first, key, model="fal/qwen-image", n=2, seed=1)
    until(lambda: len({call["path"] for call in simulators.calls("fal", "status")}) == 2)
    first.stop()
    second = next_one()
    assert purse(second, key.id) == (0, 2 * CHEAP)
    assert second.generate(asked(cache="off"), headers=key.headers).status_code == 429
    go_on()
    assert over(second, key, id)["status"] == "succeeded"
    assert len(simulators.calls("fal", "submit")) == simulators.paid("fal") == 2
    settled(second, key, 2 * CHEAP)


Change = Callable[[RunningGateway, MadeKey], object]
CHANGES: dict[str, tuple[Change, bool]] = {
    "taken away": (lambda gateway, key: change_key(gateway, key.id, budget_usd=None), True),
    "nothing any more": (lambda gateway, key: change_key(gateway, key.id, budget_usd=0), False),
    "by the day": (lambda gateway, key: change_key(gateway, key.id, budget_period="day"), True),
    "too little by the day": (
        lambda gateway, key: change_key(gateway, key.id, budget_period="day", budget_usd=0.06),
        False,
    ),
    "enough of the team's": (lambda gateway, key: change_team(gateway, key.team, budget_usd=0.07), True),
    "too little of the team's": (lambda gateway, key: change_team(gateway, key.team, budget_usd=0.06), False),
}


@pytest.mark.parametrize(("change", "allowed"), CHANGES.values(), ids=CHANGES)
def test_a_budget_that_changes_meanwhile_holds_for_what_is_still_to_be_sent(
    next_one: Next, simulators: Simulators, go_on: GoOn, change: Change, allowed: bool
) -> None:
    """Of two calls one fails, and its picture is to be drawn by a dearer provider then: 0.07 in all."""
    first = next_one()
    key = made_key(first, make_team(first)["id"], budget_usd=0.5, budget_period="total")
    id = begun(first, key, n=2, seed=1)
    until(lambda: len({call["path"] for call in simulators.calls("fal", "status")}) == 2)
    change(first, key)
    first.stop()
    second = next_one()
    refuses = {"provider": "fal", "on": "submit", "effect": "status", "status": 422, "times": -1}
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "failed", "times": 1}, refuses])
    go_on()
    job = over(second, key, id)
    told = lines(second, team=key.team)
    sent = [(line["provider"], line["outcome"]) for line in told]
    if allowed:
        assert (job["status"], sent) == ("succeeded", [("fal", "ok"), ("lumenfall", "ok")])
    else:
        assert (job["status"], job["error"]["code"], sent) == ("failed", "insufficient_quota", [("fal", "ok")])
        assert simulators.calls("lumenfall") == []
    assert held_by_jobs(second) == 0
    for owner in (key.id, key.team):
        assert purse(second, owner)[1] == 0
