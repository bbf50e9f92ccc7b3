"""The event stream: ends of generations as they happen, to whoever listens at that moment.

Source: Oxen docs, Async queue (Server-sent events), read 2026-11-21: nothing is kept for later, events carry no id, a
comment keeps the connection alive, and events of other things come along.
"""

import asyncio
import time
import weakref
from collections.abc import AsyncGenerator, Callable

import orjson

from simulators.oxen.generations import Generation

KEEP_ALIVE_SECONDS = 15.0
LOOK_SECONDS = 0.01
KEEP_ALIVE = b": keep-alive\n\n"
# What its name and fields are is not published beyond "deployment events": clients must go by the name.
UNRELATED = b'event: deployment_status_changed\ndata: {"status":"active"}\n\n'

Listener = asyncio.Queue[Generation]


class Events:
    """Everybody who listens. A listener is forgotten with its stream."""

    def __init__(self) -> None:
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()

    def listen(self) -> Listener:
        """From this moment on."""
        listener: Listener = asyncio.Queue()
        self._listeners.add(listener)
        return listener

    def publish(self, generation: Generation) -> None:
        for listener in list(self._listeners):
            listener.put_nowait(generation)


async def stream(
    listener: Listener, url_of: Callable[[Generation], str | None], tick: Callable[[], None]
) -> AsyncGenerator[bytes]:
    """What one listener receives. `tick` lets the queue move on while nobody polls."""
    said = time.monotonic()
    yield KEEP_ALIVE
    while True:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                generation = await listener.get()
        except TimeoutError:
            tick()
            if time.monotonic() - said >= KEEP_ALIVE_SECONDS:
                said = time.monotonic()
                yield KEEP_ALIVE
            continue
        said = time.monotonic()
        told = orjson.dumps(generation.event(url_of(generation)))
        yield UNRELATED + b"event: media_generation_completed\ndata: " + told + b"\n\n"
