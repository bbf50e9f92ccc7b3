"""What a call cost, once its answer is here, and what that figure rests on."""

import math
from fractions import Fraction
from typing import Literal, NamedTuple, cast

from gateway.flow.usage import is_count
from normalizers.plan import Plan
from normalizers.price import MICROS, Basis, Price, dollars, exact
from normalizers.token_prices import TokenPrices
from providers.base import Answer

CostBasis = Literal["charged", Basis]
BASES: tuple[CostBasis, ...] = ("charged", "configured", "published", "estimated", "unknown")  # the surest first


class Cost(NamedTuple):
    """Micro-dollars, None when nobody can say. `charged`: the provider itself says so; else as in `Quote`."""

    micros: int | None = 0
    basis: CostBasis = "charged"

    def plus(self, other: "Cost") -> "Cost":
        """Both; a sum is as sure as its less sure part, and unknown where one of them is."""
        if self.micros is None or other.micros is None:
            return Cost(None, "unknown")
        less_sure = max(BASES.index(self.basis), BASES.index(other.basis))
        return Cost(self.micros + other.micros, BASES[less_sure])


NOTHING = Cost()
UNKNOWN = Cost(None, "unknown")


def cost_of(answer: Answer, plan: Plan, images: int) -> Cost:
    """What the provider says, else its billing units or tokens at the table's price, else the planned price.

    `images` is how many pictures came; a provider that counts what it bills may count fewer.
    """
    price = plan.offer.price
    told = None if answer.cost is None else told_cost(answer.cost, answer.currency, price)
    if told is not None:
        return Cost(told, "charged")
    if answer.units is not None and price.unit is not None:
        return Cost(round(exact(answer.units) * price.unit * price.rate * MICROS), price.basis)
    used = None if price.tokens is None else tokens_used(answer.extra.get("usage"), price.tokens)
    if used is not None:
        return Cost(price.micros(used), "published")
    if plan.price is None:
        return Cost(None, "unknown")
    billed = images if answer.units is None else min(images, math.ceil(answer.units))
    return Cost(plan.price * billed, plan.quote.basis)


def told_cost(cost: float, currency: str, price: Price) -> int | None:
    """None for a currency of which nobody said what it is worth."""
    if currency == "USD":
        return dollars(cost)
    own, rate = price.own
    return round(exact(cost) * rate * MICROS) if currency == own else None


def tokens_used(usage: object, prices: TokenPrices) -> Fraction | None:
    """The price of an OpenAI `usage`, in units of the price's currency; None where its counts are missing or no counts.

    Tokens whose kind is not told count as those of pictures, which are the dearer ones.
    """
    told = cast("dict[str, object]", usage) if isinstance(usage, dict) else {}
    sent = by_kind(told.get("input_tokens"), told.get("input_tokens_details"))
    made = by_kind(told.get("output_tokens"), told.get("output_tokens_details"))
    if sent is None or made is None:
        return None
    return prices.amount(text_in=sent[0], image_in=sent[1], text_out=made[0], image_out=made[1])


def by_kind(total: object, details: object) -> tuple[int, int] | None:
    """Tokens of text, and of pictures."""
    if not is_count(total):
        return None
    told = cast("dict[str, object]", details) if isinstance(details, dict) else {}
    text = told.get("text_tokens")
    counted = min(text, total) if is_count(text) else 0
    return counted, total - counted
