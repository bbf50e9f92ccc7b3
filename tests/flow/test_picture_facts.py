"""A file's blocks tell whether a picture lies on its side, moves, is cut off, or is larger than it says."""

import io
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gateway.flow.picture_codec import NotAPicture
from gateway.flow.picture_facts import HEAD_BYTES, MAX_BLOCKS, Facts, is_turned, look
from gateway.flow.picture_header import Header

FORMATS = ("png", "jpeg", "webp", "avif", "gif")


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    output = io.BytesIO()
    picture.save(output, format.upper(), **options)
    return output.getvalue()


def noise(mode: str = "RGB") -> Image.Image:
    return Image.effect_noise((80, 60), 50).convert(mode)


def see_through() -> Image.Image:
    picture = noise("RGBA")
    picture.putalpha(Image.effect_noise((80, 60), 50))
    return picture


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x010F] = "a camera"
    block[0x0112] = orientation
    return block


@pytest.mark.parametrize("format", FORMATS)
def test_an_ordinary_picture(format: str) -> None:
    facts = look(saved(noise(), format))
    assert facts == Facts(Header(format, 80, 60), marks=format == "png")


def test_a_picture_that_may_be_transparent_says_so() -> None:
    palette = noise("P")
    assert look(saved(see_through(), "png")).alpha
    assert look(saved(palette, "png", transparency=0)).alpha, "a palette may be transparent too"
    assert look(saved(see_through(), "webp")).alpha
    assert look(saved(see_through(), "webp", lossless=True)).alpha
    assert not any(look(saved(noise(), format)).alpha for format in FORMATS)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_is_found_in_every_format(format: str, orientation: int) -> None:
    assert look(saved(noise(), format, exif=exif(orientation))).turned == (orientation > 1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("value", "turned"), [(0, False), (1, False), (2, True), (8, True), (9, False)])
def test_an_exif_block_in_either_byte_order(order: str, value: int, turned: bool) -> None:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    tiff = mark + struct.pack(f"{order}IHHHIHxx", 8, 1, 0x0112, 3, 1, value)
    assert is_turned(tiff) == turned
    assert not is_turned(tiff[:-5]), "a block that ends early says nothing"
    assert not is_turned(tiff.replace(mark, b"XX*\0"))


@settings(deadline=None)
@given(tiff=st.binary(max_size=80).map(lambda rest: b"II*\0\x08\0\0\0" + rest) | st.binary(max_size=80))
def test_a_damaged_exif_block_does_no_harm(tiff: bytes) -> None:
    assert is_turned(tiff) in (True, False)


@pytest.mark.parametrize("format", ["gif", "webp", "avif"])
def test_what_moves(format: str) -> None:
    assert look(saved(noise(), format, save_all=True, append_images=[noise(), noise()])).moving


@pytest.mark.parametrize(
    ("content", "marks"),
    [
        (saved(noise(), "png"), True),
        (saved(noise("L"), "jpeg"), True),
        (saved(noise("CMYK"), "jpeg"), False),
        (saved(see_through(), "webp"), True),
        (saved(see_through(), "webp", lossless=True), True),
        (saved(noise(), "webp", lossless=True), False),
        (saved(noise("L"), "gif"), False),
    ],
)
def test_what_can_be_a_mask(content: bytes, marks: bool) -> None:
    assert look(content).marks == marks


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.999, 0.9, 0.5, 0.2])
def test_a_picture_that_is_cut_off_is_told_from_a_whole_one(format: str, share: float) -> None:
    content = saved(noise(), format)
    with pytest.raises(NotAPicture, match="cut off"):
        look(content[: int(len(content) * share) - 1])


def test_a_gif_may_lack_its_last_byte_and_pictures_may_have_something_after_their_end() -> None:
    assert look(saved(noise(), "gif")[:-1]).header == Header("gif", 80, 60)
    for format in ("png", "jpeg", "webp", "gif"):
        assert look(saved(noise(), format) + b"appended by a phone" * 1000).header == Header(format, 80, 60)


@pytest.mark.parametrize("format", FORMATS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_damage_is_refused_in_words_or_passed_on_and_never_breaks(format: str, data: st.DataObject) -> None:
    content = bytearray(saved(see_through() if format == "webp" else noise(), format))
    for _damage in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, min(len(content), 400) - 1))
        content[place] = data.draw(st.integers(0, 255))
    try:
        assert look(bytes(content)).header.width > 0
    except NotAPicture as refused:
        assert refused.reason


def test_large_metadata_before_a_jpegs_size_is_walked_through() -> None:
    content = saved(noise(), "jpeg")
    profile = b"\xff\xe2" + struct.pack(">H", 60_002) + b"p" * 60_000
    assert look(content[:2] + profile * 4 + content[2:]).header == Header("jpeg", 80, 60)
    with pytest.raises(NotAPicture, match="no png, jpeg"):
        look(content[:2] + profile * (HEAD_BYTES // 60_000 + 1) + content[2:])


def gif(screen: tuple[int, int], *frames: tuple[int, int, int, int], blocks: bytes = b"\x02\x4c\x01\0") -> bytes:
    """Written by hand: frames are left, top, width, height."""
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    drawn = b"".join(b"\x2c" + struct.pack("<HHHHB", *frame, 0) + b"\x02" + blocks for frame in frames)
    return head + drawn + b"\x3b"


def test_gif_bombs() -> None:
    assert look(gif((10, 10), (0, 0, 10, 10), (5, 5, 5, 5))).moving
    for wrong in ((0, 0, 65_535, 65_535), (1, 0, 10, 10), (0, 0, 10, 11)):
        with pytest.raises(NotAPicture, match="does not fit into its 10x10"):
            look(gif((10, 10), (0, 0, 10, 10), wrong))
    with pytest.raises(NotAPicture, match="more than 500 frames"):
        look(gif((10, 10), *[(0, 0, 10, 10)] * 501))
    with pytest.raises(NotAPicture, match="blocks"):
        look(gif((10, 10), (0, 0, 10, 10), blocks=b"\x01x" * (MAX_BLOCKS + 1) + b"\0"))
    with pytest.raises(NotAPicture, match="cut off"):
        look(gif((10, 10)))


def test_a_webp_whose_canvas_lies() -> None:
    small = saved(see_through(), "webp")
    assert small[12:16] == b"VP8X"
    lying = small[:24] + (16_383 - 1).to_bytes(3, "little") + small[27:]
    with pytest.raises(NotAPicture, match="differ in size"):
        look(lying)


def test_a_png_of_endless_chunks() -> None:
    content = saved(noise(), "png")
    empty = struct.pack(">I", 0) + b"teXt" + struct.pack(">I", zlib.crc32(b"teXt"))
    assert look(content[:33] + empty * 1000 + content[33:]).header == Header("png", 80, 60)
    with pytest.raises(NotAPicture):
        look(content[:33] + empty * (MAX_BLOCKS + 1) + content[33:])
