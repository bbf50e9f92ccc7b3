"""What pictures cost before they are drawn, in integer micro-dollars."""

import math
from dataclasses import dataclass, replace
from typing import Literal

Currency = Literal["USD", "CNY"]

MICROS = 1_000_000
MEGAPIXEL = 1024 * 1024  # pixels; as in the tiers, where 1 megapixel is 1024²


@dataclass(frozen=True, slots=True)
class Price:
    """`per_image` and `per_megapixel` add up; `max` is the most one picture may cost, where no formula is published.

    All in millionths of `currency`, which is dollars after `in_dollars`. `published` is false where the only figure is
    that maximum, or none; `whole` where begun megapixels are billed.
    """

    per_image: int = 0
    per_megapixel: int = 0
    max: int | None = None
    published: bool = False
    whole: bool = False
    currency: Currency = "USD"

    def in_dollars(self, rate: float) -> "Price":
        """The same price, where `rate` is the dollars that one unit of its currency is worth."""
        most = None if self.max is None else round(self.max * rate)
        return replace(
            self,
            per_image=round(self.per_image * rate),
            per_megapixel=round(self.per_megapixel * rate),
            max=most,
            currency="USD",
        )

    def one(self, width: int | None, height: int | None) -> int | None:
        """The price of one picture of that size in pixels; None when it cannot be said."""
        if not self.published:
            return self.max
        if not self.per_megapixel:
            return self.per_image
        if width is None or height is None:
            return self.max
        return self.per_image + math.ceil(self.per_megapixel * self.megapixels(width, height))

    def megapixels(self, width: int, height: int) -> float:
        """What is billed of one picture."""
        megapixels = width * height / MEGAPIXEL
        return math.ceil(megapixels) if self.whole else megapixels


def dollars(amount: float | None) -> int:
    """Dollars as micro-dollars; a table writes 0.02, the ledger adds 20000."""
    return round((amount or 0) * MICROS)


def make_price(
    per_image: float | None,
    per_megapixel: float | None,
    maximum: float | None,
    *,
    whole: bool = False,
    currency: Currency = "USD",
) -> Price:
    published = per_image is not None or per_megapixel is not None
    ceiling = None if maximum is None else dollars(maximum)
    return Price(dollars(per_image), dollars(per_megapixel), ceiling, published, whole, currency)
