"""GET /v1/jobs/{id}: what became of a request, for whoever asks later, and for nobody else."""

import base64
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import GoOn
from tests.gateway.job_client import NOBODYS, begun, drawn, ended, shown
from tests.gateway.running import ADMIN_KEY, FOX, RunningGateway


def test_a_request_that_was_waited_for_is_a_job(easel: RunningGateway) -> None:
    answer = easel.generate(FOX, n=2)
    job = shown(easel, answer.headers["x-request-id"])
    assert (job["object"], job["status"], job["model"], job["provider"]) == (
        "image.job",
        "succeeded",
        "qwen-image",
        "fal",
    )
    assert job["created"] <= job["started"] <= job["finished"]
    assert job["progress"] == {"step": None, "steps": None, "images_done": 2, "images": 2}
    assert (job["error"], job["webhook"], job["uploads"], job["cancelling"]) == (None, None, [], False)
    assert job["cost"] == answer.json()["metadata"]["cost"]
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["ok"] * len(job["attempts"])
    assert sum(attempt["images"] for attempt in job["attempts"]) == 2
    told = answer.json()
    assert {**job["result"], "data": None} == {**told, "data": None}
    for again, first in zip(job["result"]["data"], told["data"], strict=True):
        assert {**again, "url": None} == {**first, "url": None}
        assert httpx.get(again["url"]).content == httpx.get(first["url"]).content


@pytest.mark.parametrize(
    ("response_format", "forms"),
    [("url", {"url"}), ("b64_json", {"b64_json"}), ("both", {"url", "b64_json"})],
)
def test_pictures_have_the_form_that_was_asked(easel: RunningGateway, response_format: str, forms: set[str]) -> None:
    answer = easel.generate(FOX, response_format=response_format)
    [first], [again] = answer.json()["data"], shown(easel, answer.headers["x-request-id"])["result"]["data"]
    assert {"url", "b64_json"} & set(again) == forms
    if "b64_json" in forms:
        assert base64.b64decode(again["b64_json"]) == base64.b64decode(first["b64_json"])


def test_a_job_that_runs_is_waited_for(easel: RunningGateway, go_on: GoOn) -> None:
    id = begun(easel)
    assert shown(easel, id)["result"] is None
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(ended, easel, id) for _each in range(3)]
        go_on()
        jobs = [each.result() for each in waiting]
    assert [job["status"] for job in jobs] == ["succeeded"] * 3
    assert httpx.get(jobs[0]["result"]["data"][0]["url"]).headers["content-type"] == "image/png"


def test_a_wait_ends_before_the_job(easel: RunningGateway, go_on: GoOn) -> None:
    id = begun(easel)
    job = shown(easel, id, wait=1)
    assert (job["status"], job["finished"], job["cost"]) == ("running", None, None)
    go_on()
    assert ended(easel, id)["status"] == "succeeded"


def test_a_job_that_failed_says_why(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "generate", "effect": "moderated"}])
    answer = easel.generate({**FOX, "model": "fal/qwen-image"})
    assert answer.status_code == 400
    job = shown(easel, answer.headers["x-request-id"])
    assert (job["status"], job["result"]) == ("failed", None)
    assert job["error"] == answer.json()["error"]
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["moderated"]


def test_a_lost_answer_is_said_to_be_possibly_paid(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "drop_after"}])
    answer = easel.generate({**FOX, "model": "fal/qwen-image"})
    assert answer.status_code == 502
    [attempt] = shown(easel, answer.headers["x-request-id"])["attempts"]
    assert attempt["outcome"] == "unknown"
    assert "may have been paid" in attempt["reason"]


@pytest.mark.parametrize(
    "id", [NOBODYS, "req_", "1", "req_" + "0" * 23, "req_" + "0" * 25, "REQ_" + "0" * 24, "%27;--", "%F0%9F%A6%8A"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "?wait=600"),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("GET", "/events"),
        ("POST", "/webhooks/redeliver"),
    ],
)
def test_nobody_learns_what_was_never_theirs(easel: RunningGateway, method: str, path: str, id: str) -> None:
    answer = easel.http.request(method, f"/v1/jobs/{id}{path}")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "not_found"
    assert error["message"].replace(httpx.URL(f"http://h/{id}").path[1:], "ID") == (
        "there is no job ID; it may have been deleted"
    )


@pytest.mark.parametrize("wait", ["-1", "1e9", "601", "soon", ""])
def test_a_wait_that_nobody_waits(easel: RunningGateway, wait: str) -> None:
    answer = easel.http.get(f"/v1/jobs/{NOBODYS}?wait={wait}")
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": "wait: must be a whole number from 0 to 600, such as 30",
        "type": "invalid_request_error",
        "param": "wait",
        "code": "invalid_value",
    }


def test_it_is_there_under_both_prefixes_and_for_its_key_alone(easel: RunningGateway) -> None:
    id = drawn(easel)
    assert easel.http.get(f"/openai/v1/jobs/{id}").json()["id"] == id
    for key in ("", "Bearer wrong", f"Bearer {ADMIN_KEY}x"):
        assert httpx.get(f"{easel.url}/v1/jobs/{id}", headers={"authorization": key}).status_code == 401


def test_a_picture_from_the_cache_is_no_job(easel: RunningGateway) -> None:
    drawn(easel, FOX, seed=70_001)
    again = easel.generate(FOX, seed=70_001)
    assert again.headers["x-easel-cache"] == "hit"
    assert easel.http.get(f"/v1/jobs/{again.headers['x-request-id']}").status_code == 404
