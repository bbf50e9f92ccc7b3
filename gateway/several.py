"""What a process knows of the others that serve beside it: which one it is, and what it shares with them."""

import mmap
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Self

MOST = 64  # processes of one start
PLACES = 4 * MOST  # those that finish their last requests keep their numbers
NOT_THERE = -1


@dataclass(frozen=True, slots=True)
class Several:
    """`number` is this process's own, the lowest that no living one had; `folder` is private to them all."""

    number: int
    processes: int
    folder: Path


class Connections:
    """How many connections each process has: numbers in a file that all of them map into their memory."""

    def __init__(self, folder: Path) -> None:
        with (folder / "connections").open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._counts = memoryview(self._memory).cast("i")

    @classmethod
    def new(cls, folder: Path) -> Self:
        """Nobody is there yet."""
        (folder / "connections").write_bytes(array("i", [NOT_THERE] * PLACES).tobytes())
        return cls(folder)

    def tell(self, number: int, count: int) -> None:
        self._counts[number] = count

    def gone(self, number: int) -> None:
        """It takes no more connections."""
        self._counts[number] = NOT_THERE

    def fewest(self, besides: int) -> int | None:
        """Of those that take connections, without the one that asks; None when it is alone."""
        return min(
            (count for number, count in enumerate(self._counts) if count != NOT_THERE and number != besides),
            default=None,
        )


def lowest_free(taken: set[int]) -> int:
    return next(number for number in range(len(taken) + 1) if number not in taken)


def forget_gauges(folder: Path, number: int) -> None:
    """What a process that is gone had under way is nobody's any more; what it counted stays (shared_metrics.py)."""
    for file in folder.glob(f"gauge_*_{number}.db"):
        file.unlink(missing_ok=True)
