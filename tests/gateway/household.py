"""Gateways that share everything: mortal ones, in processes of their own, and a survivor beside the test.

No lease runs out by itself here: when a process has died, a test says so, and the survivor takes up its jobs at once.
"""

import contextlib
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import redis
from sqlalchemy import Connection, update

from gateway.job_side import JobSide
from gateway.settings import read_settings
from gateway.store.tables import deliveries
from gateway.store.tables import processes as alive
from simulators.running import Simulators
from tests.gateway.conftest import everyone
from tests.gateway.job_client import Json, ended
from tests.gateway.processes import Process, Processes
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.spent import give_budget
from tests.gateway.valkey import Valkey

LEASE = 600  # seconds: longer than any test
RESPOND_ASYNC = {"prefer": "respond-async"}


class Household:
    """`tables` are the settings that all share."""

    def __init__(self, tables: Json, processes: Processes, survivor: RunningGateway, store: Any) -> None:
        self.tables = tables
        self._store = store
        self.survivor = survivor
        self._processes = processes

    def start(self, dies: str | None = None, *, nth: int = 1, **overrides: Json) -> Process:
        """A gateway that may die by itself (`kill_points`); `overrides` are tables of its settings."""
        tables = {**self.tables, **{name: {**self.tables.get(name, {}), **more} for name, more in overrides.items()}}
        return self._processes.start(tables, dies=dies, nth=nth)

    def dies_over(
        self,
        body: Json,
        dies: str,
        *,
        nth: int = 1,
        headers: Mapping[str, str] | None = None,
        route: str = "generations",
    ) -> str:
        """The job of a request that a gateway died over; its caller, if he waits, hears nothing."""
        gateway = self.start(dies, nth=nth)
        with contextlib.suppress(httpx.TransportError):
            answer = gateway.http.post(f"/v1/images/{route}", json=body, headers=headers)
            assert answer.status_code == 202, answer.text
        gateway.wait()
        return self.newest()

    def newest(self) -> str:
        """The job that was begun last."""
        return self.survivor.http.get("/v1/jobs", params={"limit": 1}).json()["data"][0]["id"]

    def take_up(self) -> None:
        """The leases of all others run out, and the survivor looks after their jobs."""
        self.forget_the_dead()
        self.survivor.run(self.side.keeper.round())

    def forget_the_dead(self, beat: float = 0.0) -> None:
        """All but the survivor were heard of for the last time at that moment."""
        side = self.side
        self.survivor.run(side.database.write(silence, side.jobs.owner, beat))

    def deliver(self) -> None:
        """What the dead were just delivering comes due again, at the survivor."""
        side = self.side

        async def look() -> None:
            await side.database.write(come_due)
            side.deliveries.wake()

        self.survivor.run(look())

    def leader(self) -> str | None:
        """The job that draws what is being drawn, of one request."""
        [lease] = self._store.keys("easel:run:*") or [None]
        holder = None if lease is None else self._store.get(lease)
        return None if holder is None else holder.decode()

    def end_runs(self) -> None:
        """Fifteen seconds pass."""
        for lease in self._store.keys("easel:run:*"):
            self._store.delete(lease)

    @property
    def side(self) -> JobSide:
        assert self.survivor.app.jobs is not None
        return self.survivor.app.jobs

    def ends(self, job: str) -> Json:
        """The job, taken up and over. Looking a second time changes nothing."""
        self.take_up()
        told = ended(self.survivor, job)
        self.take_up()
        return told


def silence(connection: Connection, me: str, beat: float) -> None:
    connection.execute(update(alive).where(alive.c.id != me).values(beat=beat))


def come_due(connection: Connection) -> None:
    connection.execute(update(deliveries).values(due=0.0))


@contextmanager
def household(
    simulators: Simulators, folder: Path, processes: Processes, database: str = "sqlite", **overrides: Json
) -> Generator[Household]:
    """`overrides` are tables of the settings."""
    with ExitStack() as stack:
        valkey = stack.enter_context(Valkey(folder))
        tables: dict[str, Any] = {
            "server": {"data_dir": folder / "data"},
            "auth": {"admin_key": ADMIN_KEY},
            "redis": {"url": valkey.url},
            "database": {"url": database},
            "providers": everyone(simulators),
            "jobs": {"lease": LEASE},
        }
        for table, values in overrides.items():
            tables[table] = {**tables.get(table, {}), **values}
        survivor = stack.enter_context(RunningGateway(read_settings(None, tables)))
        give_budget(survivor)
        store: Any = redis.from_url(valkey.url)  # redis-py leaves too much untyped
        stack.callback(store.close)
        yield Household(tables, processes, survivor, store)
