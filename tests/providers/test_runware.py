"""Runware on the wire, and its errors in our words (Runware docs, Errors and Task Polling, read 2026-11-21)."""

import uuid
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

import pytest
import pytest_asyncio

from providers.account import Account
from providers.base import Call, Progress, Ticket
from providers.errors import Kind, ProviderError
from providers.runware.adapter import Runware, task_uuid
from tests.providers.upstream import Asked, Reply, Upstream

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
TASK = Ticket(task_uuid("req_1.1", 0))


def call(images: int = 1) -> Call:
    payload = {"taskType": "imageInference", "positivePrompt": PROMPT, "numberResults": images}
    return Call("req_1.1", "runware:108@1", "generate", payload, images, "url")


@pytest_asyncio.fixture
async def runware(upstream: Upstream) -> AsyncGenerator[Runware]:
    adapter = Runware(Account(f"{upstream.url}/v1", "secret"), lag=(0, 0, 0))
    yield adapter
    await adapter.close()


def ack(task: str = TASK.id) -> Reply:
    return Reply(200, {"data": [{"taskType": "imageInference", "taskUUID": task}]})


def error(code: str, message: str = "no", **more: Any) -> dict[str, Any]:
    return {"code": code, "message": message, "taskType": "imageInference", "taskUUID": TASK.id, **more}


def errors(status: int, *codes: str, **more: Any) -> Reply:
    return Reply(status, {"errors": [error(code, **more) for code in codes]})


UNKNOWN = errors(404, "taskNotFound", taskType="getResponse")
LOST = Reply(drop=True)
DRAWING = {"taskType": "imageInference", "taskUUID": TASK.id, "status": "processing"}


def drawn(place: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "taskType": "imageInference",
        "taskUUID": TASK.id,
        "status": "success",
        "imageUUID": f"image-{place}",
        "imageURL": f"https://im.runware.ai/image/{place}.png",
        "seed": 7 + place,
        "cost": 0.0077,
        **more,
    }


def polled(*data: dict[str, Any], failed: tuple[dict[str, Any], ...] = ()) -> Reply:
    return Reply(200, {"data": list(data)} | ({"errors": list(failed)} if failed else {}))


def kinds_of(asked: list[Asked]) -> list[str]:
    return [each.json[0]["taskType"] for each in asked]


async def refused(awaiting: Awaitable[Any]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await awaiting
    assert caught.value.provider == "runware"
    assert PROMPT not in caught.value.message
    assert "secret" not in caught.value.message
    return caught.value


def test_an_id_is_a_uuid_v4_that_follows_from_the_calls() -> None:
    assert uuid.UUID(TASK.id).version == 4
    assert TASK.id == task_uuid("req_1.1", 0)
    assert len({task_uuid(each, attempt) for each in ("req_1.1", "req_1.2") for attempt in range(3)}) == 6


async def test_a_submission_is_an_array_of_one_task(upstream: Upstream, runware: Runware) -> None:
    upstream.replies = [ack()]
    assert await runware.submit(call()) == TASK
    [asked] = upstream.asked
    assert (asked.method, asked.path, asked.headers["authorization"]) == ("POST", "/v1", "Bearer secret")
    assert asked.json == [{**call().payload, "model": "runware:108@1", "taskUUID": TASK.id}]


@pytest.mark.parametrize(
    ("first", "looks"),
    [
        (LOST, [polled(DRAWING)]),
        (LOST, [UNKNOWN, polled(drawn())]),
        (LOST, [UNKNOWN, UNKNOWN, polled(failed=(error("inferenceError"),))]),
        (LOST, [LOST]),
        (LOST, [Reply(503, b"<html>")]),
        (LOST, [errors(401, "invalidApiKey", taskType="authentication")]),
        (Reply(502, b"<html><title>502 Bad Gateway</title>"), [polled(DRAWING)]),
        (Reply(504, b""), [polled(DRAWING)]),
        (Reply(200, b"<html>"), [polled(DRAWING)]),
        (Reply(200, {}), [polled(DRAWING)]),
        (ack(task_uuid("req_2.1", 0)), [polled(DRAWING)]),
    ],
)
async def test_a_lost_answer_is_looked_for_and_not_sent_again(
    first: Reply, looks: list[Reply], upstream: Upstream, runware: Runware
) -> None:
    upstream.replies = [first, *looks]
    assert await runware.submit(call()) == TASK
    assert kinds_of(upstream.asked) == ["imageInference"] + ["getResponse"] * len(looks)
    assert upstream.asked[1].json == [{"taskType": "getResponse", "taskUUID": TASK.id}]


@pytest.mark.parametrize("second", [ack(), errors(400, "conflictTaskUUID")])
async def test_a_task_that_runware_does_not_know_is_sent_once_more_under_its_id(
    second: Reply, upstream: Upstream, runware: Runware
) -> None:
    upstream.script = lambda asked: (
        UNKNOWN if asked.json[0]["taskType"] == "getResponse" else LOST if len(upstream.asked) == 1 else second
    )
    assert await runware.submit(call()) == TASK
    sent = [asked for asked in upstream.asked if asked.json[0]["taskType"] == "imageInference"]
    assert len(sent) == 2
    assert sent[0].body == sent[1].body


async def test_two_lost_answers_are_lost(upstream: Upstream, runware: Runware) -> None:
    upstream.replies = [LOST, UNKNOWN, UNKNOWN, UNKNOWN, LOST]
    assert (await refused(runware.submit(call()))).kind is Kind.LOST


@pytest.mark.parametrize("look", [polled(DRAWING), polled(drawn()), UNKNOWN, LOST, polled(failed=(error("nsfw"),))])
async def test_an_id_that_is_in_use_leads_to_its_task(look: Reply, upstream: Upstream, runware: Runware) -> None:
    upstream.replies = [errors(400, "conflictTaskUUID"), look]
    assert await runware.submit(call()) == TASK


async def test_after_a_task_that_failed_unpaid_another_id_is_used(upstream: Upstream, runware: Runware) -> None:
    second = task_uuid("req_1.1", 1)
    upstream.replies = [errors(400, "conflictTaskUUID"), polled(failed=(error("inferenceError"),)), ack(second)]
    assert await runware.submit(call()) == Ticket(second)
    upstream.script = lambda asked: (
        polled(failed=(error("inferenceError"),))
        if asked.json[0]["taskType"] == "getResponse"
        else errors(400, "conflictTaskUUID")
    )
    assert (await refused(runware.submit(call()))).kind is Kind.FAILED


REFUSALS: list[tuple[Reply, Kind]] = [
    (errors(401, "invalidApiKey"), Kind.KEY),
    (errors(403, "accountSuspended"), Kind.KEY),
    (errors(401, "tokenExpired"), Kind.KEY),
    (errors(401, "missingApiKey"), Kind.KEY),
    (errors(402, "insufficientCredits"), Kind.CREDIT),
    (errors(402, "paymentRequired"), Kind.CREDIT),
    (errors(429, "quotaExceeded"), Kind.CREDIT),
    (errors(429, "rateLimitExceeded"), Kind.RATE),
    (errors(429, "inferenceRateLimitExceeded"), Kind.RATE),
    (errors(400, "contentPolicyViolation"), Kind.MODERATED),
    (errors(400, "providerContentPolicyViolation"), Kind.MODERATED),
    (errors(400, "sensitiveContentDetected"), Kind.MODERATED),
    (errors(400, "promptBlocked"), Kind.MODERATED),
    (errors(400, "moderationFailed"), Kind.MODERATED),
    (errors(400, "invalidProviderContent"), Kind.MODERATED),
    (errors(400, "invalidWidth"), Kind.BAD_REQUEST),
    (errors(400, "missingPositivePrompt"), Kind.BAD_REQUEST),
    (errors(400, "unsupportedParameter"), Kind.BAD_REQUEST),
    (errors(400, "valueTooLarge"), Kind.BAD_REQUEST),
    (errors(400, "maxLycorisModelsExceeded"), Kind.BAD_REQUEST),
    (errors(404, "modelNotFound"), Kind.BAD_REQUEST),
    (errors(200, "incompatibleParameters"), Kind.BAD_REQUEST),
    (errors(500, "internalServerError"), Kind.FAILED),
    (errors(500, "providerError"), Kind.FAILED),
    (errors(504, "providerTimeout"), Kind.FAILED),
    (errors(503, "noAvailableServer"), Kind.BUSY),
    (errors(503, "serviceUnavailable"), Kind.BUSY),
    (errors(400, "somethingNew"), Kind.BAD_REQUEST),
    (errors(429, "somethingNew"), Kind.RATE),
    (errors(503, "somethingNew"), Kind.BUSY),
    (Reply(401, b"<html>"), Kind.KEY),
    (Reply(429, b""), Kind.RATE),
    (Reply(503, b"<html>"), Kind.BUSY),
    (Reply(400, {"error": error("invalidSteps"), "taskUUID": TASK.id}), Kind.BAD_REQUEST),
    (Reply(302, b"", {"location": "https://evil.example"}), Kind.BROKEN),
]


@pytest.mark.parametrize(("reply", "kind"), REFUSALS)
async def test_refusals_of_a_submission(reply: Reply, kind: Kind, upstream: Upstream, runware: Runware) -> None:
    upstream.replies = [reply]
    assert (await refused(runware.submit(call()))).kind is kind
    assert len(upstream.asked) == 1


@pytest.mark.parametrize(
    ("parameter", "named"),
    [("width", "width"), ("inputs.strength", "strength"), (["width", "height"], "width"), (None, None), ([], None)],
)
async def test_a_refused_field_is_named_with_runwares_reason(
    parameter: Any, named: str | None, upstream: Upstream, runware: Runware
) -> None:
    wrong = error("invalidWidth", f"not with {PROMPT}, a multiple of 16", parameter=parameter)
    upstream.replies = [Reply(400, {"errors": [wrong]}, {"retry-after": "3"})]
    told = await refused(runware.submit(call()))
    assert (told.param, told.status, told.retry_after) == (named, 400, 3.0)
    assert told.message == "Runware: not with …, a multiple of 16"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (polled(DRAWING), Progress()),
        (polled({**DRAWING, "status": "pending"}), Progress()),
        (polled(), Progress()),
        (ack(), Progress()),
        (polled(drawn(), DRAWING), Progress()),
        (polled(DRAWING, failed=(error("inferenceError"),)), Progress()),
        (polled(drawn()), Progress(done=True)),
        (polled(drawn(), failed=(error("inferenceError"),)), Progress(done=True)),
        (polled({**DRAWING, "status": "error", "error": error("inferenceError")}), Progress(done=True)),
        (Reply(200, {"data": drawn()}), Progress(done=True)),
        (errors(400, "contentPolicyViolation"), Progress(done=True)),
    ],
)
async def test_check(reply: Reply, expected: Progress, upstream: Upstream, runware: Runware) -> None:
    upstream.replies = [reply]
    assert await runware.check(TASK) == expected
    assert upstream.asked[0].json == [{"taskType": "getResponse", "taskUUID": TASK.id}]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (UNKNOWN, Kind.GONE),
        (errors(400, "taskFailedOrNotFound"), Kind.GONE),
        (errors(200, "taskNotFound"), Kind.GONE),
        (errors(401, "invalidApiKey"), Kind.BUSY),
        (errors(429, "rateLimitExceeded"), Kind.RATE),
        (errors(500, "internalServerError"), Kind.BUSY),
        (errors(400, "invalidTaskUUID", taskType="getResponse"), Kind.BUSY),
        (Reply(200, b"<html>"), Kind.BUSY),
        (Reply(200, [7]), Kind.BUSY),
        (Reply(504, b""), Kind.BUSY),
        (LOST, Kind.LOST),
    ],
)
async def test_a_hitch_says_nothing_about_the_task(
    reply: Reply, kind: Kind, upstream: Upstream, runware: Runware
) -> None:
    upstream.script = lambda asked: reply
    assert (await refused(runware.check(TASK))).kind is kind
    assert (await refused(runware.result(TASK, call()))).kind is kind


async def test_result_reads_pictures_seeds_flags_and_the_cost(upstream: Upstream, runware: Runware) -> None:
    upstream.replies = [polled(drawn(1), drawn(0, NSFWContent=True, seed=2**63 - 1))]
    answer = await runware.result(TASK, call(2))
    assert [image.url for image in answer.images] == [f"https://im.runware.ai/image/{n}.png" for n in (1, 0)]
    assert [(image.seed, image.flagged) for image in answer.images] == [(8, False), (2**63 - 1, True)]
    assert answer.cost == pytest.approx(0.0154)  # pyright: ignore[reportUnknownMemberType]  # pytest's own


@pytest.mark.parametrize("cost", [None, -0.01, True, 1e300, "0.01"])
async def test_without_every_cost_there_is_none(upstream: Upstream, runware: Runware, cost: object) -> None:
    upstream.replies = [polled(drawn(0), drawn(1, cost=cost))]
    assert (await runware.result(TASK, call(2))).cost is None


@pytest.mark.parametrize("reply", [polled(drawn(), DRAWING), polled(drawn()), polled(DRAWING), polled()])
async def test_what_is_not_finished_is_asked_for_again(reply: Reply, upstream: Upstream, runware: Runware) -> None:
    upstream.replies = [reply]
    assert (await refused(runware.result(TASK, call(2)))).kind is Kind.BUSY


async def test_results_that_failed_take_no_others_with_them(upstream: Upstream, runware: Runware) -> None:
    failed = (error("inferenceError"), error("contentPolicyViolation"))
    upstream.replies = [polled(drawn(0), {**drawn(1), "imageURL": "ftp://x/y"}, failed=failed)]
    first, second, third = (await runware.result(TASK, call(4))).images
    assert first.url is not None
    assert (second.url, second.content, second.flagged) == (None, b"", False)
    assert (third.content, third.flagged) == (b"", True)


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (["inferenceError"], Kind.FAILED),
        (["providerTimeout"], Kind.FAILED),
        (["noAvailableServer"], Kind.FAILED),
        (["insufficientCredits"], Kind.FAILED),
        (["contentPolicyViolation"], Kind.MODERATED),
        (["inferenceError", "nsfwContentDetected"], Kind.MODERATED),
        (["invalidSeedImage"], Kind.BAD_REQUEST),
        (["taskCancelled"], Kind.CANCELLED),
        (["somethingNew"], Kind.BROKEN),
    ],
)
async def test_a_task_that_failed(codes: list[str], kind: Kind, upstream: Upstream, runware: Runware) -> None:
    upstream.replies = [
        polled(failed=tuple(error(code) for code in codes)),
        polled(*({**DRAWING, "status": "error", "error": error(code)} for code in codes)),
    ]
    assert (await refused(runware.result(TASK, call()))).kind is kind
    assert (await refused(runware.result(TASK, call()))).kind is kind


@pytest.mark.parametrize("change", [{"imageURL": None}, {"imageURL": "ftp://x/y"}, {"imageURL": 7}])
async def test_a_result_without_a_picture_is_broken(
    change: dict[str, Any], upstream: Upstream, runware: Runware
) -> None:
    upstream.replies = [polled({**drawn(), **change})]
    assert (await refused(runware.result(TASK, call()))).kind is Kind.BROKEN


async def test_there_is_no_cancellation(upstream: Upstream, runware: Runware) -> None:
    await runware.cancel(TASK)
    assert not upstream.asked
