"""A picture's format and size from its first bytes; garbage is no picture, and never an error."""

import io
import random

import pybase64
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from gateway.flow.picture_header import ENOUGH_BYTES, Header, sniff, sniff_base64

SIZES = [(1, 1), (64, 48), (333, 200), (1365, 768)]
FORMATS = ("png", "jpeg", "webp", "avif", "gif")


def drawn(format: str, size: tuple[int, int], mode: str = "RGB", **options: object) -> bytes:
    output = io.BytesIO()
    Image.new(mode, size, 120).save(output, format.upper(), **options)
    return output.getvalue()


SAMPLES = [drawn(format, (40, 30)) for format in FORMATS]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", SIZES)
def test_it_says_what_pillow_wrote(format: str, size: tuple[int, int]) -> None:
    content = drawn(format, size)
    assert sniff(content) == Header(format, *size)
    assert sniff(content[:ENOUGH_BYTES]) == Header(format, *size)
    assert sniff_base64(pybase64.b64encode(content)) == Header(format, *size)


@pytest.mark.parametrize(
    ("format", "mode", "options"),
    [
        ("webp", "RGB", {"lossless": True}),
        ("webp", "RGBA", {}),
        ("webp", "RGB", {"exif": b"Exif\x00\x00" + b"x" * 100}),
        ("jpeg", "RGB", {"progressive": True}),
        ("jpeg", "L", {}),
        ("jpeg", "CMYK", {}),
        ("avif", "RGBA", {}),
        ("png", "RGBA", {}),
        ("png", "P", {}),
    ],
)
def test_every_kind_of_a_format(format: str, mode: str, options: dict[str, object]) -> None:
    assert sniff(drawn(format, (70, 50), mode, **options)) == Header(format, 70, 50)


def test_an_animation() -> None:
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "blue", "green")]
    for format in ("gif", "webp", "avif", "png"):
        output = io.BytesIO()
        frames[0].save(output, format.upper(), save_all=True, append_images=frames[1:])
        assert sniff(output.getvalue()) == Header(format, 20, 10)


def test_a_jpeg_with_much_before_its_size() -> None:
    content = drawn("jpeg", (70, 50), icc_profile=random.Random(1).randbytes(50_000))  # noqa: S311 - test data
    assert sniff(content[:ENOUGH_BYTES]) == Header("jpeg", 70, 50)
    assert sniff(content[:2000]) is None
    assert sniff_base64(memoryview(pybase64.b64encode(content))) == Header("jpeg", 70, 50)


def test_a_jpeg_of_nothing_but_markers_is_given_up_soon() -> None:
    size = drawn("jpeg", (70, 50))[2:]
    for marker in (b"\xff\xd0", b"\xff\xff\x01", b"\xff\xe0\0\x02"):
        assert sniff(b"\xff\xd8" + marker * 900 + size) == Header("jpeg", 70, 50)
        assert sniff(b"\xff\xd8" + marker * 3000 + size) is None


def test_padded_markers_of_a_jpeg() -> None:
    content = drawn("jpeg", (70, 50))
    assert sniff(content[:2] + b"\xff\xff\xff" + content[2:]) == Header("jpeg", 70, 50)


@pytest.mark.parametrize("wrap", [76, 77])
def test_base64_in_lines(wrap: int) -> None:
    text = pybase64.b64encode(drawn("png", (64, 48)) + b"x" * 5000)
    lines = b"\r\n".join(text[at : at + wrap] for at in range(0, len(text), wrap))
    assert sniff_base64(lines) == Header("png", 64, 48)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 8,
        b"BM" + b"\x00" * 60,
        b"\xff\xd8\xff\xd9" + b"\x00" * 20,
        b"\xff\xd8\xff\xe0\x00\x00" * 20,
        b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00mif1heic" + b"\x00" * 60,
        b"\x00\x00\x00\x00ftypavif",
    ],
)
def test_what_is_none(head: bytes) -> None:
    assert sniff(head) is None


@pytest.mark.parametrize("text", [b"", b"=", b"not base64!", b"data:image/png;base64,iVBORw0KGgo=", b"\xff\xfe"])
def test_text_that_is_none(text: bytes) -> None:
    assert sniff_base64(text) is None


MAGIC = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"RIFFxxxxWEBPVP8 ",
    b"RIFFxxxxWEBPVP8L",
    b"RIFFxxxxWEBPVP8X",
    b"GIF89a",
    b"\x00\x00\x00\x10ftypavif\x00\x00\x00\x00",
    b"\x00\x00\x00\x10ftypavif\x00\x00\x00\x00\x00\x00\x01\x00meta\x00\x00\x00\x00\x00\x00\x00\xf0iprp\x00\x00\x00\xe8ipco",
]


@given(st.sampled_from(MAGIC), st.binary(max_size=300))
@example(b"\xff\xd8\xff", b"\xff" * 300)
def test_garbage_behind_the_right_beginning(magic: bytes, rest: bytes) -> None:
    header = sniff(magic + rest)
    assert header is None or (header.width > 0 and header.height > 0)
    assert sniff_base64(pybase64.b64encode(magic + rest)) == header


@given(st.binary(max_size=400))
def test_any_bytes(content: bytes) -> None:
    sniff(content)
    sniff_base64(content)


@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_and_cut_pictures(content: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(content) - 1))
    sniff(content[:at])
    sniff(content[:at] + data.draw(st.binary(min_size=1, max_size=4)) + content[at + 1 :])
