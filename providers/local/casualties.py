"""Which workers a call was lost under, or was too large for, and whether it is given to one more."""

from collections import OrderedDict

from providers.errors import Kind, ProviderError
from providers.local.dispatch import Waiting
from providers.local.peer import GaveUp, Lost, Overwhelmed
from providers.local.roster import Roster
from providers.local.worker import Worker

MAX_LOSSES = 2  # a call that kills a second worker, or is too large for it, is not given to a third
MAX_REFUSALS = 5  # a call that so many workers in turn do not take, against their word, is not held any longer
LOST_REST_SECONDS = 0.25  # until it is known whether the worker is still there
MOST_CALLS = 1000  # the oldest are forgotten first: they are hardly tried again


class Casualties:
    """The addresses of workers by the id of the call, kept until it is tried again."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, list[str]] = OrderedDict()

    def take(self, call: str) -> list[str]:
        """Those of this call; they are the caller's from now on."""
        return self._of.pop(call, [])

    def keep(self, call: str, workers: list[str]) -> None:
        if not workers:
            return
        self._of[call] = workers
        if len(self._of) > MOST_CALLS:
            self._of.popitem(last=False)


def goes_on(waiting: Waiting, worker: Worker, error: ProviderError, roster: Roster, now: float) -> bool:
    """Whether the call that ended so may be given to another worker; this one is left alone for a while.

    Raises GaveUp where it has had enough of them.
    """
    rest = error.retry_after
    again = True
    if isinstance(error, Lost | Overwhelmed):
        roster.losses += isinstance(error, Lost)
        rest = LOST_REST_SECONDS
        waiting.avoid.append(worker.url)
    elif error.kind in (Kind.BUSY, Kind.RATE):
        waiting.refusals += 1
        again = waiting.refusals < MAX_REFUSALS
    else:
        return False
    worker.rest(now, rest)
    if len(waiting.avoid) >= MAX_LOSSES:
        raise GaveUp(error.kind, error.message, provider="local", status=error.status) from error
    waiting.refusal = error
    return again
