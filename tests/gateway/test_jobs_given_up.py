"""A job that every process dies with is given up, and told so, before it has ended them all."""

import secrets
import time

import pytest
from sqlalchemy import create_engine, update

from gateway.store.database import prepare_sqlite
from gateway.store.entries import CallRow, Delivery, Entry, NewJob
from gateway.store.journal_transaction import Numbered, write_batch
from gateway.store.processes import MOST_DEATHS
from gateway.store.tables import jobs
from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.job_client import ended
from tests.gateway.running import RunningGateway

REQUEST = (
    b'{"asked":{"model":"fal/qwen-image","fields":{"prompt":"a fox"},"filled":{}},"pictures":[],"operation":"generate",'
    b'"options":{"response_format":"url"},"cache":null,"base_url":"http://127.0.0.1"}'
)
GIVEN_UP = f"{MOST_DEATHS} gateways ended while they worked on it, perhaps because of it"


@pytest.fixture
def easel(start: Start) -> RunningGateway:
    return start(jobs={"lease": 0.5})


def left_by_a_dead_process(gateway: RunningGateway, deaths: int, ticket: str | None = None) -> str:
    """A job that `deaths` processes died with before its last owner did. With a `ticket`, it has been sent."""
    id, now = f"req_{secrets.token_hex(12)}", time.time()
    new = NewJob(id, "default", "admin", "generate", "qwen-image", "hash", REQUEST, 1, now, owner="gw_dead")
    call = CallRow(0, "fal", "fal/qwen-image", f"{id}.0", (0,), "accepted", now, ticket=ticket)
    webhook = Delivery(f"msg_{secrets.token_hex(16)}", "webhook", "https://hooks.example.com/", now + 3600)
    entry = Entry(id, "default", new=new, started=now, calls=(call,) if ticket else (), deliveries=(webhook,))
    engine = create_engine(f"sqlite:///{gateway.app.settings.server.data_dir / 'easel.db'}")
    prepare_sqlite(engine, begin="BEGIN IMMEDIATE")
    with engine.begin() as connection:
        write_batch(connection, [Numbered(1, entry)], now)
        connection.execute(update(jobs).where(jobs.c.id == id).values(deaths=deaths))
    engine.dispose()
    return id


def test_one_death_too_many(easel: RunningGateway, simulators: Simulators) -> None:
    id = left_by_a_dead_process(easel, MOST_DEATHS - 1, ticket='["t", "http://127.0.0.1:1/", null, null]')
    job = ended(easel, id)
    assert job["status"] == "failed"
    assert GIVEN_UP in job["error"]["message"]
    assert "may have been paid" in job["error"]["message"]
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["unknown"]
    assert simulators.calls() == []


def test_one_death_less_and_it_is_drawn(easel: RunningGateway, simulators: Simulators) -> None:
    assert ended(easel, left_by_a_dead_process(easel, MOST_DEATHS - 2))["status"] == "succeeded"
    assert simulators.paid("fal") == 1


def test_a_ticket_that_cannot_be_read(easel: RunningGateway, simulators: Simulators) -> None:
    """It ends, instead of being nobody's for as long as this gateway runs; what it has sent is not sent again."""
    job = ended(easel, left_by_a_dead_process(easel, 0, ticket="{"))
    assert job["status"] == "failed"
    assert "what was kept of its calls cannot be read; what it has sent may have been paid" in job["error"]["message"]
    assert simulators.calls() == []
