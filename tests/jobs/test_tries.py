"""When the next try is due."""

import pytest

from gateway.jobs.tries import LONGEST_WISH, Outcome, next_try
from gateway.jobs.uploads import Uploads, is_final
from gateway.jobs.webhooks import Webhooks

WRONG = Outcome(500, "it answered 500")
HOUR = 3600.0


def test_webhooks_are_tried_over_a_day_with_growing_pauses() -> None:
    nine = [next_try(WRONG, tries, Webhooks.delays, 0.0, 0.5) for tries in range(1, 10)]
    assert nine == [5, 30, 120, 600, 1800, 2 * HOUR, 6 * HOUR, 14 * HOUR, None]
    assert 22 * HOUR < sum(Webhooks.delays) < 25 * HOUR


def test_uploads_are_tried_for_an_hour() -> None:
    assert next_try(WRONG, len(Uploads.delays), Uploads.delays, 0.0, 0.5) is not None
    assert next_try(WRONG, len(Uploads.delays) + 1, Uploads.delays, 0.0, 0.5) is None
    assert 0.9 * HOUR < sum(Uploads.delays) < 1.2 * HOUR


def test_what_is_delivered_or_over_is_not_tried_again() -> None:
    assert next_try(Outcome(204), 1, (5,), 0.0, 0.5) is None
    assert next_try(Outcome(410, "it answered 410", over=True), 1, (5,), 0.0, 0.5) is None


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 90), (0.5, 100), (1.0, 110)])
def test_receivers_that_come_back_are_not_met_by_all_at_once(chance: float, delay: float) -> None:
    assert next_try(WRONG, 1, (100,), 1000.0, chance) == pytest.approx(1000 + delay)


@pytest.mark.parametrize(("wish", "delay"), [(None, 5), (1, 5), (60, 60), (86_399, LONGEST_WISH)])
def test_a_receivers_wish_is_followed_within_reason(wish: float | None, delay: float) -> None:
    outcome = Outcome(503, "it answered 503", retry_after=wish)
    assert next_try(outcome, 1, (5,), 0.0, 0.5) == delay


@pytest.mark.parametrize("status", [301, 307, 400, 403, 404, 410, 411])
def test_what_a_storage_refuses_is_over(status: int) -> None:
    assert is_final(status)


@pytest.mark.parametrize("status", [None, 200, 408, 425, 429, 500, 503])
def test_what_a_storage_may_take_later_is_not(status: int | None) -> None:
    assert not is_final(status)
