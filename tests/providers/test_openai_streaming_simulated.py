"""Watched calls against the simulated OpenAI, which shares no code with the adapter: faults, payments, cost."""

import asyncio
import io
from collections.abc import AsyncGenerator
from typing import Any

import pybase64
import pytest
import pytest_asyncio
from PIL import Image as PillowImage

from gateway.flow.cost import cost_of
from providers.base import Call, Part, Partial, Progress, Ready
from providers.errors import Kind
from providers.openai_compatible.adapter import OpenAICompatible
from simulators.running import Simulators
from tests.normalizers.offers import planned
from tests.providers.failing import failure
from tests.providers.simulated import account_at

MODEL = "gpt-image-1.5"


def call(partial_images: int = 2, images: int = 1, model: str = MODEL, **payload: Any) -> Call:
    body = {"prompt": "a fox", "quality": "low", "n": images, **payload}
    return Call("req_1.1", model, "generate", body, images, "bytes", partial_images=partial_images)


@pytest_asyncio.fixture
async def openai(simulators: Simulators) -> AsyncGenerator[OpenAICompatible]:
    adapter = OpenAICompatible(account_at(simulators, "openai"), name="openai")
    yield adapter
    await adapter.close()


@pytest.fixture
def shown() -> list[Progress | Partial | Ready]:
    return []


def size_of(base64: bytes | memoryview | None) -> tuple[int, int]:
    return PillowImage.open(io.BytesIO(pybase64.b64decode(base64 or b""))).size


async def test_previews_and_the_picture(
    openai: OpenAICompatible, simulators: Simulators, shown: list[Progress | Partial | Ready]
) -> None:
    answer = await openai.generate_watched(call(size="1024x1536", output_format="jpeg"), shown.append)
    assert [(told.number, told.format) for told in shown if isinstance(told, Partial)] == [(0, "jpeg"), (1, "jpeg")]
    pictures = [*[told.base64 for told in shown if isinstance(told, Partial)], answer.images[0].base64]
    assert [size_of(base64) for base64 in pictures] == [(1024, 1536)] * 3
    assert len({bytes(base64 or b"") for base64 in pictures}) == 3
    assert (answer.images[0].width, answer.images[0].content_type) == (1024, "image/jpeg")
    assert simulators.paid("openai") == 1


async def test_what_previews_cost_is_counted(openai: OpenAICompatible, shown: list[Progress | Partial | Ready]) -> None:
    """A preview is 100 tokens of pictures more, of which a million cost 32 dollars with this model."""
    plan = planned({"model": MODEL, "prompt": "a fox", "quality": "low"}, f"openai/{MODEL}")
    plain = cost_of(await openai.generate_watched(call(0), shown.append), plan, 1)
    watched = cost_of(await openai.generate_watched(call(3), shown.append), plan, 1)
    assert (plain.basis, watched.basis) == ("published", "published")
    assert plain.micros is not None and watched.micros == plain.micros + 3 * 100 * 32


async def test_an_edit(openai: OpenAICompatible, shown: list[Progress | Partial | Ready]) -> None:
    out = io.BytesIO()
    PillowImage.new("RGB", (64, 48), "navy").save(out, "PNG")
    payload = {"prompt": "at night", "image": [Part(out.getvalue(), "image/png", "picture.png")]}
    asked = Call("req_1.1", MODEL, "edit", payload, 1, "bytes", partial_images=1)
    assert len((await openai.generate_watched(asked, shown.append)).images) == 1
    assert len(shown) == 1


async def test_several_pictures_are_asked_for_in_the_ordinary_way(
    openai: OpenAICompatible, simulators: Simulators, shown: list[Progress | Partial | Ready]
) -> None:
    assert len((await openai.generate_watched(call(images=2), shown.append)).images) == 2
    assert (shown, simulators.paid("openai")) == ([], 2)


@pytest.mark.parametrize(
    ("effect", "kind", "paid"),
    [
        ("stream_cut", Kind.LOST, 1),
        ("stream_error", Kind.FAILED, 0),
        ("moderated", Kind.MODERATED, 0),
        ("failed", Kind.FAILED, 0),
        ("empty", Kind.LOST, 1),
        ("drop_before", Kind.LOST, 0),
        ("drop_after", Kind.LOST, 1),
    ],
)
async def test_faults(effect: str, kind: Kind, paid: int, openai: OpenAICompatible, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "openai", "on": "generate", "effect": effect}])
    shown: list[Progress | Partial | Ready] = []
    assert (await failure(openai.generate_watched(call(), shown.append), provider="openai")).kind is kind
    assert len(shown) == (1 if effect.startswith("stream") else 0)
    assert (simulators.paid("openai"), len(simulators.calls("openai"))) == (paid, 1)


async def test_garbage_between_the_events_costs_no_picture(
    openai: OpenAICompatible, simulators: Simulators, shown: list[Progress | Partial | Ready]
) -> None:
    simulators.set_faults([{"provider": "openai", "on": "generate", "effect": "stream_garbage"}])
    assert len((await openai.generate_watched(call(3), shown.append)).images) == 1
    assert len(shown) == 3


async def test_a_preview_is_shown_before_the_picture_is_there_and_who_leaves_is_not_kept(
    openai: OpenAICompatible, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "openai", "on": "generate", "effect": "stream_stall", "seconds": 3600}])
    first = asyncio.Event()
    asking = asyncio.create_task(openai.generate_watched(call(), lambda _told: first.set()))
    await first.wait()
    assert not asking.done()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await openai.generate_watched(call(), lambda _told: None)).images, "its connection is no one else's"
