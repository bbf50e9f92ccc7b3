"""Jobs while the database or the place of pictures is away: said so, and nothing is lost when they are back."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.api import events as streams
from tests.gateway.conftest import Start
from tests.gateway.job_client import drawn, events, shown, streaming, watched
from tests.gateway.running import RunningGateway


@contextmanager
def database_away(gateway: RunningGateway, table: str = "jobs") -> Generator[None]:
    """Its tables are not there."""
    rename(gateway, table, "away")
    yield
    rename(gateway, "away", table)


def rename(gateway: RunningGateway, old: str, new: str) -> None:
    with closing(sqlite3.connect(gateway.app.settings.server.data_dir / "easel.db", timeout=20)) as database:
        database.execute("PRAGMA legacy_alter_table = ON")  # what refers to the table goes on naming it as it was
        database.execute(f"ALTER TABLE {old} RENAME TO {new}")


@contextmanager
def pictures_away(gateway: RunningGateway) -> Generator[None]:
    images: Path = gateway.app.settings.server.data_dir / "images"
    images.rename(images.with_name("gone"))
    images.write_bytes(b"a file where the folder was")
    yield
    images.unlink()
    images.with_name("gone").rename(images)


def overloaded(answer: httpx.Response) -> str:
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded"), answer.text
    assert int(answer.headers["retry-after"]) >= 1
    return answer.json()["error"]["message"]


@pytest.fixture
def gateway(start: Start) -> RunningGateway:
    return start(jobs={"lease": 600})  # nothing else looks into the database meanwhile


def test_a_database_that_is_away(gateway: RunningGateway) -> None:
    id = drawn(gateway)
    with database_away(gateway):
        for method, path in (
            ("GET", "/v1/jobs"),
            ("GET", f"/v1/jobs/{id}?wait=5"),
            ("POST", f"/v1/jobs/{id}/cancel"),
            ("DELETE", f"/v1/jobs/{id}"),
            ("GET", f"/v1/jobs/{id}/events"),
        ):
            told = overloaded(gateway.http.request(method, path))
            assert told == "the database does not answer; try again in a moment"
    assert shown(gateway, id)["status"] == "succeeded"


def test_pictures_that_are_away(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream ends before what it cannot show, and the client that comes back is told it then."""
    monkeypatch.setattr(streams, "SHOWN_SECONDS", 0.0)
    id = drawn(gateway)
    path = f"/v1/jobs/{id}/events"
    whole = watched(gateway, path)
    with pictures_away(gateway):
        assert "pictures" in overloaded(gateway.http.get(f"/v1/jobs/{id}"))
        with streaming(gateway, path, **{"last-event-id": whole[-2].id}) as answer:
            assert answer.status_code == 200
            assert list(events(answer)) == []
    assert [told.type for told in watched(gateway, path, **{"last-event-id": whole[-2].id})] == ["finished"]
