"""Pictures that came with a request, in the form in which a provider takes them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from normalizers.source import Source, Sources, Way

INLINE: frozenset[Way] = frozenset({"data_uri", "base64"})

Form = TypeVar("Form")


class SentPictures:
    """The bytes by their hash. What is made of one (a mask repainted, an upload) is made once a request."""

    def __init__(self, contents: Mapping[str, bytes] | None = None) -> None:
        self._contents = dict(contents or {})
        self._making: dict[tuple[str, Source], asyncio.Task[Any]] = {}

    def __len__(self) -> int:
        return len(self._contents)

    def content(self, source: Source) -> bytes:
        """As it came, upright."""
        return self._contents[source.hash]

    async def once(self, what: str, source: Source, make: Callable[[], Coroutine[Any, Any, Form]]) -> Form:
        """What `make` makes of the picture, shared by all calls of the request; a failure is forgotten."""
        key = (what, source)
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(make())
        try:
            return await asyncio.shield(task)
        except Exception:
            self._making.pop(key, None)
            raise


def choose_way(takes: Sources, size: int, *, uploads: bool, public: bool) -> Way | None:
    """The first way that is open for a picture of `size` bytes; one above `inline_bytes` goes inline only at need.

    `uploads`: the provider stores pictures for us; `public`: it can fetch from us. None when no way is open.
    """
    shut = {way for way, is_open in (("upload", uploads), ("url", public)) if not is_open}
    ways: tuple[Way, ...] = tuple(way for way in takes.ways if way not in shut)
    fitting: tuple[Way, ...] = tuple(way for way in ways if size <= takes.inline_bytes or way not in INLINE)
    return next(iter(fitting or ways), None)
