"""A breaker opens with enough failures, lets one probe through after its pause, and closes when that succeeds."""

import pytest

from gateway.flow.breaker import (
    COUNTED,
    FIRST_PAUSE,
    FIRST_PAUSE_REFUSED,
    LONGEST_PAUSE,
    LONGEST_PAUSE_REFUSED,
    REFUSED,
    WINDOW_SECONDS,
    Breaker,
)
from providers.errors import Kind


def failing(times: int, now: float = 0.0, *, kind: Kind = Kind.FAILED, enough: int = 5) -> Breaker:
    breaker = Breaker(enough)
    for _time in range(times):
        breaker.failed(kind, now, now)
    return breaker


def test_five_failures_open_it_and_four_do_not() -> None:
    assert failing(4).state(0.0) == "closed"
    breaker = failing(5)
    assert (breaker.state(0.0), breaker.until) == ("open", FIRST_PAUSE)
    assert breaker.state(FIRST_PAUSE - 0.01) == "open"
    assert breaker.state(FIRST_PAUSE) == "half_open"


def test_failures_that_are_less_than_half_of_the_calls_do_not_open_it() -> None:
    breaker = Breaker(5)
    for _time in range(8):
        breaker.succeeded(0.0, 0.0)
    for _time in range(7):
        breaker.failed(Kind.BUSY, 0.0, 0.0)
    assert breaker.state(0.0) == "closed"
    breaker.failed(Kind.BUSY, 0.0, 0.0)
    assert breaker.state(0.0) == "open"


def test_old_failures_are_forgotten() -> None:
    breaker = failing(4)
    later = WINDOW_SECONDS * 1.1
    for _time in range(4):
        breaker.failed(Kind.FAILED, later, later)
    assert breaker.state(later) == "closed"


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_a_refused_key_or_an_empty_account_opens_it_at_once_and_for_longer(kind: Kind) -> None:
    breaker = failing(1, kind=kind)
    assert (breaker.state(0.0), breaker.until) == ("open", FIRST_PAUSE_REFUSED)


@pytest.mark.parametrize(
    ("kind", "first", "longest"),
    [(Kind.LOST, FIRST_PAUSE, LONGEST_PAUSE), (Kind.KEY, FIRST_PAUSE_REFUSED, LONGEST_PAUSE_REFUSED)],
)
def test_each_probe_that_fails_doubles_the_pause_up_to_a_bound(kind: Kind, first: float, longest: float) -> None:
    breaker = failing(5, kind=kind)
    pauses: list[float] = []
    now = 0.0
    for _probe in range(6):
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker.probing = True
        breaker.failed(kind, now, now)
        assert not breaker.probing
    assert pauses[:3] == [first, first * 2, first * 4]
    assert max(pauses) == longest


def test_a_probe_that_succeeds_closes_it_and_the_next_pause_is_short_again() -> None:
    breaker = failing(5)
    breaker.open(Kind.FAILED, 10.0)
    assert breaker.until == 10.0 + 2 * FIRST_PAUSE
    breaker.probing = True
    breaker.succeeded(started=31.0, now=32.0)
    assert (breaker.state(32.0), breaker.probing) == ("closed", False)
    for _time in range(5):
        breaker.failed(Kind.FAILED, 33.0, 33.0)
    assert breaker.until == 33.0 + FIRST_PAUSE


def test_calls_that_were_under_way_when_it_opened_are_no_news() -> None:
    breaker = failing(5, now=100.0)
    breaker.succeeded(started=99.0, now=101.0)
    assert breaker.state(101.0) == "open"
    breaker.failed(Kind.FAILED, 99.0, 102.0)
    assert breaker.until == 100.0 + FIRST_PAUSE
    breaker.succeeded(started=101.0, now=103.0)  # sent all the same, because nobody else was left
    assert breaker.state(103.0) == "closed"


def test_a_refused_key_prolongs_what_mere_failures_opened() -> None:
    breaker = failing(5)
    breaker.failed(Kind.KEY, 1.0, 2.0)
    assert breaker.until == 2.0 + FIRST_PAUSE_REFUSED


def test_what_a_caller_did_wrong_does_not_count() -> None:
    assert COUNTED.isdisjoint({Kind.BAD_REQUEST, Kind.MODERATED, Kind.RATE, Kind.GONE, Kind.CANCELLED})
