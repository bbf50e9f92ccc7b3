"""A request as a job keeps it: all that another process needs to run it, but the bytes of its pictures.

`{"asked": {model, fields, filled}, "pictures": [[path, source]…], "operation", "options", "cache", "base_url"}`;
where a picture stood in the fields is null, and `pictures` says which. The bytes are objects of the picture store.
With traces on, `traceparent` names the request's own; `shares_cache` is there for a key whose pictures are its own,
`rights` for one that may not use everything: what was accepted is finished as it was allowed then.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
from blake3 import blake3

from gateway.flow.candidates import find_model
from gateway.flow.deps import Deps
from gateway.flow.order import Order
from gateway.flow.record import Record
from gateway.flow.sent_pictures import SentPictures
from gateway.store.jobs import JobRow
from gateway.tenancy.caller import Caller, Patterns, Rights
from normalizers.asked import Asked, Options
from normalizers.offer import Operation
from normalizers.source import Source

Path = tuple[str | int, ...]
GONE = "the team's own key there, under which it was begun, was deleted, and ours is not used for it"


class NotRunnable(Exception):
    """What was kept of the request is not enough to run it; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A value without its pictures, and where each of them stood."""

    plain: Any
    pictures: list[tuple[Path, Source]]


def pack(order: Order, traceparent: str | None = None) -> bytes:
    taken = without_pictures(dict(order.asked.fields))
    traced = {"traceparent": traceparent} if traceparent else {}
    alone = {} if order.caller.shares_cache else {"shares_cache": False}
    rights = {"rights": order.caller.rights} if order.caller.rights else {}
    return orjson.dumps(
        {
            **traced,
            **alone,
            **rights,
            "asked": {"model": order.asked.model, "fields": taken.plain, "filled": dict(order.asked.filled)},
            "pictures": taken.pictures,
            "operation": order.operation,
            "options": order.options,
            "cache": order.cache,
            "base_url": order.base_url,
        }
    )


def body_hash(order: Order) -> str:
    """The same for the same request, whatever the order of its fields; headers that decide its answer count."""
    parts = (order.asked.model, order.asked.fields, order.operation, order.options, order.cache)
    return blake3(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


async def unpack(row: JobRow, caller: Caller, record: Record, at: Deps) -> Order:
    """As `caller` had it accepted, with what is left of its time.

    Raises NotRunnable, PictureStoreError, DatabaseError, or the GatewayError of a model that is no longer known. Only a
    job of which a call is still to be made needs the pictures that came with it.
    """
    if row.request is None:
        raise NotRunnable("the request was not kept")
    kept = cast("dict[str, Any]", orjson.loads(row.request))
    sources = [(tuple(path), Source(**source)) for path, source in kept["pictures"]]
    fields: dict[str, Any] = kept["asked"]["fields"]
    for path, source in sources:
        put_back(fields, path, source)
    operation: Operation = kept["operation"]
    asked = Asked(kept["asked"]["model"], fields, kept["asked"]["filled"])
    age = time.time() - row.created
    started = time.monotonic() - max(0.0, age)
    own = {} if record.before is None else dict.fromkeys(record.before.own, GONE)
    return Order(
        id=row.id,
        asked=asked,
        found=find_model(asked.model, at, operation),
        caller=as_it_was(caller, kept),
        reach=(await at.adapters.reach(row.team)).without_ours(own),
        options=Options(**kept["options"]),
        started=started,
        deadline=started + at.settings.jobs.deadline,
        base_url=kept["base_url"],
        operation=operation,
        sent=SentPictures(await contents(row.team, [source for _path, source in sources], at, needed=needed(record))),
        cache=kept["cache"],
        record=record,
    )


def as_it_was(caller: Caller, kept: Mapping[str, Any]) -> Caller:
    """With what may have been changed since."""
    rights = tuple(Rights(patterns(each["models"]), patterns(each["providers"])) for each in kept.get("rights", ()))
    return replace(caller, rights=rights, shares_cache=kept.get("shares_cache", True))


def patterns(names: list[str] | None) -> Patterns:
    return None if names is None else tuple(names)


def fields_of(row: JobRow) -> Mapping[str, Any]:
    """What of the body can be read without knowing its model; nothing where it cannot be read at all."""
    try:
        kept: Any = orjson.loads(row.request or b"null")
        fields: Any = kept["asked"]["fields"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return {}
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}


def traceparent_of(row: JobRow) -> str | None:
    """Of the request that the job was; None where it was not traced, or cannot be read."""
    try:
        kept: Any = orjson.loads(row.request or b"null")
        found: Any = kept["traceparent"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return None
    return found if isinstance(found, str) else None


def needed(record: Record) -> bool:
    return record.before is None or not record.before.open or any(not each.ticket for each in record.before.open)


async def contents(team: str, sources: list[Source], at: Deps, *, needed: bool) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for source in sources:
        if source.hash not in found:
            content = await at.pictures.get(team, object_name(source))
            if content is not None:
                found[source.hash] = content
            elif needed:
                raise NotRunnable("a picture that came with the request was not kept")
    return found


def object_name(source: Source) -> str:
    """Of the picture as it came, in the store."""
    return f"{source.hash}.{source.format}"


def without_pictures(value: Any) -> Taken:
    found: list[tuple[Path, Source]] = []

    def plain(part: Any, path: Path) -> Any:
        if part is None or isinstance(part, (str, int, float)):
            return part
        if isinstance(part, Source):
            found.append((path, part))
            return None
        if isinstance(part, Mapping):
            inner = cast("Mapping[str, Any]", part)
            return {name: plain(each, (*path, name)) for name, each in inner.items()}
        if isinstance(part, (list, tuple)):
            return [plain(each, (*path, place)) for place, each in enumerate(cast("list[Any]", part))]
        return part

    return Taken(plain(value, ()), found)


def put_back(fields: Any, path: Path, source: Source) -> None:
    *steps, last = path
    for step in steps:
        fields = fields[step]
    fields[last] = source


def sources_of(order: Order) -> Iterator[Source]:
    """Each picture that came with the request, once."""
    seen: set[str] = set()
    for _path, source in without_pictures(dict(order.asked.fields)).pictures:
        if source.hash not in seen:
            seen.add(source.hash)
            yield source
