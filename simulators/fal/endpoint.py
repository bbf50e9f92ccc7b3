"""What is known of one endpoint of fal: what it takes, and what its answer looks like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, create_model

from simulators.fal.fields import SEED, FieldSpec, flag, prompt
from simulators.fal.sizing import Sizing, by_default

Answer = Literal["image", "file", "described", "single"]


@dataclass(frozen=True)
class Loads:
    """What a model takes for a picture: the sides in pixels, the bytes of its file, and whether it may be transparent.

    The loader that all models share stops at 50 MiB (fal, image toolkit, read 2026-11-21).
    """

    sides: tuple[int, int] = (1, 14142)
    most_bytes: int = 50 * 1024 * 1024
    formats: tuple[str, ...] = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
    transparent: bool = True


@dataclass(frozen=True)
class Endpoint:
    """One model endpoint.

    `count_fields` multiply to the number of pictures; `format_field` is empty where it cannot be chosen; `pixels` is
    the least and the most that may be asked for, `sides` the shortest and the longest side. The answer: an `image` has
    width and height, and beside it timings, NSFW flags and the prompt; a `file` has none; `described` adds a text;
    `single` is one object instead of a list.
    """

    id: str
    input: type[BaseModel]
    sizing: Sizing = by_default
    answer: Answer = "image"
    format_field: str = "output_format"
    count_fields: tuple[str, ...] = ("num_images",)
    pixels: tuple[int, int] | None = None
    sides: tuple[int, int] | None = None
    loads: Loads = field(default_factory=Loads)


COMMON: dict[str, FieldSpec] = {
    "prompt": prompt(),
    "seed": SEED,
    "sync_mode": flag(False),
    "enable_safety_checker": flag(True),
}


def endpoint(
    endpoint_id: str,
    shared: Mapping[str, FieldSpec] = MappingProxyType({}),
    *,
    without: tuple[str, ...] = (),
    facts: Mapping[str, Any] = MappingProxyType({}),
    **fields: FieldSpec,
) -> Endpoint:
    """A row: the fields that nearly all models have, but for those `without`, then `shared` ones, then its own.

    `facts` are the attributes of `Endpoint` that are not the usual ones.
    """
    every = {**COMMON, **shared, **fields}
    taken = {name: spec for name, spec in every.items() if name not in without}
    return Endpoint(endpoint_id, create_model(f"Input of {endpoint_id}", **taken), **facts)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownArgumentType, reportUnknownVariableType]  # fields are known only here
