"""Amounts that a provider names, as hostile as all that it says: a price of NaN must not cost the picture it is for."""

import math

MOST_DOLLARS = 100_000.0  # of one call
MOST_UNITS = 1_000_000.0


def amount(value: object, most: float) -> float | None:
    """A number from 0 to `most`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= most else None


def amount_in(text: str | None, most: float) -> float | None:
    """The same from a header's text; None without one."""
    try:
        return amount(float(text or ""), most)
    except ValueError:
        return None
