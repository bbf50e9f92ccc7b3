"""A watched call at OpenAI: what is sent, what is shown on the way, and that the answer is that of the plain route."""

import base64
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import orjson
import pytest
import pytest_asyncio

from providers.abilities import Shows
from providers.account import Account
from providers.base import Call, Part
from providers.errors import Kind
from providers.openai_compatible.adapter import OpenAICompatible
from tests.providers import failing
from tests.providers.forms import parts_of, texts_of
from tests.providers.upstream import Reply, Upstream
from tests.providers.watching import Seen

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
ROUGH, PICTURE = (base64.b64encode(content * 700).decode() for content in (b"rough", b"\x89PNG"))
STREAM = {"content-type": "text/event-stream"}
USAGE = {"input_tokens": 9, "output_tokens": 472, "total_tokens": 481, "output_tokens_details": {"image_tokens": 472}}
DESCRIBED = {"size": "1024x1536", "quality": "high", "background": "opaque", "output_format": "webp", "created_at": 1}

Make = Callable[..., OpenAICompatible]
failure = partial(failing.failure, provider="acme", hidden=(PROMPT,))


def call(upstream: str = "gpt-image-1.5", images: int = 1, partial_images: int = 2, **payload: Any) -> Call:
    body = {"prompt": PROMPT, "n": images, **payload}
    return Call("req_1.1", upstream, "generate", body, images, "bytes", partial_images=partial_images)


def event(what: str, kind: str = "image_generation", **fields: Any) -> bytes:
    told = {"type": f"{kind}.{what}", **DESCRIBED, **fields}
    return b"event: " + f"{kind}.{what}".encode() + b"\ndata: " + orjson.dumps(told) + b"\n\n"


def rough(number: int, **fields: Any) -> bytes:
    told: dict[str, Any] = {"partial_image_index": number, "b64_json": ROUGH, **fields}
    return event("partial_image", **told)


def error(told: object) -> bytes:
    return b"event: error\ndata: " + orjson.dumps(told) + b"\n\n"


DONE = event("completed", b64_json=PICTURE, usage=USAGE)
PLAIN = {"created": 1, "data": [{"b64_json": PICTURE}], "usage": USAGE, **DESCRIBED}


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest_asyncio.fixture
async def make(upstream: Upstream) -> AsyncGenerator[Make]:
    made: list[OpenAICompatible] = []

    def one(dialect: str = "openai", **settings: Any) -> OpenAICompatible:
        made.append(OpenAICompatible(Account(f"{upstream.url}/v1", **settings), name="acme", dialect=dialect))
        return made[-1]

    yield one
    for adapter in made:
        await adapter.close()


def test_it_shows(make: Make) -> None:
    assert isinstance(make(), Shows)


async def test_what_is_sent_and_what_is_shown(upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.replies = [Reply(200, rough(0) + b": keepalive\n\n" + rough(1) + DONE, STREAM)]
    asked_for = call(size="1024x1536")
    before = orjson.dumps(asked_for.payload)
    answer = await make(key="k1").generate_watched(asked_for, seen)
    asked = upstream.asked[0]
    assert (asked.method, asked.path, asked.headers["authorization"]) == ("POST", "/v1/images/generations", "Bearer k1")
    assert asked.json == {
        "model": "gpt-image-1.5",
        "prompt": PROMPT,
        "n": 1,
        "size": "1024x1536",
        "stream": True,
        "partial_images": 2,
    }
    assert orjson.dumps(asked_for.payload) == before, "the plan's payload is not touched"
    assert seen.partials == [(0, 0, "webp", ROUGH), (0, 1, "webp", ROUGH)]
    assert isinstance(answer.images[0].base64, memoryview), "a slice of the event"


async def test_the_answer_is_that_of_the_plain_route(upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.replies = [Reply(200, rough(0) + DONE, STREAM), Reply(200, PLAIN)]
    adapter = make()
    streamed, plain = await adapter.generate_watched(call(), seen), await adapter.generate(call())
    assert streamed == plain
    assert (plain.images[0].width, plain.images[0].content_type, plain.extra) == (1024, "image/webp", {"usage": USAGE})
    assert bytes(streamed.images[0].base64 or b"").decode() == PICTURE


async def test_an_edit_is_a_form_whose_stream_is_asked_for_in_text(upstream: Upstream, make: Make, seen: Seen) -> None:
    edits = [event("partial_image", "image_edit", b64_json=ROUGH, partial_image_index=0)]
    edits.append(event("completed", "image_edit", b64_json=PICTURE, usage=USAGE))
    upstream.replies = [Reply(200, b"".join(edits), STREAM)]
    payload = {"prompt": PROMPT, "image": [Part(b"fox", "image/png", "picture.png")]}
    asked_for = Call("req_1.1", "gpt-image-1.5", "edit", payload, 1, "bytes", partial_images=1)
    answer = await make().generate_watched(asked_for, seen)
    asked = upstream.asked[0]
    texts = dict(texts_of(parts_of(asked.headers["content-type"], asked.body)))
    assert asked.path == "/v1/images/edits"
    assert texts == {"model": "gpt-image-1.5", "prompt": PROMPT, "stream": "true", "partial_images": "1"}
    assert (len(answer.images), [number for _place, number, _format, _text in seen.partials]) == (1, [0])


@pytest.mark.parametrize(
    ("dialect", "asked_for"),
    [
        ("openai", call("dall-e-3")),
        ("openai", call("Qwen/Qwen-Image")),
        ("openai", call(images=2)),
        ("openai", call(partial_images=0)),
        ("openai", call(output_format="gif")),
        *[(dialect, call()) for dialect in ("vllm-omni", "sglang", "sd-server", "localai", "xinference", "lumenfall")],
    ],
)
async def test_what_does_not_stream_is_an_ordinary_call(
    dialect: str, asked_for: Call, upstream: Upstream, make: Make, seen: Seen
) -> None:
    upstream.replies = [Reply(200, PLAIN)]
    assert (await make(dialect).generate_watched(asked_for, seen)).images
    assert not {"stream", "partial_images"} & set(upstream.asked[0].json)
    assert seen.all == []


async def test_fewer_previews_or_none_may_come(upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.replies = [Reply(200, DONE, STREAM)]
    assert len((await make().generate_watched(call(partial_images=3), seen)).images) == 1
    assert seen.all == []


@pytest.mark.parametrize(
    "preview",
    [
        rough(2),
        rough(-1),
        rough(0, partial_image_index=True),
        rough(0, partial_image_index=None),
        rough(0, b64_json=""),
        rough(0, b64_json=7),
        rough(0, b64_json='QUFB"},{"type":"forged"'),
        rough(0, b64_json="data:image/svg+xml,%3Csvg%3E"),
        rough(0, image_index=1),
        rough(0, type="image_generation.something_new"),
        rough(0, type="response.image_generation_call.partial_image"),
        b"data: not json\n\n",
        b"data: [1]\n\n",
        b'event: image_generation.partial_image\ndata: {"b64_json": "QUF\n\n',
        b"data: [DONE]\n\n",
    ],
)
async def test_a_preview_that_is_none_costs_no_picture(
    preview: bytes, upstream: Upstream, make: Make, seen: Seen
) -> None:
    upstream.replies = [Reply(200, preview + DONE, STREAM)]
    assert len((await make().generate_watched(call(), seen)).images) == 1
    assert seen.all == []


async def test_a_preview_in_a_format_of_its_own_is_taken_for_png(upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.replies = [Reply(200, rough(0, output_format="../x") + DONE, STREAM)]
    await make().generate_watched(call(), seen)
    assert [format for _place, _number, format, _text in seen.partials] == ["png"]


async def test_an_event_is_known_by_its_line_where_its_data_does_not_say(
    upstream: Upstream, make: Make, seen: Seen
) -> None:
    named = b"event: image_generation.completed\ndata: " + orjson.dumps({"b64_json": PICTURE}) + b"\n\n"
    upstream.replies = [Reply(200, rough(0).partition(b"\n")[2] + named, STREAM)]
    assert len((await make().generate_watched(call(), seen)).images) == 1
    assert len(seen.partials) == 1


async def test_a_url_in_the_last_event_is_a_picture_too(upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.replies = [Reply(200, event("completed", url="https://cdn.example/a.png"), STREAM)]
    answer = await make().generate_watched(call(), seen)
    assert answer.images[0].url == "https://cdn.example/a.png"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, rough(0), STREAM), Kind.LOST),
        (Reply(200, rough(0) + b"data: [DONE]\n\n", STREAM), Kind.LOST),
        (Reply(200, b"", STREAM), Kind.LOST),
        (Reply(200, rough(0) + DONE, STREAM, cut=len(rough(0)) + 900), Kind.LOST),
        (Reply(200, rough(0) + DONE[:-900] + b"\n\n", STREAM), Kind.BROKEN),
        (Reply(200, event("completed", b64_json=""), STREAM), Kind.BROKEN),
        (Reply(200, event("completed", b64_json=None, url="file:///etc/passwd"), STREAM), Kind.BROKEN),
        (Reply(drop=True), Kind.LOST),
        (Reply(200, b"<html>"), Kind.BROKEN),
        (Reply(502, b"<html>"), Kind.LOST),
        (Reply(429, {"error": {"message": "no", "type": "requests", "code": "rate_limit_exceeded"}}), Kind.RATE),
    ],
)
async def test_a_stream_without_its_picture(
    reply: Reply, kind: Kind, upstream: Upstream, make: Make, seen: Seen
) -> None:
    upstream.replies = [reply]
    assert (await failure(make().generate_watched(call(), seen))).kind is kind
    assert len(upstream.asked) == 1


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"error": {"message": "no", "type": "server_error", "param": None, "code": None}}, Kind.FAILED),
        (
            {"error": {"message": "no", "type": "image_generation_user_error", "code": "moderation_blocked"}},
            Kind.MODERATED,
        ),
        (
            {"error": {"message": "no", "type": "image_generation_user_error", "code": "invalid_value"}},
            Kind.BAD_REQUEST,
        ),
        ({"error": {"message": "no", "type": "rate_limit_error"}}, Kind.RATE),
        ({"error": {"message": "no", "type": "service_unavailable_error"}}, Kind.BUSY),
        ({"error": {"message": "no", "code": "insufficient_quota"}}, Kind.CREDIT),
        ({"error": {"message": "no", "type": "authentication_error"}}, Kind.KEY),
        ({"error": {"message": "no", "code": 429}}, Kind.RATE),
        ({"error": "no"}, Kind.FAILED),
        ({"type": "error", "message": "no", "code": "server_is_overloaded"}, Kind.BUSY),
        ({"message": "no"}, Kind.FAILED),
        (7, Kind.LOST),
    ],
)
async def test_an_error_in_the_stream_is_explained_as_any_other(
    told: object, kind: Kind, upstream: Upstream, make: Make, seen: Seen
) -> None:
    upstream.replies = [Reply(200, rough(0) + error(told) + DONE, STREAM)]
    assert (await failure(make().generate_watched(call(), seen))).kind is kind
    assert len(seen.partials) == 1


async def test_an_error_needs_no_name_and_hides_what_it_repeats(upstream: Upstream, make: Make, seen: Seen) -> None:
    told = {"error": {"message": f"bad size for {PROMPT}", "type": "invalid_request_error", "param": "size"}}
    upstream.replies = [Reply(200, b"data: " + orjson.dumps(told) + b"\n\n", STREAM)]
    raised = await failure(make().generate_watched(call(), seen))
    assert (raised.kind, raised.param, raised.message) == (Kind.BAD_REQUEST, "size", "bad size for …")


async def test_a_server_that_does_not_stream_answers_as_ever(upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.replies = [Reply(200, PLAIN)]
    assert len((await make().generate_watched(call(), seen)).images) == 1
    assert (len(upstream.asked), seen.all) == (1, [])


@pytest.mark.parametrize(("status", "param"), [(400, "stream"), (400, "partial_images"), (422, "stream")])
async def test_a_server_that_refuses_to_stream_is_asked_in_the_ordinary_way(
    status: int, param: str, upstream: Upstream, make: Make, seen: Seen
) -> None:
    refusal = {"error": {"message": "no", "type": "invalid_request_error", "param": param, "code": "unknown_parameter"}}
    upstream.replies = [Reply(status, refusal), Reply(200, PLAIN)]
    assert len((await make().generate_watched(call(), seen)).images) == 1
    assert "stream" not in upstream.asked[1].json


async def test_a_stream_weighs_as_many_answers_as_it_shows_pictures(upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.script = lambda asked: Reply(200, rough(0) + rough(1) + DONE, STREAM)
    adapter = make(max_bytes=len(rough(0)) + 200)
    assert (await adapter.generate_watched(call(partial_images=3), seen)).images
    assert (await failure(adapter.generate_watched(call(partial_images=1), seen))).kind is Kind.BROKEN
