"""What was deleted, or kept long enough, is gone for its callers: its URLs, the cache's hits, replays under a key."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, update

from gateway.jobs.retention import Retention
from gateway.store.database import SQLite
from gateway.store.pictures import Pictures
from gateway.store.policies import Policy
from gateway.store.records import Records
from gateway.store.redis import connect
from gateway.store.tables import jobs, pictures
from gateway.telemetry import Telemetry
from simulators.running import Simulators
from tests.gateway.drawn import asked, failed, served
from tests.gateway.job_client import begun, ended, shown
from tests.gateway.photos import data_uri, photo
from tests.gateway.running import RunningGateway
from tests.gateway.test_edits import edit

TEAM = "/v1/admin/teams/default"


def swept(gateway: RunningGateway, change: Callable[[Connection], object]) -> None:
    """Another process on the same data changes something, and sweeps."""
    data_dir = gateway.app.settings.server.data_dir

    async def sweep() -> None:
        redis = await connect("embedded:", data_dir)
        database = SQLite(data_dir / "easel.db")
        await database.write(change)
        stores = (database, Pictures.open("file", data_dir), Records(redis))
        retention = Retention(*stores, Telemetry(), Policy(10**9, 10**9))
        await retention.sweep()
        await retention.close()
        await redis.close()
        await database.close()

    asyncio.run(sweep())


def grown_old(connection: Connection) -> None:
    """By two minutes."""
    connection.execute(update(pictures).values(created=pictures.c.created - 120))
    times = {name: jobs.c[name] - 120 for name in ("created", "started", "finished")}
    connection.execute(update(jobs).values(times))


def nothing(_connection: Connection) -> None:
    """Changes nothing."""


def files(gateway: RunningGateway) -> set[str]:
    return {file.name for file in Path(gateway.app.settings.server.data_dir, "images", "default").glob("*")}


def url_of(job: dict[str, Any]) -> str:
    return str(job["result"]["data"][0]["url"])


def test_a_deleted_job_frees_its_key_and_is_drawn_anew(gateway: RunningGateway, simulators: Simulators) -> None:
    body, key = asked(seed=1), {"idempotency-key": "k"}
    first = gateway.generate(body, headers=key)
    url: str = served(first)["data"][0]["url"]
    again = gateway.generate(body, headers=key)
    assert again.headers["idempotent-replayed"] == "true"
    assert gateway.generate(body).headers["x-easel-cache"] == "hit"
    assert simulators.paid("fal") == 1
    assert gateway.http.delete(f"/v1/jobs/{first.headers['x-request-id']}").status_code == 204
    failed(httpx.get(url), 404, "not_found")
    assert files(gateway) == set()
    drawn = gateway.generate({**body, "prompt": "another"}, headers=key)
    assert (drawn.status_code, "idempotent-replayed" in drawn.headers) == (200, False)
    assert gateway.generate(body).headers["x-easel-cache"] == "miss"
    assert simulators.paid("fal") == 3


def test_a_picture_stays_for_a_job_that_got_it_from_the_cache(gateway: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=1)
    drawing = gateway.generate(body).headers["x-request-id"]
    from_cache = ended(gateway, begun(gateway, body))
    assert from_cache["result"]["metadata"]["cache"] == "hit"
    assert gateway.http.delete(f"/v1/jobs/{drawing}").status_code == 204
    assert httpx.get(url_of(shown(gateway, from_cache["id"]))).status_code == 200
    assert gateway.generate(body).headers["x-easel-cache"] == "hit"
    assert gateway.http.delete(f"/v1/jobs/{from_cache['id']}").status_code == 204
    assert files(gateway) == set()
    assert gateway.generate(body).headers["x-easel-cache"] == "miss"
    assert simulators.paid("fal") == 2


def test_a_picture_past_its_time_is_gone_and_its_job_says_so(gateway: RunningGateway, simulators: Simulators) -> None:
    body, key = asked(seed=1), {"idempotency-key": "k"}
    answer = gateway.generate(body, headers=key)
    id, url = answer.headers["x-request-id"], served(answer)["data"][0]["url"]
    swept(gateway, grown_old)
    assert httpx.get(url).status_code == 200, "the configuration keeps it for a month"
    gateway.http.patch(TEAM, json={"image_ttl": 60}).raise_for_status()
    swept(gateway, nothing)
    failed(httpx.get(url), 404, "not_found")
    job = shown(gateway, id)
    [picture] = job["result"]["data"]
    assert (picture["expired"], "url" in picture, picture["seed"]) == (True, False, 1)
    assert (job["status"], job["progress"]["images_done"]) == ("succeeded", 1)
    told = failed(gateway.generate(body, headers=key), 404, "not_found")
    assert f"the pictures of job {id} are not kept here, or no longer" in told
    assert gateway.generate(body).headers["x-easel-cache"] == "miss"
    assert simulators.paid("fal") == 2
    gateway.http.patch(TEAM, json={"image_ttl": None, "job_ttl": 60}).raise_for_status()
    swept(gateway, grown_old)
    assert gateway.http.get("/v1/jobs").json()["data"] == []
    assert files(gateway) == set()


def test_a_picture_that_was_sent_goes_with_the_end_of_its_job(gateway: RunningGateway) -> None:
    served(edit(gateway, image=data_uri(photo())))
    assert len(files(gateway)) == 2
    swept(gateway, nothing)
    [left] = gateway.http.get("/v1/jobs").json()["data"]
    assert url_of(left).partition("?")[0].rpartition("/")[2] in files(gateway)
    assert len(files(gateway)) == 1
