"""Water under the light, islands far off, a sail."""

import math
from collections.abc import Sequence
from functools import partial
from random import Random

from workers.sketch.air import birds, sky
from workers.sketch.canvas import Canvas, Point
from workers.sketch.colour import PAPER, Palette, Rgb, blend
from workers.sketch.hills import ridge
from workers.sketch.stroke import Chance, Stroke


def sea(colours: Palette, chance: Chance, detail: int) -> list[Stroke]:
    """The strokes, back to front."""
    dice = chance("sea")
    horizon, light = dice.uniform(0.46, 0.6), dice.uniform(0.22, 0.78)
    strokes = sky(colours, chance, detail, horizon=horizon, light=light)
    for number in range(min(3, 1 + detail // 10)):
        line = _island(chance(f"island {number}"), horizon)
        strokes.append(partial(_flat, line=line, colour=blend(colours.far, colours.near, 0.15 + 0.2 * number)))
    strokes.append(partial(_water, colours=colours, horizon=horizon))
    bands = min(12, 3 + detail // 3)
    for number in range(bands):
        depth = (number + 1) / bands
        strokes.append(
            partial(_swell, colours=colours, horizon=horizon, depth=depth, dice=chance(f"swell {depth:.2f}"))
        )
        strokes.append(
            partial(
                _glints, colours=colours, horizon=horizon, light=light, depth=depth, dice=chance(f"glint {depth:.2f}")
            )
        )
    strokes.append(partial(_sail, colours=colours, horizon=horizon, dice=chance("sail")))
    strokes.append(partial(birds, colours=colours, dice=chance("birds"), count=2 + detail // 8))
    return strokes


def _island(dice: Random, horizon: float) -> list[Point]:
    centre, half, height = dice.random(), dice.uniform(0.1, 0.3), dice.uniform(0.02, 0.08)
    line = ridge(dice, 0.0, 0.2, 0.5)
    return [(x, horizon + 0.004 - height * max(0.0, 1 - ((x - centre) / half) ** 2) * (1 - 4 * y)) for x, y in line]


def _flat(canvas: Canvas, *, line: Sequence[Point], colour: Rgb) -> None:
    low = max(y for _, y in line) + 0.01
    canvas.polygon([*line, (1.0, low), (0.0, low)], colour)


def _water(canvas: Canvas, *, colours: Palette, horizon: float) -> None:
    canvas.gradient(blend(colours.sky_low, colours.water, 0.35), colours.water, start=horizon)


def _swell(canvas: Canvas, *, colours: Palette, horizon: float, depth: float, dice: Random) -> None:
    y = horizon + (1 - horizon) * depth**1.6
    tall, waves, phase = 0.002 + 0.008 * depth, dice.uniform(3, 7) / (0.3 + depth), dice.uniform(0, math.tau)
    line = [(x / 120, y + tall * math.sin(x / 120 * math.tau * waves + phase)) for x in range(121)]
    thick = 0.004 + 0.03 * depth
    lower = [(x, py + thick * (0.4 + 0.6 * math.sin(x * math.pi * 3 + phase) ** 2)) for x, py in reversed(line)]
    colour = blend(blend(colours.sky_low, colours.water, 0.35), colours.water, min(1.0, depth + 0.12))
    canvas.polygon([*line, *lower], colour)


def _glints(canvas: Canvas, *, colours: Palette, horizon: float, light: float, depth: float, dice: Random) -> None:
    for _ in range(9):
        down = max(0.004, depth - dice.uniform(0, 0.14))
        y = horizon + (1 - horizon) * down**1.6
        x = dice.gauss(light, 0.015 + 0.07 * down)
        half = dice.uniform(0.006, 0.02) * (0.5 + 1.6 * down)
        canvas.streak((x, y), half, 0.0012 + 0.0026 * down, colours.light, opacity=dice.uniform(0.35, 0.85))


def _sail(canvas: Canvas, *, colours: Palette, horizon: float, dice: Random) -> None:
    x, size = dice.uniform(0.15, 0.85), dice.uniform(0.05, 0.1)
    y = horizon + dice.uniform(0.02, 0.12)
    slim = canvas.unit / canvas.width
    high = size * canvas.unit / canvas.height
    canvas.polygon([(x, y - high), (x, y), (x + size * 0.55 * slim, y)], colours.accent)
    canvas.polygon(
        [(x - 0.006 * slim, y - high * 0.86), (x - 0.006 * slim, y), (x - size * 0.34 * slim, y)],
        blend(colours.light, PAPER, 0.5),
    )
    hull = [(-0.42, 0.10), (0.62, 0.10), (0.45, 0.30), (-0.3, 0.30)]
    canvas.polygon([(x + size * a * slim, y + high * b) for a, b in hull], blend(colours.near, (0, 0, 0), 0.35))
