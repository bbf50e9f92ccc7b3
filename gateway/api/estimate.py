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
        "cost_basis": plan.quote.basis,
        "components": [component(plan)],
    }


def component(plan: Plan) -> dict[str, Any]:
    """Megapixels where they alone are billed, else pictures; `max` where the figure is the most that they may cost."""
    price = plan.offer.price
    metric, quantity, unit = "image", float(plan.n), plan.price
    if plan.price is None:
        metric = "unknown"
    elif price.max is not None and plan.quote.basis == "estimated" and plan.price >= price.micros(price.max):
        metric = "max"
    elif price.plain and price.per_megapixel and not price.per_image:
        metric, unit = "megapixel", price.micros(price.per_megapixel)
        quantity = plan.n * plan.price / unit
    return {
        "type": "image",
        "metric": metric,
        "quantity": quantity,
        "billable_quantity": quantity,
        "unit_price": unit,
        "total_cost": plan.cost,
    }


def candidate_row(entry: Plan | Exclusion, at: Deps) -> dict[str, Any]:
    """An offer's calls and decisions, or why it is left out; one in trouble has both."""
    title = at.titles[entry.offer.provider]
    if isinstance(entry, Plan):
        trouble = at.routing.health.trouble(entry.offer)
        why = None if trouble is None else {"param": None, "code": "unhealthy", "reason": trouble.reason}
        return {**planned_row(entry, title), "excluded": why}
    return excluded_row(entry.offer, title, available=entry.configured, param=entry.param, reason=entry.reason)
