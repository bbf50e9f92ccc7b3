"""What a request would cost and how it would be sent, without sending it."""

from typing import Any

from gateway.flow.candidates import Exclusion
from gateway.flow.deps import Deps
from gateway.rows.plans import excluded_row, planned_row
from normalizers.plan import Plan


def estimate(plan: Plan) -> dict[str, Any]:
    """Lumenfall's form of a dry run; unit price and totals in micro-dollars, null when nobody can say."""
    return {
        "estimated": True,
        "model": plan.offer.model,
        "provider": plan.offer.provider,
        "total_cost_micros": plan.cost,
        "currency": "USD",
        "components": [component(plan)],
    }


def component(plan: Plan) -> dict[str, Any]:
    price = plan.offer.price
    metric, quantity, unit = "image", float(plan.n), price.per_image
    if plan.price is None:
        metric, unit = "unknown", 0
    elif not price.published:
        metric, unit = "max", price.max or 0
    elif price.per_megapixel:
        metric, unit = "megapixel", price.per_megapixel
        quantity = plan.n * (plan.price - price.per_image) / price.per_megapixel
    return {
        "type": "image",
        "metric": metric,
        "quantity": quantity,
        "billable_quantity": quantity,
        "unit_price": None if plan.price is None else unit,
        "total_cost": plan.cost,
    }


def candidate_row(entry: Plan | Exclusion, at: Deps) -> dict[str, Any]:
    """An offer's calls and decisions, or why it is left out."""
    title = at.titles[entry.offer.provider]
    if isinstance(entry, Plan):
        return planned_row(entry, title)
    return excluded_row(entry.offer, title, available=entry.configured, param=entry.param, reason=entry.reason)
