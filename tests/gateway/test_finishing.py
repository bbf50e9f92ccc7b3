"""Pictures leave in the format, quality and size that was asked, and untouched when nothing had to be done."""

import base64

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.drawn import asked, content_of, each, opened, served
from tests.gateway.running import RunningGateway

FORMATS = ("png", "jpeg", "webp", "avif", "gif")
NATIVE = {
    "fal": ("png", "jpeg"),
    "lumenfall": ("png", "jpeg", "gif", "webp"),
    "vllm-omni": ("png",),
}


def drawn_by(simulators: Simulators, provider: str) -> bytes:
    """The one picture as its provider drew it: fetched where the gateway did, or drawn again from the same request."""
    downloads = simulators.calls(provider, "download")
    if downloads:
        return httpx.get(f"{simulators.origin}{downloads[0]['path']}").content
    [call] = simulators.calls(provider, "generate")
    key = {"authorization": f"Bearer {simulators.addresses[provider]['key']}"}
    again = httpx.post(f"{simulators.origin}{call['path']}", json=call["body"], headers=key)
    return base64.b64decode(again.json()["data"][0]["b64_json"])


@pytest.mark.parametrize("provider", NATIVE)
@pytest.mark.parametrize("wanted", FORMATS)
def test_every_format_of_every_provider(
    easel: RunningGateway, simulators: Simulators, provider: str, wanted: str
) -> None:
    body = served(easel.generate(asked(seed=1, model=f"{provider}/qwen-image", output_format=wanted)))
    content = content_of(body["data"][0])
    picture = opened(content)
    assert (picture.format, picture.size) == (wanted.upper(), (64, 64))
    assert (each(body, "content_type"), body["output_format"]) == ([f"image/{wanted}"], wanted)
    assert body["data"][0]["url"].partition("?")[0].endswith(f".{wanted}")
    [row] = [row for row in body["metadata"]["parameters"] if row["name"] == "output_format"]
    theirs = drawn_by(simulators, provider)
    if wanted in NATIVE[provider]:
        assert content == theirs
    else:
        assert row["behavior"] == "emulated"
        assert opened(theirs).format == "PNG"  # without loss, so that the picture is encoded with loss only once


def test_without_a_wish_the_bytes_are_the_providers(easel: RunningGateway, simulators: Simulators) -> None:
    body = served(easel.generate(asked(model="flux-dev")))
    assert content_of(body["data"][0]) == drawn_by(simulators, "fal")
    assert body["output_format"] == "jpeg"
    assert simulators.calls("fal", "submit")[0]["body"]["output_format"] == "jpeg"


@pytest.mark.parametrize("wanted", ["jpeg", "webp", "avif"])
def test_compression_is_done_here_where_the_provider_has_none(
    easel: RunningGateway, simulators: Simulators, wanted: str
) -> None:
    body = asked(seed=1, size="256x256", output_format=wanted)
    sizes = [
        len(content_of(served(easel.generate(body, output_compression=quality))["data"][0])) for quality in (10, 95)
    ]
    assert sizes[0] < sizes[1]
    assert [call["body"]["output_format"] for call in simulators.calls("fal", "submit")] == ["png", "png"]
    assert all("output_compression" not in call["body"] for call in simulators.calls("fal", "submit"))


def test_compression_is_left_to_a_provider_that_has_it(easel: RunningGateway, simulators: Simulators) -> None:
    wish = {"output_format": "jpeg", "output_compression": 30}
    body = served(easel.generate(asked(seed=1, model="lumenfall/qwen-image", **wish)))
    [call] = simulators.calls("lumenfall", "generate")
    assert {name: call["body"].get(name) for name in wish} == wish
    assert content_of(body["data"][0]) == drawn_by(simulators, "lumenfall")


def test_compression_of_a_png_is_dropped_with_a_reason(easel: RunningGateway, simulators: Simulators) -> None:
    body = served(easel.generate(asked(seed=1, output_format="png", output_compression=30)))
    [row] = [row for row in body["metadata"]["parameters"] if row["name"] == "output_compression"]
    assert row["behavior"] == "dropped"
    assert "png" in row["note"]
    assert content_of(body["data"][0]) == drawn_by(simulators, "fal")


@pytest.mark.parametrize(
    ("size", "fit", "wanted", "pixels"),
    [
        ("800x600", "exact", None, (800, 600)),
        ("800x600", "exact", "webp", (800, 600)),
        ("800x600", "nearest", None, (1536, 1024)),
        ("800x600", None, None, (1536, 1024)),
        ("1024x1024", "exact", None, (1024, 1024)),
        ("333x777", "exact", "gif", (333, 777)),
    ],
)
def test_exact_is_exact(
    easel: RunningGateway, size: str, fit: str | None, wanted: str | None, pixels: tuple[int, int]
) -> None:
    wishes = {"size_fit": fit, "output_format": wanted}
    given = {name: value for name, value in wishes.items() if value is not None}
    body = served(easel.generate(asked(model="gpt-image-1.5", size=size, **given)))
    picture = opened(content_of(body["data"][0]))
    assert (picture.size, picture.format) == (pixels, (wanted or "png").upper())
    assert (each(body, "width"), each(body, "height")) == ([pixels[0]], [pixels[1]])
    assert body["size"] == f"{pixels[0]}x{pixels[1]}"


def test_exact_crops_the_middle_and_stretches_nothing(easel: RunningGateway, simulators: Simulators) -> None:
    body = served(easel.generate(asked(seed=1, model="gpt-image-1.5", size="512x512", size_fit="exact")))
    picture = opened(content_of(body["data"][0])).convert("RGB")
    [call] = simulators.calls("openai", "generate")
    assert call["body"]["size"] == "1024x1024"
    assert picture.size == (512, 512)
    [row] = [row for row in body["metadata"]["parameters"] if row["name"] == "size"]
    assert "1024x1024" in row["note"]
    assert "512x512" in row["note"]


def test_several_pictures_are_finished_each(easel: RunningGateway, simulators: Simulators) -> None:
    body = served(easel.generate(asked(n=6, output_format="webp")))
    contents = [content_of(image) for image in body["data"]]
    assert [opened(content).format for content in contents] == ["WEBP"] * 6
    assert len(set(contents)) == 6
    assert simulators.paid("fal") == 6
