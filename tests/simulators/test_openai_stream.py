"""The simulated stream through OpenAI's own client, which here checks every field of every event."""

import base64
import io
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import orjson
import pytest
from PIL import Image

from simulators.running import Simulators
from tests.simulators.wire import WIRE

MODEL = "gpt-image-2.5-flare"
ASKED: dict[str, Any] = {"model": MODEL, "prompt": "four words are here", "size": "1024x1024", "quality": "low"}


@pytest.fixture
def client(simulators: Simulators) -> Iterator[openai.OpenAI]:
    at = simulators.addresses["openai"]
    with openai.OpenAI(
        base_url=at["base_url"], api_key=at["key"], max_retries=0, _strict_response_validation=True
    ) as made:
        yield made


def post(simulators: Simulators, body: dict[str, Any]) -> httpx.Response:
    at = simulators.addresses["openai"]
    headers = {"Authorization": f"Bearer {at['key']}"}
    return WIRE.post(f"{at['base_url']}/images/generations", headers=headers, json=body)


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_every_event_is_whole(client: openai.OpenAI, output_format: Any) -> None:
    stream = client.images.generate(**ASKED, stream=True, partial_images=3, output_format=output_format)
    seen = list(stream)
    assert [event.type.partition(".")[2] for event in seen] == ["partial_image"] * 3 + ["completed"]
    assert [event.partial_image_index for event in seen if event.type == "image_generation.partial_image"] == [0, 1, 2]
    for event in seen:
        picture = Image.open(io.BytesIO(base64.b64decode(event.b64_json)))
        assert (picture.format, picture.size) == (output_format.upper(), (1024, 1024))
        assert (event.size, event.quality, event.background, event.output_format) == (
            "1024x1024",
            "low",
            "opaque",
            output_format,
        )
        assert abs(event.created_at - time.time()) < 3600


def test_every_event_of_an_edit_is_whole(client: openai.OpenAI) -> None:
    stream = client.images.edit(model=MODEL, prompt="x", image=png(), stream=True, partial_images=1)
    assert [event.type for event in stream] == ["image_edit.partial_image", "image_edit.completed"]


def test_a_preview_costs_a_hundred_tokens(client: openai.OpenAI) -> None:
    counted: list[int] = []
    for partial_images in (0, 1, 3):
        *_partials, last = client.images.generate(**ASKED, stream=True, partial_images=partial_images)
        assert last.type == "image_generation.completed"
        assert last.usage.total_tokens == last.usage.input_tokens + last.usage.output_tokens
        counted.append(last.usage.output_tokens)
    assert counted == [272, 372, 572]


def test_names_stand_before_the_data_and_nothing_after_the_end(simulators: Simulators) -> None:
    answer = post(simulators, {**ASKED, "stream": True, "partial_images": 1})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-request-id"].startswith("req_")
    *blocks, end = answer.text.split("\n\n")
    assert end == ""
    for block in blocks:
        name, data = block.split("\n")
        assert name.removeprefix("event: ") == orjson.loads(data.removeprefix("data: "))["type"]


def test_previews_without_a_stream_are_not_shown_nor_charged(simulators: Simulators) -> None:
    told = post(simulators, {**ASKED, "partial_images": 3}).json()
    assert (len(told["data"]), told["usage"]["output_tokens"]) == (1, 272)


def test_several_pictures_are_not_streamed(client: openai.OpenAI, simulators: Simulators) -> None:
    with pytest.raises(openai.BadRequestError, match="only supported with n=1") as refused:
        client.images.generate(**ASKED, stream=True, n=2)
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "input")
    assert simulators.paid("openai") == 0


def test_a_retired_model_streams_nothing(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.images.generate(model="dall-e-3", prompt="x", stream=True)


def strike(simulators: Simulators, effect: str, **more: Any) -> None:
    simulators.set_faults([{"provider": "openai", "on": "generate", "effect": effect, **more}])


@pytest.mark.parametrize(("partial_images", "shown"), [(0, 0), (1, 1), (3, 1)])
def test_a_stream_can_be_cut(client: openai.OpenAI, simulators: Simulators, partial_images: int, shown: int) -> None:
    strike(simulators, "stream_cut")
    seen: list[str] = []
    with pytest.raises(openai.APIConnectionError):
        for event in client.images.generate(**ASKED, stream=True, partial_images=partial_images):
            seen.append(event.type)
    assert seen == ["image_generation.partial_image"] * shown
    assert simulators.paid("openai") == 1


def test_a_stream_can_end_in_an_error(client: openai.OpenAI, simulators: Simulators) -> None:
    strike(simulators, "stream_error")
    stream = client.images.generate(**ASKED, stream=True, partial_images=2)
    assert next(stream).type == "image_generation.partial_image"
    with pytest.raises(openai.APIError, match="had an error while processing"):
        next(stream)
    assert simulators.paid("openai") == 0


def test_garbage_is_between_the_events(simulators: Simulators) -> None:
    strike(simulators, "stream_garbage")
    answer = post(simulators, {**ASKED, "stream": True, "partial_images": 2})
    names = [line for line in answer.content.split(b"\n") if line.startswith(b"event: ")]
    partial, done = b"event: image_generation.partial_image", b"event: image_generation.completed"
    assert names == [partial, partial, partial, done]
    blocks = [block.partition(b"\ndata: ")[2] for block in answer.content.split(b"\n\n")]
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(blocks[1])


def test_a_stream_can_stall(client: openai.OpenAI, simulators: Simulators) -> None:
    strike(simulators, "stream_stall", seconds=3600)
    stream = client.images.generate(**ASKED, stream=True, partial_images=1)
    assert next(stream).type == "image_generation.partial_image", "it comes before the stall"
    stream.close()


def test_a_request_for_no_stream_is_answered_whatever_a_stream_would_suffer(simulators: Simulators) -> None:
    strike(simulators, "stream_error")
    assert post(simulators, ASKED).status_code == 200
    assert simulators.paid("openai") == 1
