"""What an offer's [canvas] may say: the sizes it takes, and in which form."""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, model_validator

from normalizers.canvas import Shape, read_ratio, read_tier
from normalizers.errors import BadValue
from normalizers.fit import Kind
from normalizers.limits import Limits, fit_free

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
    "source": (),
}
NO_FIELD: frozenset[Kind] = frozenset({"fixed", "source"})


class CanvasTable(BaseModel):
    """`sizes` is keyed `"4:3@1K"`. `keeps_source`: without a size (or with the word in `auto`, where there is one) an
    edit keeps that of its picture; unless it says no, an edit with such a word does. `needed`: it must be sent.
    """

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
    keeps_source: bool | None = None
    needed: bool = False

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
        if self.kind == "source":
            self.to = []
        if self.needed and (self.auto is not None or self.keeps_source or self.provider_default):
            raise ValueError("a size that is `needed` is never left to the provider")
        if len(self.to) != fields and not (self.kind in NO_FIELD and not self.to):
            raise ValueError(f"`to` needs {fields} wire field{'s' if fields > 1 else ''} here")
        return self

    @model_validator(mode="after")
    def readable(self) -> Self:
        for ratio in self.ratios:
            checked(read_ratio, ratio)
        for tier in self.tiers:
            checked(read_tier, tier)
        return self
