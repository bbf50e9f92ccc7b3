"""What is wrong with a picture is said before anything is paid: bombs, sizes, masks, sides, counts."""

import base64
import io
import struct
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image, ImageOps

from gateway.flow.finish import Finisher
from gateway.flow.picture_facts import look
from gateway.flow.source_loading import MAX_BYTES
from gateway.flow.sources import MAX_IMAGES
from providers.guard import Guard
from tests.gateway.sources import Reader, file, png, saved, turned

RED = png("red")
MOVING = ("webp", "avif", "gif")
RED_URI = "data:image/png;base64," + base64.b64encode(RED).decode()


@pytest_asyncio.fixture
async def reader(tmp_path: Path) -> AsyncGenerator[Reader]:
    guard, finisher = Guard(), Finisher(workers=1)
    yield Reader(guard, finisher, tmp_path)
    finisher.close()
    await guard.close()


def processes(reader: Reader) -> int:
    pool = reader.finisher._pool  # pyright: ignore[reportPrivateUsage] - whether anything was decoded at all
    return 0 if pool is None else len(pool._processes or {})  # pyright: ignore[reportPrivateUsage]


def png_of(width: int, height: int) -> bytes:
    """A png that says it is so large, around the pixels of a small one."""
    return RED[:16] + struct.pack(">II", width, height) + RED[24:]


def gif_of(screen: tuple[int, int], frame: tuple[int, int]) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + b"\x2c" + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x4c\x01\0\x3b"


def webp_of(width: int, height: int) -> bytes:
    """A lossless webp that says it is so large: 14 bits a side, so 268 megapixels at most, in 40 bytes."""
    bits = struct.pack("<I", (width - 1) | (height - 1) << 14)
    chunk = b"\x2f" + bits + b"\0" * 15
    return b"RIFF" + struct.pack("<I", 12 + len(chunk)) + b"WEBPVP8L" + struct.pack("<I", len(chunk)) + chunk


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (png_of(65_535, 65_535), "sides of at most 14142 pixels"),
        (png_of(2**31 - 1, 1), "sides of at most 14142 pixels"),
        (png_of(14_142, 14_142), "200 megapixels (14142x14142); at most 100 are taken"),
        (png_of(0, 10), "no png, jpeg"),
        (gif_of((65_535, 65_535), (1, 1)), "sides of at most 14142 pixels"),
        (gif_of((14_000, 14_000), (14_000, 14_000)), "196 megapixels"),
        (gif_of((1, 1), (65_535, 65_535)), "a frame of 65535x65535 does not fit into its 1x1"),
        (webp_of(16_384, 16_384), "sides of at most 14142 pixels"),
        (webp_of(14_000, 14_000), "196 megapixels"),
        (png("red")[:-20], "cut off"),
        (saved(Image.new("RGB", (40, 30)), "jpeg")[:-20], "cut off"),
        (b"PK\x03\x04" + RED, "no png, jpeg, webp, avif or gif"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "no png, jpeg"),
        (b"RIFF\x04\0\0\0WEBP", "no png, jpeg"),
    ],
)
async def test_bombs_and_what_is_none_are_refused_by_their_headers(reader: Reader, content: bytes, told: str) -> None:
    refusal = await reader.refusal({"image": [file(RED), file(content)]})
    assert refusal.param == "image[1]"
    assert told in refusal.message
    assert not processes(reader)


async def test_the_number_of_pictures_is_bounded_before_any_is_read(reader: Reader) -> None:
    fields, _contents = await reader.take({"image": [RED_URI] * MAX_IMAGES, "mask": RED_URI})
    assert len(fields["image"]) == MAX_IMAGES
    for over in (
        {"image": ["not even base64"] * 17},
        {"images": [RED_URI] * 9, "image_url": [RED_URI] * 8},
        {"images": [RED_URI] * 16, "control_nets": [{"image": RED_URI}]},
    ):
        assert "the request has 17 pictures; at most 16" in (await reader.refusal(over)).message


async def test_bytes_are_bounded_for_one_and_for_all(reader: Reader) -> None:
    large = RED + b"\0" * (MAX_BYTES - len(RED))
    assert (await reader.take({"image": file(large)}))[0]["image"][0].size == MAX_BYTES
    assert "50,000,001 bytes; at most 50,000,000" in (await reader.refusal({"image": file(large + b"\0")})).message
    together = await reader.refusal({"image": [file(large), file(large), file(RED)]})
    assert "all pictures together have more than 100,000,000 bytes" in together.message
    text = base64.b64encode(large + b"\0" * 3).decode()
    assert "at most 50,000,000" in (await reader.refusal({"image": text})).message
    assert "at most 50,000,000" in (await reader.refusal({"image": "A" * 76_000_000})).message
    assert (await reader.take({"image": text[:66_666_664]}))[0]["image"][0].size == MAX_BYTES - 2


async def test_what_lies_on_its_side_is_turned(reader: Reader) -> None:
    picture = Image.new("RGB", (40, 30), "blue")
    picture.paste("red", (0, 0, 10, 10))
    for format in ("png", "jpeg", "webp"):
        for orientation in (2, 3, 6, 8):
            content = turned(picture, format, orientation)
            fields, contents = await reader.take({"image": file(content)})
            [source] = fields["image"]
            assert (source.format, source.size) == (format, len(contents[source.hash]))
            assert not look(contents[source.hash]).turned
            expected, got = ImageOps.exif_transpose(opened(content)), opened(contents[source.hash])
            assert source.pixels == got.size == expected.size
            for corner in ((3, 3), (got.width - 4, 3), (3, got.height - 4), (got.width - 4, got.height - 4)):
                assert is_red(got, corner) == is_red(expected, corner), (format, orientation)


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def is_red(picture: Image.Image, at: tuple[int, int]) -> bool:
    pixel: Any = picture.convert("RGB").getpixel(at)
    return pixel[0] > 128


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "avif", "gif"])
async def test_what_stands_upright_is_passed_on_byte_by_byte(reader: Reader, format: str) -> None:
    content = saved(Image.new("RGB", (40, 30)), format)
    fields, contents = await reader.take({"image": file(content)})
    assert (fields["image"][0].format, list(contents.values())) == (format, [content])
    if format in ("png", "jpeg", "webp"):
        tagged = turned(Image.new("RGB", (40, 30)), format, 1)
        assert list((await reader.take({"image": file(tagged)}))[1].values()) == [tagged]
    assert not processes(reader)


async def test_an_avif_on_its_side_becomes_a_png(reader: Reader) -> None:
    fields, contents = await reader.take({"image": file(turned(Image.new("RGB", (40, 30)), "avif"))})
    [source] = fields["image"]
    assert (source.format, source.pixels) == ("png", (30, 40))
    assert look(contents[source.hash]).header.format == "png"


async def test_what_moves_becomes_its_first_frame(reader: Reader) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "green")]
    moving = {format: saved(frames[0], format, save_all=True, append_images=frames[1:]) for format in MOVING}
    fields, contents = await reader.take({"image": [file(content) for content in moving.values()]})
    assert [(source.format, source.pixels) for source in fields["image"]] == [
        ("png", (40, 30)),
        ("png", (40, 30)),
        ("gif", (40, 30)),
    ]
    webp, avif, gif = (contents[source.hash] for source in fields["image"])
    assert is_red(opened(webp), (5, 5))
    assert is_red(opened(avif), (5, 5))
    assert gif == moving["gif"], "the plan says when a gif has to become a png"


async def test_a_picture_that_only_a_decoder_finds_damaged_is_refused_where_it_is_decoded(reader: Reader) -> None:
    content = bytearray(turned(Image.effect_noise((40, 30), 90), "png"))
    content[len(content) // 2 : len(content) // 2 + 20] = b"\0" * 20
    assert "damaged" in (await reader.refusal({"image": file(bytes(content))})).message


GREY = saved(Image.new("L", (40, 30), 255))
ALPHA = saved(Image.new("RGBA", (40, 30)))


@pytest.mark.parametrize(
    "mask",
    [
        png("white"),
        GREY,
        ALPHA,
        saved(Image.new("L", (40, 30)), "jpeg"),
        saved(Image.new("RGBA", (40, 30)), "webp", lossless=True),
    ],
)
async def test_masks_that_are_taken(reader: Reader, mask: bytes) -> None:
    fields, contents = await reader.take({"image": [file(RED), file(png(size=(7, 7)))], "mask": file(mask)})
    assert contents[fields["mask"].hash] == mask


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"image": file(RED), "mask": file(png(size=(30, 40)))}, "mask: is 30x40, and image is 40x30"),
        (
            {"image": [file(png(size=(8, 8))), file(RED)], "mask": file(RED)},
            "mask: is 40x30, and image[0] is 8x8; both must have the same size",
        ),
        ({"mask": file(GREY)}, "mask: goes with an image of the same size; send image too"),
        ({"image": file(RED), "mask": file(saved(Image.new("RGB", (40, 30)), "jpeg"))}, "not a jpeg in colour"),
        ({"image": file(RED), "mask": file(saved(Image.new("RGB", (40, 30)), "gif"))}, "a png, a grey jpeg or a webp"),
        ({"image": file(RED), "mask_image": file(b"x")}, "mask_image: cannot be used"),
        ({"image": file(RED), "markup": file(png(size=(30, 40)))}, "markup: is 30x40, and image is 40x30"),
    ],
)
async def test_masks_that_are_not(reader: Reader, fields: dict[str, Any], told: str) -> None:
    assert told in (await reader.refusal(fields)).message


async def test_a_masks_size_is_compared_once_the_picture_stands_upright(reader: Reader) -> None:
    image = file(turned(Image.new("RGB", (40, 30)), "jpeg"))
    fields, _contents = await reader.take({"image": image, "mask": file(saved(Image.new("L", (30, 40))))})
    assert fields["mask"].pixels == (30, 40)
    refusal = await reader.refusal({"image": image, "mask": file(GREY)})
    assert "mask: is 40x30, and image is 30x40" in refusal.message
