"""Jobs as they are shown: read from SQL, with URLs that are signed just now."""

import asyncio
from typing import Any, cast

from gateway.flow.deps import Deps
from gateway.jobs.answers import Kept
from gateway.jobs.events import Events
from gateway.jobs.told import job_json
from gateway.store.database import Database
from gateway.store.job_details import JobDetails, list_details, read_details


class ShownJobs:
    """Every method raises DatabaseError. `base_url` begins the URLs of pictures."""

    def __init__(self, at: Deps, database: Database, events: Events) -> None:
        self._at = at
        self._database = database
        self._events = events
        self.public_url = at.settings.server.public_url

    async def one(self, team: str | None, id: str, base_url: str, *, base64: bool = False) -> dict[str, Any] | None:
        """None where that team has no such job. With `base64`, pictures that were asked for so have it.

        Without a team, whoever's it is: for a job that was just made for the one who is told.
        """
        details = await self._database.read(read_details, id, team)
        return await self._show(details, base_url, base64=base64) if details is not None else None

    async def listed(self, team: str, base_url: str, *, after: str | None, **wanted: Any) -> list[dict[str, Any]]:
        """As `store.jobs.list_jobs`. Raises NoSuchPlace for an `after` that is not there."""
        found = await self._database.read(list_details, team, after=after, **wanted)
        return list(await asyncio.gather(*(self._show(details, base_url) for details in found)))

    async def _show(self, details: JobDetails, base_url: str, *, base64: bool = False) -> dict[str, Any]:
        kept = Kept.of(details.row)
        result = await kept.images_response(self._at, base_url, base64=base64) if kept is not None else None
        failed = kept.error_body() if kept is not None else None
        error = cast("dict[str, Any]", failed["error"]) if failed is not None else None
        return job_json(details, steps=self._events.steps(details.row.id), result=result, error=error)
