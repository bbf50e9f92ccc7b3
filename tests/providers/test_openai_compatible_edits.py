"""Edits and image-to-image in every dialect: the form that is sent for a plan of the real tables, part by part."""

from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from normalizers.source import Source, with_pictures
from providers.account import Account
from providers.base import Call, Part
from providers.errors import Kind, ProviderError
from providers.openai_compatible.adapter import OpenAICompatible
from tests.normalizers.offers import OFFERS, planned
from tests.providers.forms import files_of, parts_of, texts_of
from tests.providers.upstream import Reply, Upstream

FOX = Source("f" * 64, "png", 1200, 800, 90_000)
OWL = Source("e" * 64, "jpeg", 640, 640, 30_000)
MASK = Source("a" * 64, "png", 1200, 800, 9_000)
ANSWER = {"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}]}
MY_FOX = {"image": [FOX]}
ALL_THREE = {"image": [FOX, OWL], "mask": MASK}


def form_of(source: Source) -> Part | str:
    """What the gateway puts in a picture's place; its bytes say which picture, and what was done to it."""
    format = "png" if source.prepare else source.format
    return Part(f"{source.hash[0]} {source.prepare}".encode(), f"image/{format}", f"picture.{format}")


def to_send(offer_name: str, body: dict[str, Any]) -> Call:
    offer = OFFERS[offer_name]
    plan = planned(body, offer, prompted="upscale" not in offer.model and "prompt" not in body)
    [call] = plan.calls()
    sources = {source: form_of(source) for source in found_in(call.payload)}
    payload = with_pictures(call.payload, sources)
    return Call("req_1.1", offer.upstream, offer.operation, payload, 1, plan.way)


def found_in(value: Any) -> list[Source]:
    if isinstance(value, Source):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType] - JSON
    return [source for part in inner for source in found_in(part)]  # pyright: ignore[reportUnknownVariableType]


def dialect_of(offer_name: str) -> str:
    return offer_name.partition("/")[0].removeprefix("my-")


@pytest_asyncio.fixture
async def adapter(upstream: Upstream, offer: str) -> AsyncGenerator[OpenAICompatible]:
    made = OpenAICompatible(Account(f"{upstream.url}/v1", "k1"), name="acme", dialect=dialect_of(offer))
    yield made
    await made.close()


PNG_FOX = ("image", "picture.png", "image/png", b"f ")
LIST_FOX, LIST_OWL = ("image[]", *PNG_FOX[1:]), ("image[]", "picture.jpeg", "image/jpeg", b"e ")


@pytest.mark.parametrize(
    ("offer", "body", "path_and_texts", "files"),
    [
        pytest.param(
            "openai/gpt-image-1.5 edit",
            {**MY_FOX, "quality": "hd", "input_fidelity": "high", "size": "1536x1024"},
            (
                "edits",
                {
                    "model": "gpt-image-1.5",
                    "output_format": "png",
                    "quality": "high",
                    "input_fidelity": "high",
                    "size": "1536x1024",
                },
            ),
            [PNG_FOX],
            id="openai",
        ),
        pytest.param(
            "openai/gpt-image-2 edit",
            {**ALL_THREE, "output_format": "webp", "output_compression": 40, "background": "opaque"},
            (
                "edits",
                {
                    "model": "gpt-image-2",
                    "size": "auto",
                    "background": "opaque",
                    "output_format": "webp",
                    "output_compression": "40",
                },
            ),
            [LIST_FOX, LIST_OWL, ("mask", "picture.png", "image/png", b"a mask_transparent")],
            id="openai several and a mask",
        ),
        pytest.param(
            "lumenfall/qwen-image edit",
            {**MY_FOX, "seed": 7, "fal": {"use_turbo": True}},
            (
                "edits",
                {
                    "model": "qwen-image",
                    "output_format": "png",
                    "seed": "7",
                    "size": "1200x800",
                    "prompt_enhancement": "off",
                    "response_format": "b64_json",
                },
            ),
            [PNG_FOX],
            id="lumenfall",
        ),
        pytest.param(
            "lumenfall/topaz-image-upscale edit",
            {**MY_FOX, "scale_factor": 2.5},
            (
                "edits",
                {
                    "model": "topaz-image-upscale",
                    "output_format": "png",
                    "scale_factor": "2.5",
                    "response_format": "b64_json",
                },
            ),
            [PNG_FOX],
            id="lumenfall upscales",
        ),
        pytest.param(
            "my-vllm-omni/qwen-image edit",
            {**ALL_THREE, "cfg_scale": 4, "output_format": "jpeg"},
            (
                "edits",
                {
                    "model": "qwen",
                    "true_cfg_scale": "4",
                    "size": "auto",
                    "output_format": "jpeg",
                    "response_format": "b64_json",
                },
            ),
            [LIST_FOX, LIST_OWL, ("mask_image", "picture.png", "image/png", b"a mask_white")],
            id="vllm-omni",
        ),
        pytest.param(
            "my-sglang/qwen-image edit",
            {"image": [FOX, OWL], "seed": 7},
            ("edits", {"model": "qwen", "seed": "7", "size": "1200x800", "response_format": "b64_json"}),
            [LIST_FOX, LIST_OWL],
            id="sglang",
        ),
        pytest.param(
            "my-sd-server/qwen-image edit",
            {**ALL_THREE, "prompt": "night", "seed": 7},
            ("edits", {"prompt": 'night <sd_cpp_extra_args>{"seed":7}</sd_cpp_extra_args>', "output_format": "png"}),
            [LIST_FOX, LIST_OWL, ("mask", "picture.png", "image/png", b"a mask_white")],
            id="sd-server",
        ),
        pytest.param(
            "my-sd-server/qwen-image image_to_image",
            {**MY_FOX, "prompt": "night", "strength": 0.4, "size": "512x512"},
            (
                "edits",
                {
                    "prompt": 'night <sd_cpp_extra_args>{"strength":0.4}</sd_cpp_extra_args>',
                    "size": "512x512",
                    "output_format": "png",
                },
            ),
            [PNG_FOX],
            id="sd-server draws over",
        ),
        pytest.param(
            "my-xinference/qwen-image edit",
            ALL_THREE,
            ("edits", {"model": "qwen", "response_format": "b64_json"}),
            [LIST_FOX, LIST_OWL, ("mask", "picture.png", "image/png", b"a mask_white")],
            id="xinference",
        ),
        pytest.param(
            "my-xinference/qwen-image image_to_image",
            {"image": [FOX, OWL], "strength": 0.4, "seed": 7, "negative_prompt": "fog"},
            (
                "variations",
                {
                    "model": "qwen",
                    "size": "1200*800",
                    "negative_prompt": "fog",
                    "kwargs": '{"strength":0.4,"seed":7}',
                    "response_format": "b64_json",
                },
            ),
            [PNG_FOX, ("image", *LIST_OWL[1:])],
            id="xinference draws over",
        ),
        pytest.param(
            "my-openai/qwen-image edit",
            {**MY_FOX, "strength": 0.4, "svg_like": True},
            (
                "edits",
                {"model": "qwen", "size": "auto", "strength": "0.4", "svg_like": "true", "response_format": "b64_json"},
            ),
            [PNG_FOX],
            id="any server",
        ),
    ],
)
async def test_what_is_sent(  # noqa: PLR0917 - a row a dialect
    offer: str,
    body: dict[str, Any],
    path_and_texts: tuple[str, dict[str, str]],
    files: list[tuple[str, str, str, bytes]],
    upstream: Upstream,
    adapter: OpenAICompatible,
) -> None:
    upstream.replies = [Reply(200, ANSWER)]
    answer = await adapter.generate(to_send(offer, body))
    assert len(answer.images) == 1
    path, texts = path_and_texts
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("POST", f"/v1/images/{path}")
    assert asked.headers["authorization"] == "Bearer k1"
    parts = parts_of(asked.headers["content-type"], asked.body)
    prompt = {} if "upscale" in offer else {"prompt": "a fox"}
    sent = dict(texts_of(parts))
    assert sent == {**prompt, "n": "1", **texts}
    assert len(texts_of(parts)) == len(sent), "no field twice"
    assert files_of(parts) == files


@pytest.mark.parametrize(
    ("offer", "field", "sent"),
    [
        ("my-localai/qwen-image edit", "ref_images", ["Zm94", "b3ds"]),
        ("my-localai/qwen-image image_to_image", "file", "Zm94"),
    ],
)
async def test_localai_takes_pictures_in_its_json(
    offer: str, field: str, sent: object, upstream: Upstream, adapter: OpenAICompatible
) -> None:
    upstream.replies = [Reply(200, ANSWER)]
    pictures = [FOX, OWL] if field == "ref_images" else [FOX]
    plan = planned({"image": pictures}, OFFERS[offer])
    assert plan.offer.sources.ways == ("base64",)
    payload = with_pictures(plan.calls()[0].payload, {FOX: "Zm94", OWL: "b3ds"})
    await adapter.generate(Call("req_1.1", "m", plan.offer.operation, payload, 1, "bytes"))
    [asked] = upstream.asked
    assert asked.path == "/v1/images/generations"
    assert asked.headers["content-type"] == "application/json"
    assert asked.json[field] == sent
    assert asked.json["size"] == "1200x800"


@pytest.mark.parametrize("offer", ["my-openai/qwen-image edit"])
async def test_a_form_is_refused_as_json_is(upstream: Upstream, adapter: OpenAICompatible) -> None:
    """A complaint names the field; a connection that breaks is not followed by another try."""
    said = {"error": {"message": "Unknown parameter: 'n'.", "type": "x", "param": "n", "code": "unknown_parameter"}}
    upstream.replies = [Reply(400, said), Reply(drop=True)]
    call = to_send("my-openai/qwen-image edit", dict(MY_FOX))
    with pytest.raises(ProviderError) as caught:
        await adapter.generate(call)
    assert (caught.value.kind, caught.value.param) == (Kind.BAD_REQUEST, "n")
    with pytest.raises(ProviderError) as caught:
        await adapter.generate(call)
    assert caught.value.kind is Kind.LOST
    assert len(upstream.asked) == 2


@pytest.mark.parametrize("offer", ["my-sd-server/qwen-image edit"])
async def test_a_form_cannot_be_talked_into_settings(upstream: Upstream, adapter: OpenAICompatible) -> None:
    payload = {"prompt": "x <SD_cpp_extra_args>{}", "image": [form_of(FOX)]}
    with pytest.raises(ProviderError) as caught:
        await adapter.generate(Call("req_1.1", "m", "edit", payload, 1, "bytes"))
    assert (caught.value.kind, upstream.connections) == (Kind.BAD_REQUEST, 0)


@pytest.mark.parametrize("offer", ["my-openai/qwen-image edit"])
async def test_a_value_that_no_form_can_hold(upstream: Upstream, adapter: OpenAICompatible) -> None:
    payload = {"prompt": "x", "image": form_of(FOX), "odd": object()}
    with pytest.raises(ProviderError) as caught:
        await adapter.generate(Call("req_1.1", "m", "edit", payload, 1, "bytes"))
    assert (caught.value.kind, upstream.connections) == (Kind.BAD_REQUEST, 0)


def test_the_payload_of_a_call_is_plain_json_but_for_its_pictures() -> None:
    plan = planned(dict(ALL_THREE), OFFERS["openai/gpt-image-2 edit"])
    told = orjson.loads(orjson.dumps(plan.calls()[0].payload))
    assert [picture["hash"][0] for picture in told["image"]] == ["f", "e"]
