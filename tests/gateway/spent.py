"""What the database says of money: the ledger, and what is spent and held."""

from typing import Any

from sqlalchemy import Connection, func, select, true

from gateway.store.tables import jobs
from gateway.store.tenant_tables import ledger, spending
from tests.gateway.running import RunningGateway

Line = dict[str, Any]


def price_of(gateway: RunningGateway, body: dict[str, Any]) -> int:
    """In micro-dollars, of all its pictures, as the first candidate is planned."""
    answer = gateway.http.post("/v1/images/generations?dryRun=true", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["total_cost_micros"]


def lines(gateway: RunningGateway, *, team: str | None = None) -> list[Line]:
    """Of the ledger, in the order in which they were written, once all is written that waits."""
    side = gateway.app.jobs
    assert side is not None
    database = side.database
    gateway.run(side.jobs.links.journal.flush())

    def read(connection: Connection) -> list[Line]:
        wanted = select(ledger).where(ledger.c.team == team if team is not None else true()).order_by(ledger.c.id)
        return [dict(row) for row in connection.execute(wanted).mappings()]

    return gateway.run(database.read(read))


def purse(gateway: RunningGateway, owner: str) -> tuple[int, int]:
    """What the key or team has spent and what is held, over all its periods."""
    side = gateway.app.jobs
    assert side is not None

    def read(connection: Connection) -> tuple[int, int]:
        wanted = select(func.coalesce(func.sum(spending.c.spent), 0), func.coalesce(func.sum(spending.c.held), 0))
        spent, held = connection.execute(wanted.where(spending.c.owner == owner)).one()
        return int(spent), int(held)

    return gateway.run(side.database.read(read))


def held_by_jobs(gateway: RunningGateway) -> int:
    side = gateway.app.jobs
    assert side is not None

    def read(connection: Connection) -> int:
        return int(connection.scalar(select(func.coalesce(func.sum(jobs.c.held_micros), 0))) or 0)

    return gateway.run(side.database.read(read))
