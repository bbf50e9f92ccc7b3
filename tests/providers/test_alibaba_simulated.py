"""The DashScope adapter against its stand-in: whatever goes wrong, no picture is paid twice."""

import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from providers.alibaba.adapter import Alibaba
from providers.base import Answer, Call, Json, Ticket
from providers.errors import Kind, ProviderError
from providers.guard import Guard
from providers.polling import follow
from simulators.running import Simulators
from tests.providers.simulated import account_at

QUEUED: Json = {"input": {"prompt": "a fox"}, "parameters": {"size": "1328*1328", "n": 1, "seed": 7}}
SAID: Json = {
    "input": {"messages": [{"role": "user", "content": [{"text": "a fox"}]}]},
    "parameters": {"size": "640*512", "n": 2, "seed": 7},
}
TASK = Call("req_1.1", "qwen-image", "generate", QUEUED, 1, "url")
MESSAGE = Call("req_1.1", "qwen-image-2.0", "generate", SAID, 2, "url")


@pytest_asyncio.fixture
async def alibaba(simulators: Simulators) -> AsyncGenerator[Alibaba]:
    adapter = Alibaba(account_at(simulators, "alibaba"))
    yield adapter
    await adapter.close()


async def drawn(alibaba: Alibaba, call: Call) -> Answer:
    receipt = await alibaba.submit(call)
    return receipt if isinstance(receipt, Answer) else await follow(alibaba, receipt, call, time.monotonic() + 30)


async def failure(alibaba: Alibaba, call: Call) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await drawn(alibaba, call)
    return caught.value


def submissions(simulators: Simulators) -> int:
    return len(simulators.calls("alibaba", "submit")) + len(simulators.calls("alibaba", "generate"))


@pytest.mark.parametrize("call", [TASK, MESSAGE], ids=["task", "message"])
async def test_from_submission_to_the_bytes(call: Call, alibaba: Alibaba, simulators: Simulators) -> None:
    answer = await drawn(alibaba, call)
    assert len(answer.images) == answer.units == simulators.paid("alibaba") == call.images
    guard = Guard([simulators.origin])
    for image in answer.images:
        assert image.url is not None
        picture = await guard.fetch(image.url, max_bytes=10_000_000, deadline=time.monotonic() + 10)
        assert picture.content[:4] == b"\x89PNG"
    await guard.close()


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "status", "status": 503, "times": 2},
        {"effect": "status", "status": 429},
        {"effect": "status", "status": 401},
        {"effect": "drop_before", "times": 2},
        {"effect": "drop_after"},
        {"effect": "html"},
    ],
)
async def test_hitches_after_the_ticket_cost_nothing_twice(
    fault: dict[str, Any], alibaba: Alibaba, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "alibaba", "on": "status", **fault}])
    assert len((await drawn(alibaba, TASK)).images) == 1
    assert (submissions(simulators), simulators.paid("alibaba")) == (1, 1)


@pytest.mark.parametrize("call", [TASK, MESSAGE], ids=["task", "message"])
@pytest.mark.parametrize(
    ("effect", "kind"),
    [
        ("drop_before", Kind.LOST),
        ("drop_after", Kind.LOST),
        ("html", Kind.BROKEN),
        ("moderated", Kind.MODERATED),
        ("failed", Kind.FAILED),
        ("empty", Kind.BROKEN),
    ],
)
async def test_a_submission_that_fails_is_never_repeated(
    call: Call, effect: str, kind: Kind, alibaba: Alibaba, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "alibaba", "on": "generate", "effect": effect}])
    error = await failure(alibaba, call)
    assert (error.kind, submissions(simulators)) == (kind, 1)
    made = effect in ("drop_after", "empty")
    assert simulators.paid("alibaba") == (call.images if made else 0)
    assert error.paid or not made, "what may have been paid says so"


async def test_a_wrong_key_and_a_wrong_value(alibaba: Alibaba, simulators: Simulators) -> None:
    stranger = Alibaba(account_at(simulators, "alibaba", key="sk-beijing"))
    assert (await failure(stranger, TASK)).kind is Kind.KEY
    await stranger.close()
    two = Call("req_1.1", "qwen-image", "generate", {**QUEUED, "parameters": {"n": 2}}, 2, "url")
    error = await failure(alibaba, two)
    assert (error.kind, error.message) == (Kind.BAD_REQUEST, "DashScope: num_images_per_prompt must be 1")


async def test_an_expired_task_is_gone(alibaba: Alibaba, simulators: Simulators) -> None:
    ticket = await alibaba.submit(TASK)
    assert isinstance(ticket, Ticket)
    await follow(alibaba, ticket, TASK, time.monotonic() + 30)
    simulators.set_pace("alibaba", keep_seconds=0)
    with pytest.raises(ProviderError) as caught:
        await follow(alibaba, ticket, TASK, time.monotonic() + 30)
    assert caught.value.kind is Kind.GONE


async def test_a_cancelled_task_costs_nothing(alibaba: Alibaba, simulators: Simulators) -> None:
    ticket = await alibaba.submit(TASK)
    assert isinstance(ticket, Ticket)
    await alibaba.cancel(ticket)
    assert simulators.paid("alibaba") == 0
    with pytest.raises(ProviderError) as caught:
        await follow(alibaba, ticket, TASK, time.monotonic() + 30)
    assert caught.value.kind is Kind.CANCELLED
    await alibaba.cancel(ticket)
