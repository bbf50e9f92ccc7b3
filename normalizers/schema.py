"""What a models.toml may say: each table's keys, and what must hold within one of them.

A table names everything that it needs and nothing that would be ignored: a row that nobody executes is a lie.
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, model_validator

from normalizers.canvas import Shape, read_ratio, read_tier
from normalizers.checks import Type
from normalizers.convert import CONVERTERS, TABLE_KEYS
from normalizers.errors import BadValue
from normalizers.fit import Kind
from normalizers.limits import Limits, fit_free
from normalizers.offer import Operation, Unknown
from normalizers.rules import ABSENT, How
from normalizers.split import BatchSeeds

Size = tuple[PositiveInt, PositiveInt]
Name = Annotated[str, Field(min_length=1)]


def checked(read: Callable[[str], Shape], text: str) -> None:
    try:
        found = read(text)
    except BadValue as wrong:
        raise ValueError(f"{text!r} {wrong.reason}") from wrong
    if found.auto:
        raise ValueError(f"{text!r} is no size of its own")


def check_sizes(sizes: dict[str, Size]) -> dict[str, Size]:
    """Keys such as `"4:3@1K"`."""
    for key in sizes:
        ratio, _at, tier = key.partition("@")
        checked(read_ratio, ratio)
        checked(read_tier, tier)
    return sizes


Sizes = Annotated[dict[str, Size], AfterValidator(check_sizes)]


class Row(BaseModel):
    """One parameter; `default` and `send` may be absent, which is not null."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    how: How
    to: str = ""
    by: str = ""
    table: dict[str, Any] = {}
    type: Type | None = None
    range: tuple[float | int, float | int] | None = None
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
        limits = [name for name in ("range", "enum", "max_length", "max_items", "aside") if getattr(self, name)]
        if limits and not self.sends:
            raise ValueError(f"{self.how} sends nothing, so it cannot have `{limits[0]}`")
        return self

    @model_validator(mode="after")
    def readable(self) -> Self:
        """The range has two ends, and the converter knows every key of its table."""
        if self.range and self.range[0] > self.range[1]:
            raise ValueError("`range` is written from low to high")
        if self.by == "lookup":
            if not self.table:
                raise ValueError("lookup needs a `table` of words")
        elif unknown := set(self.table) - TABLE_KEYS.get(self.by, frozenset()):
            raise ValueError(f"`table` has the unknown key {min(unknown)!r}")
        return self


class LimitsTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    side: Size = (1, 14_142)
    step: int = Field(default=1, ge=1)
    area: Size = (1, 14_142 * 14_142)
    ratio: float = Field(default=14_142, ge=1)

    @model_validator(mode="after")
    def possible(self) -> Self:
        if not self.limits.legal(*fit_free((self.side[1], self.side[1]), self.limits)):
            raise ValueError("no size at all is within these limits")
        return self

    @property
    def limits(self) -> Limits:
        return Limits(*self.side, self.step, *self.area, self.ratio)


# The list that a kind of canvas needs, then the one that it may have.
BELONGS: dict[Kind, tuple[str, ...]] = {
    "free": (),
    "pixels": ("pixels",),
    "names": ("names",),
    "ratios": ("ratios", "tiers"),
    "names_and_free": ("names",),
    "fixed": ("pixels",),
}


class CanvasTable(BaseModel):
    """`sizes` is keyed `"4:3@1K"`."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    to: list[Name] = ["size"]
    form: Literal["string", "star", "object", "fields"] = "string"
    limits: LimitsTable = LimitsTable()
    pixels: list[Size] = []
    names: dict[str, Size] = {}
    ratios: list[str] = []
    tiers: list[str] = []
    sizes: Sizes = {}
    auto: str | None = None
    default: Size | None = None
    provider_default: str | None = None

    @model_validator(mode="after")
    def complete(self) -> Self:
        """Each kind has its own list and no other's, and as many fields as its form fills."""
        own = BELONGS[self.kind]
        if own and not getattr(self, own[0]):
            raise ValueError(f"kind {self.kind} needs `{own[0]}`")
        lists = [name for name in ("pixels", "names", "ratios", "tiers") if getattr(self, name) and name not in own]
        if lists:
            raise ValueError(f"kind {self.kind} would ignore `{lists[0]}`")
        if "limits" in self.model_fields_set and self.kind not in {"free", "names_and_free"}:
            raise ValueError(f"kind {self.kind} would ignore `limits`")
        fields = 1 + bool(self.tiers) if self.kind == "ratios" else 2 if self.form == "fields" else 1
        if len(self.to) != fields and not (self.kind == "fixed" and not self.to):
            raise ValueError(f"`to` needs {fields} wire field{'s' if fields > 1 else ''} here")
        return self

    @model_validator(mode="after")
    def readable(self) -> Self:
        for ratio in self.ratios:
            checked(read_ratio, ratio)
        for tier in self.tiers:
            checked(read_tier, tier)
        return self


class CountTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to: str = ""
    max: int = Field(default=1, ge=1, le=100)
    seeds: BatchSeeds = "unknown"

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
    compression_to: str = ""

    @model_validator(mode="after")
    def complete(self) -> Self:
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


class PriceTable(BaseModel):
    """Dollars."""

    model_config = ConfigDict(extra="forbid")

    per_image: float | None = Field(default=None, ge=0, le=1000, allow_inf_nan=False)
    per_megapixel: float | None = Field(default=None, ge=0, le=1000, allow_inf_nan=False)
    max: float | None = Field(default=None, ge=0, le=1000, allow_inf_nan=False)


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
    fixed: dict[str, Any] = {}
    forbidden_in_prompt: list[str] = []
    canvas: CanvasTable
    count: CountTable = CountTable()
    output: OutputTable = OutputTable()
    delivery: DeliveryTable = DeliveryTable()
    price: PriceTable = PriceTable()
    params: dict[str, Row] = {}

    @model_validator(mode="after")
    def complete(self) -> Self:
        if self.open_at and self.unknown != "open":
            raise ValueError("`open_at` is where unknown fields go, so `unknown` must be open")
        return self


class ModelRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    owner: str
    created: date | None = None
    default_size: Size | None = None
    sizes: Sizes = {}
