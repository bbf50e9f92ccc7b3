"""The DashScope adapter against its stand-in: whatever goes wrong, no picture is paid twice."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from providers.alibaba.adapter import Alibaba
from providers.base import Call, Json, Ticket
from providers.errors import Kind
from simulators.running import Simulators
from tests.providers.failing import failure
from tests.providers.simulated import account_at, downloaded, drawn, followed, refused_key

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


def submissions(simulators: Simulators) -> int:
    return len(simulators.calls("alibaba", "submit")) + len(simulators.calls("alibaba", "generate"))


@pytest.mark.parametrize("call", [TASK, MESSAGE], ids=["task", "message"])
async def test_from_submission_to_the_bytes(call: Call, alibaba: Alibaba, simulators: Simulators) -> None:
    answer = await drawn(alibaba, call)
    assert len(answer.images) == answer.units == simulators.paid("alibaba") == call.images
    for picture in await downloaded(simulators, answer):
        assert picture.content[:4] == b"\x89PNG"


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
    error = await failure(drawn(alibaba, call))
    assert (error.kind, submissions(simulators)) == (kind, 1)
    made = effect in ("drop_after", "empty")
    assert simulators.paid("alibaba") == (call.images if made else 0)
    assert error.paid or not made, "what may have been paid says so"


async def test_a_wrong_key_and_a_wrong_value(alibaba: Alibaba, simulators: Simulators) -> None:
    await refused_key(Alibaba(account_at(simulators, "alibaba", key="sk-beijing")), TASK)
    two = Call("req_1.1", "qwen-image", "generate", {**QUEUED, "parameters": {"n": 2}}, 2, "url")
    error = await failure(drawn(alibaba, two))
    assert (error.kind, error.message) == (Kind.BAD_REQUEST, "DashScope: num_images_per_prompt must be 1")


async def test_an_expired_task_is_gone(alibaba: Alibaba, simulators: Simulators) -> None:
    ticket = await alibaba.submit(TASK)
    assert isinstance(ticket, Ticket)
    await followed(alibaba, ticket, TASK)
    simulators.set_pace("alibaba", keep_seconds=0)
    assert (await failure(followed(alibaba, ticket, TASK))).kind is Kind.GONE


async def test_a_cancelled_task_costs_nothing(alibaba: Alibaba, simulators: Simulators) -> None:
    ticket = await alibaba.submit(TASK)
    assert isinstance(ticket, Ticket)
    await alibaba.cancel(ticket)
    assert simulators.paid("alibaba") == 0
    assert (await failure(followed(alibaba, ticket, TASK))).kind is Kind.CANCELLED
    await alibaba.cancel(ticket)
