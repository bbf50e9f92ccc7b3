"""What a call cost, once its answer is here."""

from fractions import Fraction
from typing import cast

from gateway.flow.usage import is_count
from normalizers.plan import Plan
from normalizers.price import Price, TokenPrices, dollars, exact
from providers.base import Answer


def cost_of(answer: Answer, plan: Plan, images: int) -> int | None:
    """Micro-dollars: what the provider says, else its billing units or tokens at the table's price, else the plan's."""
    price = plan.offer.price
    if answer.cost is not None:
        told = told_cost(answer.cost, answer.currency, price)
        if told is not None:
            return told
    if answer.units is not None and price.unit is not None:
        return round(exact(answer.units) * price.unit * price.rate * 1_000_000)
    if price.tokens is not None:
        counted = tokens_used(answer.extra.get("usage"), price.tokens)
        if counted is not None:
            return price.micros(counted)
    return None if plan.price is None else plan.price * images


def told_cost(cost: float, currency: str, price: Price) -> int | None:
    """None for a currency of which nobody said what it is worth."""
    if currency == "USD":
        return dollars(cost)
    own, rate = price.own
    return round(exact(cost) * rate * 1_000_000) if currency == own else None


def tokens_used(usage: object, prices: TokenPrices) -> Fraction | None:
    """The price of an OpenAI `usage`; None where its counts are missing or no counts.

    Tokens whose kind is not told count as the dearer one: text where pictures are sent is a small part of them.
    """
    if not isinstance(usage, dict):
        return None
    told = cast("dict[str, object]", usage)
    sent = by_kind(told.get("input_tokens"), told.get("input_tokens_details"))
    made = by_kind(told.get("output_tokens"), told.get("output_tokens_details"))
    if sent is None or made is None:
        return None
    return prices.amount(text_in=sent[0], image_in=sent[1], text_out=made[0], image_out=made[1])


def by_kind(total: object, details: object) -> tuple[int, int] | None:
    """Tokens of text and of pictures; what the details leave open are tokens of pictures."""
    if not is_count(total):
        return None
    told = cast("dict[str, object]", details) if isinstance(details, dict) else {}
    text = told.get("text_tokens")
    text = text if is_count(text) else 0
    return min(text, total), max(0, total - text)
