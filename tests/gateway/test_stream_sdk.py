"""Streams as OpenAI's own clients see them: Python, synchronous and asynchronous, and Node."""

import base64
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai.types import ImageEditCompletedEvent, ImageGenCompletedEvent
from PIL import Image

from simulators.running import Simulators
from tests.gateway.photos import photo
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.sdk.node import run_script

GPT: dict[str, Any] = {"model": "gpt-image-2.5-flare", "prompt": "a fox", "size": "1024x1024", "quality": "low"}
GENERATION, EDIT = "image_generation", "image_edit"


@pytest.fixture
def client(all_providers: RunningGateway) -> Iterator[openai.OpenAI]:
    """It checks every field of every event against its own types."""
    with openai.OpenAI(
        base_url=f"{all_providers.url}/v1", api_key=ADMIN_KEY, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
async def asynchronous(all_providers: RunningGateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{all_providers.url}/openai/v1", api_key=ADMIN_KEY, _strict_response_validation=True
    ) as client:
        yield client


def types_of(events: list[Any]) -> list[str]:
    return [event.type for event in events]


def opened(event: Any) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(event.b64_json, validate=True)))


def stops_after_previews(simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "openai", "on": "generate", "effect": "stream_cut"}])


@pytest.mark.parametrize("partial_images", [0, 2])
def test_a_generation(client: openai.OpenAI, partial_images: int) -> None:
    events = list(client.images.generate(**GPT, stream=True, partial_images=partial_images))
    assert types_of(events) == [f"{GENERATION}.partial_image"] * partial_images + [f"{GENERATION}.completed"]
    assert [opened(event).size for event in events] == [(1024, 1024)] * len(events)
    last = events[-1]
    assert isinstance(last, ImageGenCompletedEvent)
    assert last.usage.output_tokens == 272 + 100 * partial_images
    assert last.model_extra is not None
    assert last.model_extra["metadata"]["provider"] == "openai"


def test_an_edit(client: openai.OpenAI, simulators: Simulators) -> None:
    events = list(client.images.edit(**GPT, image=photo(), stream=True, partial_images=2))
    assert types_of(events) == [f"{EDIT}.partial_image"] * 2 + [f"{EDIT}.completed"]
    assert isinstance(events[-1], ImageEditCompletedEvent)
    [call] = simulators.calls("openai", "generate")
    assert call["path"].endswith("/images/edits")


def test_several_of_openais_are_each_shown_half_done(client: openai.OpenAI, simulators: Simulators) -> None:
    """OpenAI streams one picture a call, and so each is a call of its own."""
    events: list[Any] = list(client.images.generate(**GPT, n=2, stream=True, partial_images=1))
    shown = [(event.type.rpartition(".")[2], event.model_extra["image_index"]) for event in events]
    assert sorted(shown) == [("completed", 0), ("completed", 1), ("partial_image", 0), ("partial_image", 1)]
    assert all(shown.index(("partial_image", place)) < shown.index(("completed", place)) for place in (0, 1))
    assert [call["body"]["n"] for call in simulators.calls("openai", "generate")] == [1, 1]
    metadata = [event.model_extra.get("metadata") for event in events]
    assert metadata[:-1] == [None] * 3
    rows = {row["name"]: row for row in metadata[-1]["parameters"]}
    assert (rows["n"]["behavior"], rows["n"]["sent"]) == ("emulated", [1, 1])
    assert (rows["partial_images"]["behavior"], rows["partial_images"]["sent_as"]) == ("passthrough", "partial_images")
    usage = [event.usage.output_tokens for event in events if event.type == f"{GENERATION}.completed"]
    assert usage == [0, 744]  # of both calls, with the last


def test_an_error_in_the_middle_is_raised(client: openai.OpenAI, simulators: Simulators) -> None:
    stops_after_previews(simulators)
    stream = client.images.generate(**GPT, stream=True, partial_images=1)
    assert next(stream).type == f"{GENERATION}.partial_image"
    with pytest.raises(openai.APIError, match="broke before its answer came") as raised:
        next(stream)
    assert (raised.value.code, raised.value.type) == ("provider_error", "server_error")
    assert len(simulators.calls("openai", "generate")) == 1


def test_an_error_before_the_first_event_has_its_status(client: openai.OpenAI, simulators: Simulators) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.images.generate(**GPT, stream=True, partial_images=1, extra_body={"n": 11})
    assert (raised.value.code, raised.value.param) == ("invalid_value", "n")
    assert simulators.calls() == []


async def test_an_asynchronous_generation(asynchronous: openai.AsyncOpenAI) -> None:
    stream = await asynchronous.images.generate(**GPT, stream=True, partial_images=2)
    events = [event async for event in stream]
    assert types_of(events) == [f"{GENERATION}.partial_image"] * 2 + [f"{GENERATION}.completed"]


async def test_an_asynchronous_edit_and_its_error(asynchronous: openai.AsyncOpenAI, simulators: Simulators) -> None:
    stream = await asynchronous.images.edit(**GPT, image=photo(), stream=True)
    assert types_of([event async for event in stream]) == [f"{EDIT}.completed"]
    stops_after_previews(simulators)
    stream = await asynchronous.images.edit(**GPT, image=photo(), stream=True, partial_images=1)
    seen: list[Any] = []
    with pytest.raises(openai.APIError, match="broke before its answer came"):
        async for event in stream:
            seen.append(event)
    assert types_of(seen) == [f"{EDIT}.partial_image"]


def node(gateway: RunningGateway, scenario: str) -> Any:
    return run_script("streams.cjs", f"{gateway.url}/v1", ADMIN_KEY, scenario)


@pytest.mark.parametrize(("scenario", "kind"), [("generation", GENERATION), ("edit", EDIT)])
def test_node_sees_previews_and_pictures(all_providers: RunningGateway, scenario: str, kind: str) -> None:
    told = node(all_providers, scenario)
    assert [event["type"] for event in told["events"]] == [f"{kind}.partial_image"] * 2 + [f"{kind}.completed"]
    assert [event.get("partial_image_index") for event in told["events"]] == [0, 1, None]
    assert all(event["b64_json"] > 1000 for event in told["events"])
    assert "error" not in told


def test_node_sees_several(all_providers: RunningGateway) -> None:
    events = node(all_providers, "several")["events"]
    assert [event["type"] for event in events] == [f"{GENERATION}.completed"] * 2
    assert sorted(event["image_index"] for event in events) == [0, 1]
    assert [event["metadata"]["provider"] for event in events if "metadata" in event] == ["fal"]


def test_node_throws_what_went_wrong(all_providers: RunningGateway, simulators: Simulators) -> None:
    refused = node(all_providers, "refused")
    assert (refused["error"]["class"], refused["error"]["status"]) == ("BadRequestError", 400)
    stops_after_previews(simulators)
    told = node(all_providers, "failed")
    assert [event["type"] for event in told["events"]] == [f"{GENERATION}.partial_image"]
    assert (told["error"]["class"], told["error"]["code"]) == ("APIError", "provider_error")
    assert "broke before its answer came" in told["error"]["message"]
