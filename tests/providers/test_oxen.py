"""Oxen's queue on the wire, and its errors in our words (shapes: its docs, Async queue, read 2026-11-21)."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from providers.account import Account
from providers.base import Call, Progress, Ticket
from providers.errors import Kind
from providers.oxen.adapter import REMEMBERED, Oxen
from providers.registry import ProviderSettings, download_headers
from tests.providers import failing
from tests.providers.upstream import Reply, Upstream

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
TICKET = Ticket("3f2b9c1e-7d7c-4d39-9a57-1c55b0f3e2aa")
URL = "https://hub.oxen.ai/api/repos/ox/images/file/main/image.png?signature=x"
KEY = "oxen-0123456789abcdefSecret"
CALL = Call("req_1.1", "qwen-image", "generate", {"prompt": PROMPT, "num_generations": 1}, 1, "url")
failure = partial(failing.failure, provider="oxen", hidden=(PROMPT, "Secret"))


def generation(status: str, **more: Any) -> dict[str, Any]:
    over = status in {"succeeded", "failed", "cancelled"}
    told = {
        "generation_id": TICKET.id,
        "model_name": "qwen-image",
        "prompt": PROMPT,
        "media_type": "image",
        "status": status,
        "result_url": URL if status == "succeeded" else None,
        "error_message": None,
        "enqueued_at": 1775090372,
        "started_at": None,
        "completed_at": 1775090380 if over else None,
    }
    return {**told, **more}


def queued(generation_id: object = TICKET.id) -> dict[str, Any]:
    return {"generations": [{"generation_id": generation_id, "status": "queued"}]}


def problem(word: str, title: str = "A title", **more: Any) -> dict[str, Any]:
    return {"error": {"type": word, "title": title, **more}, "status": "error", "status_message": word}


@pytest_asyncio.fixture
async def oxen(upstream: Upstream) -> AsyncGenerator[Oxen]:
    """It knows the price of its model already."""
    adapter = Oxen(Account(f"{upstream.url}/api", KEY))
    upstream.replies = [Reply(200, {"pricing": {"method": "per_image", "cost_per_image": 0.03}})]
    await adapter.prices.learn("qwen-image")
    upstream.asked.clear()
    yield adapter
    await adapter.close()


async def test_submit_enqueues_the_models_own_parameters(upstream: Upstream, oxen: Oxen) -> None:
    upstream.replies = [Reply(200, queued())]
    assert await oxen.submit(CALL) == TICKET
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("POST", "/api/ai/queue")
    assert asked.json == {"prompt": PROMPT, "num_generations": 1, "model": "qwen-image"}
    assert asked.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "body", [{}, queued("../models"), queued(7), {"generations": []}, {"generations": [7]}, [7], b"<html>"]
)
async def test_an_answer_without_an_id_is_broken(body: Any, upstream: Upstream, oxen: Oxen) -> None:
    upstream.replies = [Reply(200, body)]
    assert (await failure(oxen.submit(CALL))).kind is Kind.BROKEN


async def test_a_finished_generation_is_read_once(upstream: Upstream, oxen: Oxen) -> None:
    upstream.replies = [Reply(200, generation(word)) for word in ("queued", "processing", "succeeded")]
    assert [await oxen.check(TICKET) for _look in range(4)] == [
        Progress(),
        Progress(),
        Progress(done=True),
        Progress(done=True),
    ]
    answer = await oxen.result(TICKET, CALL)
    assert ([image.url for image in answer.images], answer.units, answer.cost) == ([URL], 1.0, 0.03)
    assert [(asked.method, asked.path) for asked in upstream.asked] == [("GET", f"/api/ai/queue/{TICKET.id}")] * 3
    upstream.replies = [Reply(200, generation("succeeded"))]
    assert (await oxen.result(TICKET, CALL)).images[0].url == URL, "a result may be asked for again"


async def test_only_so_many_finished_generations_are_kept(upstream: Upstream, oxen: Oxen) -> None:
    tickets = [Ticket(f"g{number}") for number in range(REMEMBERED + 1)]
    upstream.replies = [Reply(200, generation("succeeded", generation_id=ticket.id)) for ticket in tickets]
    for ticket in tickets:
        await oxen.check(ticket)
    upstream.replies = [Reply(200, generation("succeeded", generation_id="g0"))]
    await oxen.result(tickets[0], CALL)
    await oxen.result(tickets[1], CALL)
    assert len(upstream.asked) == REMEMBERED + 2


@pytest.mark.parametrize(
    ("told", "done"),
    [
        (generation("a new word"), False),
        (generation("a new word", completed_at=1775090380), True),
        (generation("failed"), True),
        (generation("cancelled"), True),
        (generation("succeeded", completed_at=None), True),
    ],
)
async def test_check(told: Any, done: bool, upstream: Upstream, oxen: Oxen) -> None:
    upstream.replies = [Reply(200, told)]
    assert await oxen.check(TICKET) == Progress(done=done)


@pytest.mark.parametrize("url", [None, "", 7, "ftp://x/y", "https://a b", {"url": URL}])
async def test_an_end_without_a_picture_is_broken(url: Any, upstream: Upstream, oxen: Oxen) -> None:
    upstream.replies = [Reply(200, generation("succeeded", result_url=url))]
    assert (await failure(oxen.result(TICKET, CALL))).kind is Kind.BROKEN


@pytest.mark.parametrize(
    ("told", "kind", "says"),
    [
        (
            generation("failed", error_message="NSFW content detected. Try running it again."),
            Kind.MODERATED,
            "safety checker",
        ),
        (
            generation(
                "failed",
                error_message="Getting model response error: 422 - The input or output was flagged as sensitive.",
            ),
            Kind.MODERATED,
            "safety checker",
        ),
        (
            generation("failed", error_message="Getting model response error: 422 - guidance must be at most 10"),
            Kind.BAD_REQUEST,
            "guidance must be at most 10",
        ),
        (
            generation("failed", error_message="Getting model response error: 429 - slow down"),
            Kind.FAILED,
            "slow down",
        ),
        (
            generation("failed", error_message="Getting model response error: 500 - oops"),
            Kind.BROKEN,
            "Oxen: Getting model response error: 500",
        ),
        (generation("failed", error_message="Insufficient credits"), Kind.FAILED, "has no credit"),
        (generation("failed", error_message=f"cannot draw {PROMPT} with {KEY}"), Kind.BROKEN, "cannot draw …"),
        (generation("failed"), Kind.BROKEN, "without a picture"),
        (generation("failed", error_message={"a": 1}), Kind.BROKEN, "without a picture"),
        (generation("cancelled"), Kind.CANCELLED, "cancelled"),
        (generation("a new word", completed_at=1775090380), Kind.BROKEN, "without a picture"),
        (generation("processing"), Kind.BUSY, "not finished"),
    ],
)
async def test_ends_without_a_picture(told: Any, kind: Kind, says: str, upstream: Upstream, oxen: Oxen) -> None:
    upstream.replies = [Reply(200, told)]
    error = await failure(oxen.result(TICKET, CALL))
    assert error.kind is kind
    assert says in error.message


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, problem("unauthenticated")), Kind.KEY),
        (Reply(403, problem("forbidden")), Kind.KEY),
        (Reply(402, problem("insufficient_credits")), Kind.CREDIT),
        (Reply(400, {"error": {"message": "Insufficient credits"}}), Kind.CREDIT),
        (Reply(422, problem("x", detail="Insufficient credits to run this model")), Kind.CREDIT),
        (Reply(400, problem("invalid_params")), Kind.BAD_REQUEST),
        (Reply(404, problem("resource_not_found", detail="Model not found: x")), Kind.BAD_REQUEST),
        (Reply(415, problem("unsupported_media_type")), Kind.BAD_REQUEST),
        (Reply(429, problem("rate_limited")), Kind.RATE),
        (Reply(500, problem("unknown_error")), Kind.BUSY),
        (Reply(500, {"error": {"message": "x"}}), Kind.BUSY),
        (Reply(502, {"status_message": "x"}), Kind.BUSY),
        (Reply(503, problem("unknown_error")), Kind.BUSY),
        (Reply(500, b"Internal Server Error"), Kind.LOST),
        (Reply(500, {}), Kind.LOST),
        (Reply(502, b"<html><title>502 Bad Gateway</title>"), Kind.LOST),
        (Reply(503, b"<html><title>503 Service Unavailable</title>"), Kind.BUSY),
        (Reply(504, b""), Kind.LOST),
        (Reply(302, b"", {"location": "https://evil.example"}), Kind.BROKEN),
        (Reply(drop=True), Kind.LOST),
    ],
)
async def test_errors_of_a_submission(reply: Reply, kind: Kind, upstream: Upstream, oxen: Oxen) -> None:
    upstream.replies = [reply]
    assert (await failure(oxen.submit(CALL))).kind is kind
    assert len(upstream.asked) == 1, "the adapter never sends a submission twice"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"error": {"message": "m", "detail": "d", "title": "t"}}, "Oxen: m"),
        ({"error": {"detail": "d", "title": "t"}}, "Oxen: d"),
        (problem("invalid_params", "The parameters are invalid"), "Oxen: The parameters are invalid"),
        ({"error": "in one line"}, "Oxen: in one line"),
        ({"status": "error", "status_message": "invalid_params"}, "Oxen: invalid_params"),
        ({"error": {"message": f"{PROMPT} with {KEY}"}}, "Oxen: … with …"),
        ({"error": {"message": 7, "title": None}}, "Oxen answered 400"),
        ([], "Oxen answered 400"),
    ],
)
async def test_oxens_own_words_are_repeated(body: Any, says: str, upstream: Upstream, oxen: Oxen) -> None:
    upstream.replies = [Reply(400, body, {"retry-after": "2"})]
    error = await failure(oxen.submit(CALL))
    assert (error.message, error.status, error.retry_after) == (says, 400, 2.0)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(503, problem("unknown_error")), Kind.BUSY),
        (Reply(500, b"oops"), Kind.BUSY),
        (Reply(400, problem("invalid_params")), Kind.BUSY),
        (Reply(429, problem("rate_limited")), Kind.RATE),
        (Reply(401, problem("unauthenticated")), Kind.KEY),
        (Reply(402, problem("insufficient_credits")), Kind.CREDIT),
        (Reply(404, problem("resource_not_found")), Kind.GONE),
        (Reply(200, b"<html>"), Kind.BROKEN),
        (Reply(200, generation("failed", generation_id="another")), Kind.BROKEN),
        (Reply(drop=True), Kind.BUSY),
    ],
)
async def test_errors_of_a_question_say_nothing_about_the_generation(
    reply: Reply, kind: Kind, upstream: Upstream, oxen: Oxen
) -> None:
    upstream.script = lambda asked: reply
    assert (await failure(oxen.check(TICKET))).kind is kind


async def test_cancel(upstream: Upstream, oxen: Oxen) -> None:
    gone = Reply(404, problem("resource_not_found"))
    upstream.replies = [Reply(200, {"status": "success", "generation_id": TICKET.id}), gone, Reply(500, {})]
    for _ in range(2):
        await oxen.cancel(TICKET)
    assert (await failure(oxen.cancel(TICKET))).kind is Kind.BUSY
    assert (upstream.asked[0].method, upstream.asked[0].path) == ("DELETE", f"/api/ai/queue/{TICKET.id}")


PER_IMAGE = {"method": "per_image", "cost_per_image": 0.04}


@pytest.mark.parametrize(
    ("reply", "price"),
    [
        (Reply(200, {"pricing": PER_IMAGE}), 0.04),
        (Reply(200, {"pricing": {**PER_IMAGE, "cost_per_image": 0}}), 0.0),
        (Reply(200, {"pricing": {**PER_IMAGE, "method": "time"}}), None),
        (Reply(200, {"pricing": {**PER_IMAGE, "cost_per_image": "0.04"}}), None),
        (Reply(200, {"pricing": {**PER_IMAGE, "cost_per_image": -1}}), None),
        (Reply(200, {"pricing": {"method": "per_image"}}), None),
        (Reply(200, {"pricing": [0.04]}), None),
        (Reply(200, {}), None),
        (Reply(200, b"<html>"), None),
        (Reply(404, problem("resource_not_found")), None),
        (Reply(500, {"pricing": PER_IMAGE}), None),
        (Reply(drop=True), None),
    ],
)
async def test_a_price_is_asked_for_once_before_anything_is_paid(
    reply: Reply, price: float | None, upstream: Upstream
) -> None:
    adapter = Oxen(Account(f"{upstream.url}/api", KEY))
    answers = {
        "/api/ai/models/qwen-image": reply,
        "/api/ai/queue": Reply(200, queued()),
        f"/api/ai/queue/{TICKET.id}": Reply(200, generation("succeeded")),
    }
    upstream.script = lambda asked: answers[asked.path]
    await adapter.submit(CALL)
    asked_before = len(upstream.asked)
    await adapter.submit(CALL)
    assert (await adapter.result(TICKET, CALL)).cost == price
    await adapter.close()
    assert [asked.path for asked in upstream.asked[:asked_before]][-2:] == list(answers)[:2]
    assert [asked.path for asked in upstream.asked[asked_before:]] == list(answers)[1:]


def test_only_its_own_host_gets_the_key_with_a_download() -> None:
    bearer = {"authorization": "Bearer k"}
    assert download_headers(ProviderSettings("oxen", "oxen", api_key="k")) == {"https://hub.oxen.ai/api": bearer}
    elsewhere = ProviderSettings("oxen", "oxen", api_key="k", base_url="http://127.0.0.1:9/api")
    assert download_headers(elsewhere) == {"http://127.0.0.1:9/api": bearer}
    assert download_headers(ProviderSettings("fal", "fal", api_key="k")) == {}
