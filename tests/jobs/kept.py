"""What gateways have kept: jobs with their rows, stored pictures and the cache's records, as they leave them."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, func, insert, select, update

from gateway.jobs.retention import Retention
from gateway.store.bounds import Bounds
from gateway.store.database import Database
from gateway.store.entries import Delivery, Entry, Finish, NewJob, PictureRow
from gateway.store.journal_transaction import Numbered, write_batch
from gateway.store.keys import KeyRow, create_key
from gateway.store.pictures import Pictures, hash_of
from gateway.store.policies import Policy
from gateway.store.records import Record, Records, record_name
from gateway.store.tables import calls, deliveries, events, idempotency, jobs, pictures
from gateway.store.tenant_tables import teams
from gateway.telemetry import Telemetry

TEAM = "default"
DAY = 86_400
POLICY = Policy(job_ttl=30 * DAY, image_ttl=10 * DAY)
OF_A_JOB = (pictures, calls, events, deliveries, idempotency)


@dataclass(frozen=True)
class Made:
    """A picture that a job made: its bytes, and the key of the cache's record of it."""

    content: bytes
    key: str | None = None

    @property
    def name(self) -> str:
        return f"{hash_of(self.content)}.png"

    def row(self, place: int, team: str) -> PictureRow:
        where = None if self.key is None else record_name(team, self.key)
        return PictureRow("image", place, self.name, b"facts", where)


@dataclass
class House:
    """One process's way to what all of them share."""

    database: Database
    pictures: Pictures
    records: Records
    telemetry: Telemetry = field(default_factory=Telemetry)

    @property
    def retention(self) -> Retention:
        return Retention(self.database, self.pictures, self.records, self.telemetry, POLICY)

    def counted(self, metric: str, **labels: str) -> float:
        registry: CollectorRegistry = self.telemetry.registry
        return registry.get_sample_value(metric, labels) or 0

    async def job(
        self,
        id: str,
        *made: Made,
        age: float = 0,
        team: str = TEAM,
        sources: Sequence[bytes] = (),
        finished: bool = True,
        owner: str | None = "prc_1",
        caller: str = "admin",
        **more: Any,
    ) -> None:
        """A job of `age` seconds; `more` are further fields of its entry and `idempotency_key`."""
        stored = [await self.pictures.put(team, each.content, "png") for each in made]
        sent = [await self.pictures.put(team, each, "png") for each in sources]
        records = {
            each.key: record_of(kept.hash) for each, kept in zip(made, stored, strict=True) if each.key is not None
        }
        assert await self.records.put_many(team, records, 3600)
        at = time.time() - age
        key = more.pop("idempotency_key", None)
        entry = Entry(
            id,
            team,
            new=NewJob(id, team, caller, "generate", "m", "h", b"{}", 1, at, owner, idempotency_key=key),
            pictures=(
                *(each.row(place, team) for place, each in enumerate(made)),
                *(PictureRow("source", place, each.name) for place, each in enumerate(sent)),
            ),
            finish=Finish("succeeded", at, b"{}") if finished else None,
        )
        await self.database.write(write_batch, [Numbered(1, replace(entry, **more))], at)

    async def names(self, job: str) -> list[str | None]:
        """The objects that its rows lead to."""
        wanted = select(pictures.c.name).where(pictures.c.job == job).order_by(pictures.c.role, pictures.c.place)

        def read(connection: Connection) -> list[str | None]:
            return list(connection.scalars(wanted))

        return await self.database.read(read)

    async def rows(self, job: str) -> int:
        """How many there are about it, in all tables."""

        def count(connection: Connection) -> int:
            about = [select(func.count()).where(table.c.job == job) for table in OF_A_JOB]
            its_own = select(func.count()).where(jobs.c.id == job)
            return sum(connection.scalar(each) or 0 for each in (*about, its_own))

        return await self.database.read(count)

    async def are_stored(self, *made: Made, team: str = TEAM) -> list[bool]:
        return [await self.pictures.get(team, each.name) == each.content for each in made]

    async def are_cached(self, *made: Made, team: str = TEAM) -> list[bool]:
        found = await self.records.get_many(team, [each.key or "" for each in made])
        return [record is not None for record in found]


def record_of(hash: str) -> Record:
    return Record("fal", "fal/m", "png", "image/png", 8, 8, int(time.time()), hash=hash)


def add_team(connection: Connection, id: str, ttls: Mapping[str, int] = {}) -> None:
    connection.execute(insert(teams).values(id=id, created=0.0, **ttls))


def add_key(connection: Connection, id: str, bounds: Bounds) -> None:
    create_key(connection, KeyRow(id, TEAM, "a key", "user", "ek_", "admin", 0.0, bounds=bounds), f"hash of {id}")


def webhook(id: str) -> Delivery:
    return Delivery(id, "webhook", "https://receiver.example/hook", due=0.0)


def end_all(connection: Connection) -> None:
    """Every job is finished."""
    connection.execute(update(jobs).values(finished=time.time()))


class Gate:
    """Where something stops until the test lets it go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def passed(self) -> None:
        self.reached.set()
        await self.open.wait()
