"""Every scripted fault, as a caller of the simulated Oxen meets it."""

from typing import Any

import httpx
import pytest

from simulators.faults import BadFaults
from simulators.running import Simulators
from tests.simulators.oxen_wire import Oxen
from tests.simulators.wire import WIRE


def fault(effect: str, on: str = "generate", **more: Any) -> dict[str, Any]:
    return {"provider": "oxen", "on": on, "effect": effect, **more}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "invalid_params"),
        (401, "unauthenticated"),
        (402, "insufficient_credits"),
        (404, "resource_not_found"),
        (429, "rate_limited"),
        (500, "unknown_error"),
        (503, "unknown_error"),
    ],
)
@pytest.mark.parametrize("path", ["/images/generate", "/queue"])
def test_a_status_is_oxens_own_error_once(
    path: str, status: int, word: str, oxen: Oxen, simulators: Simulators
) -> None:
    simulators.set_faults([fault("status", status=status)])
    answer = oxen.post(path)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, word)
    assert simulators.paid("oxen") == 0
    assert oxen.post(path).status_code == 200


@pytest.mark.parametrize(("effect", "paid"), [("drop_before", 0), ("drop_after", 1)])
@pytest.mark.parametrize("path", ["/images/generate", "/queue"])
def test_a_dropped_connection(path: str, effect: str, paid: int, oxen: Oxen, simulators: Simulators) -> None:
    simulators.set_faults([fault(effect)])
    with pytest.raises(httpx.TransportError):
        oxen.post(path)
    assert simulators.paid("oxen") == paid


@pytest.mark.parametrize(
    ("effect", "status", "says"), [("moderated", 422, "flagged as sensitive"), ("failed", 500, "Internal server error")]
)
def test_what_fails_is_not_paid(effect: str, status: int, says: str, oxen: Oxen, simulators: Simulators) -> None:
    simulators.set_faults([fault(effect, times=2)])
    direct = oxen.generate()
    assert (direct.status_code, says in direct.json()["error"]["message"]) == (status, True)
    [generation_id] = oxen.enqueue()
    told = oxen.finished(generation_id)
    assert (told["status"], says in told["error_message"]) == ("failed", True)
    assert simulators.paid("oxen") == 0


def test_an_end_without_a_picture(oxen: Oxen, simulators: Simulators) -> None:
    simulators.set_faults([fault("empty", times=2)])
    assert oxen.generate().json()["images"] == []
    [generation_id] = oxen.enqueue()
    told = oxen.finished(generation_id)
    assert (told["status"], told["result_url"]) == ("succeeded", None)


def test_a_picture_of_another_size(oxen: Oxen, simulators: Simulators) -> None:
    simulators.set_faults([fault("wrong_size", "submit")])
    [generation_id] = oxen.enqueue(aspect_ratio="1:1")
    assert oxen.picture(oxen.finished(generation_id)["result_url"]).size == (512, 512)


@pytest.mark.parametrize("on", ["status", "cancel"])
def test_questions_fail_too(on: str, oxen: Oxen, simulators: Simulators) -> None:
    [generation_id] = oxen.enqueue()
    simulators.set_faults([fault("status", on, status=503)])
    assert asked(oxen, on, generation_id).status_code == 503
    assert asked(oxen, on, generation_id).status_code == 200


def asked(oxen: Oxen, on: str, generation_id: str) -> httpx.Response:
    return oxen.cancel(generation_id) if on == "cancel" else oxen.get(f"/ai/queue/{generation_id}")


def test_a_result_expires(oxen: Oxen, simulators: Simulators) -> None:
    simulators.set_pace("oxen", keep_seconds=0)
    [image] = oxen.generate().json()["images"]
    assert WIRE.get(image["url"]).status_code == 404


def test_its_pace(oxen: Oxen, simulators: Simulators) -> None:
    simulators.set_pace("oxen", queue_seconds=3600)
    [generation_id] = oxen.enqueue()
    assert {oxen.poll(generation_id)["status"] for _look in range(3)} == {"queued"}
    simulators.set_pace("oxen", queue_seconds=0, seconds_per_image=3600)
    assert {oxen.poll(generation_id)["status"] for _look in range(3)} == {"processing"}
    oxen.cancel(generation_id)
    assert simulators.paid("oxen") == 1, "it had begun"


def test_oxen_flags_no_pictures(simulators: Simulators) -> None:
    with pytest.raises(BadFaults, match="oxen never answers nsfw"):
        simulators.set_faults([fault("nsfw")])
    with pytest.raises(BadFaults, match="oxen has no result"):
        simulators.set_faults([fault("html", "result")])
