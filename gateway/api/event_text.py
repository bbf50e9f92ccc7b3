"""Events as server-sent ones: `id`, `event` and `data` lines (WHATWG HTML, Server-sent events, read 2026-11-21)."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.flow.deliver import signed_url
from gateway.flow.deps import Deps
from gateway.jobs.event_ids import id_of
from gateway.jobs.ring import Event, Transient

RETRY = b"retry: 1000\n\n"  # milliseconds after which a client that lost its stream comes back
HEARTBEAT = b": still here\n\n"


def event_text(event: Event, at: Deps, base_url: str, job: Mapping[str, Any] | None = None) -> bytes:
    """Only what is written down has an `id`. `job` is the one that a `finished` is about, None if it was deleted."""
    told: dict[str, Any] = {"type": event.type, "job": event.job, "at": int(event.at), **event.data}
    if isinstance(event, Transient):
        if event.type == "progress":
            told["percentage"] = percentage(event.data)
        return text(event.type, told, event.base64)
    if event.type == "image":
        name = told.pop("name", None)
        told["url"] = signed_url(name, event.team, base_url, at) if name else told.get("url")
    if event.type == "finished":
        told["data"] = job
    id = id_of(event.seq, event.team, at.signing_keys)
    return b"id: %b\n%b" % (id.encode(), text(event.type, told))


def text(type: str, told: Mapping[str, Any], base64: bytes | None = None) -> bytes:
    body = orjson.dumps(told)
    if base64 is not None:
        body = b'%b,"b64_json":"%b"}' % (body[:-1], base64)
    return b"event: %b\ndata: %b\n\n" % (type.encode(), body)


def percentage(data: Mapping[str, Any]) -> float | None:
    """`{"step": 3, "steps": 20}` -> 15.0."""
    step, steps = data.get("step"), data.get("steps")
    if not isinstance(step, int) or not isinstance(steps, int) or steps <= 0:
        return None
    return round(100 * min(max(step, 0), steps) / steps, 1)
