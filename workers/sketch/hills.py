"""Ridges behind ridges under a sun or a moon, trees on the nearer ones."""

import math
from collections.abc import Sequence
from functools import partial
from random import Random

from workers.sketch.air import birds, sky
from workers.sketch.canvas import Canvas, Point
from workers.sketch.colour import Palette, blend
from workers.sketch.stroke import Chance, Stroke


def hills(colours: Palette, chance: Chance, detail: int) -> list[Stroke]:
    """The strokes, back to front."""
    dice = chance("hills")
    strokes = sky(colours, chance, detail, horizon=dice.uniform(0.42, 0.55))
    ridges = min(9, 3 + detail // 4)
    start, jagged = dice.uniform(0.44, 0.56), dice.uniform(0.0, 1.0)
    for number in range(ridges):
        nearness = number / (ridges - 1)
        line = ridge(chance(f"ridge {number / ridges:.2f}"), start + (0.90 - start) * nearness, nearness, jagged)
        strokes.append(partial(_paint_ridge, line=line, colours=colours, nearness=nearness))
        if nearness > 0.3 and detail > 4:
            strokes.append(
                partial(_trees, line=line, colours=colours, nearness=nearness, dice=chance(f"tree {number}"))
            )
    strokes.append(partial(birds, colours=colours, dice=chance("birds"), count=3 + detail // 8))
    return strokes


def ridge(dice: Random, base: float, nearness: float, jagged: float) -> list[Point]:
    """A skyline from left to right: a few waves, steeper the farther away it is."""
    height = 0.15 - 0.09 * nearness
    waves = [(dice.uniform(0.7, 1.6) * 2**octave, dice.uniform(0, math.tau), 0.5**octave) for octave in range(6)]
    peaks = jagged * (1 - nearness)

    def rise(x: float) -> float:
        total = 0.0
        for frequency, phase, weight in waves:
            wave = math.sin(x * frequency * math.tau * 0.7 + phase)
            total += weight * ((1 - peaks) * wave * (0.6 if frequency > 8 else 1) + peaks * (1 - 2 * abs(wave)))
        return total

    return [(x / 240, base - height * 0.55 * rise(x / 240)) for x in range(241)]


def _paint_ridge(canvas: Canvas, *, line: Sequence[Point], colours: Palette, nearness: float) -> None:
    colour = colours.ground(nearness)
    haze = blend(colour, blend(colours.far, colours.sky_low, 0.6), 0.55 * (1 - nearness) + 0.05)
    canvas.fading_polygon([*line, (1.0, 1.0), (0.0, 1.0)], colour, haze)


def _trees(canvas: Canvas, *, line: Sequence[Point], colours: Palette, nearness: float, dice: Random) -> None:
    colour = blend(colours.ground(nearness), colours.near, 0.55)
    tall = 0.018 + 0.055 * nearness**2
    slim = canvas.unit / canvas.width
    x = dice.uniform(0, 0.05)
    while x < 1:
        if dice.random() < 0.75:
            y = line[min(240, int(x * 240))][1] + 0.006
            height = tall * dice.uniform(0.6, 1.25)
            half = height * dice.uniform(0.2, 0.3) * slim
            for tier in range(3):
                foot, top = y - height * 0.26 * tier, y - height * (0.52 + 0.24 * tier)
                wide = half * (1 - 0.24 * tier)
                canvas.polygon([(x - wide, foot), (x, top), (x + wide, foot)], colour)
            x += half * dice.uniform(0.9, 2.2)
        else:
            x += dice.uniform(0.02, 0.11)
