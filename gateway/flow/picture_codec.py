"""One picture from bytes to bytes: decoded within bounds, made upright and sRGB, cropped and resized, encoded.

Runs in the finishing processes (`finish.py` starts them) and imports no more than it needs, for each of them loads it.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Any, cast

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from normalizers.finishing import Finishing

READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "GIF")
SRGB = ImageCms.ImageCmsProfile(cast(Any, ImageCms).createProfile("sRGB"))
WHITE = (255, 255, 255)
QUALITY = {"jpeg": 92, "webp": 90, "avif": 80}  # where the caller names none; above, files grow and eyes see nothing
ENCODING: dict[str, dict[str, Any]] = {
    "png": {"compress_level": 4},  # within some percent of the default 6 in size, in half its time
    "jpeg": {"optimize": True, "progressive": True},
    "webp": {"method": 4},
    "avif": {"speed": 8},  # 6, the default, takes three times as long
    "gif": {},
}

# The bound is ours and checked before anything is decoded; Pillow's own only warns up to twice its value.
Image.MAX_IMAGE_PIXELS = None


class NotAPicture(Exception):
    """These bytes are not a picture, or not one that we would decode; `reason` says why in words for the caller."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is decoded at most: the file's size, its pixels, its frames. Decoding takes about 12 bytes a pixel."""

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 100_000_000
    max_frames: int = 500


@dataclass(frozen=True, slots=True)
class Finished:
    """A picture in its wanted form; width and height in pixels."""

    content: bytes
    format: str
    width: int
    height: int

    def __repr__(self) -> str:
        return f"<Finished {self.format} {self.width}x{self.height} {len(self.content)} bytes>"


def finish(content: bytes, wanted: Finishing, bounds: Bounds) -> Finished:
    """The picture as wanted; an animation gives its first frame. Raises NotAPicture."""
    picture = decode(content, bounds)
    if wanted.exact is not None:
        check_pixels(*wanted.exact, bounds)
        # Crops centrally to the asked ratio, then scales.
        picture = ImageOps.fit(picture, wanted.exact, Image.Resampling.LANCZOS)
    return Finished(encode(picture, wanted), wanted.format, *picture.size)


def check_pixels(width: int, height: int, bounds: Bounds) -> None:
    """Raises NotAPicture when a picture of this size is more than we would decode or draw."""
    if width * height > bounds.max_pixels:
        most = bounds.max_pixels / 1e6
        raise NotAPicture(
            f"it has {width * height / 1e6:,.0f} megapixels ({width}x{height}); at most {most:g} are taken"
        )


def decode(content: bytes, bounds: Bounds) -> Image.Image:
    """The first frame: upright, in sRGB, mode RGB, RGBA or L."""
    if len(content) > bounds.max_bytes:
        raise NotAPicture(f"it has {len(content):,} bytes; at most {bounds.max_bytes:,} are taken")
    try:
        # Pillow warns of flaws, such as a bad EXIF block, that it gets along with; nobody would read that here.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=READABLE) as opened:
            check_pixels(*opened.size, bounds)
            # A GIF tells its frames only to those who read it all; but only its first frame is ever decoded.
            frames = 1 if opened.format == "GIF" else getattr(opened, "n_frames", 1)
            if frames > bounds.max_frames:
                raise NotAPicture(f"it has {frames} frames; at most {bounds.max_frames} are taken")
            opened.load()
            profile = opened.info.get("icc_profile")
            return in_srgb(eight_bit(upright(opened)), profile)
    except NotAPicture:
        raise
    except UnidentifiedImageError:
        raise NotAPicture("it is no png, jpeg, webp, avif or gif") from None
    except MemoryError:
        raise NotAPicture("it does not fit into memory") from None
    except Exception as error:  # Pillow's plugins raise whatever a damaged file makes them meet
        raise NotAPicture(f"it is damaged or cut off ({type(error).__name__})") from None


def upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # a damaged EXIF block, which may raise anything, does not make the picture worthless
        return picture.copy()


def eight_bit(picture: Image.Image) -> Image.Image:
    """The same in a mode that all encoders and the colour conversion take; alpha is kept where there is any."""
    if picture.mode.startswith("I"):  # 16 bits of grey: Pillow would clip them to 255, not scale them
        return cast(Any, picture.convert("F")).point(scaled_down).convert("L")
    if picture.mode == "F":
        return picture.convert("L")
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture if picture.mode in ("L", "RGB", "CMYK") else picture.convert("RGB")


def scaled_down(value: Any) -> Any:
    return value * (1 / 257)


def in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, SRGB, outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None  # a damaged profile, or one for another kind of colour: the numbers are taken as sRGB
        if converted is not None:
            return converted
    return picture.convert("RGB") if picture.mode == "CMYK" else picture


def on_white(content: bytes, bounds: Bounds) -> bytes:
    """A png without transparency. Raises NotAPicture."""
    picture = decode(content, bounds)
    return encode(laid_on_white(picture) if picture.mode == "RGBA" else picture, Finishing("png"))


def laid_on_white(picture: Image.Image) -> Image.Image:
    paper = Image.new("RGB", picture.size, WHITE)
    paper.paste(picture, mask=picture.getchannel("A"))
    return paper


def encode(picture: Image.Image, wanted: Finishing) -> bytes:
    options = dict(ENCODING[wanted.format])
    if wanted.format in QUALITY:
        options["quality"] = QUALITY[wanted.format] if wanted.quality is None else wanted.quality
    if wanted.format == "jpeg" and picture.mode == "RGBA":
        picture = laid_on_white(picture)
    # The picture is upright and sRGB now, and what else was written into it is not for the caller.
    picture.info.clear()
    if wanted.format != "gif":
        options |= {"exif": b"", "icc_profile": None}
    output = io.BytesIO()
    picture.save(output, wanted.format.upper(), **options)
    return output.getvalue()
