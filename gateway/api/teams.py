"""GET and PATCH /v1/admin/teams/{id}: how long a team's jobs and pictures are kept."""

import re
from typing import Any, cast

from starlette.types import Receive, Scope, Send

from gateway.api.asgi import send_json
from gateway.api.auth import Keys
from gateway.api.body import read_json
from gateway.errors import InvalidJson, InvalidValue, NotAllowed, NotFound, Overloaded
from gateway.store.database import Database
from gateway.store.database_errors import DatabaseError
from gateway.store.teams import TeamRow, change_team, read_team

TTLS = ("image_ttl", "job_ttl")
SHORTEST, LONGEST = 60, 2**31 - 1  # seconds; more does not fit the column
MOST_BYTES = 64 * 1024  # of a body
ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Team:
    """One team. Only an admin may look at it; a team that is not there is not found."""

    name = "team"

    def __init__(self, database: Database, keys: Keys) -> None:
        self.database = database
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (await self.keys.caller(scope["headers"])).admin:
            raise NotAllowed("this key is no admin's")
        id: str = scope["path_params"]["id"]
        if not ID.fullmatch(id):
            raise no_such_team()
        changes = None
        if scope["method"] == "PATCH":
            changes = changes_in(await read_json(scope["headers"], receive, MOST_BYTES))
        try:
            if changes:
                team = await self.database.write(change_team, id, changes)
            else:
                team = await self.database.read(read_team, id)
        except DatabaseError as wrong:
            raise Overloaded("the database does not answer; try again in a moment") from wrong
        if team is None:
            raise no_such_team()
        await send_json(200, team_json(team), send)


def no_such_team() -> NotFound:
    return NotFound("there is no such team")


def changes_in(body: Any) -> dict[str, int | None]:
    """The fields of a PATCH. Raises InvalidJson, InvalidValue."""
    if not isinstance(body, dict):
        raise InvalidJson('the body must be a JSON object such as {"image_ttl": 86400}')
    given = cast("dict[str, Any]", body)
    for field in given:
        if field not in TTLS:
            known = " and ".join(TTLS)
            raise InvalidValue(f"{field[:100]}: cannot be changed of a team; {known} can", param=field[:100])
    return {field: seconds(field, value) for field, value in given.items()}


def seconds(field: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not SHORTEST <= value <= LONGEST:
        raise InvalidValue(
            f"{field}: must be a whole number of seconds from {SHORTEST} to {LONGEST}, or null for what the "
            "configuration says",
            param=field,
        )
    return value


def team_json(team: TeamRow) -> dict[str, Any]:
    return {
        "id": team.id,
        "object": "team",
        "created": int(team.created),
        "image_ttl": team.image_ttl,
        "job_ttl": team.job_ttl,
    }
