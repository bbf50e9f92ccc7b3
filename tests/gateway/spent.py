"""What the database says of money: the ledger, and what is spent and held."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, func, select, true

from gateway.store.tables import calls, jobs
from gateway.store.tenant_tables import ledger, spending
from simulators.running import Simulators
from tests.gateway.running import RunningGateway

Line = dict[str, Any]
PAID = ("fal", "runware", "civitai", "lumenfall")


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


def give_budget(gateway: RunningGateway) -> None:
    """More than all tests spend, to the team of the admin key: what is held and spent is counted from now on."""
    answer = gateway.http.patch("/v1/admin/teams/default", json={"budget_usd": 1_000_000, "budget_period": "total"})
    assert answer.status_code == 200, answer.text


@contextmanager
def settled(gateway: RunningGateway, simulators: Simulators) -> Generator[None]:
    """Whatever dies in the block: in the end nothing is held, what was paid stands in the ledger, each picture once or
    as assumed, and the budget counts what the ledger says.
    """
    before, (spent, held) = len(lines(gateway)), purse(gateway, "default")
    assert held == 0
    yield
    added = lines(gateway)[before:]
    assert (purse(gateway, "default")[1], held_by_jobs(gateway)) == (0, 0)
    if spent or added:
        assert purse(gateway, "default")[0] - spent == sum(line["cost_micros"] or 0 for line in added)
    for provider in {line["provider"] for line in added} | set(PAID):
        certain = sum(line["images"] for line in added if line["provider"] == provider and line["outcome"] == "ok")
        assumed = sum(wanted(gateway, line) for line in added if line["provider"] == provider and line["assumed"])
        assert certain <= simulators.paid(provider) <= certain + assumed, (provider, added)


def wanted(gateway: RunningGateway, line: Line) -> int:
    """How many pictures the call of a line was for."""
    side = gateway.app.jobs
    assert side is not None

    def read(connection: Connection) -> int:
        found = connection.scalar(
            select(calls.c.indexes).where(calls.c.job == line["job"], calls.c.number == line["number"])
        )
        return len((found or "").split(","))

    return gateway.run(side.database.read(read))
