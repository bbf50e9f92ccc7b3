"""What a picture costs before it is drawn: exact, until it becomes micro-dollars.

    (per_image + per_megapixel × megapixels + per_step × steps)
      × pixels / at_pixels × steps / at_steps × (1 + per_source × further source pictures) × factors
      + tokens of the prompt and the source pictures

A table names the terms that its provider documents; those that it leaves out do nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal, NamedTuple

from normalizers.token_prices import TokenPrices

Currency = Literal["USD", "CNY", "BUZZ"]
Basis = Literal["published", "configured", "estimated", "unknown"]

MICROS = 1_000_000
MEGAPIXEL = 1024 * 1024  # pixels; as in the tiers, where 1 megapixel is 1024²
LEFT_OUT = "none"  # the word of a parameter that nobody sends
OTHER = "other"
ZERO = Fraction(0)
ONE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the price of one picture may depend on; None where it is not known before the picture is drawn.

    `pixels` is the size that the provider draws, `sources` the number of pictures sent along, `prompt` its length in
    bytes, `words` the values of the parameters that the price names (see `word`).
    """

    pixels: tuple[int, int] | None = None
    steps: Fraction | None = None
    sources: int = 0
    prompt: int = 0
    words: Mapping[str, str] = field(default_factory=dict[str, str])


class Quote(NamedTuple):
    """Micro-dollars for one picture, None when nobody can say, and what that rests on.

    `published` by the provider, `configured` by whoever runs the gateway, `estimated` where it is the most that it may
    cost or rests on examples, or `unknown`.
    """

    micros: int | None
    basis: Basis


@dataclass(frozen=True, slots=True)
class Price:
    """The terms above, in units of `currency`, of which one is worth `rate` dollars.

    `images` is the price of a picture by the words of the parameters in `by` (`low 1024x1024`), where `size` is the
    size drawn and `tier` the smallest of `tiers` (name and pixels) that holds it. `megapixel` is the pixels of one,
    `whole_megapixels` where begun ones are billed, `whole_units` where a picture costs whole units of the currency,
    `free_sources` the source pictures that the figures include. `max` is the most that one picture may cost.
    `figures` is set where there is more than that maximum. `own` is the provider's currency and its rate, for what
    answers say they cost.
    """

    per_image: Fraction = ZERO
    per_megapixel: Fraction = ZERO
    per_step: Fraction = ZERO
    at_pixels: int | None = None
    at_steps: int | None = None
    per_source: Fraction = ZERO
    free_sources: int = 1
    factors: Mapping[str, Mapping[str, Fraction]] = field(default_factory=dict[str, Mapping[str, Fraction]])
    by: tuple[str, ...] = ()
    images: Mapping[str, Fraction] = field(default_factory=dict[str, Fraction])
    tiers: tuple[tuple[str, int], ...] = ()
    tokens: TokenPrices | None = None
    megapixel: int = MEGAPIXEL
    whole_megapixels: bool = False
    whole_units: bool = False
    max: Fraction | None = None
    figures: bool = False
    basis: Basis = "unknown"
    currency: Currency = "USD"
    rate: Fraction = Fraction(1)
    own: tuple[Currency, Fraction] = ("USD", Fraction(1))

    @property
    def published(self) -> bool:
        """Somebody stands by its figures."""
        return self.figures and self.basis in {"published", "configured"}

    @property
    def shape(self) -> str:
        """Its terms, for people: `per_image`, `per_megapixel+per_step`, `table`, `tokens`, `max` or `unknown`."""
        terms = {
            "table": bool(self.by),
            "per_image": bool(self.per_image) or (self.figures and not self.by),
            "per_megapixel": bool(self.per_megapixel),
            "per_step": bool(self.per_step),
            "tokens": self.tokens is not None,
        }
        told = "+".join(name for name, used in terms.items() if used and self.figures)
        return told or ("max" if self.max is not None else "unknown")

    @property
    def names(self) -> frozenset[str]:
        """The parameters whose words it depends on."""
        return frozenset({*self.by, *self.factors}) - {"size", "tier"}

    @property
    def plain(self) -> bool:
        """`per_image` and `per_megapixel` are all of it."""
        rest = (self.per_step, self.at_pixels, self.at_steps, self.per_source, self.factors, self.by, self.tokens)
        return self.figures and not any(rest)

    def in_dollars(self, rate: float) -> "Price":
        """The same price, where `rate` is the dollars that one unit of its currency is worth."""
        worth = Fraction(str(rate))
        return replace(self, rate=worth, own=(self.currency, worth))

    def one(self, facts: Facts) -> Quote:
        """The price of one picture; at least what it will cost, to the micro-dollar."""
        amount = self.amount(facts)
        if amount is not None:
            return Quote(self.micros(amount + self.sent(facts) if self.tokens else amount), self.basis)
        if self.max is None:
            return Quote(None, "unknown")
        return Quote(self.micros(self.max + self.sent(facts)), "estimated")

    def amount(self, facts: Facts) -> Fraction | None:
        """Units of the currency, without tokens; None where there is no formula, or it needs what is not known."""
        if not self.figures:
            return None
        amount = self.figure(facts)
        factors = (self.area(facts), self.effort(facts), self.wording(facts), self.company(facts))
        if amount is None:
            return None
        for factor in factors:
            if factor is None:
                return None
            if factor is not ONE:  # most prices have none, and a product of fractions takes two microseconds
                amount *= factor
        return Fraction(math.ceil(amount)) if self.whole_units else amount

    def sent(self, facts: Facts) -> Fraction:
        """What goes in is billed too, where tokens are."""
        return self.tokens.sent(facts.prompt, facts.sources) if self.tokens else ZERO

    def figure(self, facts: Facts) -> Fraction | None:
        """What adds up."""
        amount = self.images.get(self.row(facts)) if self.by else self.per_image
        if amount is None:
            return None
        if self.per_megapixel:
            if facts.pixels is None:
                return None
            amount += self.per_megapixel * self.megapixels(*facts.pixels)
        if self.per_step:
            if facts.steps is None:
                return None
            amount += self.per_step * facts.steps
        return amount

    def company(self, facts: Facts) -> Fraction:
        """More for each source picture beyond those that are included."""
        beyond = facts.sources - self.free_sources
        return 1 + self.per_source * beyond if self.per_source and beyond > 0 else ONE

    def area(self, facts: Facts) -> Fraction | None:
        if self.at_pixels is None:
            return ONE
        return None if facts.pixels is None else Fraction(facts.pixels[0] * facts.pixels[1], self.at_pixels)

    def effort(self, facts: Facts) -> Fraction | None:
        if self.at_steps is None:
            return ONE
        return None if facts.steps is None else facts.steps / self.at_steps

    def wording(self, facts: Facts) -> Fraction | None:
        product = ONE
        for name, factors in self.factors.items():
            factor = factors.get(facts.words.get(name, LEFT_OUT), factors.get(OTHER))
            if factor is None:
                return None
            product *= factor
        return product

    def row(self, facts: Facts) -> str:
        """`low 1024x1024`: the row of `images` that a picture belongs to."""
        return " ".join(self.step_of(name, facts) for name in self.by)

    def step_of(self, name: str, facts: Facts) -> str:
        if name not in {"size", "tier"}:
            return facts.words.get(name, LEFT_OUT)
        if facts.pixels is None:
            return LEFT_OUT
        width, height = facts.pixels
        if name == "size":
            return f"{width}x{height}"
        return next((tier for tier, most in self.tiers if width * height <= most), OTHER)

    def megapixels(self, width: int, height: int) -> Fraction:
        """What is billed of one picture."""
        megapixels = Fraction(width * height, self.megapixel)
        return Fraction(math.ceil(megapixels)) if self.whole_megapixels else megapixels

    @property
    def unit(self) -> Fraction | None:
        """What one of the provider's own billing units costs; None where the table does not say."""
        return (self.per_megapixel or self.per_image or None) if self.plain else None

    def micros(self, amount: Fraction) -> int:
        """Units of the currency as micro-dollars, rounded up; in integers, whose common divisor nobody needs."""
        numerator = amount.numerator * self.rate.numerator * MICROS
        return -(-numerator // (amount.denominator * self.rate.denominator))


def word(value: object) -> str:
    """A parameter's value as price tables write it: `high`, `1.5`, `true`; a list or an object by its length."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, list | tuple | dict):
        return str(len(value))  # pyright: ignore[reportUnknownArgumentType] - JSON
    return LEFT_OUT if value is None else str(value)


def dollars(amount: float | None) -> int:
    """Dollars as micro-dollars; what a provider says it charged, 0.02, is 20000."""
    return round((amount or 0) * MICROS)


def as_dollars(micros: int) -> str:
    """Micro-dollars in dollars, with the figures that they need: `0.02`."""
    return f"{micros / MICROS:.6f}".rstrip("0").rstrip(".")


def exact(amount: float) -> Fraction:
    """As it is written, so that 0.1 is a tenth."""
    return Fraction(str(amount))


def configured_price(
    per_image: float | None, per_megapixel: float | None, maximum: float | None, table: Price
) -> Price:
    """The price of whoever runs the gateway, in dollars, over the table's."""
    figures = per_image is not None or per_megapixel is not None
    return Price(
        per_image=exact(per_image or 0),
        per_megapixel=exact(per_megapixel or 0),
        max=None if maximum is None else exact(maximum),
        figures=figures,
        basis="configured" if figures else "unknown" if maximum is None else "estimated",
        whole_megapixels=table.whole_megapixels,
        megapixel=table.megapixel,
        own=table.own,
    )
