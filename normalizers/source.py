"""A picture that the caller sent, as a plan knows it: what it is, never its bytes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

# What is done to a picture before it is sent: nothing, another format, a png whose transparency is laid on white, or a
# mask in the provider's convention, named by the colour that marks what is edited. Ours is OpenAI's: what is
# transparent is edited (openai-python 3.52.0, read 2026-11-21).
Prepare = Literal["", "png", "opaque", "mask_white", "mask_black", "mask_transparent"]
Way = Literal["url", "data_uri", "base64", "upload", "part"]


@dataclass(frozen=True, slots=True)
class Source:
    """`hash` is that of its bytes, of which there are `size`; width and height in pixels, upright; `alpha`: it may be
    transparent.

    It stands in a payload where the picture goes; before the call the gateway puts the picture's wire form there.
    """

    hash: str
    format: str
    width: int
    height: int
    size: int
    prepare: Prepare = ""
    alpha: bool = False

    @property
    def pixels(self) -> tuple[int, int]:
        return self.width, self.height

    def prepared(self, work: Prepare) -> "Source":
        return replace(self, prepare=work)


@dataclass(frozen=True, slots=True)
class Sources:
    """How an offer takes pictures.

    `ways` are forms, best first; `formats` those it reads, others become png; above `inline_bytes` a picture is put
    into the body only if nothing else works; one of more than `max_bytes`, or with a side outside `sides` (pixels), is
    not taken there. `opaque`: nor is transparency.
    """

    ways: tuple[Way, ...] = ()
    formats: tuple[str, ...] = ("png", "jpeg", "webp")
    inline_bytes: int = 4_000_000
    max_bytes: int = 50_000_000
    sides: tuple[int, int] = (1, 14_142)
    opaque: bool = False

    def readable(self, source: Source) -> Source:
        """The picture, with what has to be done to it first; a mask has its work already."""
        reads = source.format in self.formats
        if source.prepare or (reads and not (self.opaque and source.alpha)):
            return source
        return source.prepared("opaque" if self.opaque else "png")

    def unfit(self, source: Source) -> str | None:
        """Why the offer cannot take this picture, as the end of a sentence; None when it can."""
        low, high = self.sides
        if not (low <= source.width <= high and low <= source.height <= high):
            return f"is {source.width}x{source.height}; sides must be from {low} to {high} pixels"
        if source.size > self.max_bytes:
            return f"has {source.size:,} bytes; at most {self.max_bytes:,} are taken"
        return None


def pictures_in(value: object) -> Iterable[Source]:
    """Every picture in a payload or a parameter's value, in order."""
    if isinstance(value, Source):
        yield value
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[str, object]", value).values():
            yield from pictures_in(inner)
    elif isinstance(value, (list, tuple)):
        for inner in cast("list[object]", value):
            yield from pictures_in(inner)


def with_pictures(value: Any, forms: Mapping[Source, Any]) -> Any:
    """The same with each picture's wire form in its place; what holds none is not copied."""
    if isinstance(value, Source):
        return forms[value]
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        made = {name: with_pictures(part, forms) for name, part in inner.items()}
        return made if any(made[name] is not part for name, part in inner.items()) else inner
    if isinstance(value, list):
        parts = cast("list[Any]", value)
        changed = [with_pictures(part, forms) for part in parts]
        return changed if any(new is not old for new, old in zip(changed, parts, strict=True)) else parts
    return value
