"""What all routes under /v1/admin have in common: who may, which team, and a database that may be away."""

from abc import ABC, abstractmethod

from starlette.types import Receive, Scope, Send

from gateway.api.auth import Keys
from gateway.errors import NotAllowed, NotFound, Overloaded
from gateway.store.database import Database
from gateway.store.database_errors import DatabaseError
from gateway.store.teams import TeamRow, find_team
from gateway.tenancy.caller import Caller

MOST_BYTES = 64 * 1024  # of a body
LONGEST_PAGE = 100
USUAL_PAGE = 20
LONGEST_NAME = 100  # characters of a team's or key's name, and of an id


class AdminRoute(ABC):
    """For admins and for team admins, who see their own team and nothing of others. `name` is what metrics call it."""

    name: str

    def __init__(self, database: Database, keys: Keys) -> None:
        self.database = database
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = await self.keys.caller(scope)
        if caller.role == "user":
            raise NotAllowed("this key is no admin's, and no team admin's")
        try:
            await self.answer(caller, scope, receive, send)
        except DatabaseError as wrong:
            raise Overloaded("the database does not answer; try again in a moment") from wrong

    @abstractmethod
    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def team_for(self, caller: Caller, id_or_name: str) -> TeamRow:
        """Raises NotFound for a team that is not there, or that is not the caller's to see, alike."""
        if not 1 <= len(id_or_name) <= LONGEST_NAME or not id_or_name.isprintable():
            raise no_such_team()
        team = await self.database.read(find_team, id_or_name)
        if team is None or not (caller.admin or team.id == caller.team):
            raise no_such_team()
        return team


def no_such_team() -> NotFound:
    return NotFound("there is no such team")
