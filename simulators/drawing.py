"""Real pictures, drawn cheaply: the same prompt, seed and index always give the same bytes."""

import hashlib
import io
import struct
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

from PIL import Image, ImageDraw, ImageFont

Format = Literal["png", "jpeg", "webp", "gif", "avif"]
FORMATS: tuple[Format, ...] = get_args(Format)

Flaw = Literal["wrong_size", "not_a_picture", "huge", "wrong_type", "nsfw", "empty_file"]

# A million megapixels. The header is valid, its checksum too: only a reader that looks at the size is safe.
HUGE_SIDE = 1_000_000
BANDS = 24


@dataclass(frozen=True, slots=True)
class Picture:
    """What is needed to draw one picture, so that nothing has to be kept but this.

    `source` stands for the input pictures of an edit. `claims` is the format that its carrier states, which a
    `wrong_type` picture does not have.
    """

    prompt: str
    seed: int
    index: int
    width: int
    height: int
    format: Format = "png"
    quality: int = 90
    source: str = ""
    claims: Format | None = None
    flaw: Flaw | None = None

    @property
    def content_type(self) -> str:
        return f"image/{self.claims or self.format}"

    @property
    def name(self) -> str:
        """A file name in the claimed format: `3f0c….png`."""
        return f"{self.digest().hex()[:24]}.{(self.claims or self.format).replace('jpeg', 'jpg')}"

    def digest(self) -> bytes:
        return hashlib.sha256(repr(self).encode("utf-8", "surrogatepass")).digest()


def spoilt(picture: Picture, flaw: Flaw) -> Picture:
    """The same picture with a flaw: another size than asked, another format than claimed, and so on."""
    match flaw:
        case "wrong_size":
            return replace(picture, width=picture.width // 2 or 2, height=picture.height // 2 or 2, flaw=flaw)
        case "wrong_type":
            other: Format = "png" if picture.format != "png" else "jpeg"
            return replace(picture, claims=picture.format, format=other, flaw=flaw)
        case _:
            return replace(picture, flaw=flaw)


@lru_cache(maxsize=32)
def draw(picture: Picture) -> bytes:
    """The file's bytes."""
    match picture.flaw:
        case "not_a_picture":
            return b"This is a sentence, and not a picture."
        case "empty_file":
            return b""
        case "huge":
            return _huge_png()
        case _:
            return _encode(_paint(picture), picture)


def _paint(picture: Picture) -> Image.Image:
    size = (picture.width, picture.height)
    if picture.flaw == "nsfw":
        return Image.new("RGB", size)
    noise = hashlib.sha256(
        f"{picture.prompt}|{picture.seed}|{picture.index}|{picture.source}".encode("utf-8", "surrogatepass")
    ).digest()
    top, bottom, accent = noise[0:3], noise[3:6], (noise[6], noise[7], noise[8])
    canvas = Image.new("RGB", size)
    brush = ImageDraw.Draw(canvas)
    # Flat bands: every line is one colour, which costs an encoder next to nothing.
    for band in range(BANDS):
        mixed = [low + (high - low) * band // BANDS for low, high in zip(top, bottom, strict=True)]
        upper = picture.height * band // BANDS
        brush.rectangle((0, upper, picture.width, picture.height), fill=(mixed[0], mixed[1], mixed[2]))
    across, down, radius = (
        int(noise[9] / 255 * picture.width),
        int(noise[10] / 255 * picture.height),
        max(1, min(size) // 6),
    )
    brush.ellipse((across - radius, down - radius, across + radius, down + radius), fill=accent)
    if min(size) >= 64:
        words = picture.prompt.encode("ascii", "replace").decode().replace("\n", " ")[:48]
        caption = f"{words}\nseed {picture.seed} #{picture.index} {picture.width}x{picture.height}"
        brush.multiline_text((8, 8), caption, fill="white", font=_font(max(10, min(size) // 32)))
    return canvas


@lru_cache(maxsize=16)
def _font(points: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(points)


def _encode(canvas: Image.Image, picture: Picture) -> bytes:
    out = io.BytesIO()
    match picture.format:
        case "png":
            canvas.save(out, "PNG", compress_level=1)
        case "avif":
            canvas.save(out, "AVIF", quality=picture.quality, speed=10)
        case "webp":
            canvas.save(out, "WEBP", quality=picture.quality, method=0)
        case "jpeg":
            canvas.save(out, "JPEG", quality=picture.quality)
        case "gif":
            canvas.save(out, "GIF")
    return out.getvalue()


def _huge_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", HUGE_SIDE, HUGE_SIDE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    )


def as_format(word: object) -> Format | None:
    """`"jpeg"` -> itself; None for what is no format."""
    return next((known for known in FORMATS if known == word), None)
