"""Runware's webhooks name their task, and nothing else of them is read: they are not signed.

Their shape: Runware docs, Webhooks, read 2026-11-21.
"""

from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from providers.abilities import Hook, HookRefused, Hooks
from providers.account import Account
from providers.base import Call
from providers.hook_body import MAX_BYTES
from providers.runware.adapter import Runware, task_uuid
from tests.providers.upstream import Asked, Reply, Upstream

TASK = task_uuid("req_1.1", 0)
DRAWN = {"taskType": "imageInference", "taskUUID": TASK, "imageUUID": "a", "imageURL": "https://im.runware.ai/a.png"}


@pytest_asyncio.fixture
async def runware(upstream: Upstream) -> AsyncGenerator[Runware]:
    adapter = Runware(Account(f"{upstream.url}/v1", "secret"), lag=(0, 0, 0))
    yield adapter
    await adapter.close()


async def read(runware: Runware, told: Any) -> Hook:
    body = told if isinstance(told, bytes) else orjson.dumps(told)
    return await runware.read_hook({}, body, 0.0)


@pytest.mark.parametrize("webhook", [None, "https://easel.example/v1/hooks/runware/t"])
async def test_a_task_names_the_webhook_only_where_there_is_one(
    webhook: str | None, upstream: Upstream, runware: Runware
) -> None:
    sent: list[dict[str, Any]] = []

    def script(asked: Asked) -> Reply:
        [task] = asked.json
        if task["taskType"] == "getResponse":
            return Reply(404, {"errors": [{"code": "taskNotFound", "taskUUID": TASK}]})
        sent.append(task)
        return Reply(drop=True) if len(sent) == 1 else Reply(200, {"data": [DRAWN]})

    upstream.script = script
    payload = {"taskType": "imageInference", "positivePrompt": "x"}
    await runware.submit(Call("req_1.1", "runware:108@1", "generate", payload, 1, "url", webhook=webhook))
    task = {**payload, "model": "runware:108@1", "taskUUID": TASK, **({"webhookURL": webhook} if webhook else {})}
    assert sent == [task, task], "sent again under its id, it is the same task"


@pytest.mark.parametrize(
    "told",
    [
        DRAWN,
        {**DRAWN, "taskUUID": TASK.upper()},
        {"code": "providerError", "message": "no", "taskType": "imageInference", "taskUUID": TASK},
        {"data": [DRAWN, {**DRAWN, "imageUUID": "b"}]},
        {"errors": [{"code": "providerError", "taskUUID": TASK}]},
        {"data": [], "errors": [7, {"taskUUID": TASK}]},
    ],
)
async def test_a_result_names_its_ticket(told: dict[str, Any], runware: Runware) -> None:
    assert isinstance(runware, Hooks)
    assert (await read(runware, told)).ticket == TASK


async def test_a_replay_is_the_same_delivery_and_another_picture_is_not(runware: Runware) -> None:
    first, replay = await read(runware, DRAWN), await read(runware, DRAWN)
    other = await read(runware, {**DRAWN, "imageUUID": "b"})
    assert first == replay
    assert first.delivery != other.delivery


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (b"x" * (MAX_BYTES + 1), "larger"),
        (b"<html>", "JSON"),
        (b"", "JSON"),
        ([DRAWN], "object"),
        ({}, "taskUUID"),
        ({"taskUUID": None}, "taskUUID"),
        ({"taskUUID": "../x"}, "taskUUID"),
        ({"data": "x", "errors": [7]}, "taskUUID"),
    ],
)
async def test_a_body_of_no_use_is_refused(told: Any, why: str, runware: Runware) -> None:
    with pytest.raises(HookRefused) as caught:
        await read(runware, told)
    assert why in str(caught.value)
