"""A picture on its way through the gateway: drawn, checked, perhaps finished, not yet delivered."""

from dataclasses import dataclass
from typing import Literal

import pybase64

from gateway.store.records import INLINE_BYTES, Difference, Record

CacheOutcome = Literal["hit", "miss", "shared"]


@dataclass(frozen=True, slots=True)
class Picture:
    """It is here as `content` or `base64` (ASCII), or elsewhere: at the provider's `url`, or stored under `hash`.

    Width and height are in pixels, as the picture's own header says where it was read, else as the provider said.
    """

    format: str
    width: int | None
    height: int | None
    provider: str
    offer: str
    seed: int | None = None
    url: str | None = None
    content: bytes | None = None
    base64: bytes | memoryview | None = None
    hash: str | None = None
    revised_prompt: str | None = None
    differences: tuple[Difference, ...] = ()
    cache: CacheOutcome = "miss"

    @property
    def content_type(self) -> str:
        return f"image/{self.format}"

    @property
    def measured(self) -> bool:
        """Format, width and height were read from the picture; one that stays at its provider nobody here has seen."""
        return self.hash is not None or self.content is not None or self.base64 is not None

    @property
    def size(self) -> int:
        """Bytes held here; base64 counts as what it decodes to."""
        if self.content is not None:
            return len(self.content)
        return 0 if self.base64 is None else len(self.base64) * 3 // 4

    def bytes(self) -> bytes | None:
        """The picture itself, when it is here in either form."""
        if self.content is not None or self.base64 is None:
            return self.content
        return pybase64.b64decode(self.base64, validate=True)

    @property
    def name(self) -> str:
        """Its name in the store; only for pictures that have a `hash`."""
        return f"{self.hash}.{self.format}"

    def __repr__(self) -> str:
        return f"<Picture {self.offer} {self.format} {self.width}x{self.height}>"


def from_record(record: Record) -> Picture:
    """A picture that the cache knows."""
    return Picture(
        format=record.format,
        width=record.width or None,
        height=record.height or None,
        provider=record.provider,
        offer=record.offer,
        seed=record.seed,
        url=record.url,
        content=record.content,
        hash=record.hash,
        revised_prompt=record.revised_prompt,
        differences=record.differences,
        cache="hit",
    )


def to_record(picture: Picture, created: int, *, with_content: bool = True) -> Record:
    """What the cache keeps of it; a large picture that is here and not stored leads to no record."""
    in_hand = picture.hash is None and (picture.content is not None or picture.base64 is not None)
    here = in_hand and picture.size <= INLINE_BYTES
    return Record(
        provider=picture.provider,
        offer=picture.offer,
        format=picture.format,
        content_type=picture.content_type,
        width=picture.width or 0,
        height=picture.height or 0,
        created=created,
        seed=picture.seed,
        hash=picture.hash,
        url=picture.url if here or not in_hand else None,
        revised_prompt=picture.revised_prompt,
        differences=picture.differences,
        content=picture.bytes() if here and with_content else None,
    )
