"""Every scripted fault, as a caller of the simulated Runware meets it."""

import io
import uuid
from typing import Any

import httpx
import pytest
from PIL import Image

from simulators.running import Simulators


def fault(effect: str, on: str = "generate", **more: Any) -> dict[str, Any]:
    return {"provider": "runware", "on": on, "effect": effect, **more}


def send(simulators: Simulators, body: dict[str, Any]) -> httpx.Response:
    at = simulators.addresses["runware"]
    return httpx.post(at["base_url"], json=[body], headers={"Authorization": f"Bearer {at['key']}"})


def draw(simulators: Simulators, task_uuid: str = "", **more: Any) -> httpx.Response:
    body = {
        "taskType": "imageInference",
        "taskUUID": task_uuid or str(uuid.uuid4()),
        "model": "runware:108@1",
        "positivePrompt": "a lighthouse",
        "width": 512,
        "height": 512,
        **more,
    }
    return send(simulators, body)


def poll(simulators: Simulators, task_uuid: str) -> httpx.Response:
    return send(simulators, {"taskType": "getResponse", "taskUUID": task_uuid})


def queued(simulators: Simulators, **more: Any) -> str:
    return draw(simulators, deliveryMethod="async", **more).json()["data"][0]["taskUUID"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "unknownError"),
        (401, "invalidApiKey"),
        (402, "insufficientCredits"),
        (403, "accountSuspended"),
        (429, "rateLimitExceeded"),
        (500, "internalServerError"),
        (503, "noAvailableServer"),
        (504, "providerTimeout"),
    ],
)
@pytest.mark.parametrize("method", ["sync", "async"])
def test_a_status_is_runwares_own_error_once(simulators: Simulators, status: int, code: str, method: str) -> None:
    simulators.set_faults([fault("status", status=status)])
    answer = draw(simulators, deliveryMethod=method)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    assert simulators.paid("runware") == 0
    assert draw(simulators, deliveryMethod=method).status_code == 200


@pytest.mark.parametrize(("effect", "paid"), [("drop_before", 0), ("drop_after", 1)])
@pytest.mark.parametrize("method", ["sync", "async"])
def test_a_dropped_connection(simulators: Simulators, effect: str, paid: int, method: str) -> None:
    simulators.set_faults([fault(effect)])
    task_uuid = str(uuid.uuid4())
    with pytest.raises(httpx.TransportError):
        draw(simulators, task_uuid, deliveryMethod=method)
    assert simulators.paid("runware") == paid
    assert poll(simulators, task_uuid).status_code == (200 if paid else 404)


@pytest.mark.parametrize(("effect", "code"), [("moderated", "contentPolicyViolation"), ("failed", "inferenceError")])
def test_a_task_that_fails_is_not_paid(simulators: Simulators, effect: str, code: str) -> None:
    simulators.set_faults([fault(effect, times=2)])
    direct = draw(simulators)
    assert direct.json()["errors"][0]["code"] == code
    assert "data" not in direct.json()
    task_uuid = queued(simulators)
    poll(simulators, task_uuid)
    [error] = poll(simulators, task_uuid).json()["errors"]
    assert (error["code"], error["status"], error["taskUUID"]) == (code, "error", task_uuid)
    assert simulators.paid("runware") == 0


def test_one_result_of_a_batch_may_fail_beside_the_others(simulators: Simulators) -> None:
    task_uuid = queued(simulators, numberResults=3)
    simulators.set_faults([fault("failed", on="result")])
    while "errors" not in (told := poll(simulators, task_uuid).json()):
        assert {each["status"] for each in told["data"]} <= {"processing", "success"}
    assert [each["status"] for each in told["data"]] == ["success", "success"]
    assert [each["code"] for each in told["errors"]] == ["inferenceError"]
    assert poll(simulators, task_uuid).json() == told
    assert simulators.paid("runware") == 2


def test_faults_along_the_polling(simulators: Simulators) -> None:
    task_uuid = queued(simulators)
    simulators.set_faults([fault("status", on="status", status=503), fault("html", on="result")])
    looks = [poll(simulators, task_uuid) for _ in range(4)]
    assert [look.status_code for look in looks] == [503, 200, 200, 200]
    assert looks[0].json()["errors"][0]["taskType"] == "getResponse"
    assert looks[1].json()["data"][0]["status"] == "processing"
    assert looks[2].headers["content-type"].startswith("text/html")
    assert looks[3].json()["data"][0]["status"] == "success"


def test_a_safety_check_flags_only_where_it_was_asked_for(simulators: Simulators) -> None:
    simulators.set_faults([fault("nsfw", times=2)])
    checked = draw(simulators, safety={"checkContent": True}).json()["data"][0]
    assert checked["NSFWContent"] is True
    assert "NSFWContent" not in draw(simulators).json()["data"][0]
    assert Image.open(io.BytesIO(httpx.get(checked["imageURL"]).content)).getextrema() == ((0, 0),) * 3


@pytest.mark.parametrize("method", ["sync", "async"])
def test_a_result_without_a_picture(simulators: Simulators, method: str) -> None:
    simulators.set_faults([fault("empty", on="generate" if method == "sync" else "result")])
    answer = draw(simulators, deliveryMethod=method)
    if method == "async":
        task_uuid = answer.json()["data"][0]["taskUUID"]
        answer = [poll(simulators, task_uuid) for _ in range(2)][-1]
    [result] = answer.json()["data"]
    assert set(result) - {"status"} == {"taskType", "taskUUID"}


@pytest.mark.parametrize("on", ["generate", "download"])
@pytest.mark.parametrize(
    ("effect", "begins"), [("not_a_picture", b"This is"), ("huge", b"\x89PNG"), ("wrong_type", b"\x89PNG")]
)
def test_pictures_that_are_none_or_others(simulators: Simulators, effect: str, begins: bytes, on: str) -> None:
    simulators.set_faults([fault(effect, on=on)])
    [result] = draw(simulators).json()["data"]
    picture = httpx.get(result["imageURL"])
    assert picture.content.startswith(begins)
    assert result["imageURL"].endswith(".jpg")


def test_a_wrong_size(simulators: Simulators) -> None:
    simulators.set_faults([fault("wrong_size")])
    [result] = draw(simulators).json()["data"]
    assert Image.open(io.BytesIO(httpx.get(result["imageURL"]).content)).size == (256, 256)
