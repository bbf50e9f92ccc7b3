"""What a request would cost and how it would be sent, without sending it."""

from typing import Any

from gateway.flow.access import Reach
from gateway.flow.candidates import Exclusion
from gateway.flow.deps import Deps
from gateway.flow.quoting import QUOTED
from gateway.rows.plans import excluded_row, planned_row
from normalizers.plan import Plan


def estimate(plan: Plan, quoted: int | None = None) -> dict[str, Any]:
    """Lumenfall's form of a dry run; unit price and totals in micro-dollars, null when nobody can say.

    `quoted` is what the provider itself says that all pictures would cost.
    """
    return {
        "estimated": True,
        "model": plan.offer.model,
        "provider": plan.offer.provider,
        "total_cost_micros": plan.cost if quoted is None else quoted,
        "currency": "USD",
        "cost_basis": plan.quote.basis if quoted is None else QUOTED,
        "components": [planned_component(plan) if quoted is None else quoted_component(plan, quoted)],
    }


def planned_component(plan: Plan) -> dict[str, Any]:
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
    return component(metric, quantity, unit, plan.cost)


def quoted_component(plan: Plan, quoted: int) -> dict[str, Any]:
    """Providers quote a call; what that is a picture is rounded."""
    return component("image", float(plan.n), round(quoted / plan.n), quoted)


def component(metric: str, quantity: float, unit: int | None, total: int | None) -> dict[str, Any]:
    return {
        "type": "image",
        "metric": metric,
        "quantity": quantity,
        "billable_quantity": quantity,
        "unit_price": unit,
        "total_cost": total,
    }


def candidate_row(entry: Plan | Exclusion, reach: Reach, at: Deps) -> dict[str, Any]:
    """An offer's calls and decisions, or why it is left out; one in trouble has both."""
    title = at.titles[entry.offer.provider]
    if isinstance(entry, Plan):
        trouble = reach.health(entry.offer).trouble(entry.offer)
        why = None if trouble is None else {"param": None, "code": "unhealthy", "reason": trouble.reason}
        return {**planned_row(entry, title), "excluded": why}
    available = entry.offer.provider in reach
    return excluded_row(
        entry.offer, title, available=available, param=entry.param, reason=entry.reason, code=entry.code
    )
