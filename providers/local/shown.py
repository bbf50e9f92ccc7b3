"""The workers and their line, as an admin and the metrics see them."""

from collections import Counter

from providers.abilities import LineStanding
from providers.base import Json
from providers.local.choice import predicted_wait
from providers.local.dispatch import Dispatch
from providers.local.worker import Worker

STATES = ("unknown", "ready", "loading", "draining", "away", "leaving", "rejected")


def standing(dispatch: Dispatch) -> LineStanding:
    roster, now = dispatch.roster, dispatch.clock()
    states = Counter(str(worker.state) for worker in roster.workers.values())
    states["rejected"] = len(roster.rejected)
    waiting = Counter("interactive" if place.waited_for else "background" for place in dispatch.line)
    chances = [worker.prospect(now) for worker in roster.workers.values() if worker.usable]
    ahead = sum(place.seconds for place in dispatch.line)
    return LineStanding(
        workers={state: states[state] for state in STATES},
        waiting={kind: waiting[kind] for kind in ("interactive", "background")},
        wait=predicted_wait(chances, ahead),
        losses=roster.losses,
    )


def rows(dispatch: Dispatch) -> list[Json]:
    """By address; those whose announced address is not accepted come last."""
    roster, now = dispatch.roster, dispatch.clock()
    known = [row(roster.workers[url], now) for url in sorted(roster.workers)]
    return known + [
        {"object": "worker", "url": url, "kind": "worker", "announced": True, "state": "rejected", "trouble": why}
        for url, why in sorted(roster.rejected.items())
    ]


def row(worker: Worker, now: float) -> Json:
    told = worker.told
    return {
        "object": "worker",
        "url": worker.url,
        "kind": worker.peer.kind,
        "announced": worker.announced,
        "state": worker.state,
        "trouble": worker.trouble or (told.loading if worker.state == "loading" else None),
        "models": None if told.models is None else sorted(told.models),
        "loras": sorted(told.loras),
        "together": told.together,
        "running": told.running,
        "waiting": told.waiting,
        "sent": len(worker.sent),
        "queue_seconds": round(worker.busy(now), 2),
    }
