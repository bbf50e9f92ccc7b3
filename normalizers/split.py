"""How `n` pictures become calls, and which seed each picture is drawn with."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

BatchSeeds = Literal["increments", "unknown", "none"]


class Group(NamedTuple):
    """One call: the places of its pictures among the `n` asked for, and the seed it is sent with."""

    indexes: tuple[int, ...]
    seed: int | None


def seed_of(seed: int, index: int, low: int, high: int) -> int:
    """Picture i is drawn with seed s+i, modulo the offer's range, however the work is split."""
    return low + (seed + index - low) % (high - low + 1)


def split(
    indexes: Sequence[int], native_max: int, seed: int | None, seeds: BatchSeeds, bounds: tuple[int, int]
) -> tuple[Group, ...]:
    """The calls for the pictures that are wanted: `split([0, 1, 2, 3, 4], 4, None, …)` is a call of 4 and one of 1.

    With a seed, a batch is used only where the offer counts up within it (`increments`), and then only for
    neighbours whose seeds follow each other; where nobody says what a batch does (`unknown`), each picture is a call.
    """
    if seed is None or seeds == "none":
        return tuple(
            Group(tuple(indexes[start : start + native_max]), None) for start in range(0, len(indexes), native_max)
        )
    low, high = bounds
    groups: list[Group] = []
    run: list[int] = []
    for index in indexes:
        follows = run and index == run[-1] + 1 and seed_of(seed, index, low, high) > seed_of(seed, run[0], low, high)
        if run and (seeds != "increments" or not follows or len(run) == native_max):
            groups.append(Group(tuple(run), seed_of(seed, run[0], low, high)))
            run = []
        run.append(index)
    if run:
        groups.append(Group(tuple(run), seed_of(seed, run[0], low, high)))
    return tuple(groups)
