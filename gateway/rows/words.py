"""Rows in words, for people: the same in a terminal and on a page."""

from collections.abc import Mapping
from typing import Any


def money(amount: float | None) -> str:
    """Dollars: `$0.02`; `unknown` where nobody can say."""
    if amount is None:
        return "unknown"
    return f"${amount:.6f}".rstrip("0").rstrip(".") if amount else "$0"


def price_words(known: Mapping[str, Any]) -> str:
    """`$0.02/MP`, `$0.04`, `at most $0.25` where no formula is published, or the formula of what is less simple."""
    image, megapixel, most = known.get("per_image"), known.get("per_megapixel"), known.get("max")
    if image is None and megapixel is None:
        return known.get("formula") or ("unknown" if most is None else f"at most {money(most)}")
    parts = [f"{money(megapixel)}/MP"] if megapixel else []
    return " + ".join([*([money(image)] if image or not parts else []), *parts])
