"""OpenAI's stream of a picture being drawn: previews, the finished picture, and what can go wrong in between.

Source: OpenAI API reference (Image streaming) and openai-python 3.52.0 (types/image_gen_*_event.py,
image_edit_*_event.py), read 2026-11-21: each event is named like its `type`, all fields but `safety_identifier` are
always there, and the body just ends.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from simulators.drawing import Picture
from simulators.faults import Fault
from simulators.front import ConnectionCut, Cut
from simulators.images_api.openai_answer import ERRORS
from simulators.images_api.pictures import base64_of
from simulators.stage import Pace

Kind = Literal["image_generation", "image_edit"]

GARBAGE = b'event: image_generation.partial_image\ndata: {"type": "image_generation.par\n\ndata\n\n\x00\xff\n\n: \n\n'


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a stream shows: none or one picture, `partials` times half done before; `used` is its `usage`."""

    kind: Kind
    pictures: Sequence[Picture]
    partials: int
    described: dict[str, str]
    used: dict[str, Any]
    pace: Pace


class EventStream(Response):
    """Sends each event as it comes; where `ConnectionCut` comes instead, the connection ends."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for event in self._events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        except ConnectionCut:
            await Cut()(scope, receive, send)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def stream(drawing: Drawing, fault: Fault | None) -> EventStream:
    """The answer to `stream: true`."""
    shown = _events(drawing)
    return EventStream(shown if fault is None else _faulty(shown, fault, after=min(drawing.partials, 1)))


async def _events(drawing: Drawing) -> AsyncIterator[bytes]:
    """At the pace of the provider: a preview after each equal share of the time that a picture takes."""
    await asyncio.sleep(drawing.pace.queue_seconds)
    for picture in drawing.pictures:
        share = drawing.pace.seconds_per_image / (drawing.partials + 1)
        for index in range(drawing.partials):
            await asyncio.sleep(share)
            rough = replace(picture, seed=picture.seed + index + 1)
            yield await _event(drawing, "partial_image", rough, {"partial_image_index": index})
        await asyncio.sleep(share)
        yield await _event(drawing, "completed", picture, {"usage": drawing.used})


async def _faulty(events: AsyncIterator[bytes], fault: Fault, *, after: int) -> AsyncIterator[bytes]:
    """The fault strikes after so many events."""
    shown = 0
    async for event in events:
        if shown == after:
            if fault.effect == "stream_cut":
                raise ConnectionCut
            if fault.effect == "stream_error":
                yield _error()
                return
            if fault.effect == "stream_garbage":
                yield GARBAGE
            await asyncio.sleep(fault.seconds)
        yield event
        shown += 1


def _error() -> bytes:
    kind, code, message = ERRORS[500]
    told = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return b"event: error\ndata: " + orjson.dumps(told) + b"\n\n"


async def _event(drawing: Drawing, what: str, picture: Picture, more: dict[str, Any]) -> bytes:
    name = f"{drawing.kind}.{what}"
    told = {
        "type": name,
        "b64_json": await base64_of(picture),
        "created_at": int(time.time()),
        **drawing.described,
        **more,
    }
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(told) + b"\n\n"
