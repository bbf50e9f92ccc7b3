"""OpenAI's own Python client against the gateway: what a caller sends, and what it reads off the answer."""

import base64
from collections.abc import AsyncIterator, Iterator

import httpx
import openai
import pytest
from openai.types import ImagesResponse

from gateway.flow.picture_header import sniff
from simulators.running import Simulators
from tests.gateway.running import ADMIN_KEY, RunningGateway

LORA = {"path": "https://example.com/style.safetensors", "scale": 0.5}
EXTENSIONS = {
    "negative_prompt": "blurry",
    "seed": 7,
    "num_inference_steps": 20,
    "cfg_scale": 3.5,
    "loras": [LORA],
    "acceleration": "none",
    "safety": "on",
    "prompt_enhancement": "off",
    "size_fit": "exact",
    "cache": "off",
    "mix_providers": False,
    "fal": {"use_turbo": False},
}


@pytest.fixture
def client(easel: RunningGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{easel.url}/v1", api_key=ADMIN_KEY, max_retries=0) as client:
        yield client


@pytest.fixture
async def asynchronous(easel: RunningGateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{easel.url}/openai/v1", api_key=ADMIN_KEY, max_retries=0) as client:
        yield client


def only(answer: ImagesResponse) -> openai.types.Image:
    [image] = answer.data or []
    return image


def size_of(picture: bytes) -> tuple[str, int, int]:
    header = sniff(picture)
    assert header is not None
    return header.format, header.width, header.height


def test_a_url_that_needs_no_key(client: openai.OpenAI, simulators: Simulators) -> None:
    answer = client.images.generate(model="qwen-image", prompt="a fox", size="1024x768")
    image = only(answer)
    assert image.url is not None
    assert image.b64_json is None
    fetched = httpx.get(image.url)
    assert fetched.headers["content-type"] == "image/png"
    assert size_of(fetched.content) == ("png", 1024, 768)
    assert (answer.size, answer.output_format) == ("1024x768", "png")
    assert simulators.paid("fal") == 1


def test_base64_of_several(client: openai.OpenAI, simulators: Simulators) -> None:
    answer = client.images.generate(
        model="qwen-image", prompt="a fox", n=2, size="512x512", response_format="b64_json", output_format="jpeg"
    )
    pictures = [base64.b64decode(image.b64_json or "", validate=True) for image in answer.data or []]
    assert [size_of(picture) for picture in pictures] == [("jpeg", 512, 512)] * 2
    assert pictures[0] != pictures[1]
    [call] = simulators.calls("fal", "submit")
    assert (call["body"]["num_images"], call["body"]["output_format"]) == (2, "jpeg")


def test_an_openai_model_answers_base64_unasked(client: openai.OpenAI, simulators: Simulators) -> None:
    image = only(client.images.generate(model="gpt-image-2", prompt="a fox", quality="low", background="opaque"))
    assert image.url is None
    assert size_of(base64.b64decode(image.b64_json or ""))[0] == "png"
    [call] = simulators.calls("openai")
    assert "response_format" not in call["body"]
    assert (call["body"]["quality"], call["body"]["background"]) == ("low", "opaque")


async def test_every_extension_travels_in_extra_body(asynchronous: openai.AsyncOpenAI, simulators: Simulators) -> None:
    answer = await asynchronous.images.generate(
        model="qwen-image", prompt="a fox", size="1000x700", extra_body=EXTENSIONS
    )
    assert answer.model_extra is not None
    rows = {row["given_as"]: row for row in answer.model_extra["metadata"]["parameters"]}
    assert set(rows) >= {"prompt", "size", *EXTENSIONS}
    [call] = simulators.calls("fal", "submit")
    sent = call["body"]
    assert (sent["seed"], sent["num_inference_steps"], sent["guidance_scale"]) == (7, 20, 3.5)
    assert (sent["negative_prompt"], sent["loras"]) == ("blurry", [LORA])
    assert (sent["enable_safety_checker"], sent["acceleration"], sent["use_turbo"]) == (True, "none", False)
    assert not {"size_fit", "cache", "mix_providers", "fal", "safety"} & set(sent)
    image = only(answer)
    assert image.model_extra is not None
    assert (image.model_extra["seed"], image.model_extra["width"], image.model_extra["height"]) == (7, 1000, 700)


async def test_a_dry_run_travels_in_extra_query(asynchronous: openai.AsyncOpenAI, simulators: Simulators) -> None:
    answer = await asynchronous.images.generate(
        model="qwen-image", prompt="a fox", n=2, size="1024x1024", extra_query={"dryRun": True}
    )
    assert answer.data is None
    assert answer.model_extra is not None
    assert answer.model_extra["estimated"] is True
    assert (answer.model_extra["provider"], answer.model_extra["currency"]) == ("fal", "USD")
    assert simulators.calls() == []


def test_headers_are_there_for_who_looks(client: openai.OpenAI) -> None:
    raw = client.images.with_raw_response.generate(
        model="qwen-image", prompt="a fox", size="512x512", extra_headers={"X-Easel-Cache": "off"}
    )
    answer = raw.parse()
    assert answer.model_extra is not None
    told = answer.model_extra["metadata"]
    assert raw.headers["x-request-id"] == answer._request_id == told["request_id"]  # pyright: ignore[reportPrivateUsage] - its documented name
    assert raw.headers["x-easel-provider"] == told["provider"] == "fal"
    assert raw.headers["x-easel-model"] == told["model"] == "qwen-image"
    assert float(raw.headers["x-easel-cost"]) == told["cost"] > 0
    assert raw.headers["x-easel-cache"] == told["cache"] == "off"
    assert raw.headers["content-type"] == "application/json"


def test_models_are_listed_and_retrieved(client: openai.OpenAI) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert {"qwen-image", "flux-dev", "gpt-image-2"} <= set(listed)
    for name in ("qwen-image", "flux-dev"):
        assert client.models.retrieve(name) == listed[name]
    assert (listed["qwen-image"].object, listed["qwen-image"].owned_by) == ("model", "alibaba")


async def test_an_id_with_a_slash_gives_one_providers_part(asynchronous: openai.AsyncOpenAI) -> None:
    model = await asynchronous.models.retrieve("lumenfall/qwen-image")
    assert model.model_extra is not None
    assert {provider["provider"] for provider in model.model_extra["providers"]} == {"lumenfall"}
    with pytest.raises(openai.NotFoundError) as missing:
        await asynchronous.models.retrieve("lumenfall/nothing")
    assert missing.value.code == "model_not_found"
