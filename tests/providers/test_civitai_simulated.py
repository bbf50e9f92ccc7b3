"""The adapter against the stand-in: whatever goes wrong on the way, a picture is paid once, and made if it can be."""

import io
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image as Pillow

from normalizers.source import Source, with_pictures
from providers.base import Call, Ticket
from providers.civitai.adapter import Civitai
from providers.errors import Kind
from providers.guard import Guard
from providers.polling import cancel_at_provider, follow
from simulators.running import Simulators
from tests.normalizers.offers import FOX, OFFERS, planned
from tests.providers.failing import failure
from tests.providers.simulated import (
    RECOVERED,
    account_at,
    downloaded,
    drawn,
    drawn_in_the_end,
    followed,
    refused_key,
)

GENERATE = "civitai/qwen-image generate"


def call(call_id: str, n: int = 2, offer: str = GENERATE, **more: Any) -> Call:
    """A call as the tables plan it."""
    found = OFFERS[offer]
    size = {} if found.operation == "edit" or "image" in more else {"size": "512x384"}
    [made] = planned({**size, "n": n, **more}, found).calls()
    return Call(call_id, found.upstream, found.operation, made.payload, n, "url")


@pytest_asyncio.fixture
async def civitai(simulators: Simulators) -> AsyncGenerator[Civitai]:
    adapter = Civitai(account_at(simulators, "civitai"), pauses=(0, 0, 0))
    yield adapter
    await adapter.close()


async def test_from_submission_to_the_bytes(civitai: Civitai, simulators: Simulators, call_id: str) -> None:
    answer = await drawn(civitai, call(call_id, output_format="webp"))
    assert (answer.cost, answer.currency) == (7, "BUZZ")  # 2 × 30 × 512·384 / 1328², rounded up
    contents = {picture.content for picture in await downloaded(simulators, answer)}
    assert [content[8:12] for content in contents] == [b"WEBP", b"WEBP"]
    assert [each["step"] for each in simulators.calls("civitai")][:3] == ["submit", "status", "result"]


async def test_a_quick_workflow_is_answered_at_once(civitai: Civitai, simulators: Simulators, call_id: str) -> None:
    simulators.set_pace("civitai", seconds_per_image=0.001)
    answer = await civitai.submit(call(call_id))
    simulators.set_pace("civitai")
    if isinstance(answer, Ticket):  # a busy machine: the wait was over first
        answer = await follow(civitai, answer, call(call_id), time.monotonic() + 30)
    assert len(answer.images) == 2


HERE_TOO: list[dict[str, Any]] = [
    {"on": "submit", "effect": "drop_after", "times": 2},
    {"on": "submit", "effect": "status", "status": 409},
    {"on": "status", "effect": "status", "status": 400},
    {"on": "result", "effect": "failed"},
]


@pytest.mark.parametrize("fault", [*RECOVERED, *HERE_TOO], ids=repr)
async def test_every_picture_is_made_and_paid_exactly_once(
    fault: dict[str, Any], civitai: Civitai, simulators: Simulators, call_id: str
) -> None:
    simulators.set_faults([{"provider": "civitai", **fault}])
    answer = await drawn_in_the_end(civitai, call(call_id))
    assert len({image.url for image in answer.images}) == 2
    assert simulators.paid("civitai") == 2


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"effect": "moderated"}, (Kind.MODERATED, 0)),
        ({"effect": "failed", "times": -1}, (Kind.FAILED, 0)),
        ({"effect": "empty"}, (Kind.BROKEN, 2)),
        ({"effect": "drop_before", "times": -1}, (Kind.LOST, 0)),
        ({"effect": "drop_after", "times": -1}, (Kind.LOST, 2)),
        ({"effect": "status", "status": 401}, (Kind.KEY, 0)),
        ({"effect": "status", "status": 402}, (Kind.CREDIT, 0)),
        ({"effect": "status", "status": 403, "body": "not enough Buzz"}, (Kind.KEY, 0)),
    ],
    ids=repr,
)
async def test_what_cannot_be_helped(
    fault: dict[str, Any], outcome: tuple[Kind, int], civitai: Civitai, simulators: Simulators, call_id: str
) -> None:
    simulators.set_faults([{"provider": "civitai", "on": "submit", **fault}])
    assert ((await failure(drawn_in_the_end(civitai, call(call_id)))).kind, simulators.paid("civitai")) == outcome


async def test_a_busy_answer_after_a_lost_one_sends_nobody_elsewhere(
    civitai: Civitai, simulators: Simulators, call_id: str
) -> None:
    lost, busy = ({"provider": "civitai", "on": "submit"} for _ in range(2))
    simulators.set_faults([{**lost, "effect": "drop_after"}, {**busy, "effect": "status", "status": 503, "times": -1}])
    assert ((await failure(civitai.submit(call(call_id)))).kind, simulators.paid("civitai")) == (Kind.LOST, 2)


async def test_another_process_finds_the_workflow_of_the_first(
    civitai: Civitai, simulators: Simulators, call_id: str
) -> None:
    second = Civitai(account_at(simulators, "civitai"))
    first = await drawn(civitai, call(call_id))
    again = await drawn(second, call(call_id))
    await second.close()
    places = [[str(image.url).partition("?")[0] for image in answer.images] for answer in (first, again)]
    assert places[0] == places[1]
    assert simulators.paid("civitai") == 2


async def test_blocked_blobs_are_flagged(civitai: Civitai, simulators: Simulators, call_id: str) -> None:
    simulators.set_faults([{"provider": "civitai", "on": "submit", "effect": "nsfw"}])
    answer = await drawn(civitai, call(call_id))
    assert [image.flagged for image in answer.images] == [True, True]


async def test_a_cancelled_workflow_ends_and_is_not_paid(
    civitai: Civitai, simulators: Simulators, call_id: str
) -> None:
    wanted = call(call_id)
    ticket = await civitai.submit(wanted)
    assert isinstance(ticket, Ticket)
    await cancel_at_provider(civitai, ticket)
    assert ((await failure(followed(civitai, ticket, wanted))).kind, simulators.paid("civitai")) == (Kind.CANCELLED, 0)
    await civitai.cancel(ticket)


async def test_a_wrong_key_and_a_wrong_value(civitai: Civitai, simulators: Simulators, call_id: str) -> None:
    await refused_key(Civitai(account_at(simulators, "civitai", key="wrong")), call(call_id))
    wanted = call(call_id)
    wanted.payload["width"] = 1001
    error = await failure(civitai.submit(wanted))
    assert (error.kind, error.param) == (Kind.BAD_REQUEST, "width")
    assert simulators.paid("civitai") == 0


def picture(width: int, height: int) -> bytes:
    content = io.BytesIO()
    Pillow.new("RGB", (width, height)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("offer", "pictures", "size"),  # of the source's 640x384, or the nearest that the offer has
    [
        ("civitai/qwen-image image_to_image", 1, (640, 384)),
        ("civitai/qwen-image edit", 10, (640, 384)),
        ("civitai/qwen-image-edit edit", 2, (640, 384)),
        ("civitai/qwen-image-2 edit", 3, (1024, 576)),
        ("civitai/qwen-image-2-edit edit", 1, (1024, 576)),
        ("civitai/qwen-image-2-pro edit", 1, (1024, 576)),
        ("civitai/sdxl image_to_image", 1, (640, 384)),
        ("civitai/flux-2-pro edit", 2, (856, 512)),
    ],
)
async def test_uploaded_pictures_are_drawn_from(
    offer: str, pictures: int, size: tuple[int, int], civitai: Civitai, call_id: str
) -> None:
    sources = [Source(f"{place}" * 64, "png", 640, 384, 900) for place in range(pictures)]
    planned_call = call(call_id, 1, offer, image=sources)
    forms: dict[Source, str] = {source: await civitai.upload(picture(640, 384), "image/png") for source in sources}
    wanted = Call(
        call_id, planned_call.upstream, planned_call.operation, with_pictures(planned_call.payload, forms), 1, "url"
    )
    [image] = (await drawn(civitai, wanted)).images
    assert (image.width, image.height) == size
    guard = Guard([civitai.http.base_url])
    fetched = await guard.fetch(str(image.url), max_bytes=10_000_000, deadline=time.monotonic() + 10)
    await guard.close()
    assert Pillow.open(io.BytesIO(fetched.content)).size == size


async def test_what_is_no_picture_is_not_taken(civitai: Civitai, call_id: str) -> None:
    error = await failure(civitai.upload(b"no picture", "image/png"))
    assert (error.kind, error.paid) == (Kind.BAD_REQUEST, False)
    wanted = call(call_id, 1, "civitai/qwen-image edit", image=[FOX])
    wanted.payload["images"] = ["!!!"]
    error = await failure(civitai.submit(wanted))
    assert (error.kind, error.param) == (Kind.BAD_REQUEST, "images")
