"""Runware's webhooks: the result of a task, as flat as an item of an answer (Runware docs, Webhooks, read 2026-11-21).

They are not signed: that a message is Runware's shows in the address alone, whose secret only Runware was told.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, cast

from providers.abilities import Hook
from providers.base import Json
from providers.hook_body import bounded, json_object, ticket_in


def read(body: bytes) -> Hook:
    """Raises HookRefused. A message has no id of its own: told again it is the same delivery."""
    told = json_object(bounded(body))
    named = next((item for item in _items(told) if "taskUUID" in item), told)
    return Hook(ticket_in(named, "taskUUID").lower(), hashlib.sha256(body).hexdigest())


def _items(told: Json) -> Iterator[Json]:
    """The message itself, and its items where it is an answer: how a failure comes is not documented."""
    yield told
    for name in ("data", "errors"):
        listed: object = told.get(name)
        for item in cast(list[object], listed) if isinstance(listed, list) else []:
            if isinstance(item, dict):
                yield cast(dict[str, Any], item)
