"""A share of the calls may be repetitions, and a few always."""

from gateway.flow.retries import ALWAYS, SHARE, WINDOW_SECONDS, RetryBudget
from gateway.flow.window import Window
from tests.gateway.clock import Clock


def test_a_few_are_always_allowed() -> None:
    budget = RetryBudget(Clock())
    assert [budget.take("fal") for _try in range(ALWAYS + 2)] == [True] * ALWAYS + [False] * 2
    assert budget.take("runware")


def test_a_share_of_many_calls() -> None:
    budget = RetryBudget(Clock())
    for _call in range(1000):
        budget.called("fal")
    allowed = int(SHARE * 1000)
    assert sum(budget.take("fal") for _try in range(1000)) == allowed


def test_a_window_passes() -> None:
    clock = Clock()
    budget = RetryBudget(clock)
    for _call in range(1000):
        budget.called("fal")
    assert budget.take("fal", int(SHARE * 1000))
    assert not budget.take("fal")
    clock.passes(WINDOW_SECONDS)
    assert budget.take("fal", ALWAYS)
    assert not budget.take("fal")


def test_what_is_refused_is_not_counted() -> None:
    budget = RetryBudget(Clock())
    assert not budget.take("fal", ALWAYS + 1)
    assert budget.take("fal", ALWAYS)


def test_a_window_forgets_part_by_part() -> None:
    window = Window(10)
    for second in range(10):
        window.add(100.0 + second)
    assert window.count(109.9) == 10
    assert [window.count(110.0 + second) for second in range(10)] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    window.add(500.0, 3)
    assert window.count(500.0) == 3
