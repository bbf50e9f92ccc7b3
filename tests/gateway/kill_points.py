"""Steps of a job's life at which a gateway process kills itself, as `kill -9` would, when it comes to them."""

import itertools
import os
import signal
from collections.abc import Callable
from typing import Any

from gateway.flow import bringing_in, calling, sending
from gateway.jobs import running
from gateway.jobs.jobs import Jobs
from gateway.jobs.record import JobRecord
from gateway.jobs.webhooks import Webhooks
from gateway.store.entries import CachedRow, Finish
from providers import polling

Death = Callable[[], None]


def before(owner: Any, name: str) -> Callable[[Death], None]:
    """Instead of calling it."""

    def arrange(death: Death) -> None:
        original = getattr(owner, name)

        def dies(*args: Any, **named: Any) -> Any:
            death()
            return original(*args, **named)

        setattr(owner, name, dies)

    return arrange


def after(owner: Any, name: str) -> Callable[[Death], None]:
    """When it has returned."""

    def arrange(death: Death) -> None:
        original = getattr(owner, name)

        async def dies(*args: Any, **named: Any) -> Any:
            result = await original(*args, **named)
            death()
            return result

        setattr(owner, name, dies)

    return arrange


def before_the_end(*, flushed: bool) -> Callable[[Death], None]:
    """With all pictures stored, and written down too if `flushed`."""

    def arrange(death: Death) -> None:
        original = JobRecord.finish

        async def dies(self: JobRecord, finish: Finish, cached: CachedRow | None = None) -> None:
            if flushed:
                await self.links.journal.flush()
            death()
            await original(self, finish, cached)

        JobRecord.finish = dies

    return arrange


KILL_POINTS: dict[str, Callable[[Death], None]] = {
    "not written": before(JobRecord, "open"),
    "nothing sent": before(running, "generate"),
    "first call not written": before(JobRecord, "sending"),
    "sending written": before(sending, "ask"),
    "ticket lost": after(calling, "submitted"),
    "answer lost": after(calling, "exchanged"),
    "ticket stored": after(JobRecord, "accepted"),
    "drawn, not fetched": before(bringing_in, "take_in"),
    "picture stored": before(JobRecord, "pictured"),
    "pictures not written": before_the_end(flushed=False),
    "pictures written": before_the_end(flushed=True),
    "finished": before(Webhooks, "send"),
    "cancelling": before(polling, "cancel_at_provider"),
    "taken up": before(Jobs, "resume"),
}


def arrange(point: str, nth: int) -> None:
    """This process dies when it comes to that point for the nth time."""
    count = itertools.count(1)

    def death() -> None:
        if next(count) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    KILL_POINTS[point](death)
