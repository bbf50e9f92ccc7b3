"""Jobs with something to deliver, written straight into the tables, and the loop that delivers it."""

import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from sqlalchemy import Connection

from gateway.jobs.deliveries import Deliveries
from gateway.jobs.tries import Sender
from gateway.jobs.webhooks import JobJson, Webhooks
from gateway.store.database import Database
from gateway.store.entries import Delivery, DeliveryKind, Entry, Finish, NewJob, PictureRow
from gateway.store.jobs import DeliveryRow, deliveries_of
from gateway.store.journal_transaction import Numbered, write_batch
from gateway.store.sealing import Seal
from gateway.store.teams import ensure_team
from gateway.telemetry import Telemetry
from providers.guard import Guard

TEAM = "default"
FINISHED = 1_763_700_000.25
SEAL = Seal(b"a key of the tests")


def add_job(connection: Connection, id: str, *sent: Delivery, team: str = TEAM, images: Mapping[int, str] = {}) -> None:
    """A finished job with its deliveries, and with stored pictures by their places; as the journal writes it."""
    ensure_team(connection, team, 0.0)
    entry = Entry(
        id,
        team,
        new=NewJob(id, team, "admin", "generate", "qwen-image", "hash", b"{}", 1, FINISHED - 1, "prc_1"),
        pictures=tuple(PictureRow("image", place, name) for place, name in images.items()),
        deliveries=sent,
        finish=Finish("succeeded", FINISHED),
    )
    write_batch(connection, [Numbered(1, entry)], FINISHED)


async def row_of(database: Database, job: str, place: int = 0) -> DeliveryRow:
    [row] = [row for row in await database.read(deliveries_of, job) if row.place == place]
    return row


async def job_json(_team: str, id: str) -> dict[str, Any]:
    return {"id": id, "object": "image.job", "status": "succeeded", "finished": FINISHED, "result": {"data": []}}


class Clock:
    """Goes on by itself, and may be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def webhooks(database: Database, guard: Guard, told: JobJson = job_json) -> Webhooks:
    return Webhooks(guard, database, SEAL, told)


@contextlib.asynccontextmanager
async def delivering(
    database: Database,
    senders: Mapping[DeliveryKind, Sender],
    clock: Clock | None = None,
    telemetry: Telemetry | None = None,
) -> AsyncGenerator[Deliveries]:
    running = Deliveries(database, senders, telemetry or Telemetry(), clock=clock or Clock())
    running.start()
    try:
        yield running
    finally:
        await running.close()
