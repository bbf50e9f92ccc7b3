"""What teams and keys are bounded by: the columns that both tables have, and their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import orjson
from sqlalchemy import Column, Table

LISTS = ("models", "providers")


@dataclass(frozen=True, slots=True)
class Bounds:
    """None where there is none. `models` and `providers` are names, where a star stands for anything.

    `budget_micros` is what may be spent in a `budget_period` (day, month or total), in micro-dollars; finished jobs
    and their pictures are deleted after `job_ttl` and `image_ttl` seconds.
    """

    models: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    requests_per_minute: int | None = None
    images_per_minute: int | None = None
    megapixels_per_minute: float | None = None
    max_concurrent_images: int | None = None
    budget_micros: int | None = None
    budget_period: str | None = None
    job_ttl: int | None = None
    image_ttl: int | None = None


NAMES = tuple(field.name for field in fields(Bounds))


def columns_of(table: Table) -> list[Column[Any]]:
    return [table.c[name] for name in NAMES]


def bounds_of(values: Sequence[Any]) -> Bounds:
    """From the columns' values, in their order."""
    models, providers, *rest = values
    return Bounds(read_list(models), read_list(providers), *rest)


def read_list(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(cast("list[str]", orjson.loads(text)))


def as_columns(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a row or of its bounds by name, as the tables keep them."""
    return {
        name: orjson.dumps(value).decode() if name in LISTS and value is not None else value
        for name, value in changes.items()
    }
