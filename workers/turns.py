"""Whose turn it is on the device: the job that has had the least of it, with all that can go along.

Pure: no clock, no threads. Time is in device seconds.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

_REMEMBERED_BUCKETS = 256
FORWARDS_BEFORE_MORE = 1000  # that fill a budget which was lowered


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture that could take its next step. `number` counts pictures as they came; `alone`: with no other."""

    number: int
    job: str
    bucket: Hashable
    tokens: int
    alone: bool = False


class Shares:
    """The device seconds that each present job has paid for.

    Whoever leads a group pays for all of it: only the job that has paid the least ever leads, so nobody is further
    ahead of another than one forward, however pictures are grouped."""

    def __init__(self) -> None:
        self._paid: dict[str, float] = {}

    def join(self, job: str) -> None:
        """A newcomer begins where the least-served job is: neither ahead of it nor with a claim on the past."""
        self._paid.setdefault(job, min(self._paid.values(), default=0.0))

    def leave(self, job: str) -> None:
        self._paid.pop(job, None)

    def pay(self, job: str, seconds: float) -> None:
        self._paid[job] += seconds

    @property
    def paid(self) -> Mapping[str, float]:
        return self._paid


@dataclass(slots=True)
class _Lowered:
    tokens: int
    filled: int = 0  # forwards that took most of them and fitted


class Budgets:
    """How many tokens may go through the device in one forward: what the engine says, less where that was too much."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lowered: OrderedDict[Hashable, _Lowered] = OrderedDict()

    def of(self, bucket: Hashable) -> int:
        lowered = self._lowered.get(bucket)
        return self._most if lowered is None else lowered.tokens

    def halve(self, bucket: Hashable, tokens: int) -> None:
        """`tokens` together were too many of this bucket."""
        self._lowered[bucket] = _Lowered(max(1, min(self.of(bucket), tokens) // 2))
        self._lowered.move_to_end(bucket)
        if len(self._lowered) > _REMEMBERED_BUCKETS:
            self._lowered.popitem(last=False)

    def fitted(self, bucket: Hashable, tokens: int) -> None:
        """So many went through together. Often enough, and twice the budget is tried again: what took the room then
        may be gone, and a forward that does not fit costs no more than itself."""
        lowered = self._lowered.get(bucket)
        if lowered is None or 2 * tokens <= lowered.tokens:
            return
        lowered.filled += 1
        if lowered.filled >= FORWARDS_BEFORE_MORE:
            lowered.tokens, lowered.filled = 2 * lowered.tokens, 0
            if lowered.tokens >= self._most:
                del self._lowered[bucket]


def in_turn(number: int, job: str, paid: Mapping[str, float]) -> tuple[float, int]:
    """What to sort pictures by: the job that paid least comes first, and of its pictures the oldest."""
    return paid[job], number


def next_group(waiting: Sequence[Candidate], paid: Mapping[str, float], budget: Callable[[Hashable], int]) -> list[int]:
    """The numbers of the pictures that take the next step together, the one that leads and pays first.

    They are of one bucket, and within its budget unless it is a single one."""
    if not waiting:
        return []
    leader, *others = sorted(waiting, key=lambda each: in_turn(each.number, each.job, paid))
    group = [leader.number]
    if leader.alone:
        return group
    left = budget(leader.bucket) - leader.tokens
    for other in others:
        if other.bucket == leader.bucket and not other.alone and other.tokens <= left:
            left -= other.tokens
            group.append(other.number)
    return group
