"""OpenAI's own client runs against every dialect."""

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import openai
import pytest
from PIL import Image

from simulators.running import Simulators

Connect = Callable[[str], openai.OpenAI]
MODELS = {
    "openai": "gpt-image-2",
    "lumenfall": "qwen-image",
    "vllm-omni": "any",
    "sd-server": "sd-cpp-local",
    "sglang": "any",
    "xinference": "any",
}
EVERY = list(MODELS)


@pytest.fixture
def connect(simulators: Simulators) -> Iterator[Connect]:
    with ExitStack() as clients:

        def connect(slug: str) -> openai.OpenAI:
            at = simulators.addresses[slug]
            client = openai.OpenAI(base_url=at["base_url"], api_key=at["key"], max_retries=0)
            return clients.enter_context(client)

        yield connect


def png(width: int = 64, height: int = 48, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), "navy").save(out, "PNG")
    return out.getvalue()


def opened(encoded: str | None) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded or "")))


@pytest.mark.parametrize("slug", ["openai", "vllm-omni", "sd-server"])
def test_generate_gives_base64(connect: Connect, simulators: Simulators, slug: str) -> None:
    answer = connect(slug).images.generate(
        model=MODELS[slug], prompt="a fox", n=2, size="1024x1536", output_format="webp"
    )
    first, second = (opened(image.b64_json) for image in answer.data or [])
    assert (first.format, first.size, second.size) == ("WEBP", (1024, 1536), (1024, 1536))
    assert first.tobytes() != second.tobytes()
    assert (answer.data or [])[0].url is None
    [call] = simulators.calls(slug)
    assert call["body"] == {
        "model": MODELS[slug],
        "prompt": "a fox",
        "n": 2,
        "size": "1024x1536",
        "output_format": "webp",
    }
    assert simulators.paid(slug) == 2


@pytest.mark.parametrize("slug", EVERY)
@pytest.mark.parametrize("several", [False, True])
def test_edit_takes_one_file_or_a_list(connect: Connect, simulators: Simulators, slug: str, several: bool) -> None:
    upload = ("in.png", png(96, 64), "image/png")
    image = [upload, upload] if several else upload
    answer = connect(slug).images.edit(model=MODELS[slug], prompt="at night", image=image, n=2)
    assert len(answer.data or []) == 2
    body = simulators.calls(slug)[0]["body"]
    told = {"filename": "in.png", "content_type": "image/png", "bytes": len(png(96, 64))}
    assert (body["image[]"] == [told, told]) if several else (body["image"] == told)
    assert (body["prompt"], body["n"]) == ("at night", "2")
    assert simulators.paid(slug) == 2


@pytest.mark.parametrize("slug", EVERY)
def test_edit_takes_a_mask(connect: Connect, simulators: Simulators, slug: str) -> None:
    mask = png(96, 64, "RGBA")
    answer = connect(slug).images.edit(model=MODELS[slug], prompt="at night", image=png(96, 64), mask=mask)
    assert len(answer.data or []) == 1
    body = simulators.calls(slug)[0]["body"]
    assert (body["mask"]["bytes"], body["image"]["content_type"]) == (len(mask), "application/octet-stream")


def test_a_variation_is_xinferences_image_to_image(connect: Connect, simulators: Simulators) -> None:
    images = connect("xinference").images
    with pytest.deprecated_call():
        answer = images.create_variation(  # pyright: ignore[reportDeprecated] - OpenAI's own is gone, Xinference's is not
            model="any", image=png(96, 64), response_format="b64_json", extra_body={"kwargs": '{"strength": 0.4}'}
        )
    assert opened((answer.data or [])[0].b64_json).size == (96, 64)
    assert simulators.calls("xinference")[0]["path"].endswith("/images/variations")


@pytest.mark.parametrize("slug", EVERY)
def test_models(connect: Connect, slug: str) -> None:
    assert all(model.id for model in connect(slug).models.list())


def test_openai_describes_and_counts(connect: Connect) -> None:
    answer = connect("openai").images.generate(model="gpt-image-2", prompt="four words are here", size="auto")
    assert (answer.quality, answer.background, answer.size) == ("high", "opaque", "1024x1024")
    assert answer.usage and answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert getattr(answer, "_request_id", "").startswith("req_")


def test_openai_streams_partial_pictures(connect: Connect, simulators: Simulators) -> None:
    stream = connect("openai").images.generate(
        model="gpt-image-2", prompt="x", size="1024x1024", stream=True, partial_images=2
    )
    seen = list(stream)
    assert [event.type for event in seen] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    pictures = {event.b64_json for event in seen}
    assert len(pictures) == 3
    assert seen[2].type == "image_generation.completed" and seen[2].usage.output_tokens > 0
    assert simulators.paid("openai") == 1


def test_openai_streams_an_edit(connect: Connect) -> None:
    stream = connect("openai").images.edit(model="gpt-image-1.5", prompt="x", image=png(), stream=True)
    assert [event.type for event in stream] == ["image_edit.completed"]


def test_lumenfall_gives_urls_and_says_who_drew(connect: Connect) -> None:
    client = connect("lumenfall")
    raw = client.images.with_raw_response.generate(model="fal/qwen-image", prompt="x", size="16:9", n=2)
    answer = raw.parse()
    assert all((image.url or "").endswith(".png") and image.b64_json is None for image in answer.data or [])
    assert answer.size == "1365x768"
    metadata = (answer.model_extra or {})["metadata"]
    assert (metadata["executed_model"], metadata["cost"]) == ("fal/qwen-image", 0.04)
    assert raw.headers["x-lumenfall-provider"] == "fal"
    assert raw.headers["x-lumenfall-request-id"] == metadata["id"]


def test_lumenfall_estimates_for_nothing(connect: Connect, simulators: Simulators) -> None:
    answer = connect("lumenfall").images.generate(model="qwen-image", prompt="x", n=3, extra_query={"dryRun": "true"})
    assert (answer.model_extra or {})["total_cost_micros"] == 60_000
    assert simulators.paid("lumenfall") == 0


@pytest.mark.parametrize("slug", ["openai", "lumenfall", "vllm-omni"])
def test_a_bad_key(simulators: Simulators, slug: str) -> None:
    with (
        openai.OpenAI(base_url=simulators.addresses[slug]["base_url"], api_key="bad", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.images.generate(model=MODELS[slug], prompt="x")
    assert simulators.calls(slug)[0]["path"].endswith("/images/generations")


def test_errors_as_the_client_sees_them(connect: Connect) -> None:
    with pytest.raises(openai.BadRequestError) as unknown:
        connect("openai").images.generate(model="gpt-image-2", prompt="x", response_format="b64_json")
    assert (unknown.value.code, unknown.value.param) == ("unknown_parameter", "response_format")
    with pytest.raises(openai.NotFoundError) as gone:
        connect("openai").images.generate(model="dall-e-3", prompt="x")
    assert gone.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="Did you mean 'qwen-image'"):
        connect("lumenfall").images.generate(model="qwen-imag", prompt="x")
    with pytest.raises(openai.UnprocessableEntityError):
        connect("vllm-omni").images.generate(model="any", prompt="x", response_format="url")
    with pytest.raises(openai.BadRequestError) as plain:
        connect("sd-server").images.generate(model="any", prompt="")
    assert plain.value.body == "prompt required"


async def test_the_async_client(simulators: Simulators) -> None:
    at = simulators.addresses["openai"]
    async with openai.AsyncOpenAI(base_url=at["base_url"], api_key=at["key"], max_retries=1) as client:
        simulators.set_faults(
            [
                {
                    "provider": "openai",
                    "on": "generate",
                    "effect": "status",
                    "status": 503,
                    "headers": {"retry-after-ms": "1"},
                }
            ]
        )
        answer = await client.images.generate(model="gpt-image-1.5", prompt="x")
    assert opened((answer.data or [])[0].b64_json).size == (1024, 1024)
    assert [call["headers"]["x-stainless-retry-count"] for call in simulators.calls("openai")] == ["0", "1"]
