"""What a models.toml may say about a price; the terms are those of `normalizers/price.py`."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from normalizers.canvas import read_tier
from normalizers.price import MEGAPIXEL, Basis, Currency, Price, exact
from normalizers.token_prices import TokenPrices

Amount = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=2**31)]

TERMS = ("per_image", "per_megapixel", "per_step", "images")


class TokensTable(BaseModel):
    """Units of the currency for a million tokens; `source`: what one source picture counts, at most."""

    model_config = ConfigDict(extra="forbid")

    text_in: Amount = 0
    image_in: Amount = 0
    text_out: Amount = 0
    image_out: Amount
    source: int = Field(default=0, ge=0, le=1_000_000)


class PriceTable(BaseModel):
    """Units of `currency`; `images` by the words of `by`. `estimated`: the figures are examples, not a price list."""

    model_config = ConfigDict(extra="forbid")

    currency: Currency = "USD"
    per_image: Amount | None = None
    per_megapixel: Amount | None = None
    per_step: Amount | None = None
    megapixel: Count = MEGAPIXEL
    whole_megapixels: bool = False
    at_pixels: Count | None = None
    at_steps: Count | None = None
    per_source: Share = 0
    free_sources: int = Field(default=1, ge=0, le=100)
    factors: dict[str, dict[str, Share]] = {}
    by: list[str] = []
    tiers: list[str] = []
    images: dict[str, Amount] = {}
    tokens: TokensTable | None = None
    whole_units: bool = False
    estimated: bool = False
    max: Amount | None = None

    @property
    def figures(self) -> bool:
        return any(getattr(self, term) not in (None, {}) for term in TERMS)

    @model_validator(mode="after")
    def complete(self) -> Self:
        """Nothing that would be ignored, and a word for each parameter that it goes by."""
        if not self.figures and self.model_fields_set - {"currency", "max", "tokens"}:
            raise ValueError(f"has no figure; a price needs one of {', '.join(TERMS)}, or only `max`")
        if bool(self.by) != bool(self.images):
            raise ValueError("`by` and `images` need each other")
        if self.images and self.per_image is not None:
            raise ValueError("`images` takes the place of `per_image`")
        if self.per_megapixel is None and {"megapixel", "whole_megapixels"} & self.model_fields_set:
            raise ValueError("without `per_megapixel` nothing is billed by the megapixel")
        if "size" in self.factors or "tier" in self.factors:
            raise ValueError("a factor by size is `at_pixels`")
        if ("tier" in self.by) != bool(self.tiers):
            raise ValueError("`tier` in `by` and `tiers` need each other")
        if wrong := next((row for row in self.images if len(row.split(" ")) != len(self.by)), None):
            raise ValueError(f"`images` has the row {wrong!r}, which has not a word for each of {', '.join(self.by)}")
        return self

    @property
    def basis(self) -> Basis:
        if self.figures:
            return "estimated" if self.estimated else "published"
        return "unknown" if self.max is None else "estimated"

    @property
    def price(self) -> Price:
        """As the planner reads it, in its own currency."""
        tiers = sorted(((name, read_tier(name).area or 0) for name in self.tiers), key=lambda tier: tier[1])
        return Price(
            per_image=exact(self.per_image or 0),
            per_megapixel=exact(self.per_megapixel or 0),
            per_step=exact(self.per_step or 0),
            at_pixels=self.at_pixels,
            at_steps=self.at_steps,
            per_source=exact(self.per_source),
            free_sources=self.free_sources,
            factors={name: amounts(words) for name, words in self.factors.items()},
            by=tuple(self.by),
            images=amounts(self.images),
            tiers=tuple(tiers),
            tokens=self.tokens and token_prices(self.tokens),
            megapixel=self.megapixel,
            whole_megapixels=self.whole_megapixels,
            whole_units=self.whole_units,
            max=None if self.max is None else exact(self.max),
            figures=self.figures,
            basis=self.basis,
            currency=self.currency,
        )


def amounts(words: Mapping[str, float]) -> dict[str, Fraction]:
    return {name: exact(amount) for name, amount in words.items()}


def token_prices(table: TokensTable) -> TokenPrices:
    return TokenPrices(
        exact(table.text_in), exact(table.image_in), exact(table.text_out), exact(table.image_out), table.source
    )
