"""Plans and prices as rows of JSON: what would be sent to a provider, or why it is left out."""

from collections.abc import Sequence
from typing import Any

from gateway.rows.address import shown_address
from normalizers.offer import Offer, Operation
from normalizers.plan import Plan
from normalizers.price import MICROS, Price
from normalizers.price_formula import formula_of
from normalizers.rules import Decision, Default

ADDRESSES = frozenset({"webhook_url", "upload_endpoint"})


def plan_answer(model: str, operation: Operation, candidates: list[dict[str, Any]]) -> dict[str, Any]:
    """A row of `candidates` for every offer of the model that is of this operation."""
    return {"object": "image.plan", "model": model, "operation": operation, "candidates": candidates}


def planned_row(plan: Plan, title: str, *, available: bool = True) -> dict[str, Any]:
    """An offer that can serve; `title` is its provider's name for people."""
    width, height = plan.pixels or (None, None)
    return {
        **named(plan.offer, title),
        "available": available,
        "excluded": None,
        "calls": [
            {"upstream": plan.offer.upstream, "images": len(call.indexes), "seed": call.seed, "body": call.payload}
            for call in plan.calls()
        ],
        "parameters": rows(plan.decisions),
        "defaults": rows(plan.defaults),
        "cost": in_dollars(plan.cost),
        "cost_micros": plan.cost,
        "cost_currency": "USD",
        "cost_basis": plan.quote.basis,
        "price": price_row(plan.offer.price),
        "width": width,
        "height": height,
        "fingerprint": plan.fingerprint,
    }


def excluded_row(
    offer: Offer, title: str, *, available: bool, param: str | None, reason: str, code: str = "unsupported_parameter"
) -> dict[str, Any]:
    """An offer that cannot serve: because of a parameter, or as `code` says."""
    return {
        **named(offer, title),
        "available": available,
        "excluded": {"param": param, "code": code, "reason": reason},
        "calls": [],
        "parameters": [],
        "defaults": [],
        "cost": None,
        "cost_micros": None,
        "cost_currency": "USD",
        "cost_basis": "unknown",
        "price": price_row(offer.price),
        "width": None,
        "height": None,
        "fingerprint": None,
    }


def named(offer: Offer, title: str) -> dict[str, Any]:
    return {"provider": offer.provider, "provider_name": title, "id": offer.id}


def rows(decided: Sequence[Decision] | Sequence[Default]) -> list[dict[str, Any]]:
    return [row_of(each) for each in decided]


def row_of(decided: Decision | Default) -> dict[str, Any]:
    """An address may hold what opens it, and the row is kept with the job, and sent with its webhook."""
    row = decided._asdict()
    if decided.name in ADDRESSES and isinstance(row.get("asked"), str):
        row["asked"] = shown_address(row["asked"])
    return row


def price_row(price: Price) -> dict[str, Any]:
    """In dollars, but for `formula`, which is in the provider's own currency.

    Where more decides than the number and size of the pictures, only the formula says it.
    """
    return {
        "basis": price.basis,
        "per_image": float(price.per_image * price.rate) if price.plain else None,
        "per_megapixel": float(price.per_megapixel * price.rate) if price.plain else None,
        "max": None if price.max is None else float(price.max * price.rate),
        "formula": formula_of(price),
    }


def in_dollars(micros: int | None) -> float | None:
    return None if micros is None else micros / MICROS
