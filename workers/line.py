"""The pictures that have steps to take, on the device thread: which is begun next, and which go together."""

from collections import Counter
from collections.abc import Sequence

from workers.piece import Piece
from workers.turns import Budgets, Candidate, Shares, in_turn, next_group


class Line:
    """A job has a share of the device as long as one of its pictures is here."""

    def __init__(self, token_budget: int) -> None:
        self.budgets = Budgets(token_budget)
        self._pieces: dict[int, Piece] = {}  # by number
        self._jobs: Counter[str] = Counter()
        self._numbers = 0
        self._shares = Shares()

    def add(self, piece: Piece) -> None:
        self._numbers += 1
        piece.number = self._numbers
        self._pieces[piece.number] = piece
        self._jobs[piece.job.id] += 1
        self._shares.join(piece.job.id)

    def remove(self, piece: Piece) -> bool:
        """Whether it was here."""
        if self._pieces.pop(piece.number, None) is None:
            return False
        self._jobs[piece.job.id] -= 1
        if not self._jobs[piece.job.id]:
            del self._jobs[piece.job.id]
            self._shares.leave(piece.job.id)
        return True

    def pay(self, piece: Piece, seconds: float) -> None:
        self._shares.pay(piece.job.id, seconds)

    def all(self) -> list[Piece]:
        return list(self._pieces.values())

    def begun(self) -> list[Piece]:
        return [piece for piece in self._pieces.values() if piece.picture is not None]

    def newcomer(self, most: int) -> Piece | None:
        """The next picture to begin where `most` may be under way; a job that has none need not wait for others'."""
        waiting = [piece for piece in self._pieces.values() if piece.picture is None]
        if not waiting:
            return None
        begun = [piece.job.id for piece in self.begun()]
        if len(begun) >= most:
            waiting = [piece for piece in waiting if piece.job.id not in begun]
        return min(waiting, key=lambda each: in_turn(each.number, each.job.id, self._shares.paid), default=None)

    def group(self) -> Sequence[Piece]:
        """Those that take the next forward together, the one whose job pays first; empty if nobody is begun."""
        ready = [piece for piece in self.begun() if not piece.waits]
        if len(ready) < 2:
            return ready
        candidates = [
            Candidate(each.number, each.job.id, each.picture.bucket, each.picture.tokens, each.alone) for each in ready
        ]
        return [self._pieces[number] for number in next_group(candidates, self._shares.paid, self.budgets.of)]
