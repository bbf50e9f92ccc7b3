"""Limits without Redis: the same rules in this process's memory, for its share of what all gateways may take.

What does not fit into a share although it fits into the limit is let in when nothing else is owed, and pays longer.
"""

from collections.abc import Callable, Sequence

from gateway.store.limits import FULL_WAIT, WINDOW, Places, Rate, Taken, whole_share

MOST_REMEMBERED = 10_000  # rates; beyond that, those that were taken from the longest ago are forgotten


class LocalLimits:
    """`gateways` is among how many the limits are shared out; `held` says how many places of a name are taken here."""

    def __init__(self, held: Callable[[str], int]) -> None:
        self.gateways = 1
        self._held = held
        self._due: dict[str, int] = {}

    @property
    def remembered(self) -> int:
        """Of how many rates something is known."""
        return len(self._due)

    def take(self, rates: Sequence[Rate], places: Sequence[Places], members: int, moment: int) -> Taken:
        """As `SharedLimits.take`; whoever was let in counts as a holder of places from then on by himself.

        `moment` is in microseconds of a clock that never goes back.
        """
        owed = [max(0, self._due.get(rate.name, 0) - moment) for rate in rates]
        more = [self._owes(rate) for rate in rates]
        taken = [self._held(each.name) for each in places]
        waits = [before + min(after, WINDOW) - WINDOW for before, after in zip(owed, more, strict=True)]
        counted = zip(places, taken, strict=True)
        waits += [0 if self._has(each, count, members) else FULL_WAIT for each, count in counted]
        longest = max(waits, default=0)
        if longest > 0:
            return Taken(waits.index(longest), longest, (*owed, *taken))
        for place, rate in enumerate(rates):
            if more[place]:
                owed[place] = max(0, owed[place] + more[place])
                self._remember(rate.name, moment, owed[place])
        return Taken(None, 0, (*owed, *(count + members for count in taken)))

    def _owes(self, rate: Rate) -> int:
        """One picture or request a minute is everybody's share, however many share."""
        return whole_share(rate.cost, max(rate.most / self.gateways, min(rate.most, 1)))

    def _has(self, places: Places, taken: int, members: int) -> bool:
        share = max(1, places.most // self.gateways)
        return taken + min(members, share) <= share

    def _remember(self, name: str, moment: int, owed: int) -> None:
        self._due.pop(name, None)
        if not owed:
            return
        self._due[name] = moment + owed
        if len(self._due) > MOST_REMEMBERED:
            self._forget(moment)

    def _forget(self, moment: int) -> None:
        """What is paid off, then what was taken from the longest ago."""
        self._due = {name: due for name, due in self._due.items() if due > moment}
        for name in list(self._due)[: len(self._due) - MOST_REMEMBERED // 2]:
            del self._due[name]
