"""What a picture's first bytes say: its format and size, without decoding it. Pure, and never raises.

Byte layouts: PNG (W3C, third edition) 5 and 11; JPEG (ITU T.81) annex B; WebP (RFC 9649) 2; GIF89a; AVIF as ISO/IEC
14496-12 boxes and 23008-12 properties (read 2026-11-21).
"""

import re
from collections.abc import Generator
from dataclasses import dataclass
from struct import Struct

import pybase64

ENOUGH_BYTES = 64 * 1024  # a JPEG may carry an EXIF block and a colour profile before its size
USUALLY_ENOUGH_BYTES = 1536

U16 = Struct(">H").unpack_from
U32 = Struct(">I").unpack_from
TWO_U32 = Struct(">II").unpack_from
TWO_U16 = Struct(">HH").unpack_from
TWO_U16_LITTLE = Struct("<HH").unpack_from
U32_LITTLE = Struct("<I").unpack_from
AVIF_BRANDS = (b"avif", b"avis")
MAX_SEGMENTS = 2000  # of a jpeg before its size; a colour profile may take 255
FF = re.compile(rb"\xff+")


@dataclass(frozen=True, slots=True)
class Header:
    """Format (png, jpeg, webp, avif or gif) and size in pixels as the file states them, before any EXIF rotation."""

    format: str
    width: int
    height: int


def sniff(head: bytes) -> Header | None:
    """The header of a picture that begins with these bytes (64 KiB are enough); None if it is none that we know."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return header_of("png", png_size(head))
    if head.startswith(b"\xff\xd8\xff"):
        return header_of("jpeg", jpeg_size(head))
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return header_of("webp", webp_size(head))
    if head.startswith((b"GIF87a", b"GIF89a")) and len(head) >= 10:
        return header_of("gif", TWO_U16_LITTLE(head, 6))
    if head[4:8] == b"ftyp":
        return header_of("avif", avif_size(head))
    return None


def sniff_base64(text: bytes | memoryview) -> Header | None:
    """`sniff` for base64 text without a `data:` prefix; decodes only as much of it as it needs."""
    header = sniff(decoded(text, USUALLY_ENOUGH_BYTES))
    if header is None and len(text) > USUALLY_ENOUGH_BYTES // 3 * 4:
        header = sniff(decoded(text, ENOUGH_BYTES))
    return header


def decoded(text: bytes | memoryview, wanted: int) -> bytes:
    prefix = bytes(text[: -(-wanted // 3) * 4])
    # Line breaks move the groups of four, so what is left over after taking them out is cut off.
    prefix = b"".join(prefix.split())
    try:
        return pybase64.b64decode(prefix[: len(prefix) // 4 * 4], validate=True)
    except ValueError:
        return b""


def header_of(format: str, size: tuple[int, ...] | None) -> Header | None:
    return Header(format, size[0], size[1]) if size is not None and size[0] > 0 and size[1] > 0 else None


def png_size(head: bytes) -> tuple[int, ...] | None:
    return TWO_U32(head, 16) if head[12:16] == b"IHDR" and len(head) >= 24 else None


def jpeg_size(head: bytes) -> tuple[int, ...] | None:
    """Walk from marker to marker up to the start of frame, which holds the height, then the width."""
    at, end = 2, len(head)
    for _segment in range(MAX_SEGMENTS):
        if at + 9 > end or head[at] != 0xFF:
            break
        marker = head[at + 1]
        if marker == 0xFF:  # a marker may be padded with any number of FF
            at = past_padding(head, at)
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = TWO_U16(head, at + 5)
            return width, height
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a length
            at += 2
        elif marker in (0xD8, 0xD9, 0xDA):  # picture data or its end before any frame
            return None
        else:
            at += 2 + U16(head, at + 2)[0]
    return None


def past_padding(content: bytes, at: int) -> int:
    """The last FF of a marker's padding: a file may consist of nothing else, so it is not walked byte by byte."""
    padding = FF.match(content, at + 1)
    return padding.end() - 1 if padding else at + 1


def webp_size(head: bytes) -> tuple[int, ...] | None:
    chunk = head[12:16]
    if len(head) < 30 and not (chunk == b"VP8L" and len(head) >= 25):
        return None
    if chunk == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = TWO_U16_LITTLE(head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L" and head[20] == 0x2F:
        (bits,) = U32_LITTLE(head, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


def avif_size(head: bytes) -> tuple[int, ...] | None:
    """The largest item of the file: its tiles, alpha plane and thumbnail have sizes too, none above the picture's."""
    (length,) = U32(head, 0)
    brands = head[8 : max(8, length)]
    if not any(brands[at : at + 4] in AVIF_BRANDS for at in (0, *range(8, len(brands) - 3, 4))):
        return None
    for start, end in boxes(head, 0, len(head), b"meta"):
        for iprp, iprp_end in boxes(head, start + 4, end, b"iprp"):  # 4: meta's version and flags
            for ipco, ipco_end in boxes(head, iprp, iprp_end, b"ipco"):
                items = [TWO_U32(head, at + 4) for at, stop in boxes(head, ipco, ipco_end, b"ispe") if at + 12 <= stop]
                return max(items, key=lambda size: size[0] * size[1], default=None)
    return None


def boxes(head: bytes, start: int, end: int, kind: bytes) -> Generator[tuple[int, int]]:
    """Where the contents of the boxes of this kind begin and end, as far as they are here."""
    while start + 8 <= end:
        (length,) = U32(head, start)
        if length < 8:  # 0 (up to the end) and 1 (64-bit) do not occur before a picture's size
            return
        if head[start + 4 : start + 8] == kind:
            yield start + 8, min(end, start + length)
        start += length
