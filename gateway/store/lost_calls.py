"""Calls that went out and whose receipt nobody has: given one afterwards. Each function is part of a transaction."""

from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, exists, select, update

from gateway.store.tables import calls, jobs

THE_CALL = and_(calls.c.job == bindparam("of"), calls.c.number == bindparam("at"))
LOST = and_(THE_CALL, calls.c.state == "sending", calls.c.ticket.is_(None))
OPEN = and_(jobs.c.id == bindparam("of"), jobs.c.finished.is_(None), ~jobs.c.deleting)
FIND = select(calls.c.offer, jobs.c.operation).join(jobs, jobs.c.id == calls.c.job).where(LOST, OPEN)
GIVE = update(calls).where(LOST, exists().where(OPEN)).values(state="accepted", ticket=bindparam("receipt"))
TICKET = select(calls.c.ticket).where(THE_CALL)


class LostCall(NamedTuple):
    """What was asked for by it."""

    offer: str
    operation: str


def find_lost(connection: Connection, job: str, number: int) -> LostCall | None:
    """None for a call that has a ticket, has ended, or whose job is over."""
    row = connection.execute(FIND, {"of": job, "at": number}).one_or_none()
    return None if row is None else LostCall(*row)


def give_ticket(connection: Connection, job: str, number: int, ticket: str) -> bool:
    """Whoever goes on with the job follows it. False where the call has become something else meanwhile."""
    given = connection.execute(GIVE, {"of": job, "at": number, "receipt": ticket})
    return given.rowcount == 1


def ticket_of(connection: Connection, job: str, number: int) -> str | None:
    return connection.execute(TICKET, {"of": job, "at": number}).scalar_one_or_none()
