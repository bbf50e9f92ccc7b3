"""Sky, light, stars, clouds and birds: what hills and sea share."""

from functools import partial
from random import Random

from workers.sketch.canvas import Canvas
from workers.sketch.colour import Palette, blend
from workers.sketch.stroke import Chance, Stroke


def sky(colours: Palette, chance: Chance, detail: int, *, horizon: float, light: float | None = None) -> list[Stroke]:
    dice = chance("sky")
    x = dice.uniform(0.2, 0.8) if light is None else light
    centre = (x, dice.uniform(0.18, max(0.2, horizon - 0.12)))
    radius = dice.uniform(0.07, 0.13)

    def air(canvas: Canvas) -> None:
        canvas.gradient(colours.sky_top, colours.sky_low, end=horizon + 0.08)
        canvas.gradient(colours.sky_low, colours.far, start=horizon + 0.08)

    def sun(canvas: Canvas) -> None:
        canvas.glow(centre, radius * 5, colours.light, opacity=0.55)
        canvas.disc(centre, radius, colours.light)

    strokes: list[Stroke] = [air]
    if colours.mood in ("night", "dusk"):
        strokes.append(partial(_stars, colours=colours, dice=chance("stars"), count=10 + 8 * detail, low=horizon * 0.8))
    strokes.append(sun)
    strokes += [
        partial(_cloud, colours=colours, dice=chance(f"cloud {number}"), low=horizon * 0.85)
        for number in range(min(5, 1 + detail // 6))
    ]
    return strokes


def birds(canvas: Canvas, *, colours: Palette, dice: Random, count: int) -> None:
    x, y = dice.uniform(0.15, 0.75), dice.uniform(0.12, 0.32)
    colour = blend(colours.sky_top, colours.near, 0.8) if colours.mood != "night" else colours.light
    for _ in range(count):
        cx, cy, span = x + dice.uniform(-0.1, 0.1), y + dice.uniform(-0.06, 0.06), dice.uniform(0.008, 0.016)
        wing = span * canvas.unit / canvas.width
        points = [(cx + wing * t, cy - span * (0.9 * abs(t) - 0.7 * t * t)) for t in (-1, -0.75, -0.5, -0.25, 0)]
        points += [(2 * cx - px, py) for px, py in reversed(points[:-1])]
        canvas.line(points, colour, 0.0028)


def _stars(canvas: Canvas, *, colours: Palette, dice: Random, count: int, low: float) -> None:
    for _ in range(count):
        centre = (dice.random(), low * dice.random() ** 1.4)
        canvas.disc(centre, dice.uniform(0.0012, 0.003), blend(colours.sky_top, colours.light, dice.uniform(0.5, 1.0)))


def _cloud(canvas: Canvas, *, colours: Palette, dice: Random, low: float) -> None:
    x, y = dice.random(), dice.uniform(0.08, low)
    colour = blend(colours.sky_low, colours.light, 0.5)
    for _ in range(dice.randint(2, 4)):
        half = dice.uniform(0.06, 0.2)
        canvas.streak(
            (x + dice.uniform(-0.1, 0.1), y), half, dice.uniform(0.006, 0.014), colour, opacity=dice.uniform(0.25, 0.5)
        )
        y += dice.uniform(0.014, 0.026)
