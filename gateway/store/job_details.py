"""Jobs with all that their owners are told about them, many at once. Each function is part of a transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from gateway.store.entries import CallRow
from gateway.store.jobs import CALL, DELIVERY, DeliveryRow, JobRow, call_row, list_jobs, read_job
from gateway.store.tables import calls, deliveries, pictures

SOME: BindParameter[Any] = bindparam("ids", expanding=True)
CALLS = select(calls.c.job.label("of_job"), *CALL).where(calls.c.job.in_(SOME)).order_by(calls.c.job, calls.c.number)
DELIVERIES = (
    select(*DELIVERY)
    .where(deliveries.c.job.in_(SOME))
    .order_by(deliveries.c.job, deliveries.c.kind, deliveries.c.place)
)
IMAGES = (
    select(pictures.c.job, func.count().label("done"))
    .where(pictures.c.job.in_(SOME), pictures.c.role == "image")
    .group_by(pictures.c.job)
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
    some = {"ids": [row.id for row in rows]}
    called: defaultdict[str, list[CallRow]] = defaultdict(list)
    for each in connection.execute(CALLS, some):
        called[each.of_job].append(call_row(each))
    delivered: defaultdict[str, list[DeliveryRow]] = defaultdict(list)
    for each in connection.execute(DELIVERIES, some):
        delivered[each.job].append(DeliveryRow(*each))
    made: dict[str, int] = {row.job: row.done for row in connection.execute(IMAGES, some)}
    return [JobDetails(row, tuple(called[row.id]), tuple(delivered[row.id]), made.get(row.id, 0)) for row in rows]
