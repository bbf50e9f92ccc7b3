"""`stream: true` on the wire: every byte as OpenAI's clients expect it, over every kind of provider."""

import base64
import io
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.running import ADMIN_KEY, FOX, RunningGateway
from tests.gateway.stream_client import Told, events, streamed, whole
from tests.workers.test_run import worker

GPT: dict[str, Any] = {"model": "gpt-image-2.5-flare", "prompt": "a fox", "size": "1024x1024", "quality": "low"}
SKETCH: dict[str, Any] = {"model": "sketch", "prompt": "a fox", "size": "512x512", "num_inference_steps": 4}
PARTIAL = {"type", "b64_json", "created_at", "size", "quality", "background", "output_format", "partial_image_index"}
COMPLETED = {"type", "b64_json", "created_at", "size", "quality", "background", "output_format", "usage"}
NO_TOKENS = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
}


def opened(event: Told) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(event.data["b64_json"], validate=True)))


def test_the_wire_is_openais(all_providers: RunningGateway) -> None:
    with streamed(all_providers, GPT, partial_images=1) as answer:
        content = answer.read().decode()
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"].startswith("req_")
    assert "content-length" not in answer.headers
    *blocks, end = content.split("\n\n")
    assert (len(blocks), end) == (2, "")
    lines = [block.split("\n") for block in blocks]
    assert [line[0] for line in lines] == [
        "event: image_generation.partial_image",
        "event: image_generation.completed",
    ]
    assert [len(line) for line in lines] == [2, 2]
    assert lines[0][1].startswith('data: {"type":"image_generation.partial_image","b64_json":"iVBOR')
    assert lines[0][1].endswith(
        '"size":"1024x1024","quality":"low","background":"auto","output_format":"png","partial_image_index":0}'
    )
    assert lines[1][1].startswith('data: {"type":"image_generation.completed","b64_json":"iVBOR')


@pytest.mark.parametrize("partial_images", [0, 2])
def test_openais_own_previews(all_providers: RunningGateway, simulators: Simulators, partial_images: int) -> None:
    before = int(time.time())
    *partials, last = whole(all_providers, GPT, partial_images=partial_images, background="opaque")
    assert [event.data["partial_image_index"] for event in partials] == list(range(partial_images))
    for event in partials:
        assert set(event.data) == PARTIAL
        assert opened(event).size == (1024, 1024)
    assert set(last.data) == COMPLETED | {"seed", "metadata"}
    for event in (*partials, last):
        said = {name: event.data[name] for name in ("size", "quality", "background", "output_format")}
        assert said == {"size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png"}
        assert before <= event.data["created_at"] <= time.time()
    usage = last.data["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 272
    assert set(usage["input_tokens_details"]) == {"text_tokens", "image_tokens"}
    [call] = simulators.calls("openai", "generate")
    sent = {name: call["body"].get(name) for name in ("stream", "partial_images")}
    assert sent == (
        {"stream": True, "partial_images": 2} if partial_images else {"stream": None, "partial_images": None}
    )
    assert simulators.paid("openai") == 1


def test_the_last_event_tells_what_an_ordinary_answer_does(all_providers: RunningGateway) -> None:
    *_partials, last = whole(all_providers, GPT, partial_images=1, response_format="both")
    metadata = last.data["metadata"]
    assert (metadata["provider"], metadata["model"]) == ("openai", GPT["model"])
    rows = {row["name"]: row for row in metadata["parameters"]}
    assert rows["stream"]["behavior"] == "emulated"
    assert rows["stream"]["sent_as"] is None
    kept = httpx.get(last.data["url"])
    assert kept.content == base64.b64decode(last.data["b64_json"])
