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
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, failed, served
from tests.gateway.photos import photo
from tests.gateway.running import ADMIN_KEY, RunningGateway
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


@pytest.fixture(scope="module")
def sketching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway in front of a worker of its own."""
    with worker("--follow-parent") as (_process, url, _port):
        tables: dict[str, Any] = {
            "server": {"data_dir": tmp_path_factory.mktemp("sketch")},
            "auth": {"admin_key": ADMIN_KEY},
            "providers": {"local": {"workers": [url]}},
        }
        with RunningGateway(read_settings(None, tables)) as running:
            yield running


def of(what: str, told: list[Told]) -> list[Told]:
    return [event for event in told if event.name.endswith(f".{what}")]


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


def test_a_workers_steps_and_previews(sketching: RunningGateway) -> None:
    told = whole(sketching, SKETCH, partial_images=2, seed=7)
    steps = [event.data for event in of("progress", told)]
    assert steps[-1] == {
        "type": "image_generation.progress",
        "step": 4,
        "steps": 4,
        "percentage": 100.0,
        "job": of("completed", told)[0].data["metadata"]["request_id"],
    }
    assert [event.data["partial_image_index"] for event in of("partial_image", told)] == [0, 1]
    assert all(set(event.data) == PARTIAL for event in of("partial_image", told))
    [last] = of("completed", told)
    assert told[-1] is last
    assert (last.data["seed"], last.data["usage"], last.data["quality"]) == (7, NO_TOKENS, "auto")
    pictures = {opened(event).tobytes() for event in (*of("partial_image", told), last)}
    assert len(pictures) == 3


def test_several_pictures_of_a_worker(sketching: RunningGateway) -> None:
    told = whole(sketching, SKETCH, n=2, partial_images=1, seed=7, prompt="two foxes")
    shown = [(event.name.rpartition(".")[2], event.data["image_index"]) for event in told]
    for place in (0, 1):
        assert [what for what, index in shown if index == place and what != "progress"] == [
            "partial_image",
            "completed",
        ]
    first, last = of("completed", told)
    assert (first.data["seed"], last.data["seed"]) == (7, 8)
    assert "metadata" not in first.data
    assert last.data["metadata"]["provider"] == "local"
    rows = {row["name"]: row for row in last.data["metadata"]["parameters"]}
    assert (rows["partial_images"]["behavior"], rows["partial_images"]["sent"]) == ("passthrough", 1)


@pytest.mark.parametrize(("route", "asked"), [("edits", {"prompt": "snow"}), ("variations", {})])
def test_an_edit_is_streamed_under_its_own_name(sketching: RunningGateway, route: str, asked: dict[str, str]) -> None:
    form = {"model": "sketch", **asked, "stream": "true", "partial_images": "1", "num_inference_steps": "4"}
    files = {"image": ("a.png", photo(), "image/png")}
    with sketching.http.stream("POST", f"/v1/images/{route}", data=form, files=files) as answer:
        told = list(events(answer))
    assert {event.name.partition(".")[0] for event in told} == {"image_edit"}
    assert [event.name for event in told if not event.name.endswith("progress")] == [
        "image_edit.partial_image",
        "image_edit.completed",
    ]
    assert opened(told[-1]).size == (640, 448)


def test_a_preview_keeps_its_own_format(sketching: RunningGateway) -> None:
    told = whole(sketching, SKETCH, partial_images=1, output_format="gif", prompt="a moving fox")
    [partial], [last] = of("partial_image", told), of("completed", told)
    assert (partial.data["output_format"], opened(partial).format) == ("png", "PNG")
    assert (last.data["output_format"], opened(last).format) == ("gif", "GIF")


def test_who_shows_nothing_half_done_sends_what_is_ready(easel: RunningGateway, simulators: Simulators) -> None:
    told = whole(easel, asked(n=2, partial_images=3))
    first, last = told
    assert sorted(event.data["image_index"] for event in told) == [0, 1]
    assert set(first.data) == COMPLETED | {"image_index", "seed", "url"}
    assert set(last.data) == COMPLETED | {"image_index", "seed", "url", "metadata"}
    assert (first.data["usage"], last.data["usage"]) == (NO_TOKENS, NO_TOKENS)
    rows = {row["name"]: row for row in last.data["metadata"]["parameters"]}
    assert rows["partial_images"]["behavior"] == "emulated"
    assert "no picture half done" in rows["partial_images"]["note"]
    assert all(row["sent_as"] is None for name, row in rows.items() if name in {"stream", "partial_images"})
    for event in told:
        assert httpx.get(event.data["url"]).content == base64.b64decode(event.data["b64_json"])
    [call] = simulators.calls("fal", "submit")
    assert not {"stream", "partial_images"} & set(call["body"])


@pytest.mark.parametrize(("response_format", "has_url"), [("url", True), ("both", True), ("b64_json", False)])
def test_the_picture_itself_is_always_there(easel: RunningGateway, response_format: str, *, has_url: bool) -> None:
    [last] = whole(easel, asked(response_format=response_format))
    assert opened(last).size == (64, 64)
    assert ("url" in last.data) is has_url


def test_a_picture_that_is_not_kept_here_is_fetched_for_its_stream(start: Start) -> None:
    gateway = start(storage={"keep": False})
    [last] = whole(gateway, asked(response_format="url"))
    assert httpx.get(last.data["url"]).content == base64.b64decode(last.data["b64_json"])
    [image] = served(gateway.generate(asked(response_format="url")))["data"]
    assert "b64_json" not in image


def test_what_the_cache_knows_comes_at_once(easel: RunningGateway, simulators: Simulators) -> None:
    body = asked(n=2, seed=3)
    drawn = [event.data for event in whole(easel, body)]
    paid = simulators.paid("fal")
    with streamed(easel, body) as answer:
        again = [event.data for event in events(answer)]
    assert answer.headers["x-easel-cache"] == "hit"
    assert simulators.paid("fal") == paid == 2
    assert [event["image_index"] for event in again] == [0, 1]
    pictures = {event["image_index"]: event["b64_json"] for event in drawn}
    assert {event["image_index"]: event["b64_json"] for event in again} == pictures
    assert again[-1]["metadata"]["cache"] == "hit"
    ordinary = served(easel.generate(body, response_format="b64_json"))
    assert [image["b64_json"] for image in ordinary["data"]] == [pictures[0], pictures[1]]


def test_what_a_stream_would_cost(easel: RunningGateway, simulators: Simulators) -> None:
    body = asked(n=2)
    url = "/v1/images/generations?dryRun=true"
    plain = served(easel.http.post(url, json=body))
    assert served(easel.http.post(url, json={**body, "stream": True, "partial_images": 2})) == plain
    assert simulators.calls() == []


def test_prefer_does_not_go_with_a_stream(easel: RunningGateway, simulators: Simulators) -> None:
    answer = easel.generate(asked(stream=True), headers={"prefer": "respond-async, wait=5"})
    assert "respond-async" in failed(answer, 400, "invalid_value")
    assert simulators.calls() == []
