"""`Prefer: respond-async`: the job is answered at once, or its pictures where they are there in time."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from simulators.running import Simulators
from tests.gateway import written
from tests.gateway.conftest import GoOn, Start
from tests.gateway.drawn import asked, content_of, failed, served
from tests.gateway.forms import Field, multipart, text
from tests.gateway.job_client import begun, ended, shown, watched
from tests.gateway.photos import data_uri, photo
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.until import until

LATER = {"prefer": "respond-async"}
Json = dict[str, Any]


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
def test_the_job_is_the_answer(easel: RunningGateway, simulators: Simulators, go_on: GoOn, prefix: str) -> None:
    answer = easel.http.post(f"{prefix}/images/generations", json=asked(n=2), headers=LATER)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["x-request-id"] == job["id"]
    assert answer.headers["content-type"] == "application/json"
    assert (job["object"], job["status"], job["model"]) == ("image.job", "running", "qwen-image")
    assert (job["result"], job["error"], job["finished"]) == (None, None, None)
    assert job["progress"] == {"step": None, "steps": None, "images_done": 0, "images": 2}
    assert written.job(easel, job["id"])["status"] == "running"
    assert job["id"] in [each["id"] for each in easel.http.get(f"{prefix}/jobs").json()["data"]]
    assert shown(easel, job["id"])["status"] == "running"
    go_on()
    over = easel.http.get(f"{prefix}/jobs/{job['id']}", params={"wait": 30}).json()
    assert over["status"] == "succeeded"
    assert [len(content_of(image)) > 100 for image in over["result"]["data"]] == [True, True]
    assert over["result"]["metadata"]["request_id"] == job["id"]
    types = [event.type for event in watched(easel, f"/v1/jobs/{job['id']}/events")]
    assert [each for each in types if each != "progress"] == ["accepted", "started", "image", "image", "finished"]
    assert simulators.paid("fal") == 2


def test_what_is_there_in_time_is_the_ordinary_answer(easel: RunningGateway, simulators: Simulators) -> None:
    answer = easel.generate(asked(), headers={"prefer": "respond-async, wait=30"})
    body = served(answer)
    assert content_of(body["data"][0])
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["x-easel-provider"] == "fal"
    assert "location" not in answer.headers
    assert shown(easel, answer.headers["x-request-id"])["result"]["metadata"] == body["metadata"]


def test_what_fails_in_time_is_the_ordinary_error(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "moderated"}])
    answer = easel.generate(asked(), headers={"prefer": "respond-async, wait=30"})
    failed(answer, 400, "content_policy_violation")
    assert shown(easel, answer.headers["x-request-id"])["status"] == "failed"


@pytest.mark.parametrize(
    "prefer",
    [
        "respond-async,wait=1",
        "wait=1; respond-async",
        'RESPOND-ASYNC, WAIT="1"',
        "handling=strict, respond-async, wait=1",
        "respond-async|wait=1",
    ],
)
def test_however_it_is_written(easel: RunningGateway, simulators: Simulators, go_on: GoOn, prefer: str) -> None:
    """Also in two headers."""
    headers = [("prefer", each) for each in prefer.split("|")]
    answer = easel.http.post("/v1/images/generations", json=asked(), headers=headers)
    assert answer.status_code == 202
    assert written.job(easel, answer.json()["id"])["started"] is not None  # it was waited for a second
    go_on()
    assert ended(easel, answer.json()["id"])["status"] == "succeeded"


@pytest.mark.parametrize("prefer", ["wait=10", "return=minimal", "respond", "", ",;,"])
def test_other_preferences_are_none(easel: RunningGateway, prefer: str) -> None:
    answer = easel.generate(asked(), headers={"prefer": prefer})
    served(answer)
    assert "preference-applied" not in answer.headers


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"n": 99}, 400, "n"),
        ({"model": "no-such-model"}, 404, "model"),
        ({"size": "5x"}, 400, "size"),
        ({"model": "fal/qwen-image", "background": "transparent"}, 400, "background"),
        ({"prompt": ""}, 400, "prompt"),
        ({"webhook_url": "https://127.0.0.1/"}, 400, "webhook_url"),
        ({"loras": "all"}, 400, "loras"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_at_once(
    easel: RunningGateway, simulators: Simulators, fields: Json, status: int, param: str
) -> None:
    before = written.rows(easel, "SELECT count(*) AS jobs FROM jobs")
    answer = easel.http.post("/v1/images/generations", json={**asked(), **fields}, headers=LATER)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["param"] == param
    assert "location" not in answer.headers
    assert written.rows(easel, "SELECT count(*) AS jobs FROM jobs") == before
    assert simulators.calls() == []


def test_a_picture_that_is_none_is_said_at_once(easel: RunningGateway, simulators: Simulators) -> None:
    body = {"model": "qwen-image-edit-plus", "prompt": "x", "image": data_uri(b"no picture")}
    answer = easel.http.post("/v1/images/edits", json=body, headers=LATER)
    failed(answer, 400, "invalid_value")
    assert simulators.calls() == []


@pytest.mark.parametrize("route", ["edits", "variations"])
def test_edits_too(easel: RunningGateway, simulators: Simulators, go_on: GoOn, route: str) -> None:
    model = {"edits": "qwen-image-edit-plus", "variations": "flux-dev"}[route]
    fields = [text("model", model), text("prompt", "in winter"), Field("image", photo(), "photo.png")]
    form = {"content-type": "multipart/form-data; boundary=x-boundary-1"}
    content = multipart(fields if route == "edits" else [fields[0], fields[2]])
    answer = easel.http.post(f"/v1/images/{route}", content=content, headers={**LATER, **form})
    assert answer.status_code == 202, answer.text
    go_on()
    assert ended(easel, answer.json()["id"])["status"] == "succeeded"
    assert simulators.paid("fal") == 1


def test_base64_comes_with_the_job_alone(easel: RunningGateway) -> None:
    id = begun(easel, asked(response_format="b64_json"))
    job = ended(easel, id)
    assert list(job["result"]["data"][0])[-1] == "b64_json"
    assert content_of(job["result"]["data"][0])
    [listed] = easel.http.get("/v1/jobs", params={"limit": 1}).json()["data"]
    assert listed["id"] == id
    assert "b64_json" not in listed["result"]["data"][0]


def test_openais_client_asks_so_by_extra_headers(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    with openai.OpenAI(base_url=f"{easel.url}/v1", api_key=ADMIN_KEY) as client:
        raw = client.images.with_raw_response.generate(
            model="qwen-image", prompt=asked()["prompt"], size="64x64", extra_headers={"Prefer": "respond-async"}
        )
        assert raw.status_code == 202
        job: Any = raw.parse()
        assert job.model_extra["object"] == "image.job"
        go_on()
        assert ended(easel, job.model_extra["id"])["status"] == "succeeded"
    assert simulators.paid("fal") == 1


def test_what_finds_no_room_waits_for_it(start: Start, simulators: Simulators, go_on: GoOn) -> None:
    gateway = start(jobs={"max_running": 1, "max_queued": 2, "lease": 0.5})
    bodies = [asked() for _time in range(4)]
    ids = [begun(gateway, body) for body in bodies[:3]]
    assert [shown(gateway, id)["status"] for id in ids] == ["running", "queued", "queued"]
    assert len(written.rows(gateway, "SELECT id FROM jobs WHERE owner IS NULL")) == 2
    until(lambda: "\neasel_jobs_queued 2.0\n" in gateway.http.get("/metrics").text)
    refused = gateway.generate(bodies[3], headers=LATER)
    message = failed(refused, 503, "overloaded")
    assert "waiting" in message
    assert refused.headers["retry-after"] == "1"
    until(lambda: simulators.calls("fal", "submit"))
    go_on()
    assert [ended(gateway, id)["status"] for id in ids] == ["succeeded"] * 3
    assert [call["body"]["prompt"] for call in simulators.calls("fal", "submit")] == [
        body["prompt"] for body in bodies[:3]
    ]
    assert simulators.paid("fal") == 3


def test_who_waits_in_line_finds_its_place_taken_by_nobody(start: Start, simulators: Simulators, go_on: GoOn) -> None:
    gateway = start(jobs={"max_running": 1, "lease": 0.5})
    first = begun(gateway, asked())
    waits, cancelled = asked(), asked()
    under = {"idempotency-key": "in line"}
    second = begun(gateway, waits)
    third = gateway.generate(cancelled, headers={**LATER, **under}).json()["id"]
    with ThreadPoolExecutor() as threads:
        caller = threads.submit(gateway.generate, cancelled, headers=under)
        asked_to = gateway.http.post(f"/v1/jobs/{third}/cancel")
        assert (asked_to.status_code, asked_to.json()["status"]) == (200, "cancelled")
        answer = caller.result()
    failed(answer, 409, "job_cancelled")
    assert answer.headers["x-should-retry"] == "false"
    assert shown(gateway, third)["error"]["code"] == "job_cancelled"
    go_on()
    assert [ended(gateway, id)["status"] for id in (first, second)] == ["succeeded"] * 2
    assert simulators.paid("fal") == 2


@pytest.mark.parametrize("keep", [True, False])
def test_an_edit_that_waits_in_line_has_its_picture(
    start: Start, simulators: Simulators, go_on: GoOn, keep: bool
) -> None:
    gateway = start(jobs={"max_running": 1, "lease": 0.5}, storage={"keep": keep})
    begun(gateway, asked())
    until(lambda: simulators.calls("fal", "submit"))
    body = {"model": "qwen-image-edit-plus", "prompt": "in winter", "image": data_uri(photo())}
    answer = gateway.http.post("/v1/images/edits", json=body, headers=LATER)
    if not keep:
        assert "pictures" in failed(answer, 503, "overloaded")
        return
    assert answer.json()["status"] == "queued"
    go_on()
    assert ended(gateway, answer.json()["id"])["status"] == "succeeded"
    assert simulators.paid("fal") == 2
