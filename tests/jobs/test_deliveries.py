"""The loop delivers at least once, under one id, past dead receivers, killed processes and a database that is away."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from structlog.testing import capture_logs

from gateway.jobs import deliveries
from gateway.jobs.tries import Outcome
from gateway.store.database import SQLite
from gateway.store.deliveries import EACH, Claim, redeliver
from gateway.store.entries import Delivery
from gateway.store.jobs import DeliveryRow
from gateway.telemetry import Telemetry
from providers.guard import Guard
from tests.gateway.until import until
from tests.jobs.sending import TEAM, Clock, add_job, delivering, row_of, webhooks
from tests.receiver import LONG, Received, Receiver, Reply

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def guard(receiver: Receiver) -> AsyncGenerator[Guard]:
    guard = Guard([receiver.url])
    yield guard
    await guard.close()


def hook(receiver: Receiver, number: int = 1, due: float = 1.0) -> Delivery:
    return Delivery(f"msg_{number}", "webhook", f"{receiver.url}/hook?token=secret", due=due)


async def received(receiver: Receiver, count: int) -> list[Received]:
    return await asyncio.to_thread(receiver.wait, count)


async def settled(database: SQLite, is_so: Callable[[DeliveryRow], bool], job: str = "req_1") -> DeliveryRow:
    """The row, once it is so: what came of a try is written after the receiver has seen it."""
    async with asyncio.timeout(LONG):
        while not is_so(row := await row_of(database, job)):  # noqa: ASYNC110 - a database tells nobody what is in it
            await asyncio.sleep(0.01)
    return row


def counted(registry: CollectorRegistry, outcome: str) -> float | None:
    return registry.get_sample_value("easel_delivery_tries_total", {"kind": "webhook", "outcome": outcome})


async def test_what_is_due_is_sent_and_counted(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    telemetry = Telemetry()
    with capture_logs() as logs:
        async with delivering(sqlite, {"webhook": webhooks(sqlite, guard)}, telemetry=telemetry) as running:
            await sqlite.write(add_job, "req_1", hook(receiver))
            running.wake()
            [sent] = await received(receiver, 1)
            row = await settled(sqlite, lambda row: row.state == "delivered")
    assert sent.id == "msg_1"
    assert (row.tries, row.last_status, row.last_error) == (1, 204, None)
    assert counted(telemetry.registry, "delivered") == 1
    assert [(line["event"], line["id"], line["job"], line["outcome"]) for line in logs] == [
        ("delivery", "msg_1", "req_1", "delivered")
    ]
    assert "secret" not in str(logs)
    assert receiver.url not in str(logs)


async def test_it_looks_by_itself_when_something_comes_due(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    await sqlite.write(add_job, "req_1", hook(receiver, due=time.time() + 0.3))
    async with delivering(sqlite, {"webhook": webhooks(sqlite, guard)}):
        await received(receiver, 1)
    assert time.time() >= (await row_of(sqlite, "req_1")).created


async def test_a_failed_one_is_sent_again_under_its_id(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    clock, telemetry = Clock(), Telemetry()
    receiver.replies = [Reply(500), Reply(503, {"retry-after": "1000"})]
    await sqlite.write(add_job, "req_1", hook(receiver))
    async with delivering(sqlite, {"webhook": webhooks(sqlite, guard)}, clock, telemetry) as running:
        first = await settled(sqlite, lambda row: row.last_status == 500)
        assert (first.state, first.tries, first.last_error) == ("pending", 1, "it answered 500")
        assert 4 <= first.due - (first.last_at or 0) <= 6
        clock.ahead += 10
        running.wake()
        second = await settled(sqlite, lambda row: row.last_status == 503)
        assert 999 <= second.due - (second.last_at or 0) <= 1001
        clock.ahead += 1100
        running.wake()
        assert (await settled(sqlite, lambda row: row.state == "delivered")).tries == 3
    assert [each.id for each in receiver.received] == ["msg_1"] * 3
    assert counted(telemetry.registry, "again") == 2


async def test_a_receiver_that_was_down(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    clock = Clock()
    await sqlite.write(add_job, "req_1", hook(receiver))
    receiver.down()
    async with delivering(sqlite, {"webhook": webhooks(sqlite, guard)}, clock) as running:
        row = await settled(sqlite, lambda row: row.last_error is not None)
        assert (row.state, row.last_status, row.last_error) == ("pending", None, "it could not be reached")
        receiver.up()
        clock.ahead += 10
        running.wake()
        row = await settled(sqlite, lambda row: row.state == "delivered")
    assert [each.id for each in receiver.received] == ["msg_1"]
    assert row.last_error is None


async def test_a_receiver_that_is_gone_is_asked_no_more(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    receiver.replies = [Reply(410)]
    await sqlite.write(add_job, "req_1", hook(receiver))
    async with delivering(sqlite, {"webhook": webhooks(sqlite, guard)}) as running:
        row = await settled(sqlite, lambda row: row.state == "failed")
        assert (row.last_status, row.last_error) == (410, "it answered 410")
        assert await sqlite.write(redeliver, TEAM, "req_1", time.time()) == "msg_1"
        running.wake()
        await settled(sqlite, lambda row: row.state == "delivered")
    assert [each.id for each in receiver.received] == ["msg_1", "msg_1"]


class Refusing:
    """A sender that never succeeds, and is not asked twice."""

    delays = ()

    async def send(self, claim: Claim) -> Outcome:
        return Outcome(500, f"it answered 500 to {claim.id}")


async def test_after_the_last_try_it_is_given_up(sqlite: SQLite, receiver: Receiver) -> None:
    telemetry = Telemetry()
    await sqlite.write(add_job, "req_1", hook(receiver))
    async with delivering(sqlite, {"webhook": Refusing()}, telemetry=telemetry):
        row = await settled(sqlite, lambda row: row.state == "failed")
    assert row.last_error == "it answered 500 to msg_1"
    assert counted(telemetry.registry, "failed") == 1


class Faulty(Refusing):
    delays = (5.0,)

    async def send(self, claim: Claim) -> Outcome:
        raise ZeroDivisionError(claim.url)


async def test_a_fault_of_ours_is_a_failed_try(sqlite: SQLite, receiver: Receiver) -> None:
    await sqlite.write(add_job, "req_1", hook(receiver))
    with capture_logs() as logs:
        async with delivering(sqlite, {"webhook": Faulty()}):
            row = await settled(sqlite, lambda row: row.last_error is not None)
    assert (row.state, row.tries, row.last_error) == ("pending", 1, "a fault of the gateway")
    assert {line["log_level"] for line in logs} == {"error", "info"}


async def test_a_dead_receiver_does_not_hold_up_others(sqlite: SQLite, receiver: Receiver) -> None:
    never = threading.Event()
    with Receiver() as dead:
        dead.script = lambda _received: Reply(hold=never)
        guard = Guard([receiver.url, dead.url])
        for number in range(40):
            await sqlite.write(add_job, f"dead_{number}", hook(dead, number, due=1.0))
        for number in range(40, 60):
            await sqlite.write(add_job, f"req_{number}", hook(receiver, number, due=2.0))
        async with delivering(sqlite, {"webhook": webhooks(sqlite, guard)}):
            sent = await received(receiver, 20)
            assert sorted(each.id for each in sent) == [f"msg_{number}" for number in range(40, 60)]
            await received(dead, EACH)
            never.set()
            assert len(await received(dead, 40)) == 40
        await guard.close()
    assert dead.at_once <= EACH
    assert receiver.at_once <= EACH


async def test_killed_between_the_claim_and_the_sending(
    sqlite: SQLite, guard: Guard, receiver: Receiver, tmp_path: Path
) -> None:
    await sqlite.write(add_job, "req_1", hook(receiver))
    command = [sys.executable, "-m", "tests.jobs.dying", str(tmp_path / "easel.db")]
    dying = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert dying.stdout is not None
    while (line := await dying.stdout.readline()) != b"claimed\n":
        assert line, "it ended before it had claimed anything"
    dying.kill()
    await dying.wait()
    claimed = await row_of(sqlite, "req_1")
    assert (claimed.state, claimed.tries) == ("pending", 1)
    assert claimed.due > time.time()
    clock = Clock()
    async with delivering(sqlite, {"webhook": webhooks(sqlite, guard)}, clock) as running:
        clock.ahead = claimed.due - time.time()
        running.wake()
        assert (await settled(sqlite, lambda row: row.state == "delivered")).tries == 2
    assert [each.id for each in receiver.received] == ["msg_1"]


async def test_what_is_being_sent_when_the_gateway_ends_is_given_back(
    sqlite: SQLite, guard: Guard, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "PATIENCE", 0.01)
    never = threading.Event()
    receiver.replies = [Reply(hold=never)]
    await sqlite.write(add_job, "req_1", hook(receiver))
    async with delivering(sqlite, {"webhook": webhooks(sqlite, guard)}):
        await received(receiver, 1)
    row = await row_of(sqlite, "req_1")
    assert (row.state, row.tries) == ("pending", 0)
    assert row.due <= time.time()
    never.set()


async def test_what_is_nearly_sent_when_the_gateway_ends_is_written_down(
    sqlite: SQLite, guard: Guard, receiver: Receiver
) -> None:
    soon = threading.Event()
    receiver.replies = [Reply(hold=soon)]
    await sqlite.write(add_job, "req_1", hook(receiver))
    async with delivering(sqlite, {"webhook": webhooks(sqlite, guard)}) as running:
        await received(receiver, 1)
        closing = asyncio.create_task(running.close())
        soon.set()
        await closing
    assert (await row_of(sqlite, "req_1")).state == "delivered"


async def test_a_database_that_is_away_for_a_while(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    """Its table has another name: every statement about deliveries fails."""
    await sqlite.write(add_job, "req_1", hook(receiver))
    await sqlite.write(lambda connection: connection.execute(text("ALTER TABLE deliveries RENAME TO away")))
    with capture_logs() as logs:
        async with delivering(sqlite, {"webhook": webhooks(sqlite, guard)}) as running:
            await asyncio.to_thread(until, lambda: logs)
            await sqlite.write(lambda connection: connection.execute(text("ALTER TABLE away RENAME TO deliveries")))
            running.wake()
            await settled(sqlite, lambda row: row.state == "delivered")
    assert logs[0]["event"] == "deliveries cannot be read"
