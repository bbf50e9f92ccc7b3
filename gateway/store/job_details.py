"""Jobs with all that their owners are told about them, many at once. Each function is part of a transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, literal_column, select

from gateway.store.entries import CallRow
from gateway.store.jobs import CALL, DELIVERY, DeliveryRow, JobRow, call_row, list_jobs, read_job
from gateway.store.prepared import Prepared, one_of, several
from gateway.store.tables import calls, deliveries, pictures

CALLS = Prepared(
    lambda dialect: (
        select(calls.c.job, *CALL).where(one_of(dialect, calls.c.job, "ids")).order_by(calls.c.job, calls.c.number)
    )
)
DELIVERIES = Prepared(
    lambda dialect: (
        select(*DELIVERY)
        .where(one_of(dialect, deliveries.c.job, "ids"))
        .order_by(deliveries.c.job, deliveries.c.kind, deliveries.c.place)
    )
)
IMAGES = Prepared(
    lambda dialect: (
        select(pictures.c.job, func.count())
        .where(one_of(dialect, pictures.c.job, "ids"), pictures.c.role == literal_column("'image'"))
        .group_by(pictures.c.job)
    )
)


class NoSuchPlace(Exception):
    """A list is to go on behind a job that is not there."""


@dataclass(frozen=True, slots=True)
class JobDetails:
    """`images_done` are the pictures that it has made so far."""

    row: JobRow
    calls: tuple[CallRow, ...]
    deliveries: tuple[DeliveryRow, ...]
    images_done: int


def read_details(connection: Connection, id: str, team: str | None) -> JobDetails | None:
    """None for a job that is not there, or not that team's; without a team, whoever's it is."""
    row = read_job(connection, id, team)
    return details_of(connection, [row])[0] if row is not None else None


def list_details(connection: Connection, team: str, *, after: str | None, **wanted: Any) -> list[JobDetails]:
    """As `list_jobs`. Raises NoSuchPlace for an `after` that is not a job of that team."""
    if after is not None and read_job(connection, after, team) is None:
        raise NoSuchPlace
    return details_of(connection, list_jobs(connection, team, after=after, **wanted))


def details_of(connection: Connection, rows: Sequence[JobRow]) -> list[JobDetails]:
    """In the order of the rows."""
    if not rows:
        return []
    ids = several(connection, [row.id for row in rows])
    called: defaultdict[str, list[CallRow]] = defaultdict(list)
    for job, *call in CALLS.fetch(connection, ids=ids):
        called[job].append(call_row(call))
    delivered: defaultdict[str, list[DeliveryRow]] = defaultdict(list)
    for values in DELIVERIES.fetch(connection, ids=ids):
        delivery = DeliveryRow(*values)
        delivered[delivery.job].append(delivery)
    made: dict[str, int] = dict(tuple(row) for row in IMAGES.fetch(connection, ids=ids))
    return [JobDetails(row, tuple(called[row.id]), tuple(delivered[row.id]), made.get(row.id, 0)) for row in rows]
