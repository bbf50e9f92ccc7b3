"""Rows in words, for people: the same in a terminal and on a page."""

from collections.abc import Mapping
from typing import Any, cast


def money(amount: float | None) -> str:
    """Dollars: `$0.02`; `unknown` where nobody can say."""
    if amount is None:
        return "unknown"
    return f"${amount:.6f}".rstrip("0").rstrip(".") if amount else "$0"


def cost_words(told: Mapping[str, Any]) -> str:
    """`$0.3 (estimated)`: what a request costs, and what that rests on."""
    cost, basis = told.get("cost"), told.get("cost_basis")
    return f"{money(cost)} ({basis})" if cost and basis else money(cost)


def price_words(known: Mapping[str, Any]) -> str:
    """`$0.02/MP`, `$0.04`, `at most $0.25` where no formula is published, or the formula of what is less simple."""
    image, megapixel, most = known.get("per_image"), known.get("per_megapixel"), known.get("max")
    if image is None and megapixel is None:
        return known.get("formula") or ("unknown" if most is None else f"at most {money(most)}")
    parts = [f"{money(megapixel)}/MP"] if megapixel else []
    return " + ".join([*([money(image)] if image or not parts else []), *parts])


def pictured(value: object) -> object:
    """A picture of a request as `png 1024x768`, wherever it stands in a value; everything else as it is."""
    if isinstance(value, list):
        return [pictured(each) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        row = cast("dict[str, object]", value)
        if {"hash", "format", "width", "height"} <= row.keys():
            return f"{row['format']} {row['width']}x{row['height']}"
        return {key: pictured(each) for key, each in row.items()}
    return value
