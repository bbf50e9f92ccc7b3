"""The four orders in which candidates are asked."""

import random
from collections import Counter
from dataclasses import replace
from typing import Literal

import pytest

from gateway.flow.breaker import FIRST_PAUSE_REFUSED
from gateway.flow.drawn import Found
from gateway.flow.latency import EXPLORE_SECONDS, FRESH_SECONDS, REMEMBERED, Latencies
from gateway.flow.picture import Picture
from gateway.flow.routing import Routing
from gateway.settings_tables import Route
from normalizers.plan import Plan
from normalizers.price import Quote
from providers.errors import Kind
from tests.gateway.clock import Clock
from tests.normalizers.offers import planned

ROUTE = ("fal", "runware", "replicate")
SEED = 20261121


def plans(n: int = 2, **prices: int | None) -> list[Plan]:
    """In route order, with these prices of a picture in micro-dollars."""
    made = [planned({"n": n, "seed": 1}, f"{provider}/qwen-image") for provider in ROUTE]
    told = [replace(plan, quote=Quote(prices.get(plan.offer.provider, 20_000), "published")) for plan in made]
    return [replace(plan, quote=Quote(None, "unknown")) if plan.price is None else plan for plan in told]


Policy = Literal["priority", "cheapest", "fastest", "weighted"]


def routing(policy: Policy, clock: Clock | None = None, weights: dict[str, float] | None = None) -> Routing:
    route = Route(policy=policy, weights=weights or {})
    return Routing({"m": route}, clock=clock or Clock(), chance=random.Random(SEED))  # noqa: S311 - the same in every run


def order(found: list[Found]) -> list[str]:
    return [each.plan.offer.provider for each in found]


def nothing_known(made: list[Plan]) -> list[Found]:
    return [Found(plan, {}) for plan in made]


def test_priority_is_the_route() -> None:
    made = plans(fal=9, runware=1, replicate=5)
    assert order(routing("priority").in_order("m", nothing_known(made))) == list(ROUTE)
    assert order(routing("cheapest").in_order("another model", nothing_known(made))) == list(ROUTE)


def test_the_cheapest_is_first_and_what_nobody_can_price_last() -> None:
    made = plans(fal=None, runware=30_000, replicate=20_000)
    assert order(routing("cheapest").in_order("m", nothing_known(made))) == ["replicate", "runware", "fal"]


def test_equal_prices_leave_the_route() -> None:
    assert order(routing("cheapest").in_order("m", nothing_known(plans()))) == list(ROUTE)


def test_what_is_known_already_makes_a_candidate_cheaper() -> None:
    made = plans(n=3, fal=20_000, runware=30_000, replicate=20_000)
    drawn = Picture(format="png", width=1, height=1, provider="runware", offer="runware/qwen-image")
    known = [Found(made[0], {}), Found(made[1], {0: drawn, 2: drawn}), Found(made[2], {})]
    assert order(routing("cheapest").in_order("m", known)) == ["runware", "fal", "replicate"]


def test_the_fastest_has_the_lowest_median() -> None:
    by_speed = routing("fastest")
    made = plans()
    for plan, taken in zip(made, ([3, 3, 30], [9, 1, 1], [2, 2, 2]), strict=True):
        for seconds in taken:
            by_speed.latencies.observe(plan.offer, seconds)
    assert order(by_speed.in_order("m", nothing_known(made))) == ["runware", "replicate", "fal"]


def test_who_was_never_seen_is_tried_first_by_one_request_at_a_time() -> None:
    clock = Clock()
    by_speed = routing("fastest", clock)
    made = plans()
    by_speed.latencies.observe(made[0].offer, 5.0)
    first = [order(by_speed.in_order("m", nothing_known(made)))[0] for _request in range(4)]
    assert first == ["runware", "replicate", "fal", "fal"]
    by_speed.latencies.observe(made[1].offer, 1.0)
    assert order(by_speed.in_order("m", nothing_known(made))) == ["runware", "fal", "replicate"]
    clock.passes(EXPLORE_SECONDS)  # the one who was to find out about replicate was never heard of again
    assert order(by_speed.in_order("m", nothing_known(made)))[0] == "replicate"


def test_only_the_last_calls_count_and_not_for_ever() -> None:
    clock = Clock()
    latencies = Latencies(clock)
    offer = plans()[0].offer
    for seconds in [100.0] * 100 + [1.0] * (REMEMBERED // 2 + 1):
        latencies.observe(offer, seconds)
    assert latencies.median(offer) == 1.0
    clock.passes(FRESH_SECONDS + 1)
    assert latencies.median(offer) is None
    assert latencies.unexplored(offer)


def test_weights_are_shares() -> None:
    weighted = routing("weighted", weights={"fal": 3, "replicate": 0})
    made = nothing_known(plans())
    orders = [tuple(order(weighted.in_order("m", made))) for _request in range(4000)]
    assert {each[2] for each in orders} == {"replicate"}  # asked only when the others fail
    share = Counter(each[0] for each in orders)["fal"] / 4000
    assert 0.73 < share < 0.77
    again = routing("weighted", weights={"fal": 3, "replicate": 0})
    assert [tuple(order(again.in_order("m", made))) for _request in range(4000)] == orders


def test_the_second_is_drawn_by_weight_too() -> None:
    weighted = routing("weighted", weights={"fal": 1000, "runware": 2, "replicate": 1})
    made = nothing_known(plans())
    seconds = Counter(order(weighted.in_order("m", made))[1] for _request in range(3000))
    assert 0.62 < seconds["runware"] / 3000 < 0.71


@pytest.mark.parametrize(
    ("policy", "weights", "expected"),
    [
        ("priority", None, ["fal", "runware", "replicate"]),
        ("cheapest", None, ["replicate", "fal", "runware"]),
        ("weighted", {"runware": 5, "fal": 2}, ["runware", "fal", "replicate"]),
        ("fastest", None, ["runware", "replicate", "fal"]),
    ],
)
def test_what_is_expected_is_told_without_chance_and_changes_nothing(
    policy: Policy, weights: dict[str, float] | None, expected: list[str]
) -> None:
    made = plans(fal=20, runware=30, replicate=10)
    known = routing(policy, weights=weights)
    known.latencies.observe(made[0].offer, 5.0)
    for _look in range(3):
        assert [plan.offer.provider for plan in known.expected("m", made)] == expected


def test_who_is_in_trouble_is_expected_last_the_least_bad_first() -> None:
    clock = Clock()
    known = routing("cheapest", clock)
    made = plans(fal=10, runware=20, replicate=30)
    known.health.failed(made[0].offer, Kind.KEY, clock())
    known.health.failed(made[1].offer, Kind.RATE, clock(), retry_after=5)
    assert [plan.offer.provider for plan in known.expected("m", made)] == ["replicate", "runware", "fal"]
    clock.passes(FIRST_PAUSE_REFUSED)
    assert [plan.offer.provider for plan in known.expected("m", made)] == ["fal", "runware", "replicate"]
