"""Teams: whom jobs and pictures belong to, and how long each keeps them. Each function is part of a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.tenant_tables import teams


@dataclass(frozen=True, slots=True)
class TeamRow:
    """`job_ttl` and `image_ttl` are in seconds, None where the configuration decides; `created` is a Unix moment."""

    id: str
    created: float
    job_ttl: int | None
    image_ttl: int | None


TEAM = [teams.c[field.name] for field in fields(TeamRow)]
READ = select(*TEAM).where(teams.c.id == bindparam("team"))


def ensure_team(connection: Connection, id: str, now: float) -> None:
    """Make the team, unless it is there already."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(teams).values(id=id, created=now).on_conflict_do_nothing())


def read_team(connection: Connection, id: str) -> TeamRow | None:
    row = connection.execute(READ, {"team": id}).one_or_none()
    return None if row is None else TeamRow(*row)


def change_team(connection: Connection, id: str, changes: Mapping[str, Any]) -> TeamRow | None:
    """The team as it is then; None where there is none. `changes` are columns with their new values."""
    if changes:
        connection.execute(update(teams).where(teams.c.id == id).values(**changes))
    return read_team(connection, id)
