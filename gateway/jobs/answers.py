"""What a request came to, apart from its pictures' bytes and signatures: told at once, and kept for whoever asks later.

The database holds it as JSON: `{"head", "headers", "format", "images": [{"fields", "name", "url"}]}` for pictures,
`{"status", "headers", "body", "images"}` for an error. Base64 is not kept: it is read from the picture store again.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import orjson
import pybase64

from gateway.errors import GatewayError
from gateway.flow.deliver import signed_url
from gateway.flow.deps import Deps
from gateway.flow.picture import Picture
from gateway.flow.pipeline import Served
from gateway.flow.truth import rows_of
from gateway.rows.plans import in_dollars, rows
from gateway.store.jobs import JobRow
from normalizers.asked import ResponseFormat
from normalizers.price import as_dollars

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """`name` is its object's in the store, `url` the provider's own; with neither it is gone."""

    fields: Json
    name: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: `head` is all of its body but `data`, `headers` are the `X-Easel-*` ones."""

    head: Json
    headers: dict[str, str]
    format: ResponseFormat
    images: tuple[KeptPicture, ...]

    def packed(self) -> bytes:
        images = [{"fields": each.fields, "name": each.name, "url": each.url} for each in self.images]
        return orjson.dumps({"head": self.head, "headers": self.headers, "format": self.format, "images": images})


def told(served: Served, at: Deps) -> Told:
    first = served.pictures[0]
    head: Json = {"created": int(time.time()), "output_format": first.format}
    if first.width and first.height:
        head["size"] = f"{first.width}x{first.height}"
    if served.drawn.usage:
        head["usage"] = served.drawn.usage
    head["metadata"] = metadata(served, at)
    images = tuple(kept_picture(picture) for picture in served.pictures)
    return Told(head, easel_headers(served), served.plan.response_format, images)


def metadata(served: Served, at: Deps) -> Json:
    plan, drawn = served.plan, served.drawn
    return {
        "request_id": served.order.id,
        "model": served.order.found.entry.facts.id,
        "executed_model": plan.offer.id,
        "provider": plan.offer.provider,
        "provider_name": at.titles[plan.offer.provider],
        "cost": in_dollars(drawn.cost),
        "cost_currency": "USD",
        "cost_basis": drawn.cost_basis,
        "cache": served.cache,
        "attempts": [attempt.row() for attempt in drawn.attempts],
        "defaults": rows(plan.defaults),
        "parameters": rows(drawn.decisions),
        "differences": rows_of(drawn),
    }


def easel_headers(served: Served) -> dict[str, str]:
    headers = {
        "x-easel-provider": served.plan.offer.provider,
        "x-easel-model": served.order.found.entry.facts.id,
        "x-easel-cache": served.cache,
    }
    if served.drawn.cost is not None:
        headers["x-easel-cost"] = as_dollars(served.drawn.cost)
    return headers


def kept_picture(picture: Picture) -> KeptPicture:
    fields: Json = {
        "seed": picture.seed,
        "width": picture.width,
        "height": picture.height,
        "content_type": picture.content_type,
        "provider": picture.provider,
        "cache": picture.cache,
    }
    if not picture.measured:
        fields["measured"] = False
    if picture.revised_prompt is not None:
        fields["revised_prompt"] = picture.revised_prompt
    return KeptPicture(fields, picture.name if picture.hash else None, None if picture.hash else picture.url)


def packed_error(error: GatewayError, made: Sequence[Picture] = ()) -> bytes:
    """`made` are the pictures that there are all the same."""
    kept = [kept_picture(picture) for picture in made]
    images = [{"fields": each.fields, "name": each.name, "url": each.url} for each in kept]
    return orjson.dumps(
        {"status": error.status, "headers": error.headers, "body": error.body(), "images": images or None}
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished job's answer as the database holds it."""

    team: str
    status: int
    headers: Mapping[str, str]
    format: ResponseFormat
    head: Json | None
    images: tuple[KeptPicture, ...]
    error: Json | None

    @classmethod
    def of(cls, row: JobRow) -> Self | None:
        """None for a job that is not over, and for one that ended before there was anything to tell."""
        if row.result is not None:
            kept = cast("Json", orjson.loads(row.result))
            return cls(row.team, 200, kept["headers"], kept["format"], kept["head"], pictures_of(kept), None)
        if row.error is not None:
            kept = cast("Json", orjson.loads(row.error))
            return cls(row.team, kept["status"], kept["headers"], "url", None, pictures_of(kept), kept["body"])
        return None

    async def images_response(self, at: Deps, base_url: str, *, base64: bool) -> Json | None:
        """The images response, its URLs signed just now; pictures whose form is base64 have it if `base64` says so.

        Of a failed job, what there is; None where there is nothing. A picture that is no longer there says `expired`,
        or, where pictures are not stored (`[storage] keep = false`), `kept: false`.
        """
        if self.head is None and not self.images:
            return None
        wanted = base64 and self.format != "url"
        items = [self._item(image, at, base_url, base64=wanted) for image in self.images]
        return {**(self.head or {}), "data": list(await asyncio.gather(*items))}

    def error_body(self) -> Json | None:
        return self.error

    async def _item(self, image: KeptPicture, at: Deps, base_url: str, *, base64: bool) -> Json:
        item = dict(image.fields)
        if image.name is None:
            return item | ({"url": image.url} if image.url else {"kept": False})
        if self.format != "b64_json" or not base64:
            if await at.pictures.head(self.team, image.name) is None:
                return item | {"expired": True}
            item["url"] = signed_url(image.name, self.team, base_url, at)
        if base64:
            content = await at.pictures.get(self.team, image.name)
            if content is None:
                return item | {"expired": True}
            item["b64_json"] = pybase64.b64encode(content).decode()
        return item


def pictures_of(kept: Json) -> tuple[KeptPicture, ...]:
    rows: list[Json] = kept.get("images") or []
    return tuple(KeptPicture(each["fields"], each["name"], each["url"]) for each in rows)
