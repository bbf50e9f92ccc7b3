"""Blobs: what workflows drew and what callers uploaded, at signed addresses that expire and lead on to the bytes.

Source: the orchestrator's OpenAPI document and answers of May 2026 published by its users, read 2026-11-21. A signed
address answers 301 with a relative Location, as observed; the key instead of a signature answers 308, as written.
"""

import hashlib
import io
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import pybase64
from PIL import Image, UnidentifiedImageError

from simulators.drawing import Picture
from simulators.stage import Stage

SLUG = "civitai"
BASE = f"/{SLUG}/v2/consumer"
BLOBS_KEPT = 4_096
MAX_UPLOAD = 32 * 1024 * 1024  # bytes; that there is a limit is written, how much is not
READABLE = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
UNKNOWN = (1024, 1024)  # a picture hosted elsewhere is not fetched: the simulators call nobody

Size = tuple[int, int]
Content = Picture | bytes


class Unreadable(ValueError):
    """What was sent along is no picture."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What a caller uploaded."""

    content: bytes
    content_type: str
    size: Size


class Blobs:
    """The blobs by their id, the newest last."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._secret = secrets.token_bytes(16)
        self._kept: OrderedDict[str, Picture | Upload] = OrderedDict()

    def add(self, blob: Picture | Upload, blob_id: str) -> None:
        self._kept[blob_id] = blob
        while len(self._kept) > BLOBS_KEPT:
            self._kept.popitem(last=False)

    def find(self, blob_id: str) -> Picture | Upload | None:
        return self._kept.get(blob_id)

    def upload(self, content: bytes, content_type: str) -> str:
        """Keeps a picture and returns its id. Raises `Unreadable`."""
        blob_id = f"{secrets.token_hex(13).upper()}.{content_type.rpartition('/')[2]}"
        self.add(Upload(content, content_type, _size_of_bytes(content)), blob_id)
        return blob_id

    def address(self, blob_id: str, origin: str) -> tuple[str, str]:
        """A signed URL, and until when it works."""
        until = (
            f"{datetime.fromtimestamp(time.time() + self._stage.pace(SLUG).keep_seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        )
        return f"{origin}{BASE}/blobs/{quote(blob_id)}?sig={self.signature(blob_id, until)}&exp={until}", until

    def signature(self, name: str, until: str) -> str:
        return hashlib.blake2b(f"{name}|{until}".encode(), key=self._secret, digest_size=16).hexdigest()

    def signed(self, name: str, signature: str, until: str) -> bool:
        """Whether it is ours and still works."""
        good = secrets.compare_digest(self.signature(name, until).encode(), signature.encode())
        return good and datetime.fromisoformat(until).timestamp() > time.time()

    def size_of(self, source: str) -> Size:
        """The size of a picture that a request brings: one of our blobs, a data URL, base64. Raises `Unreadable`."""
        if source.startswith(("https://", "http://")):
            blob = self.find(source.partition("?")[0].rpartition("/")[2])
            return UNKNOWN if blob is None else blob.size if isinstance(blob, Upload) else (blob.width, blob.height)
        text = source.partition(",")[2] if source.startswith("data:") else source
        try:
            return _size_of_bytes(pybase64.b64decode(text, validate=True))
        except ValueError as wrong:
            raise Unreadable from wrong


def _size_of_bytes(content: bytes) -> Size:
    try:
        with Image.open(io.BytesIO(content), formats=READABLE) as image:
            return image.size
    except (ValueError, OSError, UnidentifiedImageError, Image.DecompressionBombError) as wrong:
        raise Unreadable from wrong
