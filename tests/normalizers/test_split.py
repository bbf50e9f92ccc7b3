"""n pictures as calls, and the seed of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers.split import BatchSeeds, Group, seed_of, split

UINT32 = (0, 2**32 - 1)


@pytest.mark.parametrize(
    ("n", "most", "sizes"),
    [(1, 1, [1]), (1, 4, [1]), (4, 4, [4]), (5, 4, [4, 1]), (10, 4, [4, 4, 2]), (10, 1, [1] * 10), (8, 10, [8])],
)
def test_without_a_seed_as_few_calls_as_possible(n: int, most: int, sizes: list[int]) -> None:
    groups = split(range(n), most, None, "unknown", UINT32)
    assert [len(group.indexes) for group in groups] == sizes
    assert {group.seed for group in groups} == {None}


def test_where_nobody_knows_what_a_batch_does_with_a_seed_each_picture_is_a_call() -> None:
    assert split(range(3), 4, 7, "unknown", UINT32) == (Group((0,), 7), Group((1,), 8), Group((2,), 9))


def test_where_a_batch_counts_up_it_is_used() -> None:
    assert split(range(5), 4, 7, "increments", UINT32) == (Group((0, 1, 2, 3), 7), Group((4,), 11))


def test_missing_pictures_are_batched_only_with_their_neighbours() -> None:
    assert split([0, 1, 3, 4, 9], 4, 7, "increments", UINT32) == (
        Group((0, 1), 7),
        Group((3, 4), 10),
        Group((9,), 16),
    )


def test_a_batch_ends_where_the_range_of_seeds_begins_anew() -> None:
    assert split(range(4), 4, 2**32 - 2, "increments", UINT32) == (Group((0, 1), 2**32 - 2), Group((2, 3), 0))


def test_a_seed_that_the_offer_does_not_take_splits_nothing() -> None:
    assert split(range(4), 4, 7, "none", UINT32) == (Group((0, 1, 2, 3), None),)


@given(
    st.sets(st.integers(0, 9)),
    st.integers(1, 10),
    st.none() | st.integers(0, 20),
    st.sampled_from(["increments", "unknown", "none"]),
    st.integers(0, 20),
)
def test_each_picture_is_drawn_once_and_with_its_own_seed(
    indexes: set[int], most: int, seed: int | None, seeds: BatchSeeds, high: int
) -> None:
    wanted = sorted(indexes)
    bounds = (0, high)
    groups = split(wanted, most, None if seed is None else min(seed, high), seeds, bounds)
    assert [index for group in groups for index in group.indexes] == wanted
    for group in groups:
        assert 1 <= len(group.indexes) <= most
        if group.seed is not None and seed is not None:
            drawn = [group.seed + place for place in range(len(group.indexes))]
            assert drawn == [seed_of(min(seed, high), index, *bounds) for index in group.indexes]


@pytest.mark.parametrize(
    ("seed", "index", "low", "high", "drawn"), [(5, 2, 0, 9, 7), (9, 1, 0, 9, 0), (-1, 2, -2, 1, 1)]
)
def test_seeds_stay_in_range(seed: int, index: int, low: int, high: int, drawn: int) -> None:
    assert seed_of(seed, index, low, high) == drawn
