"""Pictures that callers send, from their form on the wire to checked, upright bytes; before anything is paid.

First bytes, sizes and the file's blocks are looked at. Only what lies on its side, or moves, is decoded, in the
finishing processes. A picture that is cut off is refused; one that is damaged within is the provider's to refuse.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pybase64

from gateway.errors import InvalidValue
from gateway.flow.deps import Deps
from gateway.flow.finish import CannotFinish
from gateway.flow.own_files import own_file
from gateway.flow.picture_codec import NotAPicture, check_pixels
from gateway.flow.picture_facts import Facts, look
from gateway.flow.room import Held
from gateway.flow.source_forms import WORKS, Sent
from gateway.store.pictures import hash_of
from normalizers.parameters import MAX_SIDE
from normalizers.source import Source
from providers import data_uri
from providers.errors import ProviderError

MAX_BYTES = 50_000_000  # of one picture, as at OpenAI (API reference, createImageEdit, read 2026-11-21)
MAX_BYTES_TOGETHER = 100_000_000  # of one request; they stay in memory until it is answered
DOWNLOAD_SECONDS = 30.0
AT_ONCE = 4  # pictures of one request that are loaded at the same time
ON_LOOP_BYTES = 64 * 1024  # more is decoded, looked through and hashed in a thread; what is hostile takes 4 ms then
SAME_FORMAT = ("png", "jpeg", "webp")  # what is turned is encoded as it was; an avif becomes a png


@dataclass(frozen=True, slots=True)
class Loaded:
    """A picture, where it stood, and its bytes. `marks`: it can be a mask."""

    param: str
    source: Source
    content: bytes
    marks: bool

    def __repr__(self) -> str:
        return f"<Loaded {self.param} {self.source.format} {self.source.width}x{self.source.height}>"


class Loading:
    """One request's pictures. Raises InvalidValue, naming the parameter, for the first that cannot be used."""

    def __init__(self, at: Deps, deadline: float, held: Held) -> None:
        self.at = at
        self.deadline = deadline
        self.held = held
        self._places = asyncio.Semaphore(AT_ONCE)
        self._bytes = 0
        self._fetching: dict[str, asyncio.Task[bytes]] = {}

    async def load(self, sent: Sequence[Sent]) -> list[Loaded]:
        tasks = [asyncio.create_task(self._one(picture)) for picture in sent]
        try:
            return [await task for task in tasks]
        finally:
            left: list[asyncio.Task[Any]] = [*tasks, *self._fetching.values()]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _one(self, sent: Sent) -> Loaded:
        async with self._places:
            try:
                content = await self._content(sent)
                self._count(content)
                return await self._checked(content, sent.param)
            except NotAPicture as wrong:
                raise InvalidValue(f"{sent.param}: cannot be used: {wrong.reason}", param=sent.param) from None
            except ProviderError as wrong:
                raise InvalidValue(f"{sent.param}: {wrong.message}", param=sent.param) from None
            except CannotFinish as wrong:
                raise InvalidValue(f"{sent.param}: cannot be used: {wrong}", param=sent.param) from None

    async def _content(self, sent: Sent) -> bytes:
        if sent.form == "bytes":
            return cast("bytes", sent.value)
        text = cast("str", sent.value)
        if sent.form == "base64" or text[:5].lower() == "data:":
            large = len(text) > ON_LOOP_BYTES
            return await asyncio.to_thread(decoded, text) if large else decoded(text)
        if text not in self._fetching:
            self._fetching[text] = asyncio.create_task(self._fetched(text))
        return await asyncio.shield(self._fetching[text])

    async def _fetched(self, url: str) -> bytes:
        content = await own_file(url, self.at) or await self._foreign(url)
        self.held.take(len(content))
        return content

    async def _foreign(self, url: str) -> bytes:
        deadline = min(self.deadline, time.monotonic() + DOWNLOAD_SECONDS)
        with self.at.telemetry.stage("download"):
            got = await self.at.foreign.fetch(url, max_bytes=MAX_BYTES, deadline=deadline)
        self.at.telemetry.downloaded(len(got.content))
        return got.content

    def _count(self, content: bytes) -> None:
        """Raises NotAPicture for one picture too large, or for all together."""
        if len(content) > MAX_BYTES:
            raise NotAPicture(f"it has {len(content):,} bytes; at most {MAX_BYTES:,} are taken")
        self._bytes += len(content)
        if self._bytes > MAX_BYTES_TOGETHER:
            raise NotAPicture(f"all pictures together have more than {MAX_BYTES_TOGETHER:,} bytes")

    async def _checked(self, content: bytes, param: str) -> Loaded:
        large = len(content) > ON_LOOP_BYTES
        facts = await asyncio.to_thread(look, content) if large else look(content)
        header = facts.header
        if max(header.width, header.height) > MAX_SIDE:
            raise NotAPicture(f"it is {header.width}x{header.height}; sides of at most {MAX_SIDE} pixels are taken")
        check_pixels(header.width, header.height, self.at.finisher.bounds)
        format, width, height = header.format, header.width, header.height
        if needs_work(facts):
            format = format if format in SAME_FORMAT and not facts.moving else "png"
            done = await self.at.finisher.upright(content, format)
            content, width, height = done.content, done.width, done.height
        digest = await asyncio.to_thread(hash_of, content) if large else hash_of(content)
        return Loaded(
            param, Source(digest, format, width, height, len(content), alpha=facts.alpha), content, facts.marks
        )


def needs_work(facts: Facts) -> bool:
    """A gif is made a still picture by the plan, since few providers take one at all."""
    return facts.turned or (facts.moving and facts.header.format != "gif")


def decoded(text: str) -> bytes:
    """The bytes of base64 text or a `data:` URI. Raises NotAPicture for what is neither, and for too much of it."""
    try:
        inline = data_uri.split(memoryview(text.encode("ascii")))  # a view: megabytes are not copied to be cut
        if inline.is_base64 and len(inline.payload) <= MAX_BYTES * 3 // 2:
            return pybase64.b64decode(without_line_breaks(inline.payload), validate=True)
        return data_uri.decode(inline, MAX_BYTES)
    except ValueError:  # which every error of a decoder is
        raise NotAPicture(f"it is neither base64 nor a data: URI of at most {MAX_BYTES:,} bytes; {WORKS}") from None


def without_line_breaks(payload: bytes | memoryview) -> bytes | memoryview:
    """Some encoders break lines after 76 characters at most."""
    return b"".join(bytes(payload).split()) if len(bytes(payload[:100]).split()) > 1 else payload
