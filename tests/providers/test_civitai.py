"""Civitai on the wire, and its errors in our words (Civitai developer docs, Errors & retries, read 2026-11-21)."""

import re
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

import pytest
import pytest_asyncio

from providers.account import Account
from providers.base import Answer, Call, Progress, Ticket
from providers.civitai.adapter import Civitai, external_id
from providers.errors import Kind, ProviderError
from tests.providers.upstream import Reply, Upstream

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
TICKET = Ticket("1234567-20261121070000001")
LOST = Reply(drop=True)
PROBLEM = {"content-type": "application/problem+json"}


def call(images: int = 1) -> Call:
    payload = {"engine": "sdcpp", "prompt": PROMPT, "quantity": images}
    return Call("req_1.1", "sdcpp/qwen/20b", "generate", payload, images, "url")


@pytest_asyncio.fixture
async def civitai(upstream: Upstream) -> AsyncGenerator[Civitai]:
    adapter = Civitai(Account(f"{upstream.url}/v2/consumer", "secret"), pauses=(0, 0, 0))
    yield adapter
    await adapter.close()


def image(place: int = 0, **more: Any) -> dict[str, Any]:
    url = f"https://orchestration-new.civitai.com/v2/consumer/blobs/{place}.jpeg?sig=x&exp=2099-01-01"
    return {"id": f"{place}.jpeg", "available": True, "url": url, "width": 1024, "height": 768, **more}


def workflow(status: str = "succeeded", *images: dict[str, Any], **more: Any) -> dict[str, Any]:
    step: dict[str, Any] = {"$type": "imageGen", "name": "$0", "status": status, "jobs": more.pop("jobs", [])}
    step |= {"input": more.pop("input", {}), "output": {"images": list(images), "errors": more.pop("errors", None)}}
    return {"id": TICKET.id, "status": status, "steps": [step], **more}


def told(status: str = "succeeded", *images: dict[str, Any], **more: Any) -> Reply:
    over = status not in ("unassigned", "preparing", "scheduled", "processing")
    return Reply(200 if over else 202, workflow(status, *images, **more))


def mistakes(**errors: str) -> Reply:
    paths = {f"steps[0].input.{name}": [text] for name, text in errors.items()}
    return Reply(400, {"title": "One or more validation errors occurred.", "status": 400, "errors": paths}, PROBLEM)


def problem(status: int, detail: str = "no") -> Reply:
    return Reply(status, {"title": "A problem", "status": status, "detail": detail}, PROBLEM)


async def refused(awaiting: Awaitable[Any]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await awaiting
    assert caught.value.provider == "civitai"
    assert PROMPT not in caught.value.message
    assert "secret" not in caught.value.message
    return caught.value


def test_an_id_is_one_that_civitai_takes_and_follows_from_the_calls() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,128}", external_id("req_1.1", 0))
    assert len({external_id(each, attempt) for each in ("req_1.1", "req_1.2") for attempt in range(3)}) == 6


async def test_a_submission_is_one_step_under_our_id(upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [told("scheduled")]
    assert await civitai.submit(call()) == TICKET
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("POST", "/v2/consumer/workflows?wait=5")
    assert asked.headers["authorization"] == "Bearer secret"
    assert asked.json == {
        "steps": [{"$type": "imageGen", "input": call().payload}],
        "externalId": external_id("req_1.1", 0),
    }


async def test_what_is_over_within_the_wait_needs_no_ticket(upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [told("succeeded", image())]
    answer = await civitai.submit(call())
    assert isinstance(answer, Answer)
    assert [each.url for each in answer.images] == [image()["url"]]


@pytest.mark.parametrize(
    "first",
    [
        LOST,
        Reply(200, b"<html>"),
        Reply(500, b"<!DOCTYPE html>"),
        Reply(502, b"<html>"),
        Reply(200, {}),
        Reply(200, [1]),
        Reply(200, {"id": "", "status": "scheduled"}),
        Reply(200, {"id": "../workflows?take=1", "status": "scheduled"}),
        Reply(502, b"<html><title>502 Bad Gateway</title>"),
        Reply(504, b""),
        Reply(524, b"<!DOCTYPE html>"),
        problem(409),
        Reply(302, b"", {"location": "https://evil.example"}),
    ],
)
async def test_a_lost_answer_is_asked_for_again_under_the_same_id(
    first: Reply, upstream: Upstream, civitai: Civitai
) -> None:
    upstream.replies = [first, told("processing")]
    assert await civitai.submit(call()) == TICKET
    assert [asked.json["externalId"] for asked in upstream.asked] == [external_id("req_1.1", 0)] * 2


@pytest.mark.parametrize("later", [LOST, problem(401), problem(429), problem(503), problem(500), mistakes(steps="no")])
async def test_once_an_answer_was_lost_nothing_else_is_believed(
    later: Reply, upstream: Upstream, civitai: Civitai
) -> None:
    upstream.replies = [LOST, later, later]
    error = await refused(civitai.submit(call()))
    assert (error.kind, error.paid, error.again, error.elsewhere) == (Kind.LOST, True, False, False)
    assert len({asked.json["externalId"] for asked in upstream.asked}) == 1


REFUSALS: list[tuple[Reply, Kind]] = [
    (mistakes(steps="The field steps must be between 1 and 150."), Kind.BAD_REQUEST),
    (mistakes(messages="The resource is not enabled for generation"), Kind.BAD_REQUEST),
    (problem(400, "This prompt needs mature content, which the workflow forbids"), Kind.MODERATED),
    (mistakes(prompt="The prompt was blocked"), Kind.MODERATED),
    (Reply(400, b"<html>"), Kind.BUSY),
    (problem(401), Kind.KEY),
    (problem(402), Kind.CREDIT),
    (Reply(403, "Forbidden", {"content-type": "application/json"}), Kind.KEY),
    (Reply(403, b'"You have insufficient Buzz"'), Kind.CREDIT),
    (Reply(403, b"<html>"), Kind.KEY),
    (problem(429), Kind.RATE),
    (problem(500), Kind.FAILED),
    (problem(503), Kind.BUSY),
]


@pytest.mark.parametrize(("reply", "kind"), REFUSALS)
async def test_refusals_of_a_submission(reply: Reply, kind: Kind, upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [reply]
    assert (await refused(civitai.submit(call()))).kind is kind
    assert len(upstream.asked) == 1


async def test_a_refused_field_is_named_with_civitais_reason(upstream: Upstream, civitai: Civitai) -> None:
    reply = mistakes(**{"images[2]": f"not with {PROMPT}, images maxItems"})
    upstream.replies = [Reply(400, reply.body, {**PROBLEM, "retry-after": "3"})]
    error = await refused(civitai.submit(call()))
    assert (error.param, error.status, error.retry_after) == ("images", 400, 3.0)
    assert error.message == "Civitai: not with …, images maxItems"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (told("unassigned"), Progress()),
        (told("preparing"), Progress()),
        (
            told("scheduled", jobs=[{"queuePosition": {"support": "available", "precedingJobs": 3}}]),
            Progress(position=3),
        ),
        (told("processing", jobs=[{"queuePosition": {"support": "unsupported"}}, 7]), Progress()),
        (Reply(202, {"id": TICKET.id, "status": "processing", "steps": None}), Progress()),
        (told("succeeded"), Progress(done=True)),
        (told("failed"), Progress(done=True)),
        (told("expired"), Progress(done=True)),
        (told("canceled"), Progress(done=True)),
        (
            Reply(200, {"id": TICKET.id, "status": "archived", "completedAt": "2026-11-21T07:00:00Z"}),
            Progress(done=True),
        ),
    ],
)
async def test_where_a_workflow_stands(reply: Reply, expected: Progress, upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [reply]
    assert await civitai.check(TICKET) == expected
    assert (upstream.asked[0].method, upstream.asked[0].path) == ("GET", f"/v2/consumer/workflows/{TICKET.id}?wait=0")


async def test_the_end_is_waited_for_and_then_not_asked_for_again(upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [told("processing"), told("succeeded", image())]
    assert not (await civitai.wait(TICKET, 20)).done
    assert (await civitai.wait(TICKET, 600)).done
    assert len((await civitai.result(TICKET, call())).images) == 1
    assert [asked.path.rpartition("=")[2] for asked in upstream.asked] == ["20", "30"]


HITCHES: list[tuple[Reply, Kind]] = [
    (problem(404), Kind.GONE),
    (problem(400), Kind.BUSY),
    (problem(401), Kind.BUSY),
    (Reply(403, b'"Forbidden"'), Kind.BUSY),
    (problem(429), Kind.RATE),
    (problem(500), Kind.BUSY),
    (Reply(502, b"<html>"), Kind.BUSY),
    (Reply(504, b""), Kind.BUSY),
    (Reply(200, b"<html>"), Kind.BROKEN),
    (Reply(200, {"id": "another", "status": "succeeded"}), Kind.BROKEN),
    (LOST, Kind.BUSY),
]


@pytest.mark.parametrize(("reply", "kind"), HITCHES)
async def test_a_hitch_says_nothing_about_the_workflow(
    reply: Reply, kind: Kind, upstream: Upstream, civitai: Civitai
) -> None:
    upstream.script = lambda asked: reply
    assert (await refused(civitai.check(TICKET))).kind is kind
    assert (await refused(civitai.result(TICKET, call()))).kind is kind


async def test_pictures_with_their_sizes_seed_and_cost(upstream: Upstream, civitai: Civitai) -> None:
    paid = {"list": [{"type": "debit", "amount": 40}, {"type": "credit", "amount": 22}]}
    upstream.replies = [told("succeeded", image(), input={"seed": 7}, cost={"total": 40}, transactions=paid)]
    answer = await civitai.result(TICKET, call())
    [drawn] = answer.images
    assert (drawn.url, drawn.width, drawn.height, drawn.seed) == (image()["url"], 1024, 768, 7)
    assert (answer.cost, answer.currency) == (18, "BUZZ")


@pytest.mark.parametrize(
    ("more", "buzz"),
    [
        ({"cost": {"total": 18}}, 18),
        ({"cost": {"total": 18}, "transactions": {"list": []}}, 18),
        ({"cost": {"total": 18}, "transactions": {"list": [{"type": "debit", "amount": "18"}]}}, 18),
        ({"cost": {"total": 18}, "transactions": {"list": [{"type": "credit", "amount": 5}]}}, 0),
        ({"cost": {"total": -1}}, None),
        ({"cost": {"total": 1e300}}, None),
        ({"cost": None}, None),
        ({}, None),
    ],
)
async def test_amounts_that_make_sense(
    more: dict[str, Any], buzz: float | None, upstream: Upstream, civitai: Civitai
) -> None:
    upstream.replies = [told("succeeded", image(), **more)]
    assert (await civitai.result(TICKET, call())).cost == buzz


async def test_blocked_pictures_are_flagged_and_missing_ones_left_out(upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [
        told(
            "succeeded",
            image(0),
            image(1, available=False, url=None, blockedReason="nsfw"),
            image(2, available=False, url=None),
            image(3, url="ftp://x/y"),
            image(4, blockedReason="nsfw"),
            input={"seed": 7},
            errors=["one failed"],
        )
    ]
    images = (await civitai.result(TICKET, call(5))).images
    assert [(each.url is not None, each.flagged, each.seed) for each in images] == [
        (True, False, None),
        (False, True, None),
        (True, True, None),
    ]


ENDS: list[tuple[Reply, Kind]] = [
    (told("failed"), Kind.FAILED),
    (told("failed", errors=[f"out of memory: {PROMPT}"]), Kind.FAILED),
    (told("failed", jobs=[{"reason": "timeout"}]), Kind.FAILED),
    (told("failed", jobs=[{"reason": "something_new"}]), Kind.FAILED),
    (told("expired"), Kind.FAILED),
    (told("failed", jobs=[{"reason": "blocked", "blockedReason": "csam"}]), Kind.MODERATED),
    (told("failed", jobs=[{"reason": "timeout"}, {"reason": "blocked"}]), Kind.MODERATED),
    (told("failed", image(available=False, blockedReason="nsfw")), Kind.MODERATED),
    (told("failed", jobs=[{"reason": "no_provider_available"}]), Kind.BAD_REQUEST),
    (told("canceled"), Kind.CANCELLED),
    (told("failed", jobs=[{"reason": "canceled"}]), Kind.CANCELLED),
    (told("succeeded"), Kind.BROKEN),
    (told("succeeded", image(available=False)), Kind.BROKEN),
    (Reply(200, {"id": TICKET.id, "status": "archived", "completedAt": "2026-11-21T07:00:00Z"}), Kind.BROKEN),
]


@pytest.mark.parametrize(("reply", "kind"), ENDS)
async def test_ends_without_a_picture(reply: Reply, kind: Kind, upstream: Upstream, civitai: Civitai) -> None:
    upstream.script = lambda asked: reply
    assert (await refused(civitai.result(TICKET, call()))).kind is kind
    assert (await refused(civitai.submit(call()))).kind is kind


async def test_only_what_failed_is_asked_for_under_another_id(upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [told("failed"), told("processing"), told("failed"), told("processing")]
    assert (await refused(civitai.submit(call()))).kind is Kind.FAILED
    assert await civitai.submit(call()) == TICKET
    assert (await refused(civitai.result(TICKET, call()))).kind is Kind.FAILED
    assert await civitai.submit(call()) == TICKET
    own = [asked.json["externalId"] for asked in upstream.asked if asked.method == "POST"]
    assert own == [external_id("req_1.1", attempt) for attempt in range(3)]


async def test_what_is_not_finished_has_no_result(upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [told("processing")]
    assert (await refused(civitai.result(TICKET, call()))).kind is Kind.BUSY


@pytest.mark.parametrize("reply", [Reply(204), problem(404), problem(409)])
async def test_a_cancellation(reply: Reply, upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [reply]
    await civitai.cancel(TICKET)
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("PUT", f"/v2/consumer/workflows/{TICKET.id}")
    assert asked.json == {"status": "canceled"}


async def test_a_cancellation_that_failed(upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [problem(500)]
    assert (await refused(civitai.cancel(TICKET))).kind is Kind.BUSY


async def test_an_upload_gives_the_address_of_a_blob(upstream: Upstream, civitai: Civitai) -> None:
    upstream.replies = [Reply(201, {"id": "X.png", "available": True, "url": "https://blobs.example/X.png?sig=1"})]
    assert await civitai.upload(b"\x89PNG", "image/png") == "https://blobs.example/X.png?sig=1"
    [asked] = upstream.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/v2/consumer/blobs", b"\x89PNG")
    assert asked.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (LOST, Kind.BUSY),
        (Reply(504, b""), Kind.BUSY),
        (problem(401), Kind.KEY),
        (problem(413), Kind.BAD_REQUEST),
        (problem(415), Kind.BAD_REQUEST),
        (problem(422, "The image was blocked"), Kind.MODERATED),
        (Reply(201, {"id": "X.png", "available": False, "blockedReason": "nsfw"}), Kind.MODERATED),
        (Reply(201, {"id": "X.png", "available": True}), Kind.BROKEN),
        (Reply(201, {"url": "file:///etc/passwd"}), Kind.BROKEN),
        (Reply(201, b"<html>"), Kind.BROKEN),
    ],
)
async def test_an_upload_that_failed_cost_nothing(
    reply: Reply, kind: Kind, upstream: Upstream, civitai: Civitai
) -> None:
    upstream.replies = [reply]
    assert (await refused(civitai.upload(b"\x89PNG", "image/png"))).kind is kind
