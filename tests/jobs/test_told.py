"""A job's JSON: what it is at each step of its life, and nothing that its owner should not pass on."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.jobs.steps import Steps
from gateway.jobs.told import MAY_BE_PAID, job_json
from gateway.store.entries import CallRow
from gateway.store.job_details import JobDetails
from gateway.store.jobs import DeliveryRow, JobRow

ID = "req_e53ed81003b01de4650e003e"
CREATED = 1_795_236_842.75
ROW = JobRow(
    id=ID,
    team="default",
    caller="key_1",
    operation="generate",
    model="qwen-image",
    status="running",
    owner="prc_1",
    attempt=1,
    deaths=0,
    body="hash",
    request=b"a secret prompt",
    images=2,
    gone=False,
    leftover=False,
    cancelling=False,
    deleting=False,
    created=CREATED,
    started=None,
    finished=None,
    provider=None,
    cost_micros=None,
    result=None,
    error=None,
)
CALL = CallRow(0, "fal", "fal/qwen-image", f"{ID}.0", (0, 1), "accepted", CREATED + 1, ticket="a secret ticket")
DELIVERY = DeliveryRow(
    id="msg_1",
    job=ID,
    team="default",
    kind="webhook",
    place=0,
    url="https://ada:secret@hooks.example:8443/easel?token=secret#secret",
    state="pending",
    tries=2,
    due=CREATED + 60,
    created=CREATED,
    last_at=CREATED + 30,
    last_status=500,
    last_error="the receiver answered 500",
)


def told(row: JobRow = ROW, *calls: CallRow, images_done: int = 0, **more: Any) -> dict[str, Any]:
    deliveries = more.pop("deliveries", ())
    return job_json(JobDetails(row, calls, deliveries, images_done), **more)


def test_a_job_that_was_just_accepted() -> None:
    assert told() == {
        "id": ID,
        "object": "image.job",
        "status": "running",
        "created": 1_795_236_842,
        "started": None,
        "finished": None,
        "model": "qwen-image",
        "provider": None,
        "progress": {"step": None, "steps": None, "images_done": 0, "images": 2},
        "result": None,
        "error": None,
        "attempts": [],
        "cost": None,
        "cancelling": False,
        "webhook": None,
        "uploads": [],
    }


def test_a_job_on_its_way() -> None:
    row = replace(ROW, started=CREATED + 1, cancelling=True)
    job = told(row, CALL, images_done=1, steps=Steps(3, 20))
    assert (job["started"], job["provider"], job["cancelling"]) == (1_795_236_843, "fal", True)
    assert job["progress"] == {"step": 3, "steps": 20, "images_done": 1, "images": 2}
    assert job["attempts"] == [{"provider": "fal", "outcome": "running", "images": 0, "duration_ms": None}]


def test_a_job_that_is_over() -> None:
    row = replace(
        ROW, status="succeeded", started=CREATED, finished=CREATED + 9, provider="runware", cost_micros=40_000
    )
    job = told(replace(row, cancelling=True), CALL, result={"data": [1, 2]}, steps=Steps(19, 20))
    assert (job["status"], job["finished"], job["provider"], job["cost"]) == (
        "succeeded",
        1_795_236_851,
        "runware",
        0.04,
    )
    assert job["result"] == {"data": [1, 2]}
    assert job["cancelling"] is False
    assert job["progress"]["step"] is None


@pytest.mark.parametrize(
    ("changes", "attempt"),
    [
        ({"state": "sending"}, {"outcome": "running", "duration_ms": None}),
        ({"state": "done", "images": 2}, {"outcome": "ok", "images": 2}),
        ({"state": "failed"}, {"outcome": "failed"}),
        ({"state": "failed", "reason": "busy: it is overloaded"}, {"outcome": "busy", "reason": "it is overloaded"}),
        ({"state": "failed", "reason": "oh: no"}, {"outcome": "failed", "reason": "oh: no"}),
        (
            {"state": "cancelled", "reason": "cancelled: by you"},
            {"outcome": "cancelled", "reason": "by you"},
        ),
        ({"state": "unknown", "reason": "lost: no answer"}, {"outcome": "unknown", "reason": MAY_BE_PAID}),
    ],
)
def test_calls_have_the_words_of_attempts(changes: dict[str, Any], attempt: dict[str, Any]) -> None:
    is_open = changes["state"] == "sending"
    call = replace(CALL, finished=None if is_open else CALL.started + 2.1404, **changes)
    expected = {"provider": "fal", "images": 0, "duration_ms": 2140, **attempt}
    assert told(ROW, call)["attempts"] == [expected]


@pytest.mark.parametrize(
    ("calls", "cost"),
    [
        ([], 0),
        ([{"state": "failed", "reason": "busy: no", "cost_micros": 0}], 0),
        ([{"state": "done", "cost_micros": 20_000}, {"state": "failed", "cost_micros": 0}], 0.02),
        ([{"state": "done", "cost_micros": 20_000}, {"state": "unknown"}], None),
        (
            [
                {"state": "done", "cost_micros": 20_000},
                {"state": "failed", "reason": "moderated: no", "cost_micros": 0},
            ],
            None,
        ),
        ([{"state": "failed", "reason": "moderated: no", "cost_micros": 30_000}], 0.03),
    ],
)
def test_a_job_that_failed_costs_what_its_calls_do(calls: list[dict[str, Any]], cost: float | None) -> None:
    row = replace(ROW, status="failed", finished=CREATED + 9)
    assert told(row, *(replace(CALL, **call) for call in calls))["cost"] == cost
    assert told(ROW, *(replace(CALL, **call) for call in calls))["cost"] is None


def test_deliveries_are_told_without_what_opens_them() -> None:
    upload = replace(DELIVERY, id="upl_1", kind="upload", place=1, state="delivered", last_error=None, last_status=200)
    job = told(deliveries=(DELIVERY, upload))
    assert job["webhook"] == {
        "id": "msg_1",
        "url": "https://hooks.example:8443/easel",
        "state": "pending",
        "tries": 2,
        "last_status": 500,
        "last_error": "the receiver answered 500",
        "next_at": 1_795_236_902,
    }
    [told_upload] = job["uploads"]
    assert (told_upload["index"], told_upload["state"], told_upload["next_at"]) == (1, "delivered", None)
    assert "secret" not in str(job)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host", "https://host"),
        ("https://host?secret/x@y", "https://host"),
        ("https://host/a@b/c", "https://host/a@b/c"),
        ("https://user@host:1/", "https://host:1/"),
        ("https://host/#secret?x", "https://host/"),
    ],
)
def test_addresses_keep_host_and_path(url: str, shown: str) -> None:
    assert told(deliveries=(replace(DELIVERY, url=url),))["webhook"]["url"] == shown
