"""A request under an Idempotency-Key is drawn once: whoever sends it again gets what it came to, as it was told."""

import itertools
import re
import uuid
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway import written
from tests.gateway.drawn import asked, content_of, failed, served
from tests.gateway.forms import Field, multipart, text
from tests.gateway.photos import data_uri, photo
from tests.gateway.running import RunningGateway

SIGNATURE = re.compile(rb"\?[^\"]*")
PLAIN = {"content-type": "application/json"}
Json = dict[str, Any]

_boundaries = itertools.count()


def key() -> dict[str, str]:
    return {"idempotency-key": str(uuid.uuid4())}


def unsigned(answer: httpx.Response) -> bytes:
    """The body without the signatures of its URLs."""
    return SIGNATURE.sub(b"", answer.content)


def told(answer: httpx.Response) -> dict[str, str]:
    """The headers that tell of the request; a replay adds only its own name."""
    passing = {"date", "server", "content-length", "idempotent-replayed"}
    return {name: value for name, value in answer.headers.items() if name not in passing}


def assert_replayed(first: httpx.Response, again: httpx.Response) -> None:
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.status_code == first.status_code
    assert unsigned(again) == unsigned(first)
    assert told(again) == told(first)


def form(*fields: Field) -> Json:
    """A form under a boundary that no other has."""
    boundary = f"boundary-{next(_boundaries)}"
    content_type = f"multipart/form-data; boundary={boundary}"
    return {"content": multipart(fields, boundary), "headers": {"content-type": content_type}}


def sent(gateway: RunningGateway, path: str, request: Json, headers: dict[str, str]) -> httpx.Response:
    request = {**request, "headers": {**request.get("headers", {}), **headers}}
    return gateway.http.post(path, **request)


@pytest.mark.parametrize("response_format", ["url", "b64_json", "both"])
def test_the_same_pictures_come_again_and_nothing_is_paid(
    easel: RunningGateway, simulators: Simulators, response_format: str
) -> None:
    body, under = asked(n=2, response_format=response_format, user="ada"), key()
    first = easel.generate(body, headers=under)
    pictures = [content_of(image) for image in served(first)["data"]]
    before = simulators.calls()
    again = easel.generate(body, headers=under)
    assert_replayed(first, again)
    assert [content_of(image) for image in served(again)["data"]] == pictures
    assert simulators.calls() == before
    assert simulators.paid("fal") == 2
    [kept] = written.rows(easel, "SELECT * FROM idempotency WHERE key = ?", under["idempotency-key"])
    assert kept["job"] == again.headers["x-request-id"] == first.headers["x-request-id"]
    assert written.jobs_like(easel, kept["body"]) == [kept["job"]]


@pytest.mark.parametrize("path", ["/v1/images/generations", "/openai/v1/images/generations"])
def test_a_base64_answer_is_read_from_the_store(easel: RunningGateway, simulators: Simulators, path: str) -> None:
    body, under = asked(response_format="b64_json"), key()
    first = easel.http.post(path, json=body, headers=under)
    [row] = written.rows(easel, "SELECT result FROM jobs WHERE id = ?", first.headers["x-request-id"])
    assert served(first)["data"][0]["b64_json"].encode() not in row["result"]
    assert_replayed(first, easel.http.post(path, json=body, headers=under))
    assert simulators.paid("fal") == 1


@pytest.mark.parametrize("path", ["edits", "variations"])
def test_a_form_is_the_same_under_another_boundary(easel: RunningGateway, simulators: Simulators, path: str) -> None:
    under = key()
    wanted = {"edits": {"model": "qwen-image-edit-plus", "prompt": "in winter"}, "variations": {"model": "flux-dev"}}
    fields = [*(text(name, value) for name, value in wanted[path].items()), Field("image", photo(), "photo.png")]
    first = sent(easel, f"/v1/images/{path}", form(*fields), under)
    served(first)
    assert_replayed(first, sent(easel, f"/v1/images/{path}", form(*reversed(fields)), under))
    assert simulators.paid("fal") == 1


def test_another_picture_in_the_form_is_another_request(easel: RunningGateway, simulators: Simulators) -> None:
    under, fields = key(), [text("model", "qwen-image-edit-plus"), text("prompt", "in autumn")]
    drawn, other = (form(*fields, Field("image", photo(colour=(shade, 2, 3)), "photo.png")) for shade in (1, 2))
    served(sent(easel, "/v1/images/edits", drawn, under))
    failed(sent(easel, "/v1/images/edits", other, under), 422, "idempotency_mismatch")
    assert simulators.paid("fal") == 1


def test_the_order_of_the_fields_does_not_matter(easel: RunningGateway, simulators: Simulators) -> None:
    body, under = asked(), key()
    first = easel.generate(body, headers=under)
    assert_replayed(first, easel.http.post("/v1/images/generations", json=dict(reversed(body.items())), headers=under))
    assert simulators.paid("fal") == 1


@pytest.mark.parametrize(
    "more",
    [{"json": {"n": 2}}, {"headers": {"x-easel-strict": "true"}}, {"headers": {"x-easel-cache": "off"}}],
    ids=str,
)
def test_another_request_under_the_same_key_is_refused(
    easel: RunningGateway, simulators: Simulators, more: Json
) -> None:
    body, under = asked(), key()
    first = easel.generate(body, headers=under)
    paid = simulators.paid("fal")
    other = easel.generate({**body, **more.get("json", {})}, headers={**under, **more.get("headers", {})})
    message = failed(other, 422, "idempotency_mismatch")
    assert first.headers["x-request-id"] in message
    assert other.json()["error"]["param"] == "Idempotency-Key"
    assert other.headers["x-should-retry"] == "false"
    assert other.headers["x-request-id"] != first.headers["x-request-id"]
    assert "idempotent-replayed" not in other.headers
    assert simulators.paid("fal") == paid == 1
    assert_replayed(first, easel.generate(body, headers=under))


def test_an_edit_is_no_generation(easel: RunningGateway, simulators: Simulators) -> None:
    under = key()
    served(easel.generate(asked(), headers=under))
    body = {"model": "qwen-image-edit-plus", "prompt": "in winter", "image": data_uri(photo())}
    failed(easel.http.post("/v1/images/edits", json=body, headers=under), 422, "idempotency_mismatch")
    assert simulators.paid("fal") == 1


FAULTS: dict[str, tuple[list[Json], int, str]] = {
    "moderated": ([{"on": "submit", "effect": "moderated"}], 400, "content_policy_violation"),
    "refused by the provider": (
        [{"on": "submit", "effect": "status", "status": 422, "body": {"detail": [{"msg": "no", "type": "x"}]}}],
        400,
        "invalid_value",
    ),
    "paid": ([{"on": "submit", "effect": "drop_after"}], 502, "provider_error"),
    "unpaid": ([{"on": "submit", "effect": "status", "status": 503, "times": -1}], 502, "provider_error"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_errors_come_again_as_they_were(easel: RunningGateway, simulators: Simulators, name: str) -> None:
    faults, status, code = FAULTS[name]
    simulators.set_faults([{"provider": "fal", **fault} for fault in faults])
    body, under = {**asked(), "model": "fal/qwen-image"}, key()
    first = easel.generate(body, headers=under)
    failed(first, status, code)
    simulators.set_faults([])
    before = simulators.calls()
    again = easel.generate(body, headers=under)
    assert_replayed(first, again)
    assert simulators.calls() == before


def test_what_is_refused_at_once_does_not_use_up_the_key(easel: RunningGateway, simulators: Simulators) -> None:
    under = key()
    wrong: list[tuple[Json, dict[str, str]]] = [
        ({"n": 99}, {}),
        ({"model": "no-such-model"}, {}),
        ({"webhook_url": "http://127.0.0.1/hook"}, {}),
        ({"upload_endpoint": "https://127.0.0.1/put"}, {}),
        ({"seed": "seven"}, {}),
        ({}, {"prefer": "respond-async, wait=-1"}),
        ({}, {"x-easel-strict": "perhaps"}),
        ({"size": "0x0"}, {}),
    ]
    for fields, headers in wrong:
        answer = easel.generate({**asked(), **fields}, headers={**under, **headers})
        assert answer.status_code in {400, 404}, answer.text
    assert simulators.calls() == []
    assert written.rows(easel, "SELECT * FROM idempotency WHERE key = ?", under["idempotency-key"]) == []
    answer = easel.generate(asked(), headers=under)
    served(answer)
    assert "idempotent-replayed" not in answer.headers


@pytest.mark.parametrize("value", ["a" * 256, "a" * 300, "kéy", "tab\there", "", "two  spaces"], ids=ascii)
def test_keys_that_are_none(easel: RunningGateway, simulators: Simulators, value: str) -> None:
    answer = easel.http.post(
        "/v1/images/generations", json=asked(), headers={b"idempotency-key": value.encode("latin-1")}
    )
    message = failed(answer, 400, "invalid_value")
    assert answer.json()["error"]["param"] == "Idempotency-Key"
    assert "255" in message
    assert "UUID" in message
    assert simulators.calls() == []


@pytest.mark.parametrize("value", ["a", "order 1234", "a" * 255, "~!@#$%^&*()"], ids=ascii)
def test_keys_that_are_some(easel: RunningGateway, simulators: Simulators, value: str) -> None:
    body = asked()
    under = {"idempotency-key": value}
    first = easel.generate(body, headers=under)
    served(first)
    assert_replayed(first, easel.generate(body, headers=under))
    assert simulators.paid("fal") == 1


def test_a_hit_of_the_cache_is_recorded_too(easel: RunningGateway, simulators: Simulators) -> None:
    body, under = asked(seed=70_001), key()
    served(easel.generate(body))
    first = easel.generate(body, headers=under)
    assert first.headers["x-easel-cache"] == "hit"
    easel.http.delete(f"/v1/jobs/{served(first)['metadata']['request_id']}x")  # no such job: nothing changes
    again = easel.generate(body, headers=under)
    assert_replayed(first, again)
    assert written.job(easel, first.headers["x-request-id"])["status"] == "succeeded"
    assert simulators.paid("fal") == 1


def test_a_dry_run_does_not_use_up_the_key(easel: RunningGateway, simulators: Simulators) -> None:
    body, under = asked(), key()
    for _time in range(2):
        estimate = easel.http.post("/v1/images/generations?dryRun=true", json=body, headers=under)
        assert served(estimate)["estimated"] is True
        assert "idempotent-replayed" not in estimate.headers
    first = easel.generate(body, headers=under)
    served(first)
    assert "idempotent-replayed" not in first.headers
    estimate = easel.http.post("/v1/images/generations?dryRun=true", json=body, headers=under)
    assert served(estimate)["estimated"] is True
    assert simulators.paid("fal") == 1


def test_a_look_into_the_cache_is_kept_as_well(easel: RunningGateway, simulators: Simulators) -> None:
    body, under = asked(seed=70_002), {**key(), "x-easel-cache": "only"}
    first = easel.generate(body, headers=under)
    failed(first, 404, "not_cached")
    served(easel.generate(body))
    assert_replayed(first, easel.generate(body, headers=under))
    hit = {**key(), "x-easel-cache": "only"}
    assert_replayed(easel.generate(body, headers=hit), easel.generate(body, headers=hit))
    assert simulators.paid("fal") == 1


def test_pictures_that_were_deleted_are_missed_clearly(easel: RunningGateway, simulators: Simulators) -> None:
    body, under = asked(), key()
    first = served(easel.generate(body, headers=under))
    images = easel.app.settings.server.data_dir / "images" / "default"
    (images / first["data"][0]["url"].rpartition("/")[2].partition("?")[0]).unlink()
    answer = easel.generate(body, headers=under)
    message = failed(answer, 404, "not_found")
    assert first["metadata"]["request_id"] in message
    assert "another Idempotency-Key" in message
    assert simulators.paid("fal") == 1
    served(easel.generate(body, headers=key()))
    assert simulators.paid("fal") == 2


def test_the_key_of_a_deleted_job_is_free(easel: RunningGateway, simulators: Simulators) -> None:
    body, under = asked(), key()
    first = easel.generate(body, headers=under)
    easel.http.delete(f"/v1/jobs/{first.headers['x-request-id']}").raise_for_status()
    again = easel.generate(body, headers=under)
    served(again)
    assert "idempotent-replayed" not in again.headers
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert simulators.paid("fal") == 2


def test_replays_are_not_counted_twice(easel: RunningGateway) -> None:
    body, under = asked(), key()
    easel.generate(body, headers=under)
    before = easel.http.get("/metrics").text
    easel.generate(body, headers=under)
    after = easel.http.get("/metrics").text

    def images(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith(("easel_images_total", "easel_cost"))]

    assert images(after) == images(before)
