"""The simulated Civitai: the life of a workflow, its blobs, and its faults (its developer docs, read 2026-11-21)."""

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from simulators.running import Simulators
from tests.simulators.civitai_wire import AT_ONCE, FAL, QWEN, ask, images, look, new_id, refusals, submit


def fault(effect: str, on: str = "submit", **more: Any) -> dict[str, Any]:
    return {"provider": "civitai", "on": on, "effect": effect, **more}


def png(width: int = 32, height: int = 16) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height)).save(content, "PNG")
    return content.getvalue()


def test_without_a_wait_every_look_sees_the_next_state(simulators: Simulators) -> None:
    first = submit(simulators, QWEN)
    answers = [first, *(look(simulators, first.json()["id"]) for _ in range(5))]
    assert [(each.status_code, each.json()["status"]) for each in answers] == [
        (202, "unassigned"),
        (202, "preparing"),
        (202, "scheduled"),
        (202, "processing"),
        (200, "succeeded"),
        (200, "succeeded"),
    ]
    assert "output" not in answers[3].json()["steps"][0]
    assert simulators.paid("civitai") == 1


@pytest.mark.parametrize(
    ("given", "wait", "status"),
    [
        (QWEN, 60, 200),
        (QWEN, 5, 202),
        ({**QWEN, "quantity": 4}, 60, 202),
        ({**QWEN, "quantity": 4}, 100, 200),
        ({**QWEN, "quantity": 5}, 1000, 202),  # a request is cut at 100 s, whatever it asks for
        ({**FAL, "operation": "proCreateImage"}, 30, 202),
    ],
)
def test_a_wait_sees_the_end_when_the_documented_time_is_within_it(
    simulators: Simulators, given: dict[str, Any], wait: int, status: int
) -> None:
    assert submit(simulators, given, wait=wait).status_code == status


def test_with_a_pace_time_goes_by_and_a_wait_ends_with_the_work(simulators: Simulators) -> None:
    simulators.set_pace("civitai", queue_seconds=0.02, seconds_per_image=0.04)
    assert submit(simulators, QWEN, wait=60).status_code == 200
    simulators.set_pace("civitai", queue_seconds=3600)
    waiting = submit(simulators, QWEN).json()
    assert look(simulators, waiting["id"]).json()["status"] == "unassigned"
    simulators.set_pace("civitai", seconds_per_image=20)
    assert submit(simulators, QWEN).json()["status"] == "unassigned"
    simulators.set_pace("civitai")


def test_a_repeated_external_id_is_the_earlier_workflow_also_of_a_preview(simulators: Simulators) -> None:
    own = {"externalId": new_id()}
    first, again = (submit(simulators, QWEN, template=own).json() for _ in range(2))
    assert first["id"] == again["id"]
    assert simulators.paid("civitai") == 1
    preview = {"externalId": new_id()}
    previewed = submit(simulators, QWEN, template=preview, query={"whatif": "true"}).json()
    assert submit(simulators, QWEN, template=preview).json()["id"] == previewed["id"]
    assert simulators.paid("civitai") == 1


def test_a_cancellation_ends_what_is_not_over_and_conflicts_with_what_is(simulators: Simulators) -> None:
    workflow_id = submit(simulators, QWEN).json()["id"]
    answer = ask(simulators, "PUT", f"/workflows/{workflow_id}", json={"status": "canceled"})
    assert (answer.status_code, answer.content) == (204, b"")
    told = look(simulators, workflow_id).json()
    assert (told["status"], [each["type"] for each in told["transactions"]["list"]]) == (
        "canceled",
        ["debit", "credit"],
    )
    assert simulators.paid("civitai") == 0
    assert ask(simulators, "PUT", f"/workflows/{workflow_id}", json={"status": "canceled"}).status_code == 409
    assert list(refusals(ask(simulators, "PUT", f"/workflows/{workflow_id}", json={"status": "cancelled"}))) == [
        "status"
    ]
    assert ask(simulators, "PUT", "/workflows/x", json={"status": "canceled"}).status_code == 404


def test_what_was_begun_is_paid_though_cancelled(simulators: Simulators) -> None:
    workflow_id = submit(simulators, QWEN).json()["id"]
    for _ in range(3):
        look(simulators, workflow_id)
    assert ask(simulators, "PUT", f"/workflows/{workflow_id}", json={"status": "canceled"}).status_code == 204
    assert simulators.paid("civitai") == 1


def test_a_removed_workflow_is_gone(simulators: Simulators) -> None:
    workflow_id = submit(simulators, QWEN).json()["id"]
    assert workflow_id in [each["id"] for each in ask(simulators, "GET", "/workflows").json()["items"]]
    assert ask(simulators, "DELETE", f"/workflows/{workflow_id}").status_code == 204
    assert look(simulators, workflow_id).status_code == 404


def test_a_blob_leads_on_by_a_relative_address_until_its_signature_expires(simulators: Simulators) -> None:
    [image] = images(submit(simulators, QWEN, wait=AT_ONCE))
    answer = httpx.get(image["url"])
    assert (answer.status_code, answer.headers["location"][:1]) == (301, "/")
    blob = f"/blobs/{image['id']}"
    assert ask(simulators, "GET", blob).status_code == 308
    bare = image["url"].partition("?")[0]
    assert httpx.get(bare).status_code == 401
    assert httpx.get(image["url"].replace("sig=", "sig=0")).status_code == 403
    simulators.set_pace("civitai", keep_seconds=0)
    [expired] = images(submit(simulators, QWEN, wait=AT_ONCE))
    assert httpx.get(expired["url"]).status_code == 403


@pytest.mark.parametrize("presigned", [False, True])
def test_an_uploaded_picture_can_be_used_as_a_source(simulators: Simulators, presigned: bool) -> None:
    if presigned:
        address = ask(simulators, "GET", "/blobs/upload").json()["uploadUrl"]
        answer = httpx.post(address, content=png(256, 128), headers={"content-type": "image/png"})
    else:
        headers = {"content-type": "image/png"}
        answer = ask(simulators, "POST", "/blobs", content=png(256, 128), headers=headers)
    assert answer.status_code == 201
    blob = answer.json()
    assert httpx.get(blob["url"], follow_redirects=True).content == png(256, 128)
    given = {**QWEN, "operation": "editImage", "images": [blob["url"]]}
    [image] = images(submit(simulators, given, wait=AT_ONCE))
    assert (image["width"], image["height"]) == (256, 128)


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [(b"text", "text/plain", 415), (b"no picture", "image/png", 422), (bytes(32 * 1024 * 1024 + 1), "image/png", 413)],
)
def test_what_is_no_picture_is_not_uploaded(
    simulators: Simulators, content: bytes, content_type: str, status: int
) -> None:
    answer = ask(simulators, "POST", "/blobs", content=content, headers={"content-type": content_type})
    assert answer.status_code == status


def test_an_upload_without_key_or_signature(simulators: Simulators) -> None:
    answer = ask(simulators, "POST", "/blobs?sig=00&exp=2099-01-01T00:00:00Z", content=png(), key="wrong")
    assert answer.status_code == 401


@pytest.mark.parametrize("status", [400, 401, 402, 404, 409, 429, 500, 502, 503])
@pytest.mark.parametrize("on", ["submit", "status"])
def test_a_status_is_a_problem_document_once(simulators: Simulators, status: int, on: str) -> None:
    waiting = submit(simulators, QWEN).json()["id"]
    simulators.set_faults([fault("status", on, status=status)])
    answer = submit(simulators, QWEN) if on == "submit" else look(simulators, waiting)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert simulators.paid("civitai") == 1


def test_forbidden_is_a_bare_string(simulators: Simulators) -> None:
    simulators.set_faults([fault("status", status=403)])
    answer = submit(simulators, QWEN)
    assert (answer.status_code, answer.json()) == (403, "Forbidden")


@pytest.mark.parametrize(("effect", "paid"), [("drop_before", 0), ("drop_after", 1)])
def test_a_lost_submission(simulators: Simulators, effect: str, paid: int) -> None:
    own = {"externalId": new_id()}
    simulators.set_faults([fault(effect)])
    with pytest.raises(httpx.TransportError):
        submit(simulators, QWEN, template=own)
    assert simulators.paid("civitai") == paid
    assert submit(simulators, QWEN, template=own).status_code == 202
    assert simulators.paid("civitai") == 1


@pytest.mark.parametrize("on", ["submit", "result"])
def test_a_blocked_prompt_fails_the_step_with_its_reason_and_is_refunded(simulators: Simulators, on: str) -> None:
    simulators.set_faults([fault("moderated", on)])
    workflow_id = submit(simulators, QWEN).json()["id"]
    answer = look(simulators, workflow_id, wait=AT_ONCE)
    told = answer.json()
    [job] = told["steps"][0]["jobs"]
    assert (answer.status_code, told["status"], told["steps"][0]["status"]) == (200, "failed", "failed")
    assert job["reason"] == "blocked"
    assert job["blockedReason"]
    assert [image["available"] for image in images(answer)] == [False]
    assert [each["type"] for each in told["transactions"]["list"]] == ["debit", "credit"]
    assert simulators.paid("civitai") == 0


def test_a_failure_has_no_reason_but_an_error(simulators: Simulators) -> None:
    simulators.set_faults([fault("failed")])
    step = submit(simulators, QWEN, wait=AT_ONCE).json()["steps"][0]
    assert "reason" not in step["jobs"][0]
    assert len(step["output"]["errors"]) == 1
    assert simulators.paid("civitai") == 0


def test_blobs_may_be_blocked_though_the_workflow_succeeds(simulators: Simulators) -> None:
    simulators.set_faults([fault("nsfw", "result")])
    answer = look(simulators, submit(simulators, {**QWEN, "quantity": 2}).json()["id"], wait=AT_ONCE)
    assert answer.json()["status"] == "succeeded"
    assert [(image["available"], "url" in image, bool(image["blockedReason"])) for image in images(answer)] == [
        (False, False, True)
    ] * 2
    assert simulators.paid("civitai") == 2


def test_a_success_without_pictures(simulators: Simulators) -> None:
    simulators.set_faults([fault("empty")])
    assert images(submit(simulators, QWEN, wait=AT_ONCE)) == []


@pytest.mark.parametrize("on", ["submit", "download"])
@pytest.mark.parametrize(
    ("effect", "begins"), [("not_a_picture", b"This is"), ("huge", b"\x89PNG"), ("wrong_type", b"\x89PNG")]
)
def test_pictures_that_are_none_or_others(simulators: Simulators, effect: str, begins: bytes, on: str) -> None:
    simulators.set_faults([fault(effect, on)])
    [image] = images(submit(simulators, QWEN, wait=AT_ONCE))
    assert httpx.get(image["url"], follow_redirects=True).content.startswith(begins)


def test_faults_along_the_way_have_their_steps(simulators: Simulators) -> None:
    workflow_id = submit(simulators, QWEN, wait=5).json()["id"]
    simulators.set_faults([fault("html", "status"), fault("status", "result", status=503)])
    looks = [look(simulators, workflow_id, wait=10) for _ in range(4)]
    assert [each.status_code for each in looks] == [200, 202, 503, 200]
    assert looks[0].headers["content-type"].startswith("text/html")
    assert [call["step"] for call in simulators.calls("civitai")] == ["submit", "status", "status", "result", "result"]
