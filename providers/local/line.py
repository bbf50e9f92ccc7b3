"""The gateway's own line before its workers: who is next.

Whoever is waited for comes before work that nobody waits for. Between teams it is fair by predicted device seconds
(start-time fair queueing: a team's next call begins where its last one ended, and no earlier than what is served
now, so that nobody saves up while away). Within a team the first to come is first.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Content = TypeVar("Content")


@dataclass(eq=False, slots=True)
class Place(Generic[Content]):
    """Somebody in line. What is of one `kind` can be drawn by the same workers. `number` counts those who came."""

    content: Content
    team: str
    kind: Hashable
    waited_for: bool
    seconds: float
    number: int = -1
    charged: bool = False

    @property
    def group(self) -> tuple[bool, str, Hashable]:
        return self.waited_for, self.team, self.kind


class Line(Generic[Content]):
    """Pure: it knows no clock and no worker."""

    def __init__(self) -> None:
        self._groups: dict[tuple[bool, str, Hashable], deque[Place[Content]]] = {}
        self._numbers = 0
        self._served = 0.0  # where the call that was taken last began, in seconds of a team's fair share
        self._ends: dict[str, float] = {}  # where a team's last call ended

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def __iter__(self) -> Iterator[Place[Content]]:
        for group in self._groups.values():
            yield from group

    def add(self, place: Place[Content]) -> None:
        """At the end; one that was in line before gets its old place back."""
        if place.number < 0:
            place.number = self._numbers
            self._numbers += 1
        group = self._groups.setdefault(place.group, deque())
        later: list[Place[Content]] = []
        while group and group[-1].number > place.number:
            later.append(group.pop())
        group.append(place)
        group.extend(reversed(later))

    def remove(self, place: Place[Content]) -> None:
        """Nothing happens where it is not in line."""
        group = self._groups.get(place.group)
        if group is not None and place in group:
            group.remove(place)
            if not group:
                del self._groups[place.group]

    def first(self, may: Callable[[Place[Content]], bool]) -> Place[Content] | None:
        """Who is next of those who `may`, which is asked of the first of each team and kind."""
        heads = sorted((group[0] for group in self._groups.values()), key=self._order)
        return next((head for head in heads if may(head)), None)

    def take(self, place: Place[Content]) -> None:
        """It leaves the line, and its team has had its seconds; only once, however often it comes back."""
        self.remove(place)
        if place.charged:
            return
        place.charged = True
        begins = self._begins(place.team)
        self._served = begins
        self._ends[place.team] = begins + place.seconds
        if len(self._ends) > 2 * len(self._groups) + 64:
            self._ends = {team: end for team, end in self._ends.items() if end > self._served}

    def ahead(self, team: str, seconds: float, *, waited_for: bool, may: Callable[[Place[Content]], bool]) -> float:
        """The seconds that are served before a call of the team that comes now, of those places that `may` count."""
        waiting: dict[str, float] = {}
        before = 0.0
        for (theirs, whose, _kind), group in self._groups.items():
            if theirs < waited_for or not may(group[0]):
                continue
            total = sum(place.seconds for place in group)
            if theirs > waited_for or whose == team:
                before += total
            if theirs == waited_for:
                waiting[whose] = waiting.get(whose, 0.0) + total
        own = self._begins(team) + waiting.pop(team, 0.0) + seconds
        return before + sum(min(total, max(0.0, own - self._begins(other))) for other, total in waiting.items())

    def _order(self, place: Place[Content]) -> tuple[bool, float, int]:
        return not place.waited_for, self._begins(place.team), place.number

    def _begins(self, team: str) -> float:
        return max(self._served, self._ends.get(team, 0.0))
