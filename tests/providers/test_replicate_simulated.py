"""The adapter against the stand-in, which shares no code with it: at no point is a picture paid for twice."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from providers.base import Answer, Call, Progress
from providers.errors import Kind, ProviderError
from providers.guard import Guard
from providers.polling import follow
from providers.replicate.adapter import Replicate
from simulators.running import Simulators
from tests.providers.simulated import account_at

SCHNELL = Call(
    "req_1.1",
    "black-forest-labs/flux-schnell",
    "generate",
    {"prompt": "a fox", "num_outputs": 2, "megapixels": "0.25", "output_format": "png"},
    2,
    "url",
)


@pytest_asyncio.fixture
async def replicate(simulators: Simulators) -> AsyncGenerator[Replicate]:
    adapter = Replicate(account_at(simulators, "replicate"))
    yield adapter
    await adapter.close()


async def drawn(adapter: Replicate, call: Call = SCHNELL) -> Answer:
    return await follow(adapter, await adapter.submit(call), call, time.monotonic() + 30)


async def test_from_submission_to_the_bytes(replicate: Replicate, simulators: Simulators) -> None:
    answer = await drawn(replicate)
    guard = Guard([simulators.origin])
    for image in answer.images:
        picture = await guard.fetch(image.url or "", max_bytes=10_000_000, deadline=time.monotonic() + 10)
        assert (picture.content[:4], picture.content_type) == (b"\x89PNG", "image/png")
    await guard.close()
    [submitted] = simulators.calls("replicate", "submit")
    assert submitted["body"] == {"input": SCHNELL.payload}
    assert (len(answer.images), simulators.paid("replicate")) == (2, 2)


async def test_what_is_done_within_the_wait_takes_one_exchange(replicate: Replicate, simulators: Simulators) -> None:
    simulators.set_pace("replicate", seconds_per_image=0.001)
    assert len((await drawn(replicate)).images) == 2
    assert [call["step"] for call in simulators.calls("replicate")] == ["submit"]


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "status", "status": 503, "times": 2},
        {"effect": "status", "status": 429},
        {"effect": "status", "status": 401},
        {"effect": "status", "status": 404, "times": 2},
        {"effect": "drop_before", "times": 2},
        {"effect": "drop_after", "times": 2},
        {"effect": "html"},
    ],
)
async def test_hitches_after_the_ticket_cost_nothing_twice(
    fault: dict[str, Any], replicate: Replicate, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "status", "headers": {"retry-after": "0"}, **fault}])
    assert len((await drawn(replicate)).images) == 2
    assert (len(simulators.calls("replicate", "submit")), simulators.paid("replicate")) == (1, 2)


@pytest.mark.parametrize(("effect", "paid"), [("drop_before", 0), ("drop_after", 2)])
async def test_a_submission_without_an_answer_is_lost_and_never_repeated(
    effect: str, paid: int, replicate: Replicate, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": effect}])
    with pytest.raises(ProviderError) as caught:
        await replicate.submit(SCHNELL)
    assert (caught.value.kind, caught.value.again, caught.value.elsewhere) == (Kind.LOST, False, False)
    assert (len(simulators.calls("replicate", "submit")), simulators.paid("replicate")) == (1, paid)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"effect": "moderated"}, Kind.MODERATED),
        ({"effect": "failed"}, Kind.FAILED),
        ({"effect": "empty"}, Kind.BROKEN),
        ({"effect": "html"}, Kind.BROKEN),
        ({"effect": "status", "status": 402}, Kind.CREDIT),
        ({"effect": "status", "status": 429}, Kind.RATE),
        ({"effect": "status", "status": 500}, Kind.BUSY),
    ],
)
async def test_failures(fault: dict[str, Any], kind: Kind, replicate: Replicate, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", **fault}])
    with pytest.raises(ProviderError) as caught:
        await drawn(replicate)
    assert caught.value.kind is kind
    assert (len(simulators.calls("replicate", "submit")), simulators.paid("replicate")) == (1, 0)


async def test_one_of_two_that_was_flagged(replicate: Replicate, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": "nsfw"}])
    answer = await drawn(replicate)
    assert [image.flagged for image in answer.images] == [False, True]
    assert (answer.units, simulators.paid("replicate")) == (1.0, 1)


async def test_a_wrong_key_and_a_wrong_value(replicate: Replicate, simulators: Simulators) -> None:
    stranger = Replicate(account_at(simulators, "replicate", key="r8_wrong"))
    with pytest.raises(ProviderError) as caught:
        await stranger.submit(SCHNELL)
    await stranger.close()
    assert caught.value.kind is Kind.KEY
    with pytest.raises(ProviderError) as caught:
        await replicate.submit(replace(SCHNELL, payload={**SCHNELL.payload, "num_outputs": 20}))
    assert (caught.value.kind, caught.value.param) == (Kind.BAD_REQUEST, "num_outputs")


async def test_cancelling_the_task_cancels_the_prediction(replicate: Replicate, simulators: Simulators) -> None:
    async def nothing_to_wait_for(_seconds: float) -> None:
        await asyncio.sleep(0)

    ticket = await replicate.submit(SCHNELL)
    simulators.set_pace("replicate", seconds_per_image=3600)
    seen = asyncio.Event()

    def look(_progress: Progress) -> None:
        seen.set()

    following = asyncio.create_task(
        follow(
            replicate,
            ticket,
            SCHNELL,
            time.monotonic() + 30,
            sleep=nothing_to_wait_for,
            on_progress=look,
            cancel_on_cancel=True,
        )
    )
    await seen.wait()
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert len(simulators.calls("replicate", "cancel")) == 1
    with pytest.raises(ProviderError) as caught:
        await follow(replicate, ticket, SCHNELL, time.monotonic() + 30)
    assert caught.value.kind is Kind.CANCELLED


async def test_the_deadline_leaves_the_prediction_alone(replicate: Replicate, simulators: Simulators) -> None:
    ticket = await replicate.submit(SCHNELL)
    simulators.set_pace("replicate", seconds_per_image=3600)
    with pytest.raises(ProviderError) as caught:
        await follow(replicate, ticket, SCHNELL, time.monotonic() + 0.05)
    assert (caught.value.kind, caught.value.paid) == (Kind.TIMEOUT, True)
    simulators.set_pace("replicate")
    assert len((await follow(replicate, ticket, SCHNELL, time.monotonic() + 30)).images) == 2
    assert len(simulators.calls("replicate", "submit")) == 1
