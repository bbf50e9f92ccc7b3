"""Megabytes of base64 are cut out of a JSON answer before it is parsed, and never copied.

A picture's text is found in the raw bytes by its key, a short placeholder is parsed in its place, and the parsed
document then holds a `memoryview` of the body there. Only an unescaped quote opens a JSON string, and inside a string
every quote is escaped, so text that merely looks like the key (an echoed prompt) never matches.
"""

import re
import secrets
from typing import Any, cast

import orjson

SHORT = 1024  # bytes; a shorter value is left to the parser: there is nothing to gain

_MARK = secrets.token_hex(8)  # so that no answer can name a placeholder
_COLON = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*"')


def loads(body: bytes | bytearray, key: str = "b64_json") -> Any:
    """Like `orjson.loads`, but long string values under `key` come as a `memoryview` of `body`.

    Such a value is not checked: it may be no base64 at all, and may start with a `data:` prefix
    (`data_uri.split` reads both). Raises `orjson.JSONDecodeError` as orjson does.
    """
    cuts = _find(body, key)
    if not cuts:
        return orjson.loads(body)
    whole = memoryview(body)
    pieces: list[bytes | memoryview] = []
    pictures: dict[str, memoryview] = {}
    at = 0
    for start, end in cuts:
        placeholder = f"{_MARK}-{len(pictures)}"
        pictures[placeholder] = whole[start:end]
        pieces += (whole[at:start], placeholder.encode())
        at = end
    pieces.append(whole[at:])
    return _put_back(orjson.loads(b"".join(pieces)), pictures)


def _find(body: bytes | bytearray, key: str) -> list[tuple[int, int]]:
    """Where the long values lie; empty where one is written with escapes, which only the parser can undo."""
    name = f'"{key}"'.encode()
    cuts: list[tuple[int, int]] = []
    at = body.find(name)
    while at >= 0:
        colon = _COLON.match(body, at + len(name))
        if colon is None or body[at - 1 : at] == b"\\":
            at = body.find(name, at + len(name))
            continue
        start = colon.end()
        end = body.find(b'"', start)
        if end < 0 or body.find(b"\\", start, end) >= 0:
            return []
        if end - start >= SHORT:
            cuts.append((start, end))
        at = body.find(name, end + 1)
    return cuts


def _put_back(document: Any, pictures: dict[str, memoryview]) -> Any:
    """Puts the pictures where their placeholders stand, without recursion: orjson allows 1024 levels."""
    waiting: list[object] = [document]
    while waiting:
        box = waiting.pop()
        places = cast(dict[Any, Any], box if isinstance(box, dict) else dict(enumerate(cast(list[Any], box))))
        for place, value in list(places.items()):
            if isinstance(value, str) and value.startswith(_MARK) and value in pictures:
                cast(dict[Any, Any], box)[place] = pictures[value]
            elif isinstance(value, (dict, list)):
                waiting.append(cast(object, value))
    return document
