"""DashScope on the wire, and its errors in our words (shapes: Model Studio docs, Error codes, read 2026-11-21)."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from providers.account import Account
from providers.alibaba.adapter import Alibaba
from providers.base import Answer, Call, Json, Progress, Ticket
from providers.errors import Kind
from tests.providers import failing
from tests.providers.upstream import Reply, Upstream

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
PNG = "https://dashscope-result.oss-cn.aliyuncs.com/a.png?Expires=1"
TICKET = Ticket("0385", "/tasks/0385", "/tasks/0385", "/tasks/0385/cancel")
failure = partial(failing.failure, provider="alibaba", hidden=(PROMPT, "secret"))


def queued() -> Call:
    payload: Json = {"input": {"prompt": PROMPT}, "parameters": {"size": "1328*1328", "n": 1}}
    return Call("req_1.1", "qwen-image", "generate", payload, 1, "url")


def said(count: int = 1) -> Call:
    messages = [{"role": "user", "content": [{"text": PROMPT}]}]
    payload: Json = {"input": {"messages": messages}, "parameters": {"n": count}}
    return Call("req_1.1", "qwen-image-2.0", "generate", payload, count, "url")


@pytest_asyncio.fixture
async def alibaba(upstream: Upstream) -> AsyncGenerator[Alibaba]:
    adapter = Alibaba(Account(f"{upstream.url}/api/v1", "sk-secret-1"))
    yield adapter
    await adapter.close()


def choices(*urls: str) -> Json:
    message = {"role": "assistant", "content": [{"image": url} for url in urls]}
    return {"choices": [{"finish_reason": "stop", "message": message}]}


def complaint(code: str, message: str = "Something is wrong.") -> Json:
    return {"request_id": "1d2f", "code": code, "message": message}


def task(state: str, **more: Any) -> Reply:
    return Reply(200, {"request_id": "1d2f", "output": {"task_id": "0385", "task_status": state, **more}})


async def test_a_prompt_becomes_a_task(upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [task("PENDING")]
    assert await alibaba.submit(queued()) == TICKET
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/services/aigc/text2image/image-synthesis")
    assert asked.headers["authorization"] == "Bearer sk-secret-1"
    assert asked.headers["x-dashscope-async"] == "enable"
    assert asked.json == {"model": "qwen-image", **queued().payload}


async def test_a_message_is_answered_at_once(upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [Reply(200, {"output": choices(PNG, PNG + "2"), "usage": {"image_count": 2}})]
    answer = await alibaba.submit(said(2))
    assert isinstance(answer, Answer)
    assert [image.url for image in answer.images] == [PNG, PNG + "2"]
    assert answer.units == 2
    [asked] = upstream.asked
    assert asked.path == "/api/v1/services/aigc/multimodal-generation/generation"
    assert "x-dashscope-async" not in asked.headers
    assert asked.json == {"model": "qwen-image-2.0", **said(2).payload}


async def test_the_pictures_of_several_choices_are_all_read(upstream: Upstream, alibaba: Alibaba) -> None:
    listed = choices(PNG)["choices"] + choices(PNG + "2")["choices"]
    upstream.replies = [Reply(200, {"output": {"choices": listed}})]
    answer = await alibaba.submit(said(2))
    assert isinstance(answer, Answer)
    assert ([image.url for image in answer.images], answer.units) == ([PNG, PNG + "2"], None)


@pytest.mark.parametrize("count", [-1, -(10**18), 10**18, True, "1"])
async def test_a_count_that_is_none_is_no_refund(upstream: Upstream, alibaba: Alibaba, count: object) -> None:
    upstream.replies = [Reply(200, {"output": choices(PNG), "usage": {"image_count": count}})]
    answer = await alibaba.submit(said())
    assert isinstance(answer, Answer)
    assert answer.units is None


NO_TICKET: list[Any] = [{}, {"output": {}}, {"output": {"task_id": 7}}, {"output": []}, [], b"<html>"]


@pytest.mark.parametrize("body", NO_TICKET)
async def test_a_reply_without_a_task_is_broken(body: Any, upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [Reply(200, body)]
    assert (await failure(alibaba.submit(queued()))).kind is Kind.BROKEN


NO_PICTURE: list[Any] = [
    {},
    {"output": {"choices": []}},
    {"output": choices()},
    {"output": choices("ftp://x/y")},
    {"output": {"choices": [{"message": {"content": "a text"}}]}},
    {"output": {"choices": [7, {"message": None}]}},
    b"",
]


@pytest.mark.parametrize("body", NO_PICTURE)
async def test_a_message_without_a_picture_is_broken(body: Any, upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [Reply(200, body)]
    assert (await failure(alibaba.submit(said()))).kind is Kind.BROKEN


@pytest.mark.parametrize(
    ("state", "done"),
    [
        ("PENDING", False),
        ("RUNNING", False),
        ("SUSPENDED", False),
        ("SOMETHING_NEW", False),
        ("SUCCEEDED", True),
        ("FAILED", True),
        ("CANCELED", True),
    ],
)
async def test_check(state: str, done: bool, upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [task(state)]
    assert await alibaba.check(TICKET) == Progress(done=done)
    assert (upstream.asked[0].method, upstream.asked[0].path) == ("GET", "/api/v1/tasks/0385")


async def test_an_unknown_task_is_gone_though_the_status_is_200(upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [task("UNKNOWN")]
    assert (await failure(alibaba.check(TICKET))).kind is Kind.GONE


async def test_a_result_brings_pictures_count_and_the_prompt_that_was_drawn(
    upstream: Upstream, alibaba: Alibaba
) -> None:
    first = {"url": PNG, "orig_prompt": "a", "actual_prompt": "a, in detail"}
    second = {"url": PNG + "2", "orig_prompt": "a", "actual_prompt": "a"}
    failed = {"code": "InternalError.Algo", "message": "no"}
    reply = task("SUCCEEDED", results=[first, failed, second]).body
    upstream.replies = [Reply(200, {**reply, "usage": {"image_count": 2}})]
    answer = await alibaba.result(TICKET, queued())
    assert [image.url for image in answer.images] == [PNG, PNG + "2"]
    assert [image.revised_prompt for image in answer.images] == ["a, in detail", None]
    assert answer.units == 2


async def test_a_picture_that_moderation_blocked_among_others_is_flagged_and_not_just_missing(
    upstream: Upstream, alibaba: Alibaba
) -> None:
    blocked = {"code": "DataInspectionFailed", "message": "no"}
    reply = task("SUCCEEDED", results=[blocked, {"url": PNG}]).body
    upstream.replies = [Reply(200, {**reply, "usage": {"image_count": 1}})]
    answer = await alibaba.result(TICKET, queued())
    assert [(image.url, image.flagged) for image in answer.images] == [(PNG, False), (None, True)]
    assert answer.units == 1


async def test_a_result_in_the_form_of_messages(upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [task("SUCCEEDED", finished=True, **choices(PNG))]
    assert [image.url for image in (await alibaba.result(TICKET, said())).images] == [PNG]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (task("FAILED", code="DataInspectionFailed", message=f"no: {PROMPT}"), Kind.MODERATED),
        (task("FAILED", code="InternalError.Algo.DataInspectionFailed"), Kind.MODERATED),
        (task("FAILED", code="IPInfringementSuspect"), Kind.MODERATED),
        (task("FAILED", code="InvalidParameter", message="size"), Kind.BAD_REQUEST),
        (task("FAILED", code="InvalidParameter.DataInspection"), Kind.BAD_REQUEST),
        (task("FAILED", code="InternalError.Timeout"), Kind.FAILED),
        (task("FAILED", code="Throttling.AllocationQuota"), Kind.FAILED),
        (task("FAILED", code="Arrearage"), Kind.FAILED),
        (task("FAILED", code="Model.AccessDenied"), Kind.NOT_ALLOWED),
        (task("FAILED", code="SomethingNew"), Kind.FAILED),
        (task("FAILED"), Kind.FAILED),
        (task("CANCELED"), Kind.CANCELLED),
        (task("SUCCEEDED", results=[{"code": "DataInspectionFailed", "message": "x"}]), Kind.MODERATED),
        (task("SUCCEEDED", results=[{"orig_prompt": "a"}]), Kind.BROKEN),
        (task("SUCCEEDED", results=[]), Kind.BROKEN),
        (task("SUCCEEDED"), Kind.BROKEN),
    ],
)
async def test_a_task_that_came_to_nothing(reply: Reply, kind: Kind, upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [reply]
    error = await failure(alibaba.result(TICKET, queued()))
    assert (error.kind, error.status) == (kind, 200)


@pytest.mark.parametrize(
    ("state", "kind"),
    [("PENDING", Kind.BUSY), ("RUNNING", Kind.BUSY), ("SOMETHING_NEW", Kind.BUSY), ("UNKNOWN", Kind.GONE)],
)
async def test_a_look_that_lags_behind_another_is_no_end_of_the_task(
    state: str, kind: Kind, upstream: Upstream, alibaba: Alibaba
) -> None:
    """The task was over a moment ago: it goes on being followed, and is not sent again."""
    upstream.replies = [task(state)]
    assert (await failure(alibaba.result(TICKET, queued()))).kind is kind


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(400, complaint("InvalidParameter")), Kind.BAD_REQUEST),
        (Reply(400, complaint("BadRequest.EmptyInput")), Kind.BAD_REQUEST),
        (Reply(400, complaint("InvalidImage.FileFormat")), Kind.BAD_REQUEST),
        (Reply(400, complaint("InvalidParameter.DataInspection")), Kind.BAD_REQUEST),
        (Reply(400, complaint("SomethingNew")), Kind.BAD_REQUEST),
        (Reply(400, complaint("DataInspectionFailed", f"inappropriate: {PROMPT}")), Kind.MODERATED),
        (Reply(400, complaint("data_inspection_failed")), Kind.MODERATED),
        (Reply(500, complaint("InternalError.Algo.DataInspectionFailed")), Kind.MODERATED),
        (Reply(400, complaint("IPInfringementSuspect")), Kind.MODERATED),
        (Reply(400, complaint("CustomRoleBlocked")), Kind.MODERATED),
        (Reply(400, complaint("FaqRuleBlocked")), Kind.MODERATED),
        (Reply(400, complaint("Arrearage", "Access denied: sk-secret-1")), Kind.CREDIT),
        (Reply(429, complaint("PostpaidBillOverdue")), Kind.CREDIT),
        (Reply(429, complaint("PrepaidBillOverdue")), Kind.CREDIT),
        (Reply(429, complaint("CommodityNotPurchased")), Kind.CREDIT),
        (Reply(403, complaint("AllocationQuota.FreeTierOnly")), Kind.CREDIT),
        (Reply(401, complaint("InvalidApiKey", "Invalid API-key provided: sk-secret-1")), Kind.KEY),
        (Reply(401, complaint("NOT AUTHORIZED")), Kind.KEY),
        (Reply(403, complaint("AccessDenied.Unpurchased")), Kind.KEY),
        (Reply(403, complaint("Model.AccessDenied")), Kind.NOT_ALLOWED),
        (Reply(404, complaint("ModelNotFound")), Kind.BAD_REQUEST),
        (Reply(409, complaint("Conflict")), Kind.BAD_REQUEST),
        (Reply(413, complaint("BadRequest.TooLarge")), Kind.BAD_REQUEST),
        (Reply(429, complaint("Throttling.BurstRate")), Kind.RATE),
        (Reply(429, complaint("insufficient_quota")), Kind.RATE),
        (Reply(429, b"<html>"), Kind.RATE),
        (Reply(408, complaint("RequestTimeOut")), Kind.FAILED),
        (Reply(500, complaint("InternalError.Algo")), Kind.FAILED),
        (Reply(500, complaint("RewriteFailed")), Kind.FAILED),
        (Reply(503, complaint("ModelServingError")), Kind.BUSY),
        (Reply(503, b"<html><title>503 Service Unavailable</title>"), Kind.BUSY),
        (Reply(502, b"<html><title>502 Bad Gateway</title>"), Kind.LOST),
        (Reply(504, b""), Kind.LOST),
        (Reply(302, b"", {"location": "https://evil.example"}), Kind.BROKEN),
        (Reply(200, b"<html>"), Kind.BROKEN),
        (Reply(drop=True), Kind.LOST),
    ],
)
@pytest.mark.parametrize("call", [queued(), said()], ids=["task", "message"])
async def test_errors_of_a_submission(
    reply: Reply, kind: Kind, call: Call, upstream: Upstream, alibaba: Alibaba
) -> None:
    upstream.replies = [reply]
    assert (await failure(alibaba.submit(call))).kind is kind
    assert len(upstream.asked) == 1, "the adapter never sends a submission twice"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, complaint("InvalidApiKey")), Kind.BUSY),
        (Reply(429, complaint("Throttling.RateQuota")), Kind.RATE),
        (Reply(400, complaint("Arrearage")), Kind.BUSY),
        (Reply(500, complaint("InternalError")), Kind.BUSY),
        (Reply(404, b"nothing"), Kind.BUSY),
        (Reply(502, b"<html>"), Kind.BUSY),
        (Reply(200, b"<html>"), Kind.BROKEN),
        (Reply(drop=True), Kind.BUSY),
    ],
)
async def test_errors_of_a_look_say_nothing_about_the_task(
    reply: Reply, kind: Kind, upstream: Upstream, alibaba: Alibaba
) -> None:
    upstream.script = lambda asked: reply
    assert (await failure(alibaba.check(TICKET))).kind is kind
    assert (await failure(alibaba.result(TICKET, queued()))).kind is kind


async def test_cancel_takes_too_late_for_an_answer(upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [
        Reply(200, {"request_id": "1d2f"}),
        Reply(400, complaint("UnsupportedOperation")),
        Reply(500, complaint("InternalError")),
    ]
    await alibaba.cancel(TICKET)
    await alibaba.cancel(TICKET)
    assert (await failure(alibaba.cancel(TICKET))).kind is Kind.BUSY
    assert (upstream.asked[0].method, upstream.asked[0].path) == ("POST", "/api/v1/tasks/0385/cancel")


async def test_a_refusal_is_told_in_dashscopes_words(upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [
        Reply(400, complaint("InvalidParameter", "num_images_per_prompt must be 1"), {"retry-after": "3"})
    ]
    error = await failure(alibaba.submit(queued()))
    assert (error.message, error.retry_after) == ("DashScope: num_images_per_prompt must be 1", 3.0)


async def test_a_task_id_is_no_path(upstream: Upstream, alibaba: Alibaba) -> None:
    upstream.replies = [Reply(200, {"output": {"task_status": "PENDING", "task_id": "../uploads?x=/y"}})]
    ticket = await alibaba.submit(queued())
    assert isinstance(ticket, Ticket)
    assert ticket.check_url == "/tasks/..%2Fuploads%3Fx%3D%2Fy"
