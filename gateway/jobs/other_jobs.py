"""Jobs that this process does not run itself, as a run that waits for one sees them (`flow/others.py`)."""

from collections.abc import Mapping
from typing import Any

import structlog

from gateway.errors import BudgetSpent, GatewayError
from gateway.flow.failure import deadline_passed
from gateway.flow.order import Order
from gateway.jobs.answers import Kept
from gateway.jobs.events import Events
from gateway.store.database import Database, DatabaseError
from gateway.store.jobs import read_job

log = structlog.stdlib.get_logger()


class AsItEnded(GatewayError):
    """The error of a job, told once more."""

    def __init__(self, status: int, headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
        super().__init__(str(body["error"]["message"]), headers=headers)
        self.status = status
        self.code = str(body["error"]["code"])
        self._body = dict(body)

    def body(self) -> dict[str, object]:
        return self._body


class OtherJobs:
    def __init__(self, database: Database, events: Events) -> None:
        self._database = database
        self._events = events

    async def ended(self, job: str, order: Order) -> None:
        try:
            row = await self._database.read(read_job, job)
            if row is not None and row.finished is None:
                await self._events.wait_for_end(job, order.deadline)
                row = await self._database.read(read_job, job)
        except DatabaseError as away:
            log.warning("job_not_seen", request_id=job, error=str(away))
            return
        if row is not None and row.finished is None:
            raise deadline_passed(order)
        if row is None or row.status == "cancelled":  # which only its own caller wanted
            return
        kept = Kept.of(row)
        if kept is None or kept.error is None or kept.headers.get("x-should-retry") != "false":
            return
        if kept.error["error"]["code"] != BudgetSpent.code:  # which says nothing of this one's
            raise AsItEnded(kept.status, kept.headers, kept.error)
