"""Teams: whom keys, jobs and pictures belong to, and what bounds all of a team's keys together.

Each function is part of a transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.bounds import Bounds, as_columns, bounds_of, columns_of
from gateway.store.tenant_tables import teams


class NameTaken(Exception):
    """Another team has this name, or this id."""


@dataclass(frozen=True, slots=True)
class TeamRow:
    """`created` is a Unix moment. A disabled team's keys open nothing."""

    id: str
    name: str
    created: float
    disabled: bool = False
    bounds: Bounds = field(default_factory=Bounds)


COLUMNS = [teams.c.id, teams.c.name, teams.c.created, teams.c.disabled, *columns_of(teams)]
SELECT = select(*COLUMNS)
READ = SELECT.where(teams.c.id == bindparam("team"))
FIND = SELECT.where(or_(teams.c.id == bindparam("team"), teams.c.name == bindparam("team"))).order_by(
    teams.c.id != bindparam("team")
)
PAGE = SELECT.order_by(teams.c.id.desc()).limit(bindparam("most"))
NAMED = select(
    exists().where(
        or_(teams.c.name == bindparam("called"), teams.c.id == bindparam("called")), teams.c.id != bindparam("own")
    )
)


def ensure_team(connection: Connection, id: str, now: float) -> None:
    """Make the team, named as its id, unless it is there already."""
    values = insert_of(connection).values(id=id, name=id, created=now)
    connection.execute(values.on_conflict_do_nothing())


def create_team(connection: Connection, team: TeamRow) -> None:
    """Raises NameTaken."""
    check_name(connection, team.id, team.name)
    bounds = as_columns(asdict(team.bounds))
    connection.execute(
        insert(teams).values(id=team.id, name=team.name, created=team.created, disabled=team.disabled, **bounds)
    )


def read_team(connection: Connection, id: str) -> TeamRow | None:
    row = connection.execute(READ, {"team": id}).one_or_none()
    return None if row is None else team_of(row)


def find_team(connection: Connection, id_or_name: str) -> TeamRow | None:
    row = connection.execute(FIND, {"team": id_or_name}).first()
    return None if row is None else team_of(row)


def list_teams(connection: Connection, after: str | None, most: int) -> list[TeamRow]:
    """The newest first; those behind the team of id `after`."""
    page = PAGE if after is None else PAGE.where(teams.c.id < after)
    return [team_of(row) for row in connection.execute(page, {"most": most})]


def change_team(connection: Connection, id: str, changes: Mapping[str, Any]) -> TeamRow | None:
    """The team as it is then; None where there is none. `changes` are fields of TeamRow or of its bounds.

    Raises NameTaken.
    """
    if "name" in changes:
        check_name(connection, id, changes["name"])
    if changes:
        connection.execute(update(teams).where(teams.c.id == id).values(**as_columns(changes)))
    return read_team(connection, id)


def check_name(connection: Connection, id: str, name: str) -> None:
    """A name finds one team. Raises NameTaken."""
    if connection.execute(NAMED, {"called": name, "own": id}).scalar_one():
        raise NameTaken(name)


def team_of(row: Sequence[Any]) -> TeamRow:
    id, name, created, disabled, *bounds = row
    return TeamRow(id, name or id, created, bool(disabled), bounds_of(bounds))


def insert_of(connection: Connection) -> Any:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(teams)
