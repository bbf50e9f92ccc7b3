"""Another team's job is one that is not there: it is not shown, listed, told of, cancelled or deleted."""

import secrets

import pytest
from sqlalchemy import create_engine

from gateway.store.database import prepare_sqlite
from gateway.store.entries import Entry, EventRow, EventType, Finish, NewJob
from gateway.store.journal_transaction import Numbered, write_batch
from tests.gateway.job_client import drawn, events, streaming
from tests.gateway.running import RunningGateway

NOW = 1_795_236_842.75


@pytest.fixture(params=["running", "succeeded"])
def foreign(easel: RunningGateway, request: pytest.FixtureRequest) -> str:
    """Written as a gateway writes it, for a team that has no key here."""
    id = f"req_{secrets.token_hex(12)}"
    over = request.param == "succeeded"
    types: tuple[EventType, ...] = ("accepted", "started", "finished") if over else ("accepted", "started")
    new = NewJob(id, "others", "key_2", "generate", "qwen-image", "hash", b"{}", 1, NOW, owner="gw_other")
    entry = Entry(
        id,
        "others",
        new=new,
        started=NOW,
        events=tuple(EventRow(type, NOW, {}) for type in types),
        finish=Finish("succeeded", NOW) if over else None,
    )
    engine = create_engine(f"sqlite:///{easel.app.settings.server.data_dir / 'easel.db'}")
    prepare_sqlite(engine, begin="BEGIN IMMEDIATE")
    with engine.begin() as connection:
        write_batch(connection, [Numbered(1, entry)], NOW)
    engine.dispose()
    return id


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "?wait=5"),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("GET", "/events"),
        ("POST", "/webhooks/redeliver"),
    ],
)
def test_it_is_answered_as_one_that_never_was(easel: RunningGateway, foreign: str, method: str, path: str) -> None:
    never = f"req_{'0' * 24}"
    answers = [easel.http.request(method, f"/v1/jobs/{id}{path}") for id in (foreign, never)]
    assert answers[0].content.replace(foreign.encode(), never.encode()) == answers[1].content
    assert [answer.status_code for answer in answers] == [404, 404]


def test_it_is_not_listed_and_no_list_goes_on_behind_it(easel: RunningGateway, foreign: str) -> None:
    listed = easel.http.get("/v1/jobs", params={"limit": 100, "model": "qwen-image"}).json()
    assert foreign not in [job["id"] for job in listed["data"]]
    assert easel.http.get("/v1/jobs", params={"after": foreign}).status_code == 400


def test_nobody_else_hears_of_it(easel: RunningGateway, foreign: str) -> None:
    """Not even who begins before it."""
    last = drawn(easel)
    with streaming(easel, "/v1/events", **{"last-event-id": "0"}) as answer:
        for told in events(answer):
            assert told.data["job"] != foreign
            if told.type == "finished" and told.data["job"] == last:
                break
