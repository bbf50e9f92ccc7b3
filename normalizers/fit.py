"""From the shape that was asked to the nearest that an offer draws, in all five kinds of offers.

    free             any pixels within limits: each side to the nearest legal step
    pixels           a list of pixel sizes
    names            named sizes
    ratios           aspect ratios, with or without tiers
    names_and_free   the name when its pixels are exactly what is asked, else pixels

Lists, names and ratios: the nearest shape first, by |ln(ratio/ratio')|, so 7:1 between 4:1 and 8:1 is 8:1; then the
nearest scale, by |ln(area/area')|.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from normalizers.canvas import ONE_K, Shape

Kind = Literal["free", "pixels", "names", "ratios", "names_and_free", "fixed"]
Pixels = tuple[int, int]
AREA_TOLERANCE = 0.10  # on free pixels, the drawn area is at most this far from the asked one, unless a limit forces it


@dataclass(frozen=True, slots=True)
class Limits:
    """Free pixels: bounds of a side and of the area in pixels, the step of a side, the longest ratio of the sides."""

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


@dataclass(frozen=True, slots=True)
class Canvas:
    """What sizes an offer takes, and in which form: one table of models.toml.

    `to` is the wire field (two, for ratio and tier, in kind `ratios`), `form` how pixels are written there, `auto` the
    wire value of the provider's own choice (None: the field is left out), `sizes` rows of (ratio, area) that win over
    arithmetic, `default` the pixels that are asked for when the caller names none.
    """

    kind: Kind
    to: tuple[str, ...] = ()
    form: str = "string"
    limits: Limits = field(default_factory=Limits)
    pixels: tuple[Pixels, ...] = ()
    names: Mapping[str, Pixels] = field(default_factory=dict[str, Pixels])
    ratios: tuple[str, ...] = ()
    tiers: Mapping[str, int] = field(default_factory=dict[str, int])
    sizes: Mapping[tuple[str, int], Pixels] = field(default_factory=dict[tuple[str, int], Pixels])
    auto: str | None = None
    default: Pixels | None = None
    provider_default: str | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """What will be drawn: its pixels where they are known, the wire's fields and values, and whether it is a snap."""

    pixels: Pixels | None
    wire: tuple[tuple[str, Any], ...]
    snapped: bool = False
    note: str | None = None


def fit(shape: Shape, canvas: Canvas) -> Fitted:  # noqa: PLR0911 - one return a kind
    """The nearest legal size. `shape` must not be a name the canvas does not have: see `knows`."""
    if shape.auto:
        return automatic(canvas)
    if shape.name is not None:
        return Fitted(canvas.names[shape.name], ((canvas.to[0], shape.name),))
    match canvas.kind:
        case "free":
            return as_pixels(shape, canvas, fit_free(target(shape, canvas), canvas.limits))
        case "names_and_free":
            pixels = fit_free(target(shape, canvas), canvas.limits)
            name = next((name for name, size in canvas.names.items() if size == pixels), None)
            return named(shape, canvas, name) if name else as_pixels(shape, canvas, pixels)
        case "pixels":
            return as_pixels(shape, canvas, nearest(target(shape, canvas), canvas.pixels))
        case "names":
            chosen = nearest(target(shape, canvas), canvas.names.values())
            return named(shape, canvas, next(name for name, size in canvas.names.items() if size == chosen))
        case "ratios":
            return fit_ratio(shape, canvas)
        case "fixed":
            return as_pixels(shape, canvas, canvas.pixels[0])


def knows(shape: Shape, canvas: Canvas) -> bool:
    """False for a name that is another provider's word for a size."""
    return shape.name is None or shape.name in canvas.names


def automatic(canvas: Canvas) -> Fitted:
    if canvas.auto is not None:
        return Fitted(None, ((canvas.to[0], canvas.auto),))
    chosen = f": {canvas.provider_default}" if canvas.provider_default else ""
    return Fitted(None, (), note=f"left out; the provider chooses{chosen}")


def target(shape: Shape, canvas: Canvas) -> tuple[float, float]:
    """The asked pixels, not yet legal: the size table's row where there is one, else arithmetic."""
    if shape.pixels:
        return shape.pixels
    default = canvas.default or (ONE_K, ONE_K)
    area = shape.area or tier_near(default[0] * default[1], canvas)
    if shape.ratio_text is not None and (row := canvas.sizes.get((shape.ratio_text, area))):
        return row
    if shape.ratio is None and area == default[0] * default[1]:
        return default
    ratio = shape.ratio or default[0] / default[1]
    return math.sqrt(area * ratio), math.sqrt(area / ratio)


def tier_near(area: int, canvas: Canvas) -> int:
    """The scale when only a shape was asked: the tier of the size table that the default belongs to."""
    tiers = {tier for _ratio, tier in canvas.sizes}
    return min(tiers, key=lambda tier: abs(math.log(area / tier)), default=area)


def fit_free(asked: tuple[float, float], limits: Limits) -> Pixels:
    """Each side to the nearest legal step, then limits and budget, keeping the ratio."""
    width, height = into_limits(asked, limits)
    rounded = to_step(width, limits.step), to_step(height, limits.step)
    if limits.legal(*rounded) and close(rounded, (width, height)):
        return rounded
    around = [(w, h) for w in steps_near(width, limits) for h in steps_near(height, limits)]
    legal = [size for size in around if limits.legal(*size)] or around
    near = [size for size in legal if close(size, (width, height))] or legal
    return min(near, key=lambda size: shape_distance(size, (width, height)) + scale_distance(size, (width, height)))


def into_limits(asked: tuple[float, float], limits: Limits) -> tuple[float, float]:
    """The asked sides scaled, as little as possible, until sides and area fit; too long a ratio is cut first."""
    width, height = asked
    longest = min(limits.ratio, limits.high / limits.low)
    if max(asked) > longest * min(asked):
        area = width * height
        long, short = math.sqrt(area * longest), math.sqrt(area / longest)
        width, height = (long, short) if width > height else (short, long)
    area = width * height
    least = max(limits.low / min(width, height), math.sqrt(limits.area_low / area))
    most = min(limits.high / max(width, height), math.sqrt(limits.area_high / area))
    scale = min(max(1.0, least), most)
    return width * scale, height * scale


def to_step(side: float, step: int) -> int:
    return max(step, math.floor(side / step + 0.5) * step)


def steps_near(side: float, limits: Limits) -> list[int]:
    """The legal sides around a length, four each way: enough for area and ratio limits to be met after rounding."""
    middle = to_step(side, limits.step)
    candidates = (middle + offset * limits.step for offset in range(-4, 5))
    return [near for near in candidates if limits.low <= near <= limits.high and near > 0] or [middle]


def close(size: Pixels, asked: tuple[float, float]) -> bool:
    return abs(size[0] * size[1] / (asked[0] * asked[1]) - 1) <= AREA_TOLERANCE


def shape_distance(size: tuple[float, float], asked: tuple[float, float]) -> float:
    """How different two shapes are, as |ln(ratio/ratio')|."""
    return abs(math.log(size[0] * asked[1] / (size[1] * asked[0])))


def scale_distance(size: tuple[float, float], asked: tuple[float, float]) -> float:
    return abs(math.log(size[0] * size[1] / (asked[0] * asked[1])))


def nearest(asked: tuple[float, float], sizes: Iterable[Pixels]) -> Pixels:
    """The nearest shape first, then the nearest scale; the first row wins a tie."""
    return min(sizes, key=lambda size: (round(shape_distance(size, asked), 9), round(scale_distance(size, asked), 9)))


def fit_ratio(shape: Shape, canvas: Canvas) -> Fitted:
    """A ratio of the list, and a tier where the offer has tiers; a row of the size table says what that draws."""
    asked = target(shape, canvas)
    ratio = min(canvas.ratios, key=lambda text: round(shape_distance(sides(text), asked), 9))
    wire: list[tuple[str, Any]] = [(canvas.to[0], ratio)]
    area = asked[0] * asked[1]
    tier_snapped = False
    if canvas.tiers:
        tier = min(canvas.tiers, key=lambda name: abs(math.log(canvas.tiers[name] / area)))
        tier_snapped = shape.area is not None and canvas.tiers[tier] != shape.area
        area = canvas.tiers[tier]
        wire.append((canvas.to[1], tier))
    drawn = canvas.sizes.get((ratio, round(area)))
    snapped = (
        tier_snapped
        or (shape.pixels is not None and drawn != shape.pixels)
        or (shape.ratio is not None and not math.isclose(sides(ratio)[0] / sides(ratio)[1], shape.ratio))
    )
    said = " at ".join(str(value) for _name, value in wire)
    return Fitted(drawn, tuple(wire), snapped, f"nearest that the provider draws: {said}" if snapped else None)


def sides(ratio: str) -> tuple[float, float]:
    width, _colon, height = ratio.partition(":")
    return float(width), float(height)


def named(shape: Shape, canvas: Canvas, name: str) -> Fitted:
    pixels = canvas.names[name]
    snapped = is_snap(shape, canvas, pixels)
    note = f"nearest that the provider draws: {name}, {pixels[0]}x{pixels[1]}" if snapped else None
    return Fitted(pixels, ((canvas.to[0], name),), snapped, note)


def as_pixels(shape: Shape, canvas: Canvas, pixels: Pixels) -> Fitted:
    snapped = is_snap(shape, canvas, pixels)
    note = f"nearest that the provider draws: {pixels[0]}x{pixels[1]}" if snapped else None
    return Fitted(pixels, written(pixels, canvas), snapped, note)


def is_snap(shape: Shape, canvas: Canvas, pixels: Pixels) -> bool:
    """Asked pixels must be met exactly; a ratio or tier is met when no side is a step or more away from it."""
    if shape.pixels:
        return pixels != shape.pixels
    if shape.open:
        return False
    asked = target(shape, canvas)
    slack = canvas.limits.step if canvas.kind in {"free", "names_and_free"} else 1
    return any(abs(side - wanted) >= slack + 0.5 for side, wanted in zip(pixels, asked, strict=True))


def written(pixels: Pixels, canvas: Canvas) -> tuple[tuple[str, Any], ...]:
    """Pixels in the provider's form."""
    width, height = pixels
    match canvas.form:
        case "object":
            return ((canvas.to[0], {"width": width, "height": height}),)
        case "fields":
            return (canvas.to[0], width), (canvas.to[1], height)
        case "star":
            return ((canvas.to[0], f"{width}*{height}"),)
        case _:
            return ((canvas.to[0], f"{width}x{height}"),)
