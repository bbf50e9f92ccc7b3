"""What a picture's file tells about it without being decoded: whether it lies on its side, moves, or is cut off.

Walks from block to block and skips what is in them. Layouts as in `picture_header`, and TIFF 6.0 (EXIF's container)
2 (read 2026-11-21). Pure.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError

from gateway.flow.picture_codec import NotAPicture
from gateway.flow.picture_header import MAX_SEGMENTS, Header, boxes, past_padding, sniff, webp_size

HEAD_BYTES = 256 * 1024  # a camera's EXIF, colour profile and previews may stand before a JPEG's size
MAX_BLOCKS = 400_000  # a 50 MB GIF of the usual 255-byte blocks has half as many
MAX_FRAMES = 500
ORIENTATION = 0x0112
TURNED = range(2, 9)  # 1 is upright, and 0 what some cameras write for "unknown"
MAX_TAGS = 1000
WITH_ALPHA = (4, 6)  # colour types of a png

U32 = Struct(">I").unpack_from
U32_LITTLE = Struct("<I").unpack_from
U64 = Struct(">Q").unpack_from
U16 = Struct(">H").unpack_from
FRAME = Struct("<HHHH").unpack_from


@dataclass(frozen=True, slots=True)
class Facts:
    """`turned`: a reader has to turn or mirror it; `moving`: it has several frames.

    `marks`: it can be a mask, which needs transparency or a single channel; a png is taken as one anyway. `alpha`: it
    may be transparent.
    """

    header: Header
    turned: bool = False
    moving: bool = False
    marks: bool = False
    alpha: bool = False


def look(content: bytes) -> Facts:
    """Raises NotAPicture: for no picture, one that is cut off, a GIF that is larger within than it says."""
    header = sniff(content[:HEAD_BYTES])
    if header is None:
        raise NotAPicture("it is no png, jpeg, webp, avif or gif")
    try:
        return LOOKS[header.format](content, header)
    except (IndexError, StructError):
        raise cut_off() from None


def look_at_png(content: bytes, header: Header) -> Facts:
    exif, alpha = b"", content[25] in WITH_ALPHA
    for kind, start, end in png_chunks(content):
        if kind == b"eXIf":
            exif = exif or content[start:end]
        elif kind == b"tRNS":
            alpha = True
        elif kind == b"IEND":
            return Facts(header, turned=is_turned(exif), marks=True, alpha=alpha)
    raise cut_off()


def png_chunks(content: bytes) -> Generator[tuple[bytes, int, int]]:
    at = 8
    for _block in range(MAX_BLOCKS):
        start = at + 8
        end = start + U32(content, at)[0]
        if end + 4 > len(content):  # 4: the checksum
            return
        yield content[at + 4 : start], start, end
        at = end + 4


def look_at_jpeg(content: bytes, header: Header) -> Facts:
    turned, channels, at = False, 0, 2
    for _segment in range(MAX_SEGMENTS):
        if at >= HEAD_BYTES or channels:
            break
        marker = content[at + 1]
        if marker == 0xFF:
            at = past_padding(content, at)
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
        else:
            length = U16(content, at + 2)[0]
            if marker == 0xE1 and content.startswith(b"Exif\0\0", at + 4):
                turned = turned or is_turned(content[at + 10 : at + 2 + length])
            elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                channels = content[at + 9]
            at += 2 + length
    # From the end: a preview within the EXIF block has an end of its own, and phones append films.
    if content.rfind(b"\xff\xd9", at) < 0:
        raise cut_off()
    return Facts(header, turned=turned, marks=channels == 1)


def look_at_webp(content: bytes, header: Header) -> Facts:
    end = 8 + U32_LITTLE(content, 4)[0]
    if end > len(content):
        raise cut_off()
    if content[12:16] == b"VP8L":
        alpha = bool(content[24] & 0x10)
        return Facts(header, marks=alpha, alpha=alpha)
    if content[12:16] != b"VP8X":
        return Facts(header)
    flags, exif = content[20], b""
    for kind, start, stop in riff_chunks(content, end):
        if kind == b"EXIF":
            exif = exif or content[start:stop]
        elif kind in (b"VP8 ", b"VP8L") and webp_size(content[:12] + content[start - 8 : start + 22]) != (
            header.width,
            header.height,
        ):
            raise NotAPicture("its canvas and what is on it differ in size")
    turned = is_turned(exif.removeprefix(b"Exif\0\0"))
    alpha = bool(flags & 0x10)
    return Facts(header, turned=turned, moving=bool(flags & 0x02), marks=alpha, alpha=alpha)


def riff_chunks(content: bytes, end: int) -> Generator[tuple[bytes, int, int]]:
    at = 12
    for _block in range(MAX_BLOCKS):
        if at + 8 > end:
            return
        length = U32_LITTLE(content, at + 4)[0]
        yield content[at : at + 4], at + 8, at + 8 + length
        at += 8 + length + length % 2


def look_at_gif(content: bytes, header: Header) -> Facts:
    frames, at, blocks = 0, 13 + colours(content[10]), iter(range(MAX_BLOCKS))
    while at < len(content) or not frames:  # many writers forget the last byte
        kind = content[at]
        if kind == 0x21:
            at = end_of_sub_blocks(content, at + 2, blocks)
        elif kind == 0x2C:
            left, top, width, height = FRAME(content, at + 1)
            if left + width > header.width or top + height > header.height:
                raise NotAPicture(f"a frame of {width}x{height} does not fit into its {header.width}x{header.height}")
            frames += 1
            if frames > MAX_FRAMES:
                raise NotAPicture(f"it has more than {MAX_FRAMES} frames")
            at = end_of_sub_blocks(content, at + 11 + colours(content[at + 9]), blocks)
        elif kind == 0x3B and frames:
            break
        else:
            raise cut_off()
    return Facts(header, moving=frames > 1)


def colours(flags: int) -> int:
    """Bytes of a GIF's colour table, whose presence and size its flags say."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def end_of_sub_blocks(content: bytes, at: int, blocks: Iterator[int]) -> int:
    for _block in blocks:
        length = content[at]
        at += 1 + length
        if not length:
            return at
    raise NotAPicture(f"it has more than {MAX_BLOCKS:,} blocks")


def look_at_avif(content: bytes, header: Header) -> Facts:
    at = length = 0
    for _box in range(MAX_FRAMES):
        if at >= len(content):
            break
        (length,) = U32(content, at)
        if length == 1:
            (length,) = U64(content, at + 8)
        at += length if length >= 8 else len(content)  # 0 is up to the end
    if at > len(content) and length != 0:
        raise cut_off()
    turned = any(avif_property(content[:HEAD_BYTES], kind) for kind in (b"irot", b"imir"))
    return Facts(header, turned=turned, moving=content[8:12] == b"avis")


def avif_property(head: bytes, kind: bytes) -> bool:
    for start, end in boxes(head, 0, len(head), b"meta"):
        for iprp, iprp_end in boxes(head, start + 4, end, b"iprp"):  # 4: meta's version and flags
            for ipco, ipco_end in boxes(head, iprp, iprp_end, b"ipco"):
                return any(boxes(head, ipco, ipco_end, kind))
    return False


def is_turned(tiff: bytes) -> bool:
    """Whether an EXIF block's orientation is not upright; one that holds none, or is damaged, says nothing."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return False
    entry, short = Struct(f"{order}HHI").unpack_from, Struct(f"{order}H").unpack_from
    try:
        (at,) = Struct(f"{order}I").unpack_from(tiff, 4)
        (count,) = short(tiff, at)
        for place in range(at + 2, at + 2 + 12 * min(count, MAX_TAGS), 12):
            if entry(tiff, place) == (ORIENTATION, 3, 1):
                return short(tiff, place + 8)[0] in TURNED
    except StructError:
        return False
    return False


def cut_off() -> NotAPicture:
    return NotAPicture("it is cut off or damaged: its end is missing")


LOOKS: dict[str, Callable[[bytes, Header], Facts]] = {
    "png": look_at_png,
    "jpeg": look_at_jpeg,
    "webp": look_at_webp,
    "gif": look_at_gif,
    "avif": look_at_avif,
}
