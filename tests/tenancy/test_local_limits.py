"""Limits of one process alone: its share, never less than one, and memory that does not grow."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.limits import FULL_WAIT, SECOND, WINDOW, Places, Rate
from gateway.tenancy import local_limits
from gateway.tenancy.local_limits import LocalLimits

POOL = "easel:{limits}:concurrent:key:key_1"


def local(gateways: int, held: int = 0) -> LocalLimits:
    limits = LocalLimits(lambda _name: held)
    limits.gateways = gateways
    return limits


def admitted(limits: LocalLimits, rate: Rate, times: int, moment: int = 0) -> int:
    return sum(limits.take([rate], (), 0, moment).refused is None for _each in range(times))


@pytest.mark.parametrize(
    ("most", "gateways", "share"), [(10, 1, 10), (10, 2, 5), (10, 3, 3), (10, 10, 1), (2, 50, 1), (60, 7, 8)]
)
def test_a_rate_is_shared_out(most: int, gateways: int, share: int) -> None:
    assert admitted(local(gateways), Rate("r", 1, most), 3 * most) == share


@given(
    most=st.integers(1, 40),
    gateways=st.integers(1, 9),
    costs=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 20 * SECOND)), max_size=30),
)
def test_all_together_take_no_more_than_the_limit_allows(
    most: int, gateways: int, costs: list[tuple[int, int]]
) -> None:
    """Each gateway's bucket: what it lets in over a time is its share of that time, and one full bucket or request."""
    limits, moment, taken = local(gateways), 0, 0
    largest = 0
    for cost, after in costs:
        moment += after
        if cost <= most and limits.take([Rate("r", cost, most)], (), 0, moment).refused is None:
            taken, largest = taken + cost, max(largest, cost)
    share = max(Fraction(most, gateways), 1)
    allowed = share * moment / WINDOW + max(share, largest)
    assert taken <= allowed + len(costs) * Fraction(1, 1000)


def test_what_is_more_than_the_share_is_let_in_alone_and_pays_longer() -> None:
    limits, four = local(4), Rate("r", 4, 8)
    assert limits.take([four], (), 0, 0).used == (2 * WINDOW,)
    refused = limits.take([Rate("r", 1, 8)], (), 0, 0)
    assert (refused.refused, refused.wait) == (0, WINDOW + WINDOW // 2)
    assert limits.take([four], (), 0, 2 * WINDOW - 1).refused == 0
    assert limits.take([four], (), 0, 2 * WINDOW).refused is None


def test_less_than_one_megapixel_is_not_made_more() -> None:
    assert admitted(local(5), Rate("r", 0.25, 0.5), 10) == 2


@pytest.mark.parametrize(
    ("most", "gateways", "held", "wanted", "fits"),
    [
        (4, 2, 0, 2, True),
        (4, 2, 1, 2, False),
        (4, 2, 1, 1, True),
        (4, 2, 2, 1, False),
        (2, 9, 0, 1, True),
        (2, 9, 1, 1, False),
        (4, 2, 0, 4, True),  # more than the share: alone
        (4, 2, 1, 4, False),
    ],
)
def test_places_are_shared_out(most: int, gateways: int, held: int, wanted: int, fits: bool) -> None:
    answer = local(gateways, held).take((), [Places(POOL, most)], wanted, 0)
    assert (answer.refused is None) == fits
    assert answer.wait == (0 if fits else FULL_WAIT)


def test_all_or_none() -> None:
    limits = local(1, held=1)
    rate = Rate("r", 1, 5)
    refused = limits.take([rate], [Places(POOL, 1)], 1, 0)
    assert (refused.refused, refused.used) == (1, (0, 1))
    assert admitted(limits, rate, 9) == 5


def test_what_is_given_back_may_be_taken_again() -> None:
    limits = local(1)
    assert admitted(limits, Rate("r", 1, 3), 5) == 3
    limits.take([Rate("r", -1, 3)], (), 0, 0)
    assert admitted(limits, Rate("r", 1, 3), 5) == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_limits, "MOST_REMEMBERED", 100)
    limits = local(1)
    for number in range(1000):
        limits.take([Rate(f"r{number}", 1, 1)], (), 0, number)
        assert limits.remembered <= 100
    assert admitted(limits, Rate("r999", 1, 1), 1, 1000) == 0, "the latest are remembered"
    limits.take([Rate("r", 1, 1)], (), 0, 10 * WINDOW)
    for number in range(60):
        limits.take([Rate(f"s{number}", 1, 1)], (), 0, 10 * WINDOW)
    assert admitted(limits, Rate("r", 1, 1), 1, 10 * WINDOW) == 0, "what is paid off is forgotten first"
