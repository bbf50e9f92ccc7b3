"""Discs, halves, rings, bars and dots on a quiet ground, in the manner of the 1920s."""

from functools import partial
from random import Random

from workers.sketch.canvas import Canvas, Point
from workers.sketch.colour import PAPER, Palette, Rgb, blend
from workers.sketch.stroke import Chance, Stroke


def shapes(colours: Palette, chance: Chance, detail: int) -> list[Stroke]:
    """The strokes, back to front."""
    ground = blend(colours.sky_low, PAPER, 0.85 if colours.mood == "night" else 0.5)
    strokes: list[Stroke] = [lambda canvas: canvas.gradient(ground, blend(ground, colours.far, 0.15))]
    inks = (colours.near, colours.accent, colours.far, colours.sky_top, colours.light, colours.near, colours.sky_top)
    for number in range(8 + detail):
        dice = chance(f"shape {number}")
        # Large ones first: what comes later is detail on top.
        size = max(0.015, 0.34 * (0.86**number) * dice.uniform(0.8, 1.25))
        centre = (dice.uniform(0.08, 0.92), dice.uniform(0.08, 0.92))
        strokes.append(partial(dice.choice(_SHAPES), centre=centre, size=size, ink=dice.choice(inks), dice=dice))
    return strokes


def _disc(canvas: Canvas, *, centre: Point, size: float, ink: Rgb, dice: Random) -> None:
    canvas.disc(centre, size, ink, opacity=dice.choice((0.82, 0.92, 1.0)))


def _half(canvas: Canvas, *, centre: Point, size: float, ink: Rgb, dice: Random) -> None:
    start = dice.choice((0, 45, 90, 180, 225, 270))
    canvas.pieslice(centre, size * 1.1, start, start + dice.choice((90, 180, 180)), ink)


def _ring(canvas: Canvas, *, centre: Point, size: float, ink: Rgb, dice: Random) -> None:
    for number in range(dice.randint(1, 4)):
        canvas.ring(centre, size * (1 - 0.2 * number), size * 0.06, ink)


def _bars(canvas: Canvas, *, centre: Point, size: float, ink: Rgb, dice: Random) -> None:
    lean = dice.choice((0.0, 0.0, 0.6, -0.6))
    x, y = centre
    for number in range(dice.randint(2, 6)):
        step = size * 0.24 * number * canvas.unit / canvas.height
        canvas.line([(x - size, y + step + lean * size), (x + size, y + step - lean * size)], ink, size * 0.07)


def _dots(canvas: Canvas, *, centre: Point, size: float, ink: Rgb, dice: Random) -> None:
    columns, rows = dice.randint(3, 6), dice.randint(3, 6)
    gap = size * 0.3
    for column in range(columns):
        for row in range(rows):
            x = centre[0] + gap * (column - columns / 2) * canvas.unit / canvas.width
            y = centre[1] + gap * (row - rows / 2) * canvas.unit / canvas.height
            canvas.disc((x, y), gap * 0.2, ink)


_SHAPES = (_disc, _disc, _half, _half, _ring, _bars, _dots)
