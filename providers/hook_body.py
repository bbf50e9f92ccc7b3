"""What the webhooks of all providers have in common: a bounded body of JSON, well-formed headers, a moment near now."""

import re
from collections.abc import Mapping
from typing import cast

import orjson

from providers.abilities import HookRefused
from providers.base import Json

MAX_BYTES = 1_000_000  # pictures come as URLs; a message with one inside is not worth its memory: polling finds it too
FRESH_SECONDS = 300  # as fal's documents and Standard Webhooks want it

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SECONDS = re.compile(r"[1-9][0-9]{0,11}")


def bounded(body: bytes) -> bytes:
    """Raises HookRefused for one that is not even worth its signature."""
    if len(body) > MAX_BYTES:
        raise HookRefused(f"the message is larger than {MAX_BYTES} bytes")
    return body


def header(headers: Mapping[str, str], name: str, shape: re.Pattern[str] = _ID) -> str:
    """Raises HookRefused unless it is there, and is what it should be as a whole."""
    value = headers.get(name, "")
    if not shape.fullmatch(value):
        raise HookRefused(f"the header {name} is missing or malformed")
    return value


def fresh_time(headers: Mapping[str, str], name: str, now: float) -> str:
    """The header of Unix seconds, in the only form that one moment has. Raises HookRefused for another time than now.

    Two spellings of a moment that both pass would be two deliveries of one message.
    """
    text = header(headers, name, _SECONDS)
    if abs(now - int(text)) > FRESH_SECONDS:
        raise HookRefused(f"the message is not of now: {name} is more than {FRESH_SECONDS} seconds away")
    return text


def json_object(body: bytes) -> Json:
    """Raises HookRefused."""
    try:
        told: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise HookRefused("the message is not JSON") from None
    if not isinstance(told, dict):
        raise HookRefused("the message is no JSON object")
    return cast(Json, told)


def ticket_in(told: Json, name: str) -> str:
    """The id under which the job is known. Raises HookRefused."""
    ticket: object = told.get(name)
    if not isinstance(ticket, str) or not _ID.fullmatch(ticket):
        raise HookRefused(f"the message has no {name}")
    return ticket
