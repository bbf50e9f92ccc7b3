"""A body in whichever form it comes: JSON, multipart/form-data or a URL-encoded form, as the fields that it holds.

Official SDKs write nested values into forms as `svg[model]`, and lists of objects key by key: every `loras[][path]`,
then every `loras[][scale]` (openai-python 3.52.0 and openai-node 7.55.0, read 2026-11-21).
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive

from gateway.api.asgi import Headers
from gateway.api.body import check_headers, chunks, content_type, media_type, read_bytes, read_json
from gateway.api.form_values import PICTURES, meaning, read_text, type_of
from gateway.api.multipart import MAX_PARTS, MultipartParser, Part, boundary_of
from gateway.errors import InvalidValue, UnsupportedMediaType
from gateway.flow.source_forms import PictureBytes
from normalizers.aliases import SPELLINGS

MULTIPART = "multipart/form-data"
URL_ENCODED = "application/x-www-form-urlencoded"
MAX_URL_ENCODED = 1024 * 1024  # bytes: taking the percent signs out is slow, and pictures come in multipart
MAX_TEXT = 1024 * 1024  # bytes of a field that is known to be no picture
MAX_LEVELS = 6  # brackets of a field's name

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_INDEX = re.compile(r"[0-9]{1,4}")

Path = tuple[str, ...]
Entry = tuple[Path, Any]  # what stands in the brackets of a field's name, and its value


async def read_body(headers: Headers, receive: Receive, max_bytes: int) -> Any:
    """Parsed JSON, or the fields of a form, in which files are `PictureBytes`.

    Raises RequestTooLarge, UnsupportedMediaType, InvalidJson, InvalidValue.
    """
    given = content_type(headers)
    media = media_type(given)
    if media == MULTIPART:
        check_headers(headers, max_bytes)
        return fields_of(await read_parts(boundary_of(given), receive, max_bytes))
    if media == URL_ENCODED:
        most = min(max_bytes, MAX_URL_ENCODED)
        check_headers(headers, most)
        return fields_of(read_pairs(await read_bytes(receive, most)))
    if media and media != "application/json" and not media.endswith("+json"):
        raise UnsupportedMediaType(f"content-type is {media[:100]}; send {MULTIPART} or application/json")
    return await read_json(headers, receive, max_bytes)


def is_form(headers: Headers) -> bool:
    return media_type(content_type(headers)) in {MULTIPART, URL_ENCODED}


async def read_parts(boundary: bytes, receive: Receive, max_bytes: int) -> list[Part]:
    """After a mistake the rest is still read: a client that is cut off while it sends never sees the answer."""
    parser = MultipartParser(boundary)
    wrong: InvalidValue | None = None
    async for chunk in chunks(receive, max_bytes):
        if wrong is None:
            try:
                parser.feed(chunk)
            except InvalidValue as error:
                wrong = error
    if wrong is not None:
        raise wrong
    return parser.finish()


def read_pairs(content: bytes) -> list[Part]:
    """`prompt=a+fox&n=2`."""
    try:
        pairs = parse_qsl(content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARTS)
    except ValueError:  # which every UnicodeError is
        wrong = f"the body is no URL-encoded form of at most {MAX_PARTS} fields in UTF-8"
        raise InvalidValue(wrong, param="body") from None
    return [Part(name, is_file=False, content=value.encode()) for name, value in pairs]


def fields_of(parts: Sequence[Part]) -> dict[str, Any]:
    """The fields as JSON would have them, in the order in which they came. Raises InvalidValue naming the field."""
    groups: dict[str, list[Entry]] = {}
    for part in parts:
        base, path = split_name(part.name)
        groups.setdefault(base, []).append((path, value_of(part, base, path)))
    return {known_name(base): assemble(entries, base) for base, entries in groups.items()}


def split_name(name: str) -> tuple[str, Path]:
    """`loras[0][path]` -> `loras`, (`0`, `path`); a name that is not written so is taken as it is."""
    found = _NAME.fullmatch(name)
    if found is None:
        return name, ()
    path = tuple(found[2][1:-1].split("][")) if found[2] else ()
    if len(path) > MAX_LEVELS:
        raise InvalidValue(f"{name[:100]}: has more than {MAX_LEVELS} brackets", param=name[:100])
    return found[1], path


def known_name(base: str) -> str:
    """`ref_images`, of `ref_images[]`, is known only with its brackets."""
    return f"{base}[]" if meaning(base) is None and f"{base}[]" in SPELLINGS else base


def value_of(part: Part, base: str, path: Path) -> Any:
    keys = [key for key in path if key and not _INDEX.fullmatch(key)]
    leaf = keys[-1] if keys else known_name(base)
    means = meaning(leaf)
    if part.is_file:
        return PictureBytes(part.content)
    if means not in (None, *PICTURES) and len(part.content) > MAX_TEXT:
        raise InvalidValue(f"{part.name}: has more than {MAX_TEXT:,} bytes", param=part.name)
    try:
        text = part.content.decode()
    except UnicodeDecodeError:
        if means in (None, *PICTURES):  # a picture whose sender gave it no file name
            return PictureBytes(part.content)
        raise InvalidValue(f"{part.name}: is not UTF-8 text", param=part.name) from None
    return read_text(text, type_of(leaf, inner=bool(keys)))


def assemble(entries: Sequence[Entry], name: str) -> Any:
    """One value of all that came under a name. Raises InvalidValue where they contradict each other."""
    if all(path in ((), ("",)) for path, _value in entries):
        values = [value for _path, value in entries]
        return values[0] if len(values) == 1 and entries[0][0] == () else values
    if not all(path for path, _value in entries):
        raise InvalidValue(f"{name}: comes both as a value and with {name}[…]; give one of the two", param=name)
    heads = {path[0] for path, _value in entries}
    if heads == {""}:
        return zipped([(path[1:], value) for path, value in entries], name)
    if all(_INDEX.fullmatch(head) for head in heads):
        grouped = by_head(entries)
        return [assemble(grouped[head], f"{name}[{head}]") for head in sorted(grouped, key=int)]
    if "" in heads:
        raise InvalidValue(f"{name}: mixes {name}[] with {name}[…]; number its items: {name}[0]", param=name)
    return {head: assemble(inner, f"{name}[{head}]") for head, inner in by_head(entries).items()}


def by_head(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """What came under each first bracket, without it."""
    groups: dict[str, list[Entry]] = {}
    for path, value in entries:
        groups.setdefault(path[0], []).append((path[1:], value))
    return groups


def zipped(entries: Sequence[Entry], name: str) -> list[Any]:
    """A list of objects that came key by key: the first of each key make the first object, and so on."""
    columns: dict[Path, list[Any]] = {}
    for path, value in entries:
        columns.setdefault(path, []).append(value)
    counts = {len(values) for values in columns.values()}
    if len(counts) > 1 or any("" in path for path in columns):
        told = f"which values of {name}[] belong together is not clear; number its items: {name}[0][…]"
        raise InvalidValue(told, param=name)
    rows = zip(*columns.values(), strict=True)
    return [assemble(list(zip(columns, row, strict=True)), f"{name}[{place}]") for place, row in enumerate(rows)]
