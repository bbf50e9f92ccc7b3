"""`/v1/admin/teams`: made, listed, read and changed. A team is disabled, not deleted: what it spent is its own."""

import re
import time
from dataclasses import replace
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.api.admin import LONGEST_PAGE, MOST_BYTES, USUAL_PAGE, AdminRoute, no_such_team
from gateway.api.admin_fields import NewTeam, TeamChange, checked
from gateway.api.asgi import send_json
from gateway.api.body import read_json
from gateway.api.bounds import bounds_given, bounds_json
from gateway.api.query import Query
from gateway.errors import InvalidValue, NotAllowed
from gateway.store.bounds import Bounds
from gateway.store.teams import NameTaken, TeamRow, change_team, create_team, list_teams
from gateway.tenancy.caller import DEFAULT_TEAM, Caller
from gateway.tenancy.ids import make_id

ITS_OWN = frozenset({"image_ttl", "job_ttl"})  # what a team admin may change of his team
ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Teams(AdminRoute):
    """GET lists them, the newest first; POST makes one. A team admin sees his own alone."""

    name = "teams"

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await self.make(caller, scope, receive, send)
            return
        after, limit = page_wanted(Query(scope, "after", "limit"))
        if caller.admin:
            found = await self.database.read(list_teams, after, limit + 1)
        else:
            found = [await self.team_for(caller, caller.team)] if after is None else []
        await send_json(200, page([team_json(team) for team in found], limit), send)

    async def make(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        if not caller.admin:
            raise NotAllowed("only an admin makes teams")
        body = checked(NewTeam, await read_json(scope["headers"], receive, MOST_BYTES))
        bounds = replace(Bounds(), **bounds_given(body, Bounds()))
        team = TeamRow(make_id("team"), team_name(body.name), time.time(), body.disabled, bounds)
        try:
            await self.database.write(create_team, team)
        except NameTaken:
            raise taken(body.name) from None
        await send_json(201, team_json(team), send)


class Team(AdminRoute):
    """One team, by its id or its name."""

    name = "team"

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        team = await self.team_for(caller, scope["path_params"]["id"])
        if scope["method"] == "PATCH":
            body = checked(TeamChange, await read_json(scope["headers"], receive, MOST_BYTES))
            team = await self.change(caller, team, body)
        await send_json(200, team_json(team), send)

    async def change(self, caller: Caller, team: TeamRow, body: TeamChange) -> TeamRow:
        foreign = next((name for name in body.model_fields_set if name not in ITS_OWN), None)
        if foreign is not None and not caller.admin:
            raise NotAllowed(
                f"{foreign}: only an admin changes it; a team admin changes {' and '.join(sorted(ITS_OWN))}",
                param=foreign,
            )
        changes = changes_of(team, body)
        try:
            changed = await self.database.write(change_team, team.id, changes)
        except NameTaken:
            raise taken(body.name) from None
        self.keys.ring.forget()
        if changed is None:
            raise no_such_team()
        return changed


def changes_of(team: TeamRow, body: TeamChange) -> dict[str, Any]:
    changes = bounds_given(body, team.bounds)
    if "name" in body.model_fields_set and body.name != team.name:
        changes["name"] = team_name(body.name)
    if "disabled" in body.model_fields_set:
        if body.disabled and team.id == DEFAULT_TEAM:
            raise InvalidValue("disabled: this team is the configured admin key's own; it stays open", param="disabled")
        changes["disabled"] = body.disabled
    return changes


def team_name(name: str) -> str:
    """It stands in addresses, and must not look like another team's id. Raises InvalidValue."""
    if "/" in name or name.startswith("team_"):
        raise InvalidValue('name: must not hold a slash, nor begin with "team_", as ids do', param="name")
    return name


def taken(name: str) -> InvalidValue:
    return InvalidValue(f"name: there is a team {name!r} already; choose another name", param="name")


def page_wanted(query: Query) -> tuple[str | None, int]:
    """Behind which id, and how many. Raises InvalidValue."""
    after = query.word("after")
    if after is not None and not ID.fullmatch(after):
        raise InvalidValue("after: must be an id, such as the last_id of the page before", param="after")
    return after, query.whole("limit", 1, LONGEST_PAGE, otherwise=USUAL_PAGE)


def page(rows: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """Of one more than were asked for, which tells whether there are more."""
    data = rows[:limit]
    return {
        "object": "list",
        "data": data,
        "has_more": len(rows) > limit,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def team_json(team: TeamRow) -> dict[str, Any]:
    return {
        "id": team.id,
        "object": "team",
        "name": team.name,
        "created": int(team.created),
        "disabled": team.disabled,
        **bounds_json(team.bounds),
    }
