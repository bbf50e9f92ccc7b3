"""The adapters against the stand-ins, which share no code with them."""

import io
import time
from collections.abc import AsyncGenerator

import pybase64
import pytest
import pytest_asyncio
from PIL import Image as PillowImage

from providers.base import Call, Part
from providers.errors import Kind, ProviderError
from providers.fal.adapter import Fal
from providers.guard import Guard
from providers.openai_compatible.adapter import OpenAICompatible
from providers.polling import follow
from simulators.running import Simulators
from tests.providers.simulated import account_at

PNG = b"\x89PNG"


def fal_call(**payload: object) -> Call:
    body = {"prompt": "a fox", "image_size": {"width": 512, "height": 384}, "num_images": 2, **payload}
    return Call("req_1.1", "fal-ai/qwen-image", "generate", body, 2, "url")


def fal_at(simulators: Simulators, **changed: str) -> Fal:
    told = simulators.addresses["fal"]
    return Fal(account_at(simulators, "fal", **changed), queue_url=told["queue_url"], rest_url=told["rest_url"])


@pytest_asyncio.fixture
async def fal(simulators: Simulators) -> AsyncGenerator[Fal]:
    simulators.set_pace("fal", queue_seconds=0.0, seconds_per_image=0.0)
    adapter = fal_at(simulators)
    yield adapter
    await adapter.close()


@pytest_asyncio.fixture
async def adapter(simulators: Simulators, slug: str) -> AsyncGenerator[OpenAICompatible]:
    made = OpenAICompatible(account_at(simulators, slug), name=slug, dialect=slug)
    yield made
    await made.close()


async def test_fal_from_submission_to_the_bytes(fal: Fal, simulators: Simulators) -> None:
    call = fal_call()
    answer = await follow(fal, await fal.submit(call), call, time.monotonic() + 30)
    assert [(image.width, image.height) for image in answer.images] == [(512, 384)] * 2
    assert answer.units is not None
    guard = Guard([simulators.origin])
    for image in answer.images:
        assert image.url is not None
        picture = await guard.fetch(image.url, max_bytes=10_000_000, deadline=time.monotonic() + 10)
        assert picture.content[:4] == PNG
    await guard.close()


async def test_fals_sync_mode(fal: Fal) -> None:
    call = fal_call(sync_mode=True)
    answer = await follow(fal, await fal.submit(call), call, time.monotonic() + 30)
    assert all(image.base64 is not None and image.url is None for image in answer.images)


@pytest.mark.parametrize(
    "fault",
    [
        {"on": "status", "effect": "status", "status": 503, "times": 2},
        {"on": "status", "effect": "drop_before", "times": 2},
        {"on": "status", "effect": "html"},
        {"on": "status", "effect": "status", "status": 429},
        {"on": "result", "effect": "drop_before"},
        {"on": "result", "effect": "html", "times": 1},
    ],
)
async def test_fals_hitches_after_the_ticket_cost_nothing_twice(
    fault: dict[str, object], fal: Fal, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "fal", **fault}])
    call = fal_call()
    answer = await follow(fal, await fal.submit(call), call, time.monotonic() + 30)
    assert len(answer.images) == 2
    assert len(simulators.calls("fal", "submit")) == 1


@pytest.mark.parametrize(
    ("effect", "kind"), [("moderated", Kind.MODERATED), ("failed", Kind.FAILED), ("empty", Kind.BROKEN)]
)
async def test_fals_jobs_that_fail(effect: str, kind: Kind, fal: Fal, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": effect}])
    call = fal_call()
    with pytest.raises(ProviderError) as caught:
        await follow(fal, await fal.submit(call), call, time.monotonic() + 30)
    assert caught.value.kind is kind


async def test_fal_flags_what_its_checker_marked(fal: Fal, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "nsfw"}])
    call = fal_call()
    answer = await follow(fal, await fal.submit(call), call, time.monotonic() + 30)
    assert any(image.flagged for image in answer.images)


async def test_fal_refuses_a_wrong_key_and_a_wrong_value(fal: Fal, simulators: Simulators) -> None:
    stranger = fal_at(simulators, key="wrong")
    with pytest.raises(ProviderError) as caught:
        await stranger.submit(fal_call())
    await stranger.close()
    assert caught.value.kind is Kind.KEY
    with pytest.raises(ProviderError) as caught:
        call = fal_call(num_images=20)
        await follow(fal, await fal.submit(call), call, time.monotonic() + 30)
    assert (caught.value.kind, caught.value.param) == (Kind.BAD_REQUEST, "num_images")


@pytest.mark.parametrize(("effect", "kind"), [("drop_before", Kind.LOST), ("drop_after", Kind.LOST), ("html", None)])
async def test_a_submission_without_an_answer_is_never_repeated(
    effect: str, kind: Kind | None, fal: Fal, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": effect}])
    with pytest.raises(ProviderError) as caught:
        await fal.submit(fal_call())
    assert kind is None or caught.value.kind is kind
    assert len(simulators.calls("fal", "submit")) == 1


@pytest.mark.parametrize(
    ("slug", "upstream", "payload"),
    [
        ("openai", "gpt-image-1.5", {"size": "1024x1024", "quality": "low"}),
        ("vllm-omni", "Qwen/Qwen-Image", {"size": "512x384", "response_format": "b64_json", "seed": 7}),
        ("lumenfall", "qwen-image", {"size": "512x384", "response_format": "b64_json"}),
        ("sd-server", "sd-cpp-local", {"size": "512x384", "sd_cpp_extra_args": {"seed": 7}}),
    ],
)
async def test_dialects_draw(slug: str, upstream: str, payload: dict[str, object], adapter: OpenAICompatible) -> None:
    body = {"prompt": "a fox", "n": 1, **payload}
    answer = await adapter.generate(Call("req_1.1", upstream, "generate", body, 1, "bytes"))
    encoded = answer.images[0].base64
    assert isinstance(encoded, memoryview), "a whole picture is never copied"
    assert pybase64.b64decode(encoded, validate=True)[:4] == PNG
    assert (answer.cost is not None) == (slug == "lumenfall")


def png(width: int, height: int) -> Part:
    out = io.BytesIO()
    PillowImage.new("RGBA", (width, height)).save(out, "PNG")
    return Part(out.getvalue(), "image/png", "picture.png")


@pytest.mark.parametrize(
    ("slug", "offer", "payload", "size"),
    [
        ("openai", "gpt-image-1.5", {"image": [png(128, 96), png(64, 64)], "mask": png(128, 96)}, (1024, 1024)),
        ("openai", "gpt-image-2.5-flare", {"image": [png(128, 96)], "markup": png(128, 96)}, (1024, 1024)),
        ("lumenfall", "qwen-image", {"image": [png(128, 96)], "size": "320x240"}, (320, 240)),
        ("lumenfall", "google-upscaler", {"image": png(128, 96), "scale_factor": 2}, (256, 192)),
        ("vllm-omni", "any", {"image": [png(128, 96), png(64, 64)], "mask_image": png(128, 96)}, (128, 96)),
        ("sglang", "any", {"image": [png(128, 96), png(64, 64)], "seed": 7}, (128, 96)),
        ("sd-server", "any", {"image": [png(128, 96), png(64, 64)], "mask": png(128, 96)}, (128, 96)),
        ("xinference", "any", {"image": [png(128, 96), png(64, 64)], "mask": png(128, 96)}, (128, 96)),
    ],
)
async def test_dialects_edit(
    slug: str, offer: str, payload: dict[str, object], size: tuple[int, int], adapter: OpenAICompatible
) -> None:
    body = {"n": 1, "prompt": "x"} | ({} if slug in {"openai", "sd-server"} else {"response_format": "b64_json"})
    answer = await adapter.generate(Call("req_1.1", offer, "edit", {**body, **payload}, 1, "bytes"))
    assert pixels_of(answer.images[0].base64) == size


@pytest.mark.parametrize(
    ("slug", "payload", "path"),
    [
        ("sd-server", {"image": png(128, 96), "sd_cpp_extra_args": {"strength": 0.4}}, "edits"),
        ("xinference", {"image": [png(128, 96), png(64, 64)], "kwargs": {"strength": 0.4}}, "variations"),
        ("localai", {"file": pybase64.b64encode(png(128, 96).content).decode(), "size": "128x96"}, "generations"),
    ],
)
async def test_dialects_draw_over(
    slug: str, payload: dict[str, object], path: str, adapter: OpenAICompatible, simulators: Simulators
) -> None:
    body = {"n": 1, "prompt": "x", "response_format": "b64_json", **payload}
    answer = await adapter.generate(Call("req_1.1", "any", "image_to_image", body, 1, "bytes"))
    assert pixels_of(answer.images[0].base64) == (128, 96)
    assert [call["path"].rpartition("/")[2] for call in simulators.calls(slug)] == [path]


def pixels_of(encoded: bytes | memoryview | None) -> tuple[int, int]:
    return PillowImage.open(io.BytesIO(pybase64.b64decode(encoded or b""))).size


@pytest.mark.parametrize(
    ("slug", "fault", "kind"),
    [
        ("openai", {"effect": "moderated"}, Kind.MODERATED),
        ("openai", {"effect": "status", "status": 429}, Kind.RATE),
        ("openai", {"effect": "status", "status": 500}, Kind.FAILED),
        ("openai", {"effect": "status", "status": 503}, Kind.BUSY),
        ("openai", {"effect": "status", "status": 401}, Kind.KEY),
        ("lumenfall", {"effect": "moderated"}, Kind.MODERATED),
        ("lumenfall", {"effect": "status", "status": 402}, Kind.CREDIT),
        ("vllm-omni", {"effect": "status", "status": 503}, Kind.BUSY),
        ("vllm-omni", {"effect": "drop_after"}, Kind.LOST),
        ("vllm-omni", {"effect": "empty"}, Kind.BROKEN),
    ],
)
async def test_dialects_fail(  # the simulators count what was asked
    slug: str, fault: dict[str, object], kind: Kind, adapter: OpenAICompatible, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": slug, "on": "generate", **fault}])
    upstream = {"openai": "gpt-image-1.5", "lumenfall": "qwen-image"}.get(slug, "Qwen/Qwen-Image")
    with pytest.raises(ProviderError) as caught:
        await adapter.generate(Call("req_1.1", upstream, "generate", {"prompt": "a fox", "n": 1}, 1, "bytes"))
    assert caught.value.kind is kind
    assert len(simulators.calls(slug, "generate")) == 1
