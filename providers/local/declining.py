"""Before a call is sent to our own workers: that none of them has its model, or that it had better go elsewhere."""

from providers.abilities import Declined
from providers.base import Call
from providers.local.dispatch import Dispatch, Waiting
from providers.local.roster import Roster


def lacking(roster: Roster, upstream: str, now: float) -> str | None:
    """Why no worker can draw this model; None where one can, or could a moment ago."""
    workers = roster.workers.values()
    if any(worker.draws_soon(upstream, now) for worker in workers):
        return None
    if (not_yet := expected(roster, upstream)) is not None:
        return not_yet
    those = [each for each in workers if each.status is not None and each.draws(upstream)]
    return f"no worker draws it now ({', '.join(sorted({each.state for each in those})) or 'none has it'})"


def expected(roster: Roster, upstream: str) -> str | None:
    """What a worker is doing that is going to draw this model, or may: some learn their models by loading them."""
    loading = [each for each in roster.workers.values() if each.state == "loading" and each.told.loading]
    for worker in loading:
        if worker.draws(upstream):
            return f"the worker that draws it is not ready yet: {worker.told.loading}"
    for worker in loading:
        if not worker.told.models:
            told = worker.told.loading
            return f"a worker is not ready yet, and what it draws is known when it has loaded: {told}"
    return None


def declined(dispatch: Dispatch, call: Call, spill_after: float | None) -> Declined | None:
    """Where somebody else can be asked: no worker is there, the line is full, or the predicted wait is longer than
    `spill_after` seconds; None: it may come.
    """
    waiting = Waiting(call)
    if not dispatch.workers_for(waiting):
        return Declined("away", dispatch.nobody(waiting).message)
    if len(dispatch.line) >= dispatch.most_waiting:
        return Declined("full", f"{dispatch.most_waiting} calls wait for its workers already")
    wait = dispatch.wait_of(waiting) if spill_after is not None else None
    if wait is None or spill_after is None or wait <= spill_after:
        return None
    told = f"the predicted wait for a worker is {wait:.0f} s, longer than spill_after = {spill_after:g}"
    return Declined("spilled", told)
