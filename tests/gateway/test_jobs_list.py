"""GET /v1/jobs: the newest first, filtered and in pages, without base64."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start
from tests.gateway.job_client import NOBODYS, Json, begun, drawn, ended, shown
from tests.gateway.running import FOX, RunningGateway


def listed(gateway: RunningGateway, query: Any = None) -> Json:
    answer = gateway.http.get("/v1/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: Json) -> list[str]:
    return [job["id"] for job in page["data"]]


def test_nothing_is_a_list_too(start: Start) -> None:
    assert listed(start()) == {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}


def test_pages_from_the_newest_to_the_oldest(easel: RunningGateway) -> None:
    made = [drawn(easel) for _each in range(5)][::-1]
    first = listed(easel, {"limit": 2})
    assert (ids(first), first["has_more"], first["first_id"], first["last_id"]) == (made[:2], True, made[0], made[1])
    second = listed(easel, {"limit": 3, "after": first["last_id"]})
    assert ids(second) == made[2:]
    assert easel.http.delete(f"/v1/jobs/{made[0]}").status_code == 204
    assert ids(listed(easel, {"limit": 4})) == made[1:]


def test_items_are_the_jobs_without_base64(easel: RunningGateway) -> None:
    id = drawn(easel, FOX, response_format="b64_json")
    [job] = listed(easel, {"limit": 1})["data"]
    [picture], [with_base64] = job["result"]["data"], shown(easel, id)["result"]["data"]
    assert "b64_json" in with_base64
    assert "b64_json" not in picture
    assert easel.http.get(picture["url"]).status_code == 200
    assert {**job, "result": None} == {**shown(easel, id), "result": None}


def test_filters(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    runs = begun(easel, {**FOX, "model": "fal/flux-dev"})
    simulators.set_faults([{"provider": "openai", "on": "generate", "effect": "moderated"}])
    failed = easel.generate({**FOX, "model": "gpt-image-1-mini"}).headers["x-request-id"]
    succeeded = drawn(easel, {**FOX, "model": "gpt-image-1-mini"})
    newest = {"limit": 3}
    assert ids(listed(easel, newest)) == [succeeded, failed, runs]
    assert ids(listed(easel, {"limit": 1, "status": "running"})) == [runs]
    assert ids(listed(easel, {"limit": 1, "status": "failed,running"})) == [failed]
    assert ids(listed(easel, [("limit", "2"), ("status", "failed"), ("status", "succeeded")])) == [succeeded, failed]
    assert ids(listed(easel, {"limit": 2, "model": "gpt-image-1-mini"})) == [succeeded, failed]
    assert runs in ids(listed(easel, {"model": "flux-dev"}))
    created = shown(easel, runs)["created"]
    assert {runs, failed, succeeded} <= set(ids(listed(easel, {"created_from": created})))
    assert listed(easel, {"created_from": created + 3600})["data"] == []
    assert runs not in ids(listed(easel, {"created_to": created}))
    assert runs in ids(listed(easel, {"created_to": created + 3600}))
    go_on()
    assert ended(easel, runs)["status"] == "succeeded"


@pytest.mark.parametrize(
    ("query", "param", "told"),
    [
        ("limit=0", "limit", "limit: must be a whole number from 1 to 100, such as 30"),
        ("limit=101", "limit", "limit: must be a whole number from 1 to 100, such as 30"),
        ("status=done", "status", "status: done is none of queued, running, succeeded, failed, cancelled"),
        ("after=x", "after", "after: must be a job's id, such as the last_id of the page before"),
        ("created_from=now", "created_from", "created_from: must be Unix seconds, such as 1795236842"),
        (
            f"after={NOBODYS}",
            "after",
            f"after: {NOBODYS} is no job any more, so the list cannot go on behind it; begin again without it",
        ),
        (
            "page=2",
            "page",
            "page: is not known here; there is status, model, created_from, created_to, after, limit",
        ),
    ],
)
def test_what_it_cannot_be_asked(easel: RunningGateway, query: str, param: str, told: str) -> None:
    answer = easel.http.get(f"/v1/jobs?{query}")
    assert answer.status_code == 400
    assert (answer.json()["error"]["param"], answer.json()["error"]["message"]) == (param, told)
