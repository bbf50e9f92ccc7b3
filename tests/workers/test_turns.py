"""Whose turn it is: groups of one bucket within its budget, and no job ahead of another by more than one forward."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from workers.turns import Budgets, Candidate, Shares, next_group

candidates = st.lists(
    st.builds(
        Candidate,
        number=st.integers(1, 99),
        job=st.sampled_from("abc"),
        bucket=st.sampled_from("xy"),
        tokens=st.integers(1, 6),
        alone=st.booleans(),
    ),
    unique_by=lambda each: each.number,
    max_size=8,
)
paid = st.fixed_dictionaries({job: st.floats(0, 10) for job in "abc"})
budgets = st.fixed_dictionaries({bucket: st.integers(1, 12) for bucket in "xy"})


@given(candidates, paid, budgets)
def test_a_group_is_of_one_bucket_and_within_its_budget(
    waiting: list[Candidate], seconds: dict[str, float], budget: dict[str, int]
) -> None:
    by_number = {each.number: each for each in waiting}
    group = [by_number[number] for number in next_group(waiting, seconds, lambda bucket: budget[str(bucket)])]
    assert bool(group) == bool(waiting)
    if len(group) > 1:
        [bucket] = {each.bucket for each in group}
        assert sum(each.tokens for each in group) <= budget[str(bucket)]
        assert not any(each.alone for each in group)


@given(candidates, paid, budgets)
def test_the_job_that_has_paid_least_leads_with_its_oldest_picture(
    waiting: list[Candidate], seconds: dict[str, float], budget: dict[str, int]
) -> None:
    group = next_group(waiting, seconds, lambda bucket: budget[str(bucket)])
    if group:
        expected = min(waiting, key=lambda each: (seconds[each.job], each.number))
        assert group[0] == expected.number


@given(candidates, paid, budgets)
def test_nobody_is_left_out_who_would_have_fitted(
    waiting: list[Candidate], seconds: dict[str, float], budget: dict[str, int]
) -> None:
    group = next_group(waiting, seconds, lambda bucket: budget[str(bucket)])
    together = [each for each in waiting if each.number in group]
    if not together or together[0].alone:
        return
    left = budget[str(together[0].bucket)] - sum(each.tokens for each in together)
    others = [each for each in waiting if each.number not in group and each.bucket == together[0].bucket]
    assert all(each.alone or each.tokens > left for each in others)


jobs = st.lists(
    st.tuples(
        st.integers(0, 20),  # the turn at which it comes
        st.integers(1, 30),  # forwards that it needs
        st.sampled_from("xyz"),
        st.integers(1, 4),  # tokens
    ),
    min_size=1,
    max_size=6,
)


@given(jobs, st.integers(1, 8))
def test_nobody_gets_ahead_by_more_than_one_forward(coming: list[tuple[int, int, str, int]], budget: int) -> None:
    """A forward takes as many seconds as it has tokens; jobs come and go."""
    shares, left, turn = Shares(), dict[int, int](), 0
    dearest = max(budget, *(tokens for *_, tokens in coming))
    finished = Counter[int]()
    while turn <= 20 or left:
        for number, (arrival, forwards, _bucket, _tokens) in enumerate(coming):
            if arrival == turn:
                shares.join(str(number))
                left[number] = forwards
        waiting = [Candidate(number, str(number), coming[number][2], coming[number][3]) for number in left]
        group = next_group(waiting, shares.paid, lambda _bucket: budget)
        if group:
            shares.pay(str(group[0]), sum(coming[number][3] for number in group))
        for number in group:
            left[number] -= 1
            if not left[number]:
                del left[number]
                shares.leave(str(number))
                finished[number] += 1
        present = list(shares.paid.values())
        assert not present or max(present) - min(present) <= dearest
        turn += 1
    assert finished == dict.fromkeys(range(len(coming)), 1), "everybody is drawn"


def test_equal_jobs_of_two_buckets_take_turns() -> None:
    shares, seen = Shares(), ""
    for job in "ab":
        shares.join(job)
    waiting = [Candidate(1, "a", "x", 1), Candidate(2, "b", "y", 1)]
    for _ in range(6):
        [number] = next_group(waiting, shares.paid, lambda _bucket: 8)
        seen += "ab"[number - 1]
        shares.pay("ab"[number - 1], 1.0)
    assert seen == "ababab"


def test_a_forward_that_takes_three_times_as_long_comes_a_third_as_often() -> None:
    shares, seen = Shares(), Counter[str]()
    for job in "ab":
        shares.join(job)
    waiting = [Candidate(1, "a", "x", 1), Candidate(2, "b", "y", 1)]
    for _ in range(40):
        [number] = next_group(waiting, shares.paid, lambda _bucket: 8)
        job = "ab"[number - 1]
        seen[job] += 1
        shares.pay(job, {"a": 1.0, "b": 3.0}[job])
    assert seen == {"a": 30, "b": 10}


def test_a_newcomer_has_no_claim_on_the_past() -> None:
    shares = Shares()
    shares.join("old")
    shares.pay("old", 100.0)
    shares.join("new")
    assert shares.paid["new"] == 100.0
    shares.leave("old")
    shares.leave("new")
    shares.join("next")
    assert shares.paid == {"next": 0.0}


@given(st.integers(1, 100), st.lists(st.integers(2, 100), max_size=10))
def test_a_budget_only_falls_and_never_to_nothing(most: int, groups: list[int]) -> None:
    budgets = Budgets(most)
    before = most
    for tokens in groups:
        budgets.halve("x", tokens)
        assert 1 <= budgets.of("x") <= max(1, before // 2)
        before = budgets.of("x")
    assert budgets.of("y") == most, "other buckets are none of its business"


def test_budgets_of_long_ago_are_forgotten() -> None:
    budgets = Budgets(8)
    for number in range(300):
        budgets.halve(number, 8)
    assert (budgets.of(0), budgets.of(299)) == (8, 4)
