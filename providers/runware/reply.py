"""Runware's replies: results under `data`, errors under `errors`, both in one where some results failed.

Source: Runware docs, Errors and Task Polling; the shapes that runware-sdk 1.8.0 reads (errors.py); read 2026-11-21.
"""

from dataclasses import dataclass, replace
from typing import Self, cast

from providers import data_uri
from providers.amounts import MOST_DOLLARS, amount
from providers.base import Image, Json
from providers.errors import Kind
from providers.runware.codes import kind_of

CONFLICT = "conflictTaskUUID"
_RUNNING = frozenset({"processing", "pending"})


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a task is: the results that were drawn, why others were not, and how many are still awaited."""

    drawn: list[Json]
    failed: list[Json]
    running: int

    @classmethod
    def of(cls, body: Json) -> Self:
        """A result without a status is drawn when it has a picture: only polling says how far each is."""
        listed = results(body)
        drawn = [item for item in listed if item.get("status") == "success" or "imageURL" in item]
        return cls(drawn, complaints(body), sum(item.get("status") in _RUNNING for item in listed))

    @property
    def cost(self) -> float | None:
        """What was billed, in dollars; None unless every result says it."""
        costs = [amount(item.get("cost"), MOST_DOLLARS) for item in self.drawn]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None


def image_of(item: Json, base_url: str) -> Image:
    """The picture of a result; one without an address has no content, so that it takes none of the others with it."""
    seed = item.get("seed")
    try:
        image = data_uri.from_url(item.get("imageURL"), base_url)
    except ValueError:
        image = Image(content=b"")
    return replace(image, seed=seed if isinstance(seed, int) else None, flagged=item.get("NSFWContent") is True)


def results(body: Json) -> list[Json]:
    """The items of `data`; one document shows an object there, all others a list."""
    single: object = body.get("data")
    return [cast(Json, single)] if isinstance(single, dict) else _items(single)


def complaints(body: Json) -> list[Json]:
    """The errors of a body: under `errors`, a single one under `error`, and those of results that failed."""
    failed = [item.get("error") for item in results(body) if item.get("status") == "error"]
    return [*_items(body.get("errors")), *_items(failed), *_items([body.get("error")])]


def is_hitch(status: int, found: list[Json], body: Json) -> bool:
    """Whether the answer to a question about a task says nothing about the task, or that there is none."""
    if not body or any(kind_of(each.get("code")) is Kind.GONE for each in found):
        return True
    if found and all(each.get("taskType") == "getResponse" for each in found):
        return True
    return status >= 300 and (not found or status >= 500 or status in (401, 402, 403, 408, 425, 429))


def is_moderation(complaint: Json) -> bool:
    return kind_of(complaint.get("code")) is Kind.MODERATED


def _items(listed: object) -> list[Json]:
    every = cast("list[object]", listed) if isinstance(listed, list) else []
    return [cast(Json, item) for item in every if isinstance(item, dict)]
