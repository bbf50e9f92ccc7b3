"""A call for a worker of ours, written for servers of another make: all of it, or it is not for them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from gateway.settings_tables import ForeignWorker
from normalizers.offer import Operation
from providers.account import Account
from providers.base import Call, Part, Partial, Progress, Ready
from providers.errors import Kind
from providers.http import Http
from providers.local.foreign import Foreign, askings, cannot, usual_of
from providers.local.foreign_calls import alive, draw
from providers.local.foreign_dialects import dialects
from providers.registry import built_in_offers
from simulators.running import Simulators
from tests.providers import failing
from tests.providers.forms import files_of, parts_of, texts_of
from tests.providers.sent_picture import png
from tests.providers.upstream import Reply, Upstream

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
PICTURE = Part(b"png", "image/png", "picture.png")
ANSWER = {"created": 1, "data": [{"b64_json": "AAAA"}]}

Open = Callable[..., Http]
failure = partial(failing.failure, provider="local", hidden=(PROMPT,))


def server(dialect: str, **other: Any) -> Foreign:
    return Foreign("http://127.0.0.1:1", dialect, {"qwen-image": "Qwen/Qwen-Image"}, **other)


def call(operation: Operation = "generate", images: int = 1, upstream: str = "qwen-image", **payload: Any) -> Call:
    return Call("req_1.1", upstream, operation, {"prompt": PROMPT, **payload}, images, "bytes")


@pytest_asyncio.fixture
async def opened() -> AsyncGenerator[Open]:
    clients: list[Http] = []

    def one(url: str, key: str | None = None) -> Http:
        clients.append(Account(url, key).open("local"))
        return clients[-1]

    yield one
    for client in clients:
        await client.close()


def test_the_configuration_knows_each_dialect_of_the_table() -> None:
    schema = ForeignWorker.model_json_schema()
    assert schema["properties"]["dialect"]["enum"] == list(dialects())
    assert all(row.source and row.checked.year == 2026 for row in dialects().values())


@pytest.mark.parametrize(
    ("dialect", "given", "sent"),
    [
        (
            "vllm-omni",
            {"size": "512x768", "num_inference_steps": 20, "cfg_scale": 4.0, "negative_prompt": "fog", "n": 1},
            {"size": "512x768", "num_inference_steps": 20, "true_cfg_scale": 4.0, "negative_prompt": "fog"},
        ),
        ("vllm-omni", {"guidance": 3.5, "output_format": "webp"}, {"guidance_scale": 3.5, "output_format": "webp"}),
        ("vllm-omni", {"loras": [], "acceleration": "none", "control_nets": []}, {}),
        ("sglang", {"cfg_scale": 4.0, "seed": 7}, {"true_cfg_scale": 4.0, "seed": 7}),
    ],
)
def test_what_is_said_otherwise(dialect: str, given: dict[str, Any], sent: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"seed": 7, "response_format": "b64_json", **given}
    (asking,) = askings(server(dialect), call(**asked))
    assert asking.path == "/v1/images/generations"
    usual = {"model": "Qwen/Qwen-Image", "prompt": PROMPT, "n": 1, "seed": 7, "response_format": "b64_json"}
    assert asking.body == {**usual, **sent}


def test_sd_server_reads_the_rest_out_of_the_prompt() -> None:
    given: dict[str, Any] = {
        "cfg_scale": 4.0,
        "num_inference_steps": 9,
        "scheduler": "euler_ancestral",
        "negative_prompt": "</sd_cpp_",
    }
    (asking,) = askings(server("sd-server"), call(seed=7, size="512x512", response_format="b64_json", **given))
    assert asking.body == {
        "n": 1,
        "size": "512x512",
        "prompt": PROMPT
        + ' <sd_cpp_extra_args>{"sample_params":{"guidance":{"txt_cfg":4.0},"sample_steps":9,'
        + '"sample_method":"euler_a"},"negative_prompt":"\\u003c/sd_cpp_","seed":7}</sd_cpp_extra_args>',
    }


@pytest.mark.parametrize(
    ("dialect", "asked", "why"),
    [
        ("sd-server", call(prompt="x <SD_cpp_extra_args>{}"), "sd-server does not take this prompt"),
        ("sd-server", call(seed=2**31), "sd-server does not take this seed"),
        ("sd-server", call(size="32x32"), "sd-server does not take this size"),
        ("sd-server", call(size="auto"), "sd-server does not take this size"),
        ("sd-server", call(scheduler="ddim"), "sd-server does not take this scheduler"),
        ("sd-server", call("edit", image=[Part(b"", "image/webp", "a.webp")]), "sd-server does not take this image"),
        ("sd-server", call("edit", output_format="webp"), "sd-server does not take this output_format"),
        ("sd-server", call("edit", mask=PICTURE), "sd-server edits what is white in a mask"),
        ("vllm-omni", call(num_inference_steps=201), "vllm-omni does not take this num_inference_steps"),
        ("vllm-omni", call(loras=[{"model": "a.safetensors"}]), "vllm-omni takes LoRAs from its own disk"),
        ("vllm-omni", call(acceleration="high"), "vllm-omni is accelerated by its owner"),
        ("vllm-omni", call("edit", strength=0.5), "vllm-omni has no strength in its edits"),
        ("vllm-omni", call("image_to_image"), "vllm-omni has no route for image_to_image requests"),
        ("sglang", call("edit", mask=PICTURE), "sglang takes a mask and does not look at it"),
        ("sglang", call(scheduler="euler"), "sglang chooses the sampler itself"),
        ("sglang", call(control_nets=[{}]), "sglang takes no ControlNets by request"),
        ("sglang", call(width=512), "sglang has no width in generate requests"),
        ("sglang", call(upstream="flux-dev"), "the sglang server does not draw this model"),
    ],
)
def test_what_it_cannot_honour_is_not_for_it(dialect: str, asked: Call, why: str) -> None:
    told = cannot(server(dialect), asked)
    assert told is not None
    assert told.startswith(why)
    assert PROMPT not in told


def test_with_seeds_each_picture_is_a_request() -> None:
    three = askings(server("vllm-omni"), call(images=3, n=3, seed=2**32 - 2))
    assert [(each.place, each.images, each.seed, each.body["seed"], each.body["n"]) for each in three] == [
        (0, 1, 2**32 - 2, 2**32 - 2, 1),
        (1, 1, 2**32 - 1, 2**32 - 1, 1),
        (2, 1, 0, 0, 1),
    ]
    own = askings(server("vllm-omni"), call(images=2, n=2, seed=[9, 4]))
    assert [each.seed for each in own] == [9, 4]
    shared = askings(server("sd-server"), call(images=10, n=10))
    assert [(each.place, each.body["n"]) for each in shared] == [(0, 8), (8, 2)]
    assert all("sd_cpp_extra_args" not in each.body["prompt"] for each in shared)


def test_what_a_worker_of_ours_would_do_is_said() -> None:
    usual = usual_of(built_in_offers("local", "local"))
    foreign = Foreign("http://127.0.0.1:1", "vllm-omni", {"sketch": "x"}, usual=usual)
    (asking,) = askings(foreign, call(upstream="sketch"))
    assert (asking.body["size"], asking.body["num_inference_steps"]) == ("1024x1024", 20)
    (asking,) = askings(foreign, call(upstream="sketch", size="64x64"))
    assert asking.body["size"] == "64x64"


async def test_an_edit_goes_out_as_a_form(upstream: Upstream, opened: Open) -> None:
    upstream.replies = [Reply(200, ANSWER)]
    asked = call("image_to_image", image=[PICTURE], strength=0.5, response_format="b64_json")
    await draw(server("sd-server"), opened(upstream.url), asked)
    sent = upstream.asked[0]
    assert sent.path == "/v1/images/edits"
    parts = parts_of(sent.headers["content-type"], sent.body)
    prompt = PROMPT + ' <sd_cpp_extra_args>{"strength":0.5}</sd_cpp_extra_args>'
    assert texts_of(parts) == [("prompt", prompt), ("n", "1")]
    assert [name for name, *_ in files_of(parts)] == ["image"]


async def test_pictures_are_told_as_they_come_and_have_their_seeds(upstream: Upstream, opened: Open) -> None:
    upstream.script = lambda _asked: Reply(200, ANSWER)
    told: list[Progress | Partial | Ready] = []
    answer = await draw(server("sglang"), opened(upstream.url), call(images=3, n=3, seed=5), told.append)
    assert [image.seed for image in answer.images] == [5, 6, 7]
    assert [each.place for each in told if isinstance(each, Ready)] == [0, 1]
    assert [asked.json["seed"] for asked in upstream.asked] == [5, 6, 7]


async def test_sglang_is_sent_a_seed_where_none_was_asked_for(upstream: Upstream, opened: Open) -> None:
    upstream.script = lambda _asked: Reply(200, ANSWER)
    http = opened(upstream.url)
    answers = [await draw(server("sglang"), http, call()) for _ in range(2)]
    first, second = (asked.json["seed"] for asked in upstream.asked)
    assert first != second
    assert [answer.images[0].seed for answer in answers] == [first, second]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(429, {"error": "job queue is full"}), Kind.RATE),
        (Reply(503, {"detail": "No diffusion stage found in multi-stage pipeline."}), Kind.BUSY),
        (Reply(401, {"error": "Unauthorized"}), Kind.BUSY),
        (Reply(400, {"detail": "Invalid size format"}), Kind.BAD_REQUEST),
        (Reply(500, {"detail": f"Image generation failed: {PROMPT}"}), Kind.FAILED),
        (Reply(200, {"data": []}), Kind.FAILED),
        (Reply(200, b"<html>"), Kind.FAILED),
        (Reply(drop=True), Kind.LOST),
    ],
)
async def test_how_it_fails(reply: Reply, kind: Kind, upstream: Upstream, opened: Open) -> None:
    upstream.replies = [reply]
    error = await failure(draw(server("vllm-omni"), opened(upstream.url), call()))
    assert error.kind is kind


async def test_fewer_pictures_than_asked_for_are_a_failure(upstream: Upstream, opened: Open) -> None:
    upstream.replies = [Reply(200, ANSWER)]
    error = await failure(draw(server("vllm-omni"), opened(upstream.url), call(images=2, n=2)))
    assert error.kind is Kind.FAILED


async def test_a_call_that_is_not_for_it_is_not_sent(upstream: Upstream, opened: Open) -> None:
    error = await failure(draw(server("sd-server"), opened(upstream.url), call(prompt="x <sd_cpp_extra_args>")))
    assert error.kind is Kind.BAD_REQUEST
    assert upstream.asked == []


async def test_whoever_cancels_closes_the_connection(upstream: Upstream, opened: Open) -> None:
    never = asyncio.Event()
    left = asyncio.Event()

    async def until_it_is_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        never.set()
        while await reader.read(1024):
            pass
        left.set()
        writer.close()

    listening = await asyncio.start_server(until_it_is_closed, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    drawing = asyncio.create_task(draw(server("vllm-omni"), opened(f"http://127.0.0.1:{port}"), call()))
    await never.wait()
    drawing.cancel()
    async with asyncio.timeout(10):
        await left.wait()
    listening.close()


async def test_it_lives_while_its_own_route_answers(upstream: Upstream, opened: Open) -> None:
    upstream.replies = [Reply(200, {}), Reply(401, {"error": "Unauthorized"}), Reply(drop=True)]
    http = opened(upstream.url)
    assert [await alive(server("vllm-omni"), http) for _ in range(2)] == [True, False]
    assert {asked.path for asked in upstream.asked} == {"/v1/models"}
    assert not await alive(server("vllm-omni"), opened("http://127.0.0.1:1"))


@pytest.mark.parametrize("dialect", list(dialects()))
@pytest.mark.parametrize("operation", ["generate", "edit"])
async def test_the_stand_ins_take_what_is_sent(
    dialect: str, operation: Operation, simulators: Simulators, opened: Open
) -> None:
    told = simulators.addresses[dialect]
    http = opened(told["base_url"].removesuffix("/v1"), told["key"])
    foreign = server(dialect)
    assert await alive(foreign, http)
    given: dict[str, Any] = {"size": "64x96", "num_inference_steps": 4, "cfg_scale": 4.0, "negative_prompt": "fog"}
    if operation == "edit":
        given["image"] = [Part(png(64, 64), "image/png", "picture.png")]
    answer = await draw(foreign, http, call(operation, 2, n=2, seed=11, response_format="b64_json", **given))
    assert [image.seed for image in answer.images] == [11, 12]
    assert all(image.base64 for image in answer.images)
