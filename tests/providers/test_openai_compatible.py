"""OpenAI's images API in all its dialects: what is sent, what is read, and what an error means."""

import base64
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import orjson
import pytest
import pytest_asyncio

from providers.account import Account
from providers.base import Call
from providers.errors import Kind
from providers.openai_compatible.adapter import OpenAICompatible
from tests.providers import failing
from tests.providers.upstream import Reply, Upstream

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
PICTURE = base64.b64encode(b"\x89PNG" * 700).decode()
ANSWER = {"created": 1, "data": [{"b64_json": PICTURE}]}

Make = Callable[..., OpenAICompatible]
failure = partial(failing.failure, provider="acme", hidden=(PROMPT,))


def call(upstream: str = "Qwen/Qwen-Image", images: int = 1, **payload: Any) -> Call:
    return Call("req_1.1", upstream, "generate", {"prompt": PROMPT, "n": images, **payload}, images, "bytes")


@pytest_asyncio.fixture
async def make(upstream: Upstream) -> AsyncGenerator[Make]:
    made: list[OpenAICompatible] = []

    def one(dialect: str = "openai", **settings: Any) -> OpenAICompatible:
        made.append(OpenAICompatible(Account(f"{upstream.url}/v1", **settings), name="acme", dialect=dialect))
        return made[-1]

    yield one
    for adapter in made:
        await adapter.close()


async def test_sglang_is_sent_a_seed_where_none_was_asked_for(upstream: Upstream, make: Make) -> None:
    """Its own is always the same, and so would the pictures be."""
    upstream.script = lambda asked: Reply(200, ANSWER)
    sglang = make("sglang")
    for _ in range(2):
        await sglang.generate(call())
    first, second = (asked.json["seed"] for asked in upstream.asked)
    assert first != second
    assert all(0 <= seed < 2**32 for seed in (first, second))


@pytest.mark.parametrize(
    ("dialect", "given", "sent"),
    [
        ("openai", {"response_format": "url"}, {"model": "Qwen/Qwen-Image", "response_format": "url"}),
        ("vllm-omni", {"true_cfg_scale": 4.0}, {"model": "Qwen/Qwen-Image", "true_cfg_scale": 4.0}),
        ("sglang", {"seed": 7}, {"model": "Qwen/Qwen-Image", "seed": 7}),
        ("lumenfall", {"aspect_ratio": "16:9"}, {"model": "Qwen/Qwen-Image", "aspect_ratio": "16:9"}),
        ("sd-server", {"size": "512x512"}, {"size": "512x512"}),
        (
            "sd-server",
            {"sd_cpp_extra_args": {"seed": 7, "negative_prompt": "</sd_cpp_extra_args>"}},
            {
                "prompt": PROMPT + ' <sd_cpp_extra_args>{"seed":7,"negative_prompt":"\\u003c/sd_cpp_extra_args>"}'
                "</sd_cpp_extra_args>"
            },
        ),
        ("localai", {"negative_prompt": "fog"}, {"model": "Qwen/Qwen-Image", "prompt": f"{PROMPT}|fog"}),
        ("localai", {"negative_prompt": " "}, {"model": "Qwen/Qwen-Image"}),
        (
            "xinference",
            {"size": "1024x768", "kwargs": {"seed": 7}},
            {"model": "Qwen/Qwen-Image", "size": "1024*768", "kwargs": '{"seed":7}'},
        ),
        ("xinference", {"size": "1024*768"}, {"model": "Qwen/Qwen-Image", "size": "1024*768"}),
    ],
)
async def test_what_each_dialect_sends(
    dialect: str, given: dict[str, Any], sent: dict[str, Any], upstream: Upstream, make: Make
) -> None:
    upstream.replies = [Reply(200, ANSWER)]
    asked_for = call(**given)
    before = orjson.dumps(asked_for.payload)
    await make(dialect, key="k1").generate(asked_for)
    asked = upstream.asked[0]
    assert (asked.method, asked.path) == ("POST", "/v1/images/generations")
    assert asked.json == {"prompt": PROMPT, "n": 1, **sent}
    assert asked.headers["authorization"] == "Bearer k1"
    assert orjson.dumps(asked_for.payload) == before, "the plan's payload is not touched"


@pytest.mark.parametrize(
    "model", ["gpt-image-1", "gpt-image-2.5-sunburst", "chatgpt-image-latest", "openai/gpt-image-1"]
)
async def test_gpt_image_models_refuse_response_format(model: str, upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, ANSWER)]
    await make().generate(call(model, response_format="b64_json"))
    assert "response_format" not in upstream.asked[0].json


async def test_no_key_no_header(upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, ANSWER)]
    await make("sd-server").generate(call())
    assert "authorization" not in upstream.asked[0].headers


@pytest.mark.parametrize(
    ("dialect", "given", "param"),
    [
        ("sd-server", {"prompt": "x <sd_cpp_extra_args>{}</sd_cpp_extra_args>"}, "prompt"),
        ("sd-server", {"prompt": "x <SD_cpp_extra_args"}, "prompt"),
        ("localai", {"prompt": "a | b"}, "prompt"),
        ("localai", {"negative_prompt": "a|b"}, "negative_prompt"),
    ],
)
async def test_markers_of_a_caller_are_never_forwarded(
    dialect: str, given: dict[str, Any], param: str, upstream: Upstream, make: Make
) -> None:
    error = await failure(make(dialect).generate(call(**given)))
    assert (error.kind, error.param) == (Kind.BAD_REQUEST, param)
    assert not upstream.connections


async def test_what_a_server_does_not_speak_is_not_sent_as_something_else(upstream: Upstream, make: Make) -> None:
    varied = Call("req_1.1", "m", "image_to_image", {"prompt": "x"}, 1, "bytes")
    assert (await failure(make().generate(varied))).kind is Kind.BAD_REQUEST
    assert not upstream.connections


def test_an_unknown_dialect_is_named() -> None:
    with pytest.raises(ValueError, match="vllm-omni"):
        OpenAICompatible(Account("https://x.example"), name="acme", dialect="klingon")


async def test_pictures_are_slices_of_the_answer(upstream: Upstream, make: Make) -> None:
    body = {
        "created": 1,
        "size": "1024x768",
        "output_format": "webp",
        "usage": {"total_tokens": 5},
        "data": [
            {"b64_json": PICTURE, "revised_prompt": "a fox", "seed": 3},
            {"b64_json": "data:image/png;base64,AAAA"},
        ],
    }
    upstream.replies = [Reply(200, body)]
    answer = await make().generate(call(images=2))
    first, second = answer.images
    assert isinstance(first.base64, memoryview)
    assert bytes(first.base64).decode() == PICTURE
    assert (first.content_type, first.width, first.height) == ("image/webp", 1024, 768)
    assert (first.revised_prompt, first.seed) == ("a fox", 3)
    assert (second.base64, second.content_type) == (b"AAAA", "image/png")
    assert answer.extra["usage"] == {"total_tokens": 5}
    assert answer.cost is None


async def test_urls_are_joined_to_the_server(upstream: Upstream, make: Make) -> None:
    urls = [{"url": "/v1/images/7/content"}, {"url": "https://cdn.example/a.png", "b64_json": None}]
    upstream.replies = [Reply(200, {"data": urls})]
    answer = await make("sglang").generate(call())
    assert [image.url for image in answer.images] == [
        f"{upstream.url}/v1/images/7/content",
        "https://cdn.example/a.png",
    ]


@pytest.mark.parametrize(
    ("metadata", "cost"),
    [
        ({"cost": 0.02, "cost_currency": "USD"}, 0.02),
        ({"cost": 0}, 0.0),
        ({"cost": 1.0, "cost_currency": "EUR"}, None),
        ({"cost": True}, None),
        ({"cost": -1.0}, None),
        ({"cost": "0.1"}, None),
        ([1], None),
    ],
)
async def test_what_lumenfall_says_it_cost(metadata: Any, cost: float | None, upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, {**ANSWER, "metadata": metadata})]
    assert (await make("lumenfall").generate(call())).cost == cost


NO_PICTURE: list[Any] = [
    {},
    {"data": []},
    {"data": None},
    {"data": [{"b64_json": None, "url": None}]},
    {"data": [{"b64_json": ""}]},
    {"data": [{"b64_json": 7}]},
    {"data": [{"url": "file:///tmp/a.png"}]},
    {"data": "x"},
    [7],
    b"",
    b"<html><title>200 OK</title></html>",
]


@pytest.mark.parametrize("body", NO_PICTURE)
async def test_an_answer_without_a_picture_is_broken(body: Any, upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, body)]
    assert (await failure(make().generate(call()))).kind is Kind.BROKEN


def openai(code: str | None, kind: str | None = None, param: str | None = None, message: str = "no") -> Any:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, openai("invalid_api_key", message="Incorrect API key provided: sk-abc…")), Kind.KEY),
        (Reply(403, openai(None, "invalid_request_error")), Kind.KEY),
        (Reply(404, openai("model_not_found")), Kind.BAD_REQUEST),
        (Reply(400, openai("unknown_parameter", param="response_format")), Kind.BAD_REQUEST),
        (Reply(400, openai("moderation_blocked", "image_generation_user_error")), Kind.MODERATED),
        (Reply(400, openai("content_policy_violation")), Kind.MODERATED),
        (Reply(400, openai("billing_hard_limit_reached")), Kind.CREDIT),
        (Reply(429, openai("insufficient_quota", "insufficient_quota")), Kind.CREDIT),
        (Reply(429, openai("credit_balance_exhausted")), Kind.CREDIT),
        (Reply(429, openai("rate_limit_exceeded", "requests")), Kind.RATE),
        (Reply(429, openai(None)), Kind.RATE),
        (Reply(503, openai("server_is_overloaded", "service_unavailable_error")), Kind.BUSY),
        (Reply(500, openai(None, "server_error")), Kind.FAILED),
        (Reply(401, openai("AUTHENTICATION_FAILED")), Kind.KEY),
        (Reply(402, openai("INSUFFICIENT_BALANCE", "billing_error")), Kind.CREDIT),
        (Reply(400, openai("CONTENT_POLICY_VIOLATION")), Kind.MODERATED),
        (Reply(429, openai("RATE_LIMITED")), Kind.RATE),
        (Reply(502, openai("ALL_PROVIDERS_EXHAUSTED")), Kind.BUSY),
        (Reply(502, openai("UPSTREAM_ERROR")), Kind.FAILED),
        (Reply(404, openai("MODEL_DISABLED")), Kind.BAD_REQUEST),
        (Reply(400, {"detail": "Invalid size"}), Kind.BAD_REQUEST),
        (Reply(422, {"detail": [{"loc": ["body", "size"], "msg": "bad", "type": "value_error"}]}), Kind.BAD_REQUEST),
        (Reply(422, {"detail": [7]}), Kind.BAD_REQUEST),
        (Reply(503, {"detail": "No diffusion stage found"}), Kind.BUSY),
        (Reply(400, {"error": "prompt required"}), Kind.BAD_REQUEST),
        (Reply(500, {"error": "server_error", "message": "out of memory"}), Kind.FAILED),
        (Reply(429, {"error": "job queue is full"}), Kind.RATE),
        (Reply(400, {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}), Kind.BAD_REQUEST),
        (Reply(503, b"<html>"), Kind.BUSY),
        (Reply(502, b"<html>"), Kind.LOST),
        (Reply(504, b""), Kind.LOST),
        (Reply(524, b"<html>"), Kind.LOST),
        (Reply(500, b"<html>"), Kind.LOST),
        (Reply(302, b"", {"location": "/elsewhere"}), Kind.BROKEN),
        (Reply(drop=True), Kind.LOST),
    ],
)
async def test_what_an_error_means(reply: Reply, kind: Kind, upstream: Upstream, make: Make) -> None:
    upstream.replies = [reply]
    assert (await failure(make().generate(call()))).kind is kind
    assert len(upstream.asked) == 1


async def test_an_error_names_the_field_and_the_reason(upstream: Upstream, make: Make) -> None:
    message = f"Invalid value: '1254x836'. Supported values are: '1024x1024'. Prompt was {PROMPT}"
    upstream.replies = [Reply(400, openai("invalid_value", param="size", message=message), {"retry-after": "2"})]
    error = await failure(make().generate(call()))
    assert (error.param, error.status, error.retry_after) == ("size", 400, 2.0)
    assert error.message == "Invalid value: '1254x836'. Supported values are: '1024x1024'. Prompt was …"
