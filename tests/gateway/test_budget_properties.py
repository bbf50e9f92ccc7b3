"""Whatever fails, in whichever order: no budget is passed, nothing stays held, and the ledger says what was paid."""

import itertools
from concurrent.futures import Future
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.schedules import LEADING, ROUTE, Schedule, Wave, schedules
from tests.gateway.spent import held_by_jobs, lines, purse
from tests.gateway.tenants import MadeKey, made_key, make_team
from tests.gateway.test_money_properties import World, world
from tests.gateway.until import until

__all__ = ["world"]  # the fixture

MONEY = [fault for fault in LEADING if fault["effect"] in {"drop_after", "status", "not_a_picture", "nsfw", "empty"}]
_numbers = itertools.count(1)


def ask(world: World, keys: list[MadeKey], body: dict[str, Any], wave: Wave) -> list[httpx.Response]:
    """Equal requests at once, by each key in turn; none of those who hung up."""

    def one(key: MadeKey) -> httpx.Response | None:
        limit = httpx.Timeout(20, read=0.02 if wave.hang_up else 20)
        try:
            return httpx.post(
                f"{world.gateway.url}/v1/images/generations", json=body, headers=key.headers, timeout=limit
            )
        except httpx.ReadTimeout:
            return None

    asked: list[Future[httpx.Response | None]] = [
        world.threads.submit(one, key) for key in itertools.islice(itertools.cycle(keys), wave.copies)
    ]
    answers = [each.result() for each in asked]
    world.at_rest()
    return [answer for answer in answers if answer is not None]


def check_books(world: World, team: str, keys: list[MadeKey], limits: dict[str, int]) -> int:
    """Nothing is held, and nothing is spent that is not in the ledger, or beyond a limit. What the team has spent."""
    until(lambda: held_by_jobs(world.gateway) == 0)
    told = lines(world.gateway, team=team)
    assert len({(line["job"], line["number"], line["kind"]) for line in told}) == len(told)
    for owner, name in ((team, "team"), *((key.id, "key") for key in keys)):
        cost = sum(line["cost_micros"] for line in told if line[name] == owner)
        if owner in limits:
            spent, held = purse(world.gateway, owner)
            assert held == 0
            assert spent in {cost, 0}  # nobody has counted for an owner who was never to hold anything
            assert cost <= limits[owner], (cost, limits[owner])
    return sum(line["cost_micros"] for line in told)


@settings(max_examples=5)
@given(choices=st.data())
@pytest.mark.parametrize("first", MONEY, ids=lambda fault: f"{fault['provider']}-{fault['on']}-{fault['effect']}")
def test_whatever_fails(world: World, first: dict[str, Any], choices: st.DataObject) -> None:
    schedule: Schedule = choices.draw(schedules(first))
    world.begins(schedule)
    prices = [world.price[schedule.model, name] for name in ROUTE]
    pictures = choices.draw(st.integers(0, 2 * schedule.n))
    budgets = {"team": pictures * max(prices), "key": choices.draw(st.integers(0, schedule.n + 1)) * max(prices)}
    gateway = world.gateway
    team = make_team(gateway, budget_usd=budgets["team"] / 1e6, budget_period="month")["id"]
    keys = [made_key(gateway, team, budget_usd=budgets["key"] / 1e6, budget_period="day"), made_key(gateway, team)]
    limits = {team: budgets["team"], keys[0].id: budgets["key"]}
    prompt, spent = f"budget {next(_numbers)}", 0
    for wave in schedule.waves:
        prompt = prompt if wave.repeated else f"{prompt}, and {next(_numbers)}"
        answers = ask(world, keys, schedule.body(prompt), wave)
        assert {answer.status_code for answer in answers} <= {200, 400, 429, 502}
        spent = check_books(world, team, keys, limits)
    paid = sum(world.price[schedule.model, name] * count for name, count in world.paid().items())
    blocked = any(fault["effect"] == "moderated" for fault in schedule.faults)
    assert spent >= paid or blocked, "less is charged than was paid"
    assumed = sum(line["cost_micros"] for line in lines(gateway, team=team) if line["assumed"])
    assert spent - assumed <= paid, "more is charged than was paid, and not as assumed"
