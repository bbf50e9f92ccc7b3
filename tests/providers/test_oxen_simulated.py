"""The adapter against the stand-in, which shares no code with it: at no point is a picture paid for twice."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from providers.base import Call
from providers.errors import Kind, ProviderError
from providers.oxen.adapter import Oxen
from simulators.running import Simulators
from tests.providers.failing import failure
from tests.providers.simulated import abandoned, account_at, downloaded, drawn, followed, refused_key
from tests.simulators.oxen_wire import data_uri

LAKE = {"prompt": "a lake", "aspect_ratio": "1:1", "output_format": "png", "num_generations": 1}
CALL = Call("req_1.1", "qwen-image", "generate", LAKE, 1, "url")


@pytest_asyncio.fixture
async def oxen(simulators: Simulators) -> AsyncGenerator[Oxen]:
    adapter = Oxen(account_at(simulators, "oxen"))
    yield adapter
    await adapter.close()


async def test_from_submission_to_the_bytes(oxen: Oxen, simulators: Simulators) -> None:
    [picture] = await downloaded(simulators, await drawn(oxen, CALL))
    assert (picture.content[:4], picture.content_type) == (b"\x89PNG", "image/png")
    [submitted] = simulators.calls("oxen", "submit")
    assert (submitted["path"], submitted["body"]) == ("/oxen/api/ai/queue", {**LAKE, "model": "qwen-image"})
    assert simulators.paid("oxen") == 1


async def test_an_upscale(oxen: Oxen, simulators: Simulators) -> None:
    payload = {"input_image": data_uri(96, 64), "upscale_factor": "4x", "num_generations": 1}
    call = Call("req_1.1", "topazlabs-image-upscale", "edit", payload, 1, "url")
    assert len((await drawn(oxen, call)).images) == simulators.paid("oxen") == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "status", "status": 503, "times": 2},
        {"effect": "status", "status": 429},
        {"effect": "status", "status": 401},
        {"effect": "status", "status": 402},
        {"effect": "status", "status": 404, "times": 2},
        {"effect": "drop_before", "times": 2},
        {"effect": "drop_after", "times": 2},
        {"effect": "html"},
        {"effect": "delay", "seconds": 0.01, "times": 2},
    ],
)
async def test_hitches_after_the_ticket_cost_nothing_twice(
    fault: dict[str, Any], oxen: Oxen, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "oxen", "on": "status", "headers": {"retry-after": "0"}, **fault}])
    assert len((await drawn(oxen, CALL)).images) == 1
    assert (len(simulators.calls("oxen", "submit")), simulators.paid("oxen")) == (1, 1)


@pytest.mark.parametrize(("effect", "paid"), [("drop_before", 0), ("drop_after", 1)])
async def test_a_submission_without_an_answer_is_lost_and_never_repeated(
    effect: str, paid: int, oxen: Oxen, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "oxen", "on": "submit", "effect": effect}])
    error = await failure(oxen.submit(CALL))
    assert (error.kind, error.again, error.elsewhere) == (Kind.LOST, False, False)
    assert (len(simulators.calls("oxen", "submit")), simulators.paid("oxen")) == (1, paid)


async def test_a_submission_that_is_answered_too_late_is_lost(simulators: Simulators) -> None:
    hasty = Oxen(account_at(simulators, "oxen", timeout=0.2))
    simulators.set_faults([{"provider": "oxen", "on": "submit", "effect": "delay", "seconds": 3600}])
    with pytest.raises(ProviderError) as caught:
        await hasty.submit(CALL)
    await hasty.close()
    assert caught.value.kind is Kind.LOST
    assert len(simulators.calls("oxen", "submit")) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"effect": "moderated"}, Kind.MODERATED),
        ({"effect": "failed"}, Kind.BROKEN),
        ({"effect": "empty"}, Kind.BROKEN),
        ({"effect": "html"}, Kind.BROKEN),
        ({"effect": "status", "status": 400}, Kind.BAD_REQUEST),
        ({"effect": "status", "status": 402}, Kind.CREDIT),
        ({"effect": "status", "status": 429}, Kind.RATE),
        ({"effect": "status", "status": 500}, Kind.BUSY),
    ],
)
async def test_failures(fault: dict[str, Any], kind: Kind, oxen: Oxen, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "oxen", "on": "submit", **fault}])
    assert (await failure(drawn(oxen, CALL))).kind is kind
    assert (len(simulators.calls("oxen", "submit")), simulators.paid("oxen")) == (1, 0)


async def test_a_wrong_key_a_wrong_model_and_a_wrong_value(oxen: Oxen, simulators: Simulators) -> None:
    await refused_key(Oxen(account_at(simulators, "oxen", key="wrong")), CALL)
    error = await failure(oxen.submit(replace(CALL, upstream="qwen-image-9000")))
    assert (error.kind, error.message) == (Kind.BAD_REQUEST, "Oxen: Model not found: qwen-image-9000")
    error = await failure(drawn(oxen, replace(CALL, payload={**LAKE, "guidance": 11})))
    assert "guidance must be at most 10" in error.message
    assert simulators.paid("oxen") == 0


async def test_who_stops_cancels_the_generation(oxen: Oxen, simulators: Simulators) -> None:
    simulators.set_pace("oxen", queue_seconds=3600)
    ticket = await oxen.submit(CALL)
    error = await abandoned(oxen, ticket, CALL)
    [cancelled] = simulators.calls("oxen", "cancel")
    assert (cancelled["method"], cancelled["path"]) == ("DELETE", f"/oxen/api/ai/queue/{ticket.id}")
    assert (error.kind, error.message) == (Kind.CANCELLED, "the generation was cancelled at Oxen")
    assert simulators.paid("oxen") == 0


async def test_the_deadline_leaves_the_generation_alone(oxen: Oxen, simulators: Simulators) -> None:
    simulators.set_pace("oxen", seconds_per_image=3600)
    ticket = await oxen.submit(CALL)
    error = await failure(followed(oxen, ticket, CALL, 0.05))
    assert (error.kind, error.paid) == (Kind.TIMEOUT, True)
    simulators.set_pace("oxen")
    assert len((await followed(oxen, ticket, CALL)).images) == 1
    assert len(simulators.calls("oxen", "submit")) == 1
