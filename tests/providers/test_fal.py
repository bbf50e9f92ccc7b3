"""fal's queue on the wire, and its errors in our words (shapes: fal docs, Queue and Errors, read 2026-11-21)."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from providers.account import Account
from providers.base import Call, Progress, Ticket
from providers.errors import Kind
from providers.fal.adapter import Fal
from tests.providers import failing
from tests.providers.upstream import Reply, Upstream

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
failure = partial(failing.failure, provider="fal", hidden=(PROMPT, "secret"))


def call(images: int = 1) -> Call:
    return Call("req_1.1", "fal-ai/qwen-image", "generate", {"prompt": PROMPT, "num_images": images}, images, "url")


@pytest_asyncio.fixture
async def fal(upstream: Upstream) -> AsyncGenerator[Fal]:
    account = Account(f"{upstream.url}/run", "id:secret")
    adapter = Fal(account, queue_url=f"{upstream.url}/queue", rest_url=f"{upstream.url}/rest")
    yield adapter
    await adapter.close()


def receipt(base: str) -> dict[str, Any]:
    job = f"{base}/queue/fal-ai/qwen-image/requests/764c"
    return {
        "status": "IN_QUEUE",
        "request_id": "764c",
        "queue_position": 0,
        "response_url": job,
        "status_url": f"{job}/status",
        "cancel_url": f"{job}/cancel",
    }


def ticket(upstream: Upstream) -> Ticket:
    told = receipt(upstream.url)
    return Ticket("764c", told["status_url"], told["response_url"], told["cancel_url"])


async def test_submit_sends_the_payload_and_keeps_the_urls_of_the_reply(upstream: Upstream, fal: Fal) -> None:
    upstream.replies = [Reply(200, receipt(upstream.url))]
    assert await fal.submit(call()) == ticket(upstream)
    asked = upstream.asked[0]
    assert (asked.method, asked.path, asked.json) == ("POST", "/queue/fal-ai/qwen-image", call().payload)
    assert asked.headers["authorization"] == "Key id:secret"
    assert "x-fal-no-retry" not in asked.headers


@pytest.mark.parametrize(
    "change",
    [{"status_url": "https://evil.example/status"}, {"cancel_url": "http://127.0.0.1:1/x"}, {"response_url": None}],
)
async def test_a_receipt_that_points_elsewhere_is_broken(change: dict[str, Any], upstream: Upstream, fal: Fal) -> None:
    upstream.replies = [Reply(200, {**receipt(upstream.url), **change})]
    assert (await failure(fal.submit(call()))).kind is Kind.BROKEN


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (202, {"status": "IN_QUEUE", "queue_position": 3}, Progress(position=3)),
        (202, {"status": "IN_PROGRESS", "logs": None}, Progress()),
        (200, {"status": "IN_PROGRESS", "logs": []}, Progress()),
        (200, {"status": "COMPLETED", "logs": None, "metrics": {"inference_time": 2.5}}, Progress(done=True)),
        (200, {"status": "COMPLETED", "error": "x", "error_type": "runner_disconnected"}, Progress(done=True)),
        (200, {"status": "SOMETHING_NEW"}, Progress(done=True)),
    ],
)
async def test_check(status: int, body: Any, expected: Progress, upstream: Upstream, fal: Fal) -> None:
    upstream.replies = [Reply(status, body)]
    assert await fal.check(ticket(upstream)) == expected
    assert upstream.asked[0].path == "/queue/fal-ai/qwen-image/requests/764c/status"


async def test_result_reads_pictures_units_and_flags(upstream: Upstream, fal: Fal) -> None:
    item = {"url": "https://v3.fal.media/a.png", "width": 1024, "height": 768, "content_type": "image/jpeg"}
    body = {"images": [item, {"url": "https://v3.fal.media/b.png"}], "seed": 7, "has_nsfw_concepts": [False, True]}
    upstream.replies = [Reply(200, body, {"X-Fal-Billable-Units": "1.5"})]
    answer = await fal.result(ticket(upstream), call(2))
    first, second = answer.images
    assert (first.url, first.width, first.height) == ("https://v3.fal.media/a.png", 1024, 768)
    assert (first.content_type, first.flagged, second.flagged) == ("image/jpeg", False, True)
    assert (first.seed, second.seed) == (None, None), "a batch has one seed, which is nobody's in particular"
    assert (answer.units, answer.cost) == (1.5, None)


async def test_one_picture_has_the_seed_and_an_upscaler_has_one_image(upstream: Upstream, fal: Fal) -> None:
    url = {"url": "https://v3.fal.media/a.png"}
    upstream.replies = [Reply(200, {"images": [url], "seed": 2**60}), Reply(200, {"image": url})]
    assert (await fal.result(ticket(upstream), call())).images[0].seed == 2**60
    assert (await fal.result(ticket(upstream), call())).images[0].url == url["url"]


async def test_sync_mode_brings_the_picture_itself(upstream: Upstream, fal: Fal) -> None:
    upstream.replies = [Reply(200, {"images": [{"url": "data:image/png;base64," + "iVBO" * 1000}]})]
    image = (await fal.result(ticket(upstream), call())).images[0]
    assert (image.url, image.content_type) == (None, "image/png")
    assert image.base64 is not None
    assert bytes(image.base64) == b"iVBO" * 1000


NO_PICTURE: list[Any] = [
    {},
    {"images": []},
    {"images": [7]},
    {"images": "x"},
    {"images": [{"url": "ftp://x/y"}]},
    {"images": [{"width": 1}]},
    [7],
    b"<html>",
]


@pytest.mark.parametrize("body", NO_PICTURE)
async def test_an_answer_without_a_picture_is_broken(body: Any, upstream: Upstream, fal: Fal) -> None:
    upstream.replies = [Reply(200, body)]
    assert (await failure(fal.result(ticket(upstream), call()))).kind is Kind.BROKEN


async def test_cancel_takes_every_answer_that_says_it_is_over(upstream: Upstream, fal: Fal) -> None:
    upstream.replies = [
        Reply(202, {"status": "CANCELLATION_REQUESTED"}),
        Reply(200, {"success": True}),
        Reply(400, {"status": "ALREADY_COMPLETED"}),
        Reply(404, {"status": "NOT_FOUND"}),
        Reply(500, {}),
    ]
    for _ in range(4):
        await fal.cancel(ticket(upstream))
    assert (await failure(fal.cancel(ticket(upstream)))).kind is Kind.BUSY
    assert (upstream.asked[0].method, upstream.asked[0].path[-7:]) == ("PUT", "/cancel")


def invalid(word: str, field: str = "num_images", message: str = "Input should be less than or equal to 4") -> Any:
    return {"detail": [{"loc": ["body", field], "msg": message, "type": word, "ctx": {"le": 4}, "input": 9}]}


def platform(word: str) -> Any:
    return {"detail": "Something about the runner", "error_type": word}


FAL_ID = {"x-fal-request-id": "764c"}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, {"detail": "invalid key credentials: secret"}), Kind.KEY),
        (Reply(403, {"detail": "User is locked. Reason: Exhausted balance."}), Kind.CREDIT),
        (Reply(404, {"detail": "Application not found"}), Kind.BAD_REQUEST),
        (Reply(422, invalid("less_than_equal")), Kind.BAD_REQUEST),
        (Reply(422, {"detail": "Unprocessable"}), Kind.BAD_REQUEST),
        (Reply(429, {"detail": "queue is full"}), Kind.RATE),
        (Reply(429, {"detail": "x", "type": "concurrent_requests_limit"}, {"X-Fal-Needs-Retry": "1"}), Kind.RATE),
        (Reply(500, {"detail": "oops"}), Kind.BUSY),
        (Reply(503, b"<html>", FAL_ID), Kind.BUSY),
        (Reply(409, {}, {"x-fal-retryable": "true"}), Kind.BUSY),
        (Reply(503, b"<html><title>503 Service Unavailable</title>"), Kind.BUSY),
        (Reply(502, b"<html><title>502 Bad Gateway</title>"), Kind.LOST),
        (Reply(504, b""), Kind.LOST),
        (
            Reply(504, {"detail": "x", "error_type": "request_timeout"}, {"X-Fal-Request-Timeout-Type": "user"}),
            Kind.TIMEOUT,
        ),
        (Reply(302, b"", {"location": "https://evil.example"}), Kind.BROKEN),
        (Reply(200, b"<html>"), Kind.BROKEN),
        (Reply(drop=True), Kind.LOST),
    ],
)
async def test_errors_of_a_submission(reply: Reply, kind: Kind, upstream: Upstream, fal: Fal) -> None:
    upstream.replies = [reply]
    assert (await failure(fal.submit(call()))).kind is kind
    assert len(upstream.asked) == 1, "the adapter never sends a submission twice"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(422, invalid("content_policy_violation", "prompt", f"flagged: {PROMPT}")), Kind.MODERATED),
        (Reply(422, invalid("no_media_generated")), Kind.BROKEN),
        (Reply(422, invalid("image_load_error", "image_url")), Kind.BAD_REQUEST),
        (Reply(500, invalid("internal_server_error")), Kind.FAILED),
        (Reply(504, invalid("generation_timeout")), Kind.FAILED),
        (Reply(500, invalid("downstream_service_error")), Kind.FAILED),
        (Reply(503, platform("runner_disconnected")), Kind.FAILED),
        (Reply(504, platform("startup_timeout")), Kind.FAILED),
        (Reply(500, {}, {"X-Fal-Error-Type": "internal_error"}), Kind.FAILED),
        (Reply(499, platform("client_cancelled")), Kind.CANCELLED),
        (Reply(400, platform("bad_request")), Kind.BAD_REQUEST),
        (Reply(400, {"detail": "Request is still in progress"}), Kind.BUSY),
        (Reply(404, {"status": "NOT_FOUND"}), Kind.GONE),
        (Reply(401, {"detail": "invalid key credentials"}), Kind.KEY),
        (Reply(502, b"<html>"), Kind.BUSY),
        (Reply(504, b""), Kind.BUSY),
        (Reply(drop=True), Kind.BUSY),
    ],
)
async def test_errors_of_a_result(reply: Reply, kind: Kind, upstream: Upstream, fal: Fal) -> None:
    upstream.script = lambda asked: reply
    assert (await failure(fal.result(ticket(upstream), call()))).kind is kind


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(503, platform("runner_disconnected")), Kind.BUSY),
        (Reply(500, invalid("internal_server_error")), Kind.BUSY),
        (Reply(429, {"detail": "slow down"}), Kind.BUSY),
        (Reply(401, {"detail": "invalid key credentials"}), Kind.KEY),
        (Reply(404, {"status": "NOT_FOUND"}), Kind.GONE),
        (Reply(200, b"<html>"), Kind.BROKEN),
        (Reply(drop=True), Kind.BUSY),
    ],
)
async def test_errors_of_a_status_say_nothing_about_the_job(
    reply: Reply, kind: Kind, upstream: Upstream, fal: Fal
) -> None:
    upstream.script = lambda asked: reply
    assert (await failure(fal.check(ticket(upstream)))).kind is kind


async def test_a_refused_field_is_named_with_fals_reason(upstream: Upstream, fal: Fal) -> None:
    upstream.replies = [Reply(422, invalid("less_than_equal"), {"retry-after": "3"})]
    error = await failure(fal.submit(call()))
    assert (error.param, error.status, error.retry_after) == ("num_images", 422, 3.0)
    assert error.message == "fal: Input should be less than or equal to 4"


@pytest.mark.parametrize(("told", "units"), [("1.5", 1.5), ("nan", None), ("inf", None), ("-5", None), ("1e308", None)])
async def test_absurd_units_are_no_units(fal: Fal, upstream: Upstream, told: str, units: float | None) -> None:
    picture = {"images": [{"url": "https://v3.fal.media/files/a.png"}]}
    upstream.replies = [Reply(200, picture, {"x-fal-billable-units": told})]
    assert (await fal.result(ticket(upstream), call())).units == units
