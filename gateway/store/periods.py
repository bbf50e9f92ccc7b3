"""The periods of a budget: days and months of UTC, or all time. Moments are Unix seconds."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

Period = Literal["day", "month", "total"]

DAY = 86_400
ALWAYS = (0.0, 1e12)


def period_name(period: Period, moment: float) -> str:
    """The one in which a moment lies: `2026-11-21`, `2026-11` or `total`."""
    if period == "total":
        return "total"
    return _named(period, moment // DAY * DAY)


@lru_cache(maxsize=64)
def _named(period: Period, day: float) -> str:
    """Asked several times a request, and nearly always for today."""
    return datetime.fromtimestamp(day, UTC).strftime("%Y-%m-%d" if period == "day" else "%Y-%m")


def bounds(name: str) -> tuple[float, float]:
    """From when until when: `2026-11` is 1793491200.0 and 1796083200.0."""
    if name == "total":
        return ALWAYS
    numbers = [int(part) for part in name.split("-")]
    if len(numbers) == 2:
        year, month = numbers
        after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        return datetime(year, month, 1, tzinfo=UTC).timestamp(), after.timestamp()
    start = datetime(*numbers, tzinfo=UTC).timestamp()
    return start, start + DAY
