"""Pictures are found in every field and form that clients use, and stand there as what a plan needs of them."""

import base64
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from blake3 import blake3

from gateway.flow.finish import Finisher
from gateway.flow.sources import has_pictures
from gateway.store.signing import sign
from normalizers.source import Source
from providers.guard import Guard
from tests.gateway.sources import NATIVE, SIGNING_KEY, Reader, file, png

RED, BLUE = png("red"), png("blue")
RED_64 = base64.b64encode(RED).decode()
RED_URI = f"data:image/png;base64,{RED_64}"
BLUE_URI = "data:;base64," + base64.b64encode(BLUE).decode()


def source(content: bytes) -> Source:
    return Source(blake3(content).hexdigest(), "png", 40, 30, len(content))


ONE, TWO = source(RED), source(BLUE)


@pytest_asyncio.fixture
async def reader(tmp_path: Path) -> AsyncGenerator[Reader]:
    guard, finisher = Guard(), Finisher(workers=1)
    yield Reader(guard, finisher, tmp_path)
    finisher.close()
    await guard.close()


@pytest.mark.parametrize(
    "value",
    [
        file(RED),
        [file(RED)],
        RED_64,
        f"  {RED_64}\n",
        "\n".join(RED_64[start : start + 76] for start in range(0, len(RED_64), 76)),
        RED_URI,
        RED_URI.replace("data:", "DATA:"),
        RED_URI.replace("image/png", "application/octet-stream"),
        "data:image/png," + "".join(f"%{byte:02x}" for byte in RED),
        [RED_URI],
        {"image_url": RED_URI},
        {"url": RED_URI},
        {"url": RED_URI, "type": "image_url"},
        {"b64_json": RED_64},
        {"image_url": {"url": RED_URI, "detail": "high"}},
        {"type": "image_url", "image_url": {"url": RED_URI}},
        [{"image_url": RED_URI}],
        [{"image_url": RED_URI, "file_id": None}],
        [None, RED_URI],
    ],
)
@pytest.mark.parametrize("name", ["image", "images", "image_url", "input_references", "reference_images", "image_urls"])
async def test_one_picture_in_every_form(reader: Reader, name: str, value: Any) -> None:
    fields, contents = await reader.take({"prompt": "a", name: value, "n": 2})
    assert fields == {"prompt": "a", name: [ONE], "n": 2}
    assert list(fields) == ["prompt", name, "n"]
    assert contents == {ONE.hash: RED}


@pytest.mark.parametrize(
    "value",
    [
        [file(RED), file(BLUE)],
        [RED_URI, BLUE_URI],
        [file(RED), BLUE_URI],
        [{"image_url": RED_URI}, {"image_url": BLUE_URI}],
        [{"type": "image_url", "image_url": {"url": RED_URI}}, {"type": "image_url", "image_url": {"url": BLUE_URI}}],
        {"image_url": [RED_URI, BLUE_URI]},
    ],
)
async def test_several_pictures_keep_their_order(reader: Reader, value: Any) -> None:
    fields, contents = await reader.take({"image": value})
    assert fields == {"image": [ONE, TWO]}
    assert contents == {ONE.hash: RED, TWO.hash: BLUE}


@pytest.mark.parametrize(
    "name",
    [
        "image",
        "images",
        "image[]",
        "images[]",
        "image_url",
        "imageDataUrl",
        "init_image",
        "file",
        "files[]",
        "ref_images[]",
        "reference_images",
        "reference_images[]",
        "input_references",
        "reference_image",
        "url",
        "url[]",
        "image_urls",
        "seedImage",
    ],
)
async def test_every_spelling_of_image(reader: Reader, name: str) -> None:
    assert (await reader.take({name: RED_URI}))[0] == {name: [ONE]}
    assert has_pictures({name: RED_URI}, NATIVE)


@pytest.mark.parametrize("name", ["mask", "mask_image", "mask_url", "maskImage"])
@pytest.mark.parametrize("value", [file(BLUE), BLUE_URI, {"url": BLUE_URI}, {"image_url": BLUE_URI}, [BLUE_URI]])
async def test_every_spelling_of_mask(reader: Reader, name: str, value: Any) -> None:
    fields, contents = await reader.take({"image": file(RED), name: value})
    assert fields == {"image": [ONE], name: TWO}
    assert contents == {ONE.hash: RED, TWO.hash: BLUE}


async def test_within_a_providers_own_object_and_in_control_nets(reader: Reader) -> None:
    given: dict[str, Any] = {
        "fal": {"image_urls": [RED_URI], "mask_url": BLUE_URI, "steps": 3},
        "control_nets": [{"model": "a", "image": RED_URI, "weight": 1}, {"model": "b"}],
        "runware": {"controlNet": [{"guideImage": file(BLUE)}]},
        "other": {"image_url": "not looked at"},
    }
    fields, contents = await reader.take(given)
    assert fields == {
        "fal": {"image_urls": [ONE], "mask_url": TWO, "steps": 3},
        "control_nets": [{"model": "a", "image": ONE, "weight": 1}, {"model": "b"}],
        "runware": {"controlNet": [{"guideImage": TWO}]},
        "other": {"image_url": "not looked at"},
    }
    assert set(contents) == {ONE.hash, TWO.hash}
    assert given["fal"]["image_urls"] == [RED_URI], "what the caller sent is not changed"


async def test_the_same_picture_twice_is_kept_once(reader: Reader) -> None:
    fields, contents = await reader.take({"image": [RED_URI, file(RED)], "image_url": [RED_64, RED_64]})
    assert fields == {"image": [ONE, ONE], "image_url": [ONE, ONE]}
    assert contents == {ONE.hash: RED}


@pytest.mark.parametrize("fields", [{}, {"prompt": "a"}, {"image": None, "mask": None}, {"size": "1024x1024"}])
async def test_without_pictures_nothing_changes(reader: Reader, fields: dict[str, Any]) -> None:
    assert await reader.take(fields) == (fields, {})
    assert not has_pictures(fields, NATIVE)


def test_what_asks_for_more_than_text() -> None:
    assert has_pictures({"fal": {"image_urls": [RED_URI]}}, NATIVE, {"fal"})
    assert has_pictures({"mask": RED_URI}, NATIVE)
    assert not has_pictures({"fal": {"image_urls": None}, "images": []}, NATIVE, {"fal"})
    assert not has_pictures({"control_nets": [{"image": RED_URI}]}, NATIVE)


@pytest.mark.parametrize(
    ("fields", "param", "told"),
    [
        ({"image": 7}, "image", "is no picture"),
        ({"image": True}, "image", "is no picture"),
        ({"image": ""}, "image", "is empty"),
        ({"image": "  "}, "image", "is empty"),
        ({"image": []}, "image", "is empty"),
        ({"image": [None]}, "image", "is empty"),
        ({"image": {}}, "image", "must have one of image_url, url, b64_json"),
        ({"image": {"image_url": RED_URI, "url": RED_URI}}, "image", "must have one of"),
        ({"image": {"image_url": RED_URI, "prompt": "x"}}, "image", "unknown key 'prompt'"),
        ({"images": [{"image_url": RED_URI}, {"image_url": 3}]}, "images[1].image_url", "is no picture"),
        ({"images": [{"file_id": "file-1"}]}, "images[0].file_id", "an https URL, a data: URI or base64"),
        ({"images": [{"file_id": "file-1", "image_url": RED_URI}]}, "images[0].file_id", "no files are kept"),
        ({"image": [[[[[[RED_URI]]]]]]}, "image[0][0][0][0]", "nested too deeply"),
        ({"image": "hello"}, "image", "neither base64 nor a data: URI"),
        ({"image": "cdn.example/a.png"}, "image", "an https URL"),
        ({"image": "héllo"}, "image", "neither base64"),
        ({"image": RED_URI[:-3]}, "image", "neither base64"),
        ({"image": "data:image/png;base64"}, "image", "neither base64"),
        ({"image": base64.b64encode(b"<svg/>").decode()}, "image", "no png, jpeg, webp, avif or gif"),
        ({"image": file(b"")}, "image", "no png, jpeg, webp, avif or gif"),
        ({"image": file(b"%PDF-1.7")}, "image", "no png, jpeg, webp, avif or gif"),
        ({"image": [file(RED), file(b"x")]}, "image[1]", "no png, jpeg, webp, avif or gif"),
        ({"image": file(RED), "mask": [RED_URI, RED_URI]}, "mask", "takes one picture, not 2"),
        ({"control_nets": [{"image": [RED_URI, RED_URI]}]}, "control_nets[0].image", "takes one picture, not 2"),
        ({"prompt": file(b"a fox")}, "prompt", "is a file, and this field takes none"),
        ({"svg": {"model": file(b"x")}}, "svg.model", "is a file"),
        ({"loras": [{"path": file(b"x")}]}, "loras[0].path", "is a file"),
        ({"fal": {"image_urls": 3}}, "fal.image_urls", "is no picture"),
    ],
)
async def test_what_is_no_picture_is_refused_by_name(
    reader: Reader, fields: dict[str, Any], param: str, told: str
) -> None:
    refusal = await reader.refusal(fields)
    assert refusal.param == param
    assert told in refusal.message
    assert len(refusal.message) < 300


async def test_of_several_mistakes_the_first_is_told(reader: Reader) -> None:
    for _again in range(3):
        assert (await reader.refusal({"image": [file(RED), file(b"x"), "y", file(b"z")]})).param == "image[1]"


async def test_a_url_that_we_handed_out_is_read_from_the_store(reader: Reader) -> None:
    stored = await reader.pictures.put("default", RED, "png")
    query = sign(stored.name, "default", int(time.time()) + 60, [SIGNING_KEY])
    for base in ("http://127.0.0.1:8080/v1", "https://easel.example/openai/v1"):
        url = f"{base}/images/files/{stored.name}?{query}"
        assert await reader.take({"image": url}) == ({"image": [ONE]}, {ONE.hash: RED})
    old = sign(stored.name, "default", int(time.time()) - 60, [SIGNING_KEY])
    url = f"http://127.0.0.1:8080/v1/images/files/{stored.name}?"
    assert "has expired" in (await reader.refusal({"image": url + old})).message
    forged = sign(stored.name, "default", int(time.time()) + 60, [b"another"])
    for query in (forged, "", "team=default&expires=1", f"{old}&expires=9999999999"):
        message = (await reader.refusal({"image": url + query})).message
        assert "not https" in message or "expired" in message
        assert "signature" not in message
    await reader.pictures.delete("default", stored.name)
    good = sign(stored.name, "default", int(time.time()) + 60, [SIGNING_KEY])
    assert "no longer stored" in (await reader.refusal({"image": url + good})).message
