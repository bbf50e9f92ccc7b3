"""From what callers write to files that are here and are what they say: off the device thread, once for each source."""

import asyncio
import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from workers.engine import Lora
from workers.errors import Refusal
from workers.loras.fetching import Fetcher
from workers.loras.header import NotALora, check
from workers.loras.shelf import Shelf
from workers.loras.sources import Allowed, InFolder, OnWeb, read_source

CACHE = Path("~/.cache/easel/loras")
_MOST_FETCHED = 4  # at once; further ones wait
_MOST_KNOWN = 4096  # files of the folder whose sha256 is remembered


@dataclass(frozen=True, slots=True)
class AskedLora:
    """As a caller names it."""

    source: str
    weight: float

    def __repr__(self) -> str:
        return f"<AskedLora {self.weight}>"  # a source may hold a token


@dataclass(slots=True)
class _Coming:
    file: asyncio.Task[tuple[Path, str]]
    waiting: int = 0


class Loras:
    """What a worker may draw with beside its model. `fetcher` and `shelf` are there for tests."""

    def __init__(self, allowed: Allowed, *, fetcher: Fetcher | None = None, shelf: Shelf | None = None) -> None:
        self.allowed = allowed
        self._fetcher = fetcher or Fetcher(allowed)
        self._shelf = shelf or Shelf(CACHE.expanduser())
        self._places = asyncio.Semaphore(_MOST_FETCHED)
        self._coming: dict[str, _Coming] = {}
        self._known: dict[tuple[Path, int, int, int], str] = {}

    async def resolve(self, asked: Sequence[AskedLora]) -> tuple[Lora, ...]:
        """In the order asked. Raises `Refusal`: 400 for what is no LoRA or not allowed, 503 for what may come later."""
        sources = [read_source(lora.source, self.allowed) for lora in asked]
        found = [await self._found(source) for source in sources]
        loras = tuple(
            Lora(source.shown, file, digest, lora.weight)
            for source, (file, digest), lora in zip(sources, found, asked, strict=True)
        )
        if len({lora.digest for lora in loras}) < len(loras):
            raise Refusal("'loras' names the same LoRA twice.", param="loras")
        return loras

    async def _found(self, source: InFolder | OnWeb) -> tuple[Path, str]:
        if isinstance(source, InFolder):
            return source.file, await asyncio.to_thread(self._digest, source)
        return await self._fetched(source)

    def _digest(self, source: InFolder) -> str:
        """The sha256 of a file that was checked; both are done again when it has changed."""
        with _naming(source):
            told = source.file.stat()
            key = (source.file, told.st_ino, told.st_size, told.st_mtime_ns)
            known = self._known.get(key)
            if known is None:
                check(source.file)
                with source.file.open("rb") as content:
                    known = hashlib.file_digest(content, "sha256").hexdigest()
                while len(self._known) >= _MOST_KNOWN:
                    del self._known[next(iter(self._known))]
                self._known[key] = known
        return known

    async def _fetched(self, source: OnWeb) -> tuple[Path, str]:
        """A file that several ask for comes once, and no further when nobody waits for it any more: those who come and
        go would keep everybody else's from being fetched."""
        url = str(source.url)
        coming = self._coming.get(url)
        if coming is None:
            coming = self._coming[url] = _Coming(asyncio.create_task(self._fetch(source)))
        coming.waiting += 1
        try:
            return await asyncio.shield(coming.file)
        finally:
            coming.waiting -= 1
            if not coming.waiting:
                del self._coming[url]
                coming.file.cancel()

    async def _fetch(self, source: OnWeb) -> tuple[Path, str]:
        url = str(source.url)
        kept = await asyncio.to_thread(self._shelf.find, url)
        if kept is not None:
            return kept
        async with self._places:
            part = await asyncio.to_thread(self._shelf.new)
            try:
                digest = await self._fetcher.fetch(source, part)
                return await asyncio.to_thread(self._checked, source, part, digest)
            finally:
                with suppress(OSError):
                    part.unlink(missing_ok=True)

    def _checked(self, source: OnWeb, part: Path, digest: str) -> tuple[Path, str]:
        with _naming(source):
            check(part)
        return self._shelf.put(str(source.url), part, digest), digest


@contextmanager
def _naming(source: InFolder | OnWeb) -> Generator[None]:
    """What is wrong with a file is told by its name. Raises `Refusal`."""
    try:
        yield
    except NotALora as wrong:
        message = f"The LoRA '{source.shown[-80:]}' {wrong}."
        raise Refusal(message, param="loras", code="invalid_lora") from None
    except OSError:
        raise Refusal("The LoRA cannot be read.", param="loras", code="lora_not_found") from None
