"""The pictures that a request brings along: as a data URI, or as a URL.

A URL on this machine is fetched, as a provider would; any other is believed, because the simulators call nobody.
"""

import asyncio
import hashlib
import http.client
import io
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import pybase64
from PIL import Image, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
FETCH_SECONDS = 5.0
MOST_BYTES = 64 * 1024 * 1024

Kept = Callable[[str], bytes | None]


class NotLoaded(ValueError):
    """Nothing could be fetched there."""


class NoPicture(ValueError):
    """What was fetched, or sent along, is no picture."""


@dataclass(frozen=True, slots=True)
class InputPicture:
    """`format` is Pillow's word, and empty, with `length` 0, for a URL that is only believed."""

    size: tuple[int, int]
    digest: str
    format: str = ""
    length: int = 0
    transparent: bool = False


BELIEVED_SIZE = (1024, 1024)


async def load(url: str, kept: Kept) -> InputPicture:
    """The picture of a data URI or URL; `kept` knows the provider's own files by their URL.

    Raises NotLoaded or NoPicture.
    """
    if url[:5].lower() == "data:":
        return await asyncio.to_thread(_inline, url)
    if not url.startswith(("http://", "https://")):
        raise NotLoaded
    content = kept(url)
    if content is None and not _is_here(url):
        return InputPicture(BELIEVED_SIZE, hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest())
    return read_picture(content if content is not None else await asyncio.to_thread(_fetched, url))


def _inline(uri: str) -> InputPicture:
    head, comma, encoded = uri.partition(",")
    if not comma or not head.endswith(";base64"):
        raise NotLoaded
    try:
        return read_picture(pybase64.b64decode(encoded, validate=True))
    except ValueError as wrong:
        raise NoPicture from wrong


def read_picture(content: bytes) -> InputPicture:
    """Raises NoPicture. Only the header is read: a bomb stays packed."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            transparent = image.has_transparency_data
            size, kind = image.size, image.format or ""
    except (ValueError, OSError, UnidentifiedImageError, *BOMBS) as wrong:
        raise NoPicture from wrong
    return InputPicture(size, hashlib.sha256(content).hexdigest(), kind, len(content), transparent)


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _fetched(url: str) -> bytes:
    """One plain GET on this machine. Raises NotLoaded."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        raise NotLoaded
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=FETCH_SECONDS)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
        answer = connection.getresponse()
        content = answer.read(MOST_BYTES)
    except (OSError, http.client.HTTPException) as wrong:
        raise NotLoaded from wrong
    finally:
        connection.close()
    if answer.status != 200:
        raise NotLoaded
    return content
