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
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from normalizers.canvas import ONE_K, Shape
from normalizers.limits import Limits, Pixels, fit_free

Kind = Literal["free", "pixels", "names", "ratios", "names_and_free", "fixed", "source"]


@dataclass(frozen=True, slots=True)
class Canvas:
    """What sizes an offer takes, and in which form: one table of models.toml.

    `to` is the wire field (two, for ratio and tier, in kind `ratios`), `form` how pixels are written there, `auto` the
    wire value of the provider's own choice (None: the field is left out), `sizes` rows of (ratio, area) that win over
    arithmetic, `default` the pixels that are asked for when the caller names none. `keeps_source`: an edit that is sent
    no size keeps that of its first picture; kind `source` has no field for a size at all. `needed`: the provider makes
    no choice of its own, so `auto` is the default.
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
    keeps_source: bool = False
    needed: bool = False


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
        case "source":
            return as_pixels(shape, canvas, canvas.default or (ONE_K, ONE_K))


def knows(shape: Shape, canvas: Canvas) -> bool:
    """False for a name that is another provider's word for a size."""
    return shape.name is None or shape.name in canvas.names


def automatic(canvas: Canvas) -> Fitted:
    if canvas.auto is not None:
        return Fitted(None, ((canvas.to[0], canvas.auto),))
    if canvas.needed:
        usual = fit(Shape(pixels=canvas.default or (ONE_K, ONE_K)), canvas)
        return replace(usual, snapped=False, note="the provider has no choice of its own; it needs a size")
    chosen = f": {canvas.provider_default}" if canvas.provider_default else ""
    return Fitted(None, (), note=f"left out; the provider chooses{chosen}")


def target(shape: Shape, canvas: Canvas) -> tuple[float, float]:
    """The asked pixels, not yet legal: the size table's row where there is one, else arithmetic."""
    if shape.pixels:
        return shape.pixels
    default = canvas.default or (ONE_K, ONE_K)
    area = shape.area or tier_near(default[0] * default[1], canvas)
    if shape.ratio is not None and (row := size_row(canvas, shape.ratio_text or "", shape.ratio, area)):
        return row
    if shape.ratio is None and area == default[0] * default[1]:
        return default
    ratio = shape.ratio or default[0] / default[1]
    return math.sqrt(area * ratio), math.sqrt(area / ratio)


def size_row(canvas: Canvas, text: str, ratio: float, area: int) -> Pixels | None:
    """The row of the size table for a ratio, however it is written: 8:6 is 4:3."""
    if (row := canvas.sizes.get((text, area))) is not None:
        return row
    same = (key for key in canvas.sizes if key[1] == area and math.isclose(aspect(key[0]), ratio))
    return next((canvas.sizes[key] for key in same), None)


def tier_near(area: int, canvas: Canvas) -> int:
    """The scale when only a shape was asked: the tier of the size table that the default belongs to."""
    tiers = {tier for _ratio, tier in canvas.sizes}
    return min(tiers, key=lambda tier: abs(math.log(area / tier)), default=area)


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
    ratio = min(canvas.ratios, key=lambda text: round(shape_distance((aspect(text), 1), asked), 9))
    wire: list[tuple[str, Any]] = [(canvas.to[0], ratio)]
    if canvas.tiers:
        tier = min(canvas.tiers, key=lambda name: abs(math.log(canvas.tiers[name] / (asked[0] * asked[1]))))
        area = canvas.tiers[tier]
        wire.append((canvas.to[1], tier))
    else:
        default = canvas.default or (ONE_K, ONE_K)
        area = tier_near(default[0] * default[1], canvas)
    drawn = size_row(canvas, ratio, aspect(ratio), area)
    snapped = (
        (shape.area is not None and area != shape.area)
        or (shape.pixels is not None and drawn != shape.pixels)
        or (shape.ratio is not None and not math.isclose(aspect(ratio), shape.ratio))
    )
    said = " at ".join(str(value) for _name, value in wire)
    return Fitted(drawn, tuple(wire), snapped, f"nearest that the provider draws: {said}" if snapped else None)


def aspect(ratio: str) -> float:
    """`16:9` as 1.78."""
    width, _colon, height = ratio.partition(":")
    return float(width) / float(height)


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
    """Asked pixels must be met exactly, a ratio and a tier up to the rounding of a side; what was left open is met."""
    if shape.pixels:
        return pixels != shape.pixels
    width, height = pixels
    wide, high = target(shape, canvas)
    slack = canvas.limits.step + 0.5
    other_shape = min(abs(width - height * wide / high), abs(height - width * high / wide)) >= slack
    other_scale = abs(math.sqrt(width * height) - math.sqrt(wide * high)) >= slack
    return (shape.ratio is not None and other_shape) or (shape.area is not None and other_scale)


def written(pixels: Pixels, canvas: Canvas) -> tuple[tuple[str, Any], ...]:
    """Pixels in the provider's form."""
    if not canvas.to:
        return ()
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
