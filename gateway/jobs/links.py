"""What every job of a process is connected to."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.flow.deps import Deps
from gateway.jobs.events import Events
from gateway.jobs.hooks import HookDesk
from gateway.store.journal import Journal


@dataclass(frozen=True, slots=True)
class Links:
    """`wake` says that there is something to deliver."""

    at: Deps
    journal: Journal
    events: Events
    hooks: HookDesk
    wake: Callable[[], None]
