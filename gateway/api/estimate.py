"""What a request would cost and how it would be sent, without sending it."""

from collections.abc import Sequence
from typing import Any

from gateway.api.answer import decision_rows, default_rows, in_dollars
from gateway.flow.candidates import Exclusion
from gateway.flow.deps import Deps
from gateway.flow.order import Order
from normalizers.offer import Offer
from normalizers.plan import Plan
from normalizers.price import MICROS


def estimate(plan: Plan) -> dict[str, Any]:
    """Lumenfall's form of a dry run; unit price and totals in micro-dollars, null when nobody can say."""
    total = None if plan.price is None else plan.price * plan.n
    return {
        "estimated": True,
        "model": plan.offer.model,
        "provider": plan.offer.provider,
        "total_cost_micros": total,
        "currency": "USD",
        "components": [component(plan, total)],
    }


def component(plan: Plan, total: int | None) -> dict[str, Any]:
    price = plan.offer.price
    metric, quantity, unit = "image", float(plan.n), price.per_image
    if total is None:
        metric, unit = "unknown", 0
    elif not price.published:
        metric, unit = "max", price.max or 0
    elif price.per_megapixel and plan.price is not None:
        metric, unit = "megapixel", price.per_megapixel
        quantity = plan.n * (plan.price - price.per_image) / price.per_megapixel
    return {
        "type": "image",
        "metric": metric,
        "quantity": quantity,
        "billable_quantity": quantity,
        "unit_price": None if total is None else unit,
        "total_cost": total,
    }


def plan_answer(order: Order, considered: Sequence[Plan | Exclusion], at: Deps) -> dict[str, Any]:
    """Every offer of the model: its calls and decisions, or why it is left out."""
    return {
        "object": "image.plan",
        "model": order.found.entry.facts.id,
        "operation": "generate",
        "candidates": [planned(entry, at) if isinstance(entry, Plan) else excluded(entry, at) for entry in considered],
    }


def planned(plan: Plan, at: Deps) -> dict[str, Any]:
    width, height = plan.pixels or (None, None)
    total = None if plan.price is None else plan.price * plan.n
    return {
        **named(plan.offer, at),
        "available": True,
        "excluded": None,
        "calls": [
            {"upstream": plan.offer.upstream, "images": len(call.indexes), "seed": call.seed, "body": call.payload}
            for call in plan.calls()
        ],
        "parameters": decision_rows(plan.decisions),
        "defaults": default_rows(plan.defaults),
        "cost": in_dollars(total),
        "cost_micros": total,
        "cost_currency": "USD",
        "price": price_row(plan.offer),
        "width": width,
        "height": height,
        "fingerprint": plan.fingerprint,
    }


def excluded(exclusion: Exclusion, at: Deps) -> dict[str, Any]:
    code = "unsupported_parameter" if exclusion.configured else "no_provider"
    return {
        **named(exclusion.offer, at),
        "available": exclusion.configured,
        "excluded": {"param": exclusion.param, "code": code, "reason": exclusion.reason},
        "calls": [],
        "parameters": [],
        "defaults": [],
        "cost": None,
        "cost_micros": None,
        "cost_currency": "USD",
        "price": price_row(exclusion.offer),
        "width": None,
        "height": None,
        "fingerprint": None,
    }


def named(offer: Offer, at: Deps) -> dict[str, Any]:
    return {"provider": offer.provider, "provider_name": at.titles[offer.provider], "id": offer.id}


def price_row(offer: Offer) -> dict[str, float | None]:
    """In dollars."""
    price = offer.price
    return {
        "per_image": price.per_image / MICROS if price.published else None,
        "per_megapixel": price.per_megapixel / MICROS if price.published else None,
        "max": in_dollars(price.max),
    }
