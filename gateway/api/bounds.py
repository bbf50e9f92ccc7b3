"""What teams and keys are bounded by, between JSON and rows."""

from collections.abc import Iterable
from typing import Any

from gateway.api.admin_fields import MICROS, Bounded
from gateway.errors import InvalidValue
from gateway.store.bounds import Bounds

PLAIN = (
    *("requests_per_minute", "images_per_minute", "megapixels_per_minute", "max_concurrent_images"),
    *("image_ttl", "job_ttl"),
)
DEFAULT_PERIOD = "month"


def bounds_given(body: Bounded, before: Bounds) -> dict[str, Any]:
    """The fields of Bounds that a body changes, with their new values. Raises InvalidValue."""
    given = body.model_fields_set
    changes: dict[str, Any] = {name: getattr(body, name) for name in PLAIN if name in given}
    for name in ("models", "providers"):
        if name in given:
            patterns: Iterable[str] | None = getattr(body, name)
            changes[name] = None if patterns is None else tuple(dict.fromkeys(patterns))
    return {**changes, **budget_given(body, before)}


def budget_given(body: Bounded, before: Bounds) -> dict[str, Any]:
    """Amount and period are changed together; a budget without a period is one of a month."""
    given = body.model_fields_set
    if not given & {"budget_usd", "budget_period"}:
        return {}
    micros = body.budget_usd if "budget_usd" in given else before.budget_micros
    if micros is None and body.budget_period is not None:
        raise InvalidValue("budget_period: needs a budget; send budget_usd too, such as 25", param="budget_period")
    period = body.budget_period or before.budget_period or DEFAULT_PERIOD
    return {"budget_micros": micros, "budget_period": None if micros is None else period}


def changed_fields(body: Bounded) -> set[str]:
    """As callers name them."""
    budget = {"budget_usd", "budget_period"}
    return body.model_fields_set | (budget if body.model_fields_set & budget else set())


def bounds_json(bounds: Bounds) -> dict[str, Any]:
    budget = None if bounds.budget_micros is None else bounds.budget_micros / MICROS
    return {
        "models": bounds.models,
        "providers": bounds.providers,
        **{name: getattr(bounds, name) for name in PLAIN[:4]},
        "budget_usd": budget,
        "budget_period": bounds.budget_period,
        **{name: getattr(bounds, name) for name in PLAIN[4:]},
    }
