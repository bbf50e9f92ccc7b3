"""What a models.toml may say: each table's keys, and what must hold within one of them.

A table names everything that it needs and nothing that would be ignored: a row that nobody executes is a lie.
"""

from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from normalizers.canvas_schema import CanvasTable, Name, Size, Sizes
from normalizers.checks import Type
from normalizers.convert import CONVERTERS, NEEDED_KEYS, OWN_KEYS, PICTURES, TABLE_KEYS
from normalizers.offer import Operation, Unknown
from normalizers.price_table import PriceTable
from normalizers.rules import ABSENT, How
from normalizers.source import Way
from normalizers.split import BatchSeeds


class Row(BaseModel):
    """One parameter; `default` and `send` may be absent, which is not null."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    how: How
    to: str = ""
    by: str = ""
    table: dict[str, Any] = {}
    type: Type | None = None
    range: tuple[float | int, float | int] | None = None
    step: float | None = Field(default=None, gt=0)
    enum: list[Any] = []
    max_length: int | None = None
    max_items: int | None = None
    default: Any = ABSENT
    send: Any = ABSENT
    because: str = ""
    neutral: list[Any] = []
    aside: bool = False

    @property
    def sends(self) -> bool:
        return self.how in {"passthrough", "renamed", "converted"}

    @model_validator(mode="after")
    def consistent(self) -> Self:
        """Each word brings what it needs, and nothing that it would ignore."""
        if (self.how in {"renamed", "converted"}) != bool(self.to):
            raise ValueError(f"{self.how} {'must not have' if self.to else 'needs'} `to`")
        if (self.how == "converted") != bool(self.by):
            raise ValueError("`by` belongs to converted rows, and each of them needs one")
        if self.by and self.by not in CONVERTERS:
            raise ValueError(f"no converter is called {self.by!r}; there are {', '.join(CONVERTERS)}")
        if (self.how in {"dropped", "refused"}) != bool(self.because):
            raise ValueError("dropped and refused rows say why in `because`, and no others do")
        if self.send is not ABSENT and not self.sends:
            raise ValueError(f"{self.how} sends nothing, so it cannot have `send`")
        if self.neutral and self.how not in {"dropped", "refused"}:
            raise ValueError(f"{self.how} honours every value, so it cannot have `neutral`")
        limits = [name for name in ("range", "step", "enum", "max_length", "max_items", "aside") if getattr(self, name)]
        if limits and not self.sends:
            raise ValueError(f"{self.how} sends nothing, so it cannot have `{limits[0]}`")
        return self

    @model_validator(mode="after")
    def readable(self) -> Self:
        """The range has two ends, and the converter knows every key of its table."""
        if self.range and self.range[0] > self.range[1]:
            raise ValueError("`range` is written from low to high")
        if self.by in OWN_KEYS:
            if not self.table:
                raise ValueError(f"{self.by} needs a `table` of {OWN_KEYS[self.by]}")
        elif unknown := set(self.table) - TABLE_KEYS.get(self.by, frozenset()):
            raise ValueError(f"`table` has the unknown key {min(unknown)!r}")
        if missing := NEEDED_KEYS.get(self.by, frozenset()) - set(self.table):
            raise ValueError(f"`table` needs the key {min(missing)!r} for {self.by}")
        return self


class CountTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to: str = ""
    max: int = Field(default=1, ge=1, le=100)
    seeds: BatchSeeds = "unknown"
    previews: int = Field(default=0, ge=0, le=100)

    @model_validator(mode="after")
    def complete(self) -> Self:
        if self.max > 1 and not self.to:
            raise ValueError("more than one picture a call needs the wire field for their number in `to`")
        return self


class OutputTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    native: list[Literal["png", "jpeg", "webp", "avif", "gif"]] = ["png"]
    default: Literal["png", "jpeg", "webp", "avif", "gif"] = "png"
    to: str = ""
    words: dict[str, str] = {}
    compression_to: str = ""
    compression_range: tuple[int, int] = (0, 100)

    @model_validator(mode="after")
    def complete(self) -> Self:
        if unknown := set(self.words) - set(self.native):
            raise ValueError(f"`words` has {min(unknown)}, which is not among the native formats")
        if self.default not in self.native:
            raise ValueError(f"the default {self.default} is not among the native formats")
        if len(self.native) > 1 and not self.to:
            raise ValueError("more than one format needs the wire field to choose with in `to`")
        return self


class DeliveryTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ways: list[Literal["url", "bytes"]] = Field(default=["url"], min_length=1)
    to: str = ""
    words: dict[str, str] = {}

    @model_validator(mode="after")
    def complete(self) -> Self:
        if len(self.ways) > 1 and not self.to:
            raise ValueError("more than one way needs the wire field to choose with in `to`")
        if self.to and set(self.ways) != set(self.words):
            raise ValueError("`words` needs the provider's word for each of the ways")
        return self


class SourcesTable(BaseModel):
    """`ways` best first; `inline_bytes` and `max_bytes` of one picture, `sides` in pixels."""

    model_config = ConfigDict(extra="forbid")

    ways: list[Way] = []
    formats: list[Literal["png", "jpeg", "webp", "avif", "gif"]] = ["png", "jpeg", "webp"]
    inline_bytes: int = Field(default=4_000_000, ge=1)
    max_bytes: int = Field(default=50_000_000, ge=1)
    sides: Size = (1, 14_142)
    opaque: bool = False

    @model_validator(mode="after")
    def complete(self) -> Self:
        if "png" not in self.formats:
            raise ValueError("`formats` needs png, into which every other format is turned")
        return self


class OfferTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: Name
    upstream: Name
    operation: Operation = "generate"
    source: Name
    checked: date
    unknown: Unknown = "rejected"
    open_at: str = ""
    owned: list[str] = []
    needs: list[Name] = []
    fixed: dict[str, Any] = {}
    forbidden_in_prompt: list[str] = []
    canvas: CanvasTable
    count: CountTable = CountTable()
    output: OutputTable = OutputTable()
    delivery: DeliveryTable = DeliveryTable()
    price: PriceTable = PriceTable()
    sources: SourcesTable = SourcesTable()
    params: dict[str, Row] = {}

    @model_validator(mode="after")
    def complete(self) -> Self:
        if self.open_at and self.unknown != "open":
            raise ValueError("`open_at` is where unknown fields go, so `unknown` must be open")
        if not self.sources.ways and any(row.by in PICTURES for row in self.params.values()):
            raise ValueError("an offer that takes pictures needs `ways` in `sources`")
        needed = [name for names in self.needs for name in names.split(" or ")]
        if idle := [name for name in needed if name not in self.params or not self.params[name].sends]:
            raise ValueError(f"`needs` names {idle[0]}, which has no row that sends it")
        return self


class ModelRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    owner: str
    created: date | None = None
    default_size: Size | None = None
    sizes: Sizes = {}
