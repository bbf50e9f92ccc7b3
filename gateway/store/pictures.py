"""Pictures under the hash of their content, on disk or in a bucket: `team/hash.png`.

The name says what is inside, so a picture is written once, never changed, and may be cached by everyone for ever.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, cast

import obstore
from blake3 import blake3
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

FORMATS = ("png", "jpeg", "webp", "avif", "gif")
SCHEMES = ("s3://", "gs://", "az://")
HASH_ON_LOOP_BYTES = 1024 * 1024  # below, blake3 takes less (0.3 ms) than handing the work to a thread is worth
CHUNK_BYTES = 256 * 1024

_NAME = re.compile(r"([0-9a-f]{64})\.(png|jpeg|webp|avif|gif)")
_TEAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class PictureStoreError(Exception):
    """The place where pictures are kept cannot be read or written; the message names no secret."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture in the store: its blake3 hash in hex, its name `hash.format`, its size in bytes."""

    hash: str
    name: str
    size: int


class Pictures:
    """Where pictures are kept; `Pictures.open(url, data_dir)`.

    Methods raise PictureStoreError when the store fails. A name or team that is not well-formed is never looked up:
    reading finds nothing there, writing raises ValueError.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._local = isinstance(store, LocalStore)

    @classmethod
    def open(cls, url: str, data_dir: Path, **options: Any) -> Self:
        """The store for `[storage] url`: `file` (data_dir/images), `s3://bucket/prefix`, `gs://…`, `az://…`.

        Buckets take their credentials, region and endpoint from the usual variables of their makers (AWS_…, GOOGLE_…,
        AZURE_…) or from `options`. Raises ValueError for another URL, PictureStoreError for one that cannot be used.
        """
        if url != "file" and not url.startswith(SCHEMES):
            raise ValueError(
                "storage.url must be file, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
            )
        with _failures_told():
            if url == "file":
                directory = data_dir.expanduser().resolve() / "images"
                directory.mkdir(parents=True, exist_ok=True, mode=0o700)  # pictures are their team's alone
                return cls(LocalStore(directory))
            retry = {
                "max_retries": 4,
                "retry_timeout": timedelta(seconds=20),
                "backoff": {"init_backoff": timedelta(milliseconds=50), "max_backoff": timedelta(seconds=2), "base": 2},
            }
            client = {"timeout": timedelta(seconds=60), "connect_timeout": timedelta(seconds=5)}
            client |= options.pop("client_options", {})
            # Typed by one overload for each kind of bucket, of which we do not know the kind here.
            return cls(cast(Any, from_url)(url, retry_config=retry, client_options=client, **options))

    async def put(self, team: str, content: bytes, format: str) -> Stored:
        """Keep a picture, which may be there already; written whole or not at all."""
        large = len(content) > HASH_ON_LOOP_BYTES
        digest = await asyncio.to_thread(hash_of, content) if large else hash_of(content)
        stored = Stored(digest, f"{digest}.{format}", len(content))
        path = _path(team, stored.name)
        if path is None:
            raise ValueError(f"not a team or a format that pictures are kept under: {team!r}, {format!r}")
        # A file of another size is what a power cut left of one: it is written again.
        if await self.head(team, stored.name) == stored.size:
            return stored
        kind = {"Content-Type": f"image/{format}", "Cache-Control": "private, max-age=31536000, immutable"}
        attributes = None if self._local else kind  # a file has none, and obstore refuses them
        with _failures_told():
            await obstore.put_async(self._store, path, content, attributes=attributes, use_multipart=False)
        return stored

    async def head(self, team: str, name: str) -> int | None:
        """The picture's size in bytes, or None when it is not there."""
        path = _path(team, name)
        if path is None:
            return None
        try:
            with _failures_told():
                return (await obstore.head_async(self._store, path))["size"]
        except FileNotFoundError:
            return None

    async def get(self, team: str, name: str) -> bytes | None:
        """The whole picture, or None when it is not there."""
        path = _path(team, name)
        if path is None:
            return None
        try:
            with _failures_told():
                return bytes(await (await obstore.get_async(self._store, path)).bytes_async())
        except FileNotFoundError:
            return None

    async def get_range(self, team: str, name: str, start: int, end: int) -> bytes | None:
        """The bytes from `start` up to, not including, `end`; None when the picture is not there.

        The range must lie within the picture (see `head`).
        """
        path = _path(team, name)
        if path is None:
            return None
        try:
            with _failures_told():
                return bytes(await obstore.get_range_async(self._store, path, start=start, end=end))
        except FileNotFoundError:
            return None

    async def stream(self, team: str, name: str) -> AsyncGenerator[bytes]:
        """The picture in chunks of at least 256 KiB but the last; FileNotFoundError when it is not there."""
        path = _path(team, name)
        if path is None:
            raise FileNotFoundError(name)
        with _failures_told():
            async for chunk in (await obstore.get_async(self._store, path)).stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)

    async def delete(self, team: str, name: str) -> None:
        """Remove a picture; one that is not there is as good as removed."""
        path = _path(team, name)
        if path is None:
            return
        try:
            with _failures_told():
                await obstore.delete_async(self._store, path)
        except FileNotFoundError:
            return

    async def check(self) -> str | None:
        """Write, read and remove a small object; what is wrong in words, or None. For `easel check`."""
        probe = secrets.token_bytes(16)  # of its own: two checks at once must not remove each other's
        try:
            stored = await self.put("check", probe, "png")
            kept = await self.get("check", stored.name)
            await self.delete("check", stored.name)
        except PictureStoreError as error:
            return str(error)
        return None if kept == probe else "what was written was not read back"


def hash_of(content: bytes) -> str:
    return blake3(content).hexdigest()


def _path(team: str, name: str) -> str | None:
    """Where a picture is kept, or None for a team or name that could lead elsewhere."""
    return f"{team}/{name}" if _TEAM.fullmatch(team) and _NAME.fullmatch(name) else None


@contextmanager
def _failures_told() -> Generator[None]:
    """The store's errors as ours. Only their kind is kept: their text holds URLs, headers and request ids."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise PictureStoreError(f"the picture store failed: {type(error).__name__}") from error
