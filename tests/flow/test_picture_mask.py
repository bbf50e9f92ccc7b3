"""A mask goes out in the provider's convention, whichever of the two the caller wrote it in."""

import io
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from gateway.flow.finish import Finisher, NotAPicture
from gateway.flow.picture_codec import Bounds
from gateway.flow.picture_header import Header, sniff
from gateway.flow.picture_mask import Colour, repaint

BOUNDS = Bounds()
COLOURS: tuple[Colour, ...] = ("mask_white", "mask_black", "mask_transparent")
SIZE = (40, 20)  # in every mask here the left half is edited


def saved(picture: Image.Image, format: str = "png", **options: Any) -> bytes:
    output = io.BytesIO()
    picture.save(output, format.upper(), **options)
    return output.getvalue()


def halves(left: Any, right: Any, mode: str = "RGB") -> Image.Image:
    picture = Image.new(mode, SIZE, right)
    picture.paste(left, (0, 0, 20, 20))
    return picture


def transparent_left(alpha: int = 0) -> Image.Image:
    return halves((9, 9, 9, alpha), (200, 100, 50, 255), "RGBA")


def palette() -> Image.Image:
    picture = halves(1, 0, "P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    return picture


OPAQUE = {
    "grey": saved(halves(255, 0, "L")),
    "rgb": saved(halves("white", "black")),
    "nearly": saved(halves(128, 127, "L")),
    "one bit": saved(halves(1, 0, "1")),
    "palette": saved(palette()),
    "opaque alpha": saved(halves((255, 255, 255, 255), (0, 0, 0, 255), "RGBA")),
    "16 bits": saved(halves(65_535, 0, "I;16")),
    "grey jpeg": saved(halves(255, 0, "L"), "jpeg"),
}
CLEAR = {
    "alpha": saved(transparent_left()),
    "half alpha": saved(transparent_left(127)),
    "grey alpha": saved(halves((0, 0), (0, 255), "LA")),
    "palette": saved(palette(), transparency=1),
    "webp": saved(transparent_left(), "webp", lossless=True),
}
MASKS = [*OPAQUE.values(), *CLEAR.values()]


def values(content: bytes) -> tuple[Any, Any]:
    """The left and the right half's colour."""
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.size) == ("PNG", SIZE)
    colours = picture.convert("RGBA")
    return colours.getpixel((5, 10)), colours.getpixel((35, 10))


@pytest.mark.parametrize("content", MASKS, ids=[*OPAQUE, *CLEAR])
def test_black_marks_what_is_edited(content: bytes) -> None:
    assert values(repaint(content, "mask_black", BOUNDS)) == ((0, 0, 0, 255), (255, 255, 255, 255))


@pytest.mark.parametrize("content", [*CLEAR.values(), OPAQUE["opaque alpha"], OPAQUE["grey jpeg"]])
def test_white_marks_what_is_edited(content: bytes) -> None:
    made = repaint(content, "mask_white", BOUNDS)
    assert values(made) == ((255, 255, 255, 255), (0, 0, 0, 255))
    assert Image.open(io.BytesIO(made)).mode == "L"


@pytest.mark.parametrize("content", [*OPAQUE.values(), CLEAR["webp"]])
def test_transparency_marks_what_is_edited(content: bytes) -> None:
    left, right = values(repaint(content, "mask_transparent", BOUNDS))
    assert (left[3], right[3]) == (0, 255)


@pytest.mark.parametrize(
    ("content", "colour"),
    [
        (OPAQUE["grey"], "mask_white"),
        (OPAQUE["rgb"], "mask_white"),
        (OPAQUE["palette"], "mask_white"),
        (OPAQUE["nearly"], "mask_white"),  # soft edges are kept
        (CLEAR["alpha"], "mask_transparent"),
        (CLEAR["half alpha"], "mask_transparent"),
        (CLEAR["palette"], "mask_transparent"),
    ],
)
def test_a_png_in_that_convention_stays_as_it_is(content: bytes, colour: Colour) -> None:
    assert repaint(content, colour, BOUNDS) == content


@pytest.mark.parametrize("colour", COLOURS)
def test_what_is_no_picture_or_too_much_of_one(colour: Colour) -> None:
    for wrong in (b"", b"hello", OPAQUE["rgb"][:60]):
        with pytest.raises(NotAPicture):
            repaint(wrong, colour, BOUNDS)
    with pytest.raises(NotAPicture, match="megapixels"):
        repaint(OPAQUE["rgb"], colour, Bounds(max_pixels=10))


@pytest_asyncio.fixture
async def finisher() -> AsyncGenerator[Finisher]:
    finisher = Finisher(workers=1)
    yield finisher
    finisher.close()


async def test_sources_are_prepared_in_a_process_of_their_own(finisher: Finisher) -> None:
    assert await finisher.prepare(CLEAR["alpha"], "") is CLEAR["alpha"]
    assert await finisher.prepare(CLEAR["alpha"], "png") is CLEAR["alpha"]
    for colour in COLOURS:
        assert await finisher.prepare(CLEAR["alpha"], colour) == repaint(CLEAR["alpha"], colour, BOUNDS)
    gif = saved(halves("red", "blue"), "gif", save_all=True, append_images=[halves("blue", "red")])
    assert values(await finisher.prepare(gif, "png"))[0] == (255, 0, 0, 255)
    white = Image.open(io.BytesIO(await finisher.prepare(CLEAR["alpha"], "opaque")))
    assert (white.format, white.mode, white.getpixel((0, 0))) == ("PNG", "RGB", (255, 255, 255)), "what was clear"


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
async def test_upright_keeps_the_format_and_loses_the_tag(finisher: Finisher, format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    done = await finisher.upright(saved(halves("red", "blue"), format, exif=exif), format)
    assert sniff(done.content) == Header(format, 20, 40)
    assert not Image.open(io.BytesIO(done.content)).getexif()


async def test_a_bomb_never_reaches_a_process(finisher: Finisher) -> None:
    bomb = saved(halves("red", "blue")).replace(SIZE[0].to_bytes(4) + SIZE[1].to_bytes(4), b"\0\0\xff\xff" * 2)
    for colour in COLOURS:
        with pytest.raises(NotAPicture, match="4,295 megapixels"):
            await finisher.prepare(bomb, colour)
    with pytest.raises(NotAPicture, match="4,295 megapixels"):
        await finisher.upright(bomb, "png")
    assert finisher._pool is None  # pyright: ignore[reportPrivateUsage] - that is the point
