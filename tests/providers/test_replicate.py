"""Replicate's predictions on the wire, and its errors in our words (shapes: its HTTP API docs, read 2026-11-21)."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from providers.account import Account
from providers.base import Call, Progress, Ticket
from providers.errors import Kind
from providers.replicate.adapter import REMEMBERED, Replicate
from tests.providers import failing
from tests.providers.upstream import Reply, Upstream

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
TICKET = Ticket("q3k7v0x9rdrm80cs1abcde2f34")
URL = "https://replicate.delivery/xezq/out-0.webp"
KEY = "r8_0123456789abcdefSecret"
failure = partial(failing.failure, provider="replicate", hidden=(PROMPT, "Secret"))


def call(images: int = 1) -> Call:
    return Call("req_1.1", "qwen/qwen-image", "generate", {"prompt": PROMPT}, images, "url")


def prediction(status: str, **more: Any) -> dict[str, Any]:
    output: Any = [URL] if status == "succeeded" else None
    return {"id": TICKET.id, "version": "hidden", "status": status, "output": output, "error": None, **more}


@pytest_asyncio.fixture
async def replicate(upstream: Upstream) -> AsyncGenerator[Replicate]:
    adapter = Replicate(Account(f"{upstream.url}/v1", KEY))
    yield adapter
    await adapter.close()


async def test_submit_sends_the_input_and_waits_for_the_id_alone(upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [Reply(202, prediction("starting"))]
    assert await replicate.submit(call()) == TICKET
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("POST", "/v1/models/qwen/qwen-image/predictions")
    assert asked.json == {"input": {"prompt": PROMPT}}
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert "prefer" not in asked.headers, "what is held open can be lost"


@pytest.mark.parametrize("body", [{}, {"id": "../account"}, {"id": None}, [7], b"<html>"])
async def test_an_answer_without_an_id_is_broken(body: Any, upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [Reply(201, body)]
    assert (await failure(replicate.submit(call()))).kind is Kind.BROKEN


async def test_what_was_finished_at_once_is_not_asked_for_again(upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [Reply(201, prediction("succeeded"))]
    ticket = await replicate.submit(call())
    assert await replicate.check(ticket) == Progress(done=True)
    assert (await replicate.result(ticket, call())).images[0].url == URL
    assert len(upstream.asked) == 1
    upstream.replies = [Reply(200, prediction("succeeded"))]
    assert (await replicate.result(ticket, call())).images[0].url == URL, "a result may be asked for again"
    assert (upstream.asked[1].method, upstream.asked[1].path) == ("GET", f"/v1/predictions/{TICKET.id}")


async def test_output_before_the_end_is_waited_for(upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [
        Reply(201, prediction("processing", output=[URL])),
        Reply(200, prediction("processing", output=[URL])),
        Reply(200, prediction("succeeded")),
    ]
    ticket = await replicate.submit(call())
    assert await replicate.check(ticket) == Progress()
    assert await replicate.check(ticket) == Progress(done=True)
    assert len((await replicate.result(ticket, call())).images) == 1
    assert len(upstream.asked) == 3


async def test_only_so_many_finished_predictions_are_kept(upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [Reply(201, prediction("succeeded") | {"id": f"p{n}"}) for n in range(REMEMBERED + 1)]
    tickets = [await replicate.submit(call()) for _ in range(REMEMBERED + 1)]
    upstream.replies = [Reply(200, prediction("succeeded") | {"id": "p0"})]
    assert len((await replicate.result(tickets[0], call())).images) == 1
    await replicate.result(tickets[1], call())
    assert len(upstream.asked) == REMEMBERED + 2


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (prediction("starting"), Progress()),
        (prediction("processing", logs=" 37%|###7      | 11/30 [00:02<00:04]"), Progress(step=11, steps=30)),
        (prediction("processing", logs="0/30\n 1/30"), Progress(step=1, steps=30)),
        (prediction("processing", logs=None), Progress()),
        (prediction("a new word"), Progress()),
        (prediction("a new word", completed_at="2026-11-21T00:00:00Z"), Progress(done=True)),
        *((prediction(word), Progress(done=True)) for word in ("succeeded", "failed", "canceled", "aborted")),
    ],
)
async def test_check(told: Any, expected: Progress, upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [Reply(200, told)]
    assert await replicate.check(TICKET) == expected


@pytest.mark.parametrize(
    ("output", "urls"), [(URL, [URL]), ([URL], [URL]), ([URL, URL + "2"], [URL, URL + "2"]), ([URL] * 3, [URL] * 3)]
)
async def test_one_url_and_a_list_of_them(
    output: Any, urls: list[str], upstream: Upstream, replicate: Replicate
) -> None:
    upstream.replies = [Reply(200, prediction("succeeded", output=output))]
    answer = await replicate.result(TICKET, call(len(urls)))
    assert [image.url for image in answer.images] == urls
    assert (answer.units, answer.cost) == (float(len(urls)), None)


async def test_a_data_uri_is_the_picture_itself(upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [Reply(200, prediction("succeeded", output="data:image/webp;base64,UklGRg=="))]
    [image] = (await replicate.result(TICKET, call())).images
    assert (image.url, image.content_type, bytes(image.base64 or b"")) == (None, "image/webp", b"UklGRg==")


async def test_pictures_that_are_missing_were_flagged_and_are_not_charged(
    upstream: Upstream, replicate: Replicate
) -> None:
    upstream.replies = [Reply(200, prediction("succeeded", output=[URL, URL]))]
    answer = await replicate.result(TICKET, call(4))
    assert [image.flagged for image in answer.images] == [False, False, True, True]
    assert answer.units == 2.0


@pytest.mark.parametrize("output", [None, [], "", [7], {"url": URL}, ["ftp://x/y"], [None]])
async def test_an_end_without_a_picture_is_broken(output: Any, upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [Reply(200, prediction("succeeded", output=output))]
    assert (await failure(replicate.result(TICKET, call()))).kind is Kind.BROKEN


@pytest.mark.parametrize(
    ("told", "kind", "says"),
    [
        (
            prediction("failed", error="NSFW content detected. Try running it again, or try a different prompt."),
            Kind.MODERATED,
            "safety check",
        ),
        (
            prediction("failed", error="All generated images contained NSFW content. Try a different prompt."),
            Kind.MODERATED,
            "safety check",
        ),
        (
            prediction("failed", error="The input or output was flagged as sensitive. Please try again. (E005)"),
            Kind.MODERATED,
            "safety check",
        ),
        (prediction("failed", error="Out of memory (E1001)"), Kind.FAILED, "Out of memory"),
        (prediction("failed", error=f"cannot draw {PROMPT} with {KEY}"), Kind.FAILED, "cannot draw …"),
        (prediction("failed"), Kind.FAILED, "without a picture"),
        (prediction("failed", error={"a": 1}), Kind.FAILED, "without a picture"),
        (prediction("canceled"), Kind.CANCELLED, "cancelled"),
        (prediction("aborted"), Kind.FAILED, "without a picture"),
        (prediction("a new word", completed_at="2026-11-21T00:00:00Z"), Kind.BROKEN, "without a picture"),
        (prediction("succeeded", output=None, data_removed=True), Kind.GONE, "removed"),
        (prediction("processing", output=[URL]), Kind.BUSY, "not finished"),
    ],
)
async def test_ends_without_a_picture(
    told: Any, kind: Kind, says: str, upstream: Upstream, replicate: Replicate
) -> None:
    upstream.replies = [Reply(200, told)]
    error = await failure(replicate.result(TICKET, call()))
    assert error.kind is kind
    assert says in error.message


INVALID = {
    "title": "Input validation failed",
    "detail": "- input.num_inference_steps: Must be less than or equal to 50\n",
    "invalid_fields": [
        {
            "type": "number_lte",
            "field": "input.num_inference_steps",
            "description": "Must be less than or equal to 50",
        }
    ],
    "status": 422,
}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, {"title": "Unauthenticated", "detail": f"{KEY} is no valid token", "status": 401}), Kind.KEY),
        (Reply(402, {"title": "Insufficient credit", "detail": "You have insufficient credit"}), Kind.CREDIT),
        (Reply(402, {"detail": "You've hit your monthly spend limit"}), Kind.CREDIT),
        (Reply(404, {"detail": "The requested resource could not be found.", "status": 404}), Kind.BAD_REQUEST),
        (Reply(413, {"detail": "files must be under 100 MB"}), Kind.BAD_REQUEST),
        (Reply(422, {"title": "Invalid version or not permitted", "detail": "x"}), Kind.BAD_REQUEST),
        (Reply(422, INVALID), Kind.BAD_REQUEST),
        (Reply(429, {"detail": "Request was throttled. Your rate limit resets in ~30s."}), Kind.RATE),
        (Reply(500, {"title": "Internal server error", "detail": "x", "status": 500}), Kind.BUSY),
        (Reply(503, {"detail": "x"}), Kind.BUSY),
        (Reply(502, {"detail": "x"}), Kind.BUSY),
        (Reply(500, b"Internal Server Error"), Kind.LOST),
        (Reply(502, b"<html><title>502 Bad Gateway</title>"), Kind.LOST),
        (Reply(503, b"<html><title>503 Service Unavailable</title>"), Kind.BUSY),
        (Reply(504, b""), Kind.LOST),
        (Reply(302, b"", {"location": "https://evil.example"}), Kind.BROKEN),
        (Reply(drop=True), Kind.LOST),
    ],
)
async def test_errors_of_a_submission(reply: Reply, kind: Kind, upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [reply]
    assert (await failure(replicate.submit(call()))).kind is kind
    assert len(upstream.asked) == 1, "the adapter never sends a submission twice"


async def test_a_refused_field_is_named_with_replicates_reason(upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [Reply(422, INVALID), Reply(422, {**INVALID, "invalid_fields": [7]})]
    error = await failure(replicate.submit(call()))
    assert (error.param, error.status) == ("num_inference_steps", 422)
    assert error.message == "Replicate: Must be less than or equal to 50"
    assert (await failure(replicate.submit(call()))).param is None


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, 30.0), ({"retry-after": "2"}, 2.0), ({"retry-after-ms": "1500"}, 1.5)]
)
async def test_a_throttled_submission_says_how_long(
    headers: dict[str, str], seconds: float, upstream: Upstream, replicate: Replicate
) -> None:
    body = {"detail": "Request was throttled. Your rate limit resets in ~30s."}
    upstream.replies = [Reply(429, body, headers)]
    assert (await failure(replicate.submit(call()))).retry_after == seconds


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(503, {"detail": "x"}), Kind.BUSY),
        (Reply(500, b"oops"), Kind.BUSY),
        (Reply(400, {"detail": "x"}), Kind.BUSY),
        (Reply(429, {"detail": "x"}), Kind.RATE),
        (Reply(401, {"detail": "x"}), Kind.KEY),
        (Reply(402, {"detail": "x"}), Kind.CREDIT),
        (Reply(404, {"detail": "x"}), Kind.GONE),
        (Reply(200, b"<html>"), Kind.BROKEN),
        (Reply(200, {**prediction("failed"), "id": "another"}), Kind.BROKEN),
        (Reply(drop=True), Kind.BUSY),
    ],
)
async def test_errors_of_a_question_say_nothing_about_the_prediction(
    reply: Reply, kind: Kind, upstream: Upstream, replicate: Replicate
) -> None:
    upstream.script = lambda asked: reply
    assert (await failure(replicate.check(TICKET))).kind is kind


async def test_cancel(upstream: Upstream, replicate: Replicate) -> None:
    upstream.replies = [Reply(200, prediction("canceled")), Reply(404, {"detail": "x"}), Reply(500, {})]
    for _ in range(2):
        await replicate.cancel(TICKET)
    assert (await failure(replicate.cancel(TICKET))).kind is Kind.BUSY
    assert (upstream.asked[0].method, upstream.asked[0].path) == ("POST", f"/v1/predictions/{TICKET.id}/cancel")
