"""Free pixels: the nearest size that bounds, steps and a budget of pixels allow."""

import math
from dataclasses import dataclass

Pixels = tuple[int, int]
AREA_TOLERANCE = 0.10  # the drawn area is at most this far from the asked one, unless a limit forces it
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a side and of the area in pixels, the step of a side, the longest ratio of the sides."""

    low: int = 1
    high: int = 14_142
    step: int = 1
    area_low: int = 1
    area_high: int = 14_142 * 14_142
    ratio: float = math.inf

    def legal(self, width: int, height: int) -> bool:
        return (
            self.low <= width <= self.high
            and self.low <= height <= self.high
            and width % self.step == 0
            and height % self.step == 0
            and self.area_low <= width * height <= self.area_high
            and max(width, height) <= self.ratio * min(width, height)
        )

    @property
    def bounds(self) -> tuple[int, int]:
        """The shortest and the longest side that are whole steps; the first is the greater one where none is."""
        return -(-self.low // self.step) * self.step, self.high // self.step * self.step


def fit_free(asked: tuple[float, float], limits: Limits) -> Pixels:
    """Each side to the nearest legal step, then limits and budget, keeping the ratio.

    Where rounding both sides breaks a limit or moves the area by more than a tenth, the least stretched of the legal
    sizes whose area is near enough, and where there is none, of all legal sizes.
    """
    width, height = asked
    if isinstance(width, int) and isinstance(height, int) and limits.legal(width, height):
        return width, height
    ideal = into_limits(asked, limits)
    rounded = to_step(ideal[0], limits.step), to_step(ideal[1], limits.step)
    if limits.legal(*rounded) and close(rounded, ideal):
        return rounded
    return least_stretched(ideal, limits, AREA_TOLERANCE) or least_stretched(ideal, limits, math.inf) or rounded


def into_limits(asked: tuple[float, float], limits: Limits) -> tuple[float, float]:
    """The asked sides scaled, as little as possible, until sides and area fit; too long a ratio is cut first."""
    width, height = asked
    low, high = limits.bounds
    longest = min(limits.ratio, high / max(low, limits.area_low / high), min(high, limits.area_high / low) / low)
    area = width * height
    if max(asked) > longest * min(asked):
        long, short = math.sqrt(area * longest), math.sqrt(area / longest)
        width, height = (long, short) if width > height else (short, long)
    least = max(low / min(width, height), math.sqrt(limits.area_low / area))
    most = min(high / max(width, height), math.sqrt(limits.area_high / area))
    scale = min(max(1.0, least), most)
    return width * scale, height * scale


def to_step(side: float, step: int) -> int:
    return max(step, math.floor(side / step + 0.5) * step)


def close(size: Pixels, asked: tuple[float, float]) -> bool:
    return abs(size[0] * size[1] / (asked[0] * asked[1]) - 1) <= AREA_TOLERANCE + ROUNDING


def stretch(side: float, wanted: float) -> float:
    return abs(math.log(side / wanted))


def least_stretched(ideal: tuple[float, float], limits: Limits, tolerance: float) -> Pixels | None:
    """The legal size whose more stretched side, by |ln(side/side')|, is stretched least; its area within `tolerance`.

    It walks outward from the shorter side and stops once that side alone is stretched more than the best found.
    """
    wide = ideal[0] >= ideal[1]
    long_ideal, short_ideal = (ideal[0], ideal[1]) if wide else (ideal[1], ideal[0])
    area = long_ideal * short_ideal
    low, high = limits.bounds
    start = min(max(to_step(short_ideal, limits.step), low), high)
    best: Pixels | None = None
    least = math.inf
    for walk in (range(start, low - 1, -limits.step), range(start + limits.step, high + 1, limits.step)):
        for short in walk:
            if stretch(short, short_ideal) >= least:
                break
            spread = (area * (1 - tolerance) / short, area * (1 + tolerance) / short)
            long = long_side(short, long_ideal, spread, limits)
            if long is None:
                continue
            stretched = max(stretch(short, short_ideal), stretch(long, long_ideal))
            if stretched < least:
                best, least = ((long, short) if wide else (short, long)), stretched
    return best


def long_side(short: int, wanted: float, spread: tuple[float, float], limits: Limits) -> int | None:
    """The legal side beside `short` that is nearest to the wanted length, within `spread`."""
    low, high = limits.bounds
    least = max(low, limits.area_low / short, short / limits.ratio, spread[0] * (1 - ROUNDING))
    most = min(high, limits.area_high / short, short * limits.ratio, spread[1] * (1 + ROUNDING))
    first, last = math.ceil(least / limits.step), math.floor(most / limits.step)
    below = math.floor(wanted / limits.step)
    sides = (min(max(steps, first), last) * limits.step for steps in (below, below + 1))
    legal = [side for side in sides if first <= last and limits.legal(short, side)]
    return min(legal, key=lambda side: stretch(side, wanted), default=None)
