"""The adapter against the stand-in, which shares no code with it: at no point is a picture paid for twice."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from providers.base import Call
from providers.errors import Kind
from providers.replicate.adapter import Replicate
from simulators.running import Simulators
from tests.providers.failing import failure
from tests.providers.simulated import abandoned, account_at, downloaded, drawn, followed, refused_key

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


async def test_from_submission_to_the_bytes(replicate: Replicate, simulators: Simulators) -> None:
    answer = await drawn(replicate, SCHNELL)
    for picture in await downloaded(simulators, answer):
        assert (picture.content[:4], picture.content_type) == (b"\x89PNG", "image/png")
    [submitted] = simulators.calls("replicate", "submit")
    assert submitted["body"] == {"input": SCHNELL.payload}
    assert (len(answer.images), simulators.paid("replicate")) == (2, 2)


async def test_the_id_is_there_long_before_the_picture(replicate: Replicate, simulators: Simulators) -> None:
    """A creation that Replicate held open could be lost for as long, and nothing would lead back to it."""
    simulators.set_pace("replicate", queue_seconds=3600)
    ticket = await replicate.submit(SCHNELL)
    assert not (await replicate.check(ticket)).done
    simulators.set_pace("replicate")
    assert len((await followed(replicate, ticket, SCHNELL)).images) == 2
    assert len(simulators.calls("replicate", "submit")) == 1


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
    assert len((await drawn(replicate, SCHNELL)).images) == 2
    assert (len(simulators.calls("replicate", "submit")), simulators.paid("replicate")) == (1, 2)


@pytest.mark.parametrize(("effect", "paid"), [("drop_before", 0), ("drop_after", 2)])
async def test_a_submission_without_an_answer_is_lost_and_never_repeated(
    effect: str, paid: int, replicate: Replicate, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": effect}])
    error = await failure(replicate.submit(SCHNELL))
    assert (error.kind, error.again, error.elsewhere) == (Kind.LOST, False, False)
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
    assert (await failure(drawn(replicate, SCHNELL))).kind is kind
    assert (len(simulators.calls("replicate", "submit")), simulators.paid("replicate")) == (1, 0)


async def test_one_of_two_that_was_flagged(replicate: Replicate, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": "nsfw"}])
    answer = await drawn(replicate, SCHNELL)
    assert [image.flagged for image in answer.images] == [False, True]
    assert (answer.units, simulators.paid("replicate")) == (1.0, 1)


async def test_a_wrong_key_and_a_wrong_value(replicate: Replicate, simulators: Simulators) -> None:
    await refused_key(Replicate(account_at(simulators, "replicate", key="r8_wrong")), SCHNELL)
    error = await failure(replicate.submit(replace(SCHNELL, payload={**SCHNELL.payload, "num_outputs": 20})))
    assert (error.kind, error.param) == (Kind.BAD_REQUEST, "num_outputs")


async def test_who_stops_cancels_the_prediction(replicate: Replicate, simulators: Simulators) -> None:
    ticket = await replicate.submit(SCHNELL)
    simulators.set_pace("replicate", seconds_per_image=3600)
    error = await abandoned(replicate, ticket, SCHNELL)
    assert (error.kind, error.message) == (Kind.CANCELLED, "the prediction was cancelled at Replicate")
    assert len(simulators.calls("replicate", "cancel")) == 1


async def test_the_deadline_leaves_the_prediction_alone(replicate: Replicate, simulators: Simulators) -> None:
    ticket = await replicate.submit(SCHNELL)
    simulators.set_pace("replicate", seconds_per_image=3600)
    error = await failure(followed(replicate, ticket, SCHNELL, 0.05))
    assert (error.kind, error.paid) == (Kind.TIMEOUT, True)
    simulators.set_pace("replicate")
    assert len((await followed(replicate, ticket, SCHNELL)).images) == 2
    assert len(simulators.calls("replicate", "submit")) == 1
