"""A form (RFC 7578) of a payload with pictures, written as OpenAI's own clients write it.

Names (openai-python 3.52.0, `_qs.py`, read 2026-11-21): a list's entries are sent as `name[]`, an object's fields as
`name[field]`; one picture is `image`, several are `image[]`. Text parts come first, files last.
"""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from providers.base import Part

_BOUNDARY_BYTES = 24


class Form(NamedTuple):
    """A body and the content type that names its boundary."""

    content_type: str
    body: bytes


def has_parts(payload: Mapping[str, Any]) -> bool:
    """Whether the payload holds a picture that has to travel as a part of its own."""
    return any(isinstance(value, Part) for _name, value in _named(payload, repeat=frozenset()))


def encode(payload: Mapping[str, Any], *, repeat: frozenset[str] = frozenset()) -> Form:
    """The payload as a form. `repeat` names the lists whose entries are sent under their plain name.

    Raises TypeError for a value that is neither JSON nor a `Part`.
    """
    named = list(_named(payload, repeat=repeat))
    texts = [(name, _text(value).encode("utf-8", "surrogatepass")) for name, value in named if _is_text(value)]
    files = [(name, value) for name, value in named if isinstance(value, Part)]
    boundary = secrets.token_hex(_BOUNDARY_BYTES).encode()  # 192 random bits stand in no picture and no prompt
    chunks: list[bytes] = []
    for name, content in texts:
        chunks += [b"--", boundary, b"\r\n", _disposition(name), b"\r\n\r\n", content, b"\r\n"]
    for name, part in files:
        head = _disposition(name, part.filename) + b"\r\nContent-Type: " + part.content_type.encode("ascii")
        chunks += [b"--", boundary, b"\r\n", head, b"\r\n\r\n", part.content, b"\r\n"]
    chunks += [b"--", boundary, b"--\r\n"]
    return Form(f"multipart/form-data; boundary={boundary.decode()}", b"".join(chunks))


def _named(payload: Mapping[str, Any], *, repeat: frozenset[str]) -> Iterator[tuple[str, object]]:
    """Every leaf with the name of its field; a null is left out, as OpenAI's clients do."""
    for name, value in payload.items():
        yield from _leaves(name, value, repeat)


def _leaves(name: str, value: object, repeat: frozenset[str]) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for field, inner in cast("Mapping[str, object]", value).items():
            yield from _leaves(f"{name}[{field}]", inner, repeat)
    elif isinstance(value, (list, tuple)):
        entries = cast("list[object]", value)
        plain = name in repeat or (len(entries) == 1 and isinstance(entries[0], Part))
        for entry in entries:
            yield from _leaves(name if plain else f"{name}[]", entry, repeat)
    elif value is not None:
        yield name, value


def _is_text(value: object) -> bool:
    return not isinstance(value, Part)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no text in a form")


def _disposition(name: str, filename: str | None = None) -> bytes:
    """Line breaks and quotes in a name are escaped, as in HTML forms: no field can start another part."""
    told = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    return (told + (f'; filename="{_quoted(filename)}"' if filename is not None else "")).encode("utf-8", "replace")


def _quoted(name: str) -> str:
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
