"""What all routes about jobs have in common: who asks, which job, and stores that may be away."""

import re
from abc import ABC, abstractmethod

from starlette.types import Receive, Scope, Send

from gateway.api.auth import Keys
from gateway.api.orders import address
from gateway.errors import NotFound, Overloaded
from gateway.jobs.shown import ShownJobs
from gateway.store.database import Database, DatabaseError
from gateway.store.jobs import JobRow, read_job
from gateway.store.pictures import PictureStoreError
from gateway.tenancy.caller import Caller

ID = re.compile(r"req_[0-9a-f]{24}")


class JobRoute(ABC):
    """`name` is what metrics call it."""

    name: str

    def __init__(self, keys: Keys, database: Database) -> None:
        self.keys = keys
        self.database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = await self.keys.caller(scope)
        try:
            await self.answer(caller, scope, receive, send)
        except DatabaseError as wrong:
            raise Overloaded("the database does not answer; try again in a moment") from wrong
        except PictureStoreError as wrong:
            raise Overloaded("the place where pictures are kept does not answer; try again in a moment") from wrong

    @abstractmethod
    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def job(self, caller: Caller, id: str) -> JobRow:
        """Raises NotFound for a job that is not there, or not this caller's, alike."""
        row = await self.database.read(read_job, id, caller.team)
        if row is None:
            raise no_such_job(id)
        return row


def job_id(scope: Scope) -> str:
    """From the path. Raises NotFound for what can be no job's, so that the database is not asked."""
    id: str = scope["path_params"]["id"]
    if not ID.fullmatch(id):
        raise no_such_job(id)
    return id


def no_such_job(id: str) -> NotFound:
    return NotFound(f"there is no job {id[:100]}; it may have been deleted")


def base_url(scope: Scope, shown: ShownJobs) -> str:
    """What the URLs of pictures begin with."""
    return shown.public_url or address(scope)
