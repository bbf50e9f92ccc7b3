"""What OpenAI's own clients write into forms, byte for byte over a socket, is read as their callers meant it."""

import asyncio
import io
from collections.abc import AsyncGenerator
from typing import Any

import openai
import pytest
import pytest_asyncio
from PIL import Image

from gateway.flow.source_forms import PictureBytes
from tests.gateway.forms import read
from tests.providers.upstream import Reply, Upstream
from tests.sdk.node import run_script

LORAS = [{"path": "a", "scale": 0.5}, {"path": "b", "scale": 1}]
NODE_PNG = PictureBytes(bytes.fromhex("89504e470d0a1a0a0d0a2d2d"))


def png(colour: str) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(output, "PNG")
    return output.getvalue()


RED, BLUE = png("red"), png("blue")


@pytest_asyncio.fixture
async def captured() -> AsyncGenerator[Upstream]:
    """A server that takes every request, and remembers it."""
    upstream = Upstream()
    upstream.script = lambda asked: Reply(200, {"created": 1, "data": []})
    await upstream.start()
    yield upstream
    await upstream.stop()


@pytest_asyncio.fixture
async def client(captured: Upstream) -> AsyncGenerator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{captured.url}/v1", api_key="sk-x", max_retries=0) as client:
        yield client


async def fields(captured: Upstream, cuts: int = 1000) -> list[dict[str, Any]]:
    """Each request's fields, in the order in which they came."""
    return [await read(asked.body, asked.headers["content-type"], cuts=cuts) for asked in captured.asked]


async def test_one_file_and_a_mask(client: openai.AsyncOpenAI, captured: Upstream) -> None:
    await client.images.edit(model="own", prompt="ein Füchs", image=RED, mask=("m.png", BLUE, "image/png"), n=2)
    assert b'name="image"; filename=' in captured.asked[0].body
    assert await fields(captured) == [
        {"model": "own", "prompt": "ein Füchs", "n": 2, "image": PictureBytes(RED), "mask": PictureBytes(BLUE)}
    ]


@pytest.mark.parametrize("cuts", [1, 63, 4096])
async def test_lists_of_files(client: openai.AsyncOpenAI, captured: Upstream, cuts: int) -> None:
    await client.images.edit(model="own", prompt="a", image=[RED])
    await client.images.edit(model="own", prompt="a", image=[('../../a b;".png', RED), io.BytesIO(BLUE)])
    assert b'name="image[]"' in captured.asked[0].body
    one, two = await fields(captured, cuts)
    assert one["image"] == [PictureBytes(RED)]
    assert two["image"] == [PictureBytes(RED), PictureBytes(BLUE)]


async def test_numbers_booleans_and_nested_values(client: openai.AsyncOpenAI, captured: Upstream) -> None:
    await client.images.edit(
        model="own",
        prompt="a",
        image=RED,
        size="1024x1024",
        output_compression=80,
        stream=False,
        extra_body={
            "seed": 7,
            "strength": 0.5,
            "cfg_scale": 4,
            "negative_prompt": None,
            "mix_providers": True,
            "svg": {"model": "m", "reasoning": {"effort": "low"}},
            "loras": LORAS,
            "fal": {"num_inference_steps": 8},
            "image_url": ["https://a.example/1.png"],
        },
    )
    [got] = await fields(captured)
    assert got.pop("image") == PictureBytes(RED)
    assert got == {
        "model": "own",
        "prompt": "a",
        "size": "1024x1024",
        "output_compression": 80,
        "stream": False,
        "seed": 7,
        "strength": 0.5,
        "cfg_scale": 4,
        "mix_providers": True,
        "svg": {"model": "m", "reasoning": {"effort": "low"}},
        "loras": LORAS,
        "fal": {"num_inference_steps": 8},
        "image_url": ["https://a.example/1.png"],
    }


async def test_variations(client: openai.AsyncOpenAI, captured: Upstream) -> None:
    with pytest.warns(DeprecationWarning):
        await client.images.create_variation(image=RED, model="own", n=1, response_format="b64_json")  # pyright: ignore[reportDeprecated] - and still sent by clients
    assert await fields(captured) == [
        {"model": "own", "n": 1, "response_format": "b64_json", "image": PictureBytes(RED)}
    ]


async def test_nodes_client(captured: Upstream) -> None:
    assert await asyncio.to_thread(run_script, "forms.cjs", f"{captured.url}/v1") == "done"
    common = {"model": "own", "prompt": "ein Füchs", "n": 2}
    assert await fields(captured) == [
        {**common, "image": NODE_PNG, "mask": NODE_PNG},
        {**common, "image": [NODE_PNG]},
        {
            **common,
            "image": [NODE_PNG, NODE_PNG],
            "stream": False,
            "seed": 7,
            "strength": 0.5,
            "svg": {"model": "m", "reasoning": {"effort": "low"}},
            "loras": LORAS,
        },
    ]
