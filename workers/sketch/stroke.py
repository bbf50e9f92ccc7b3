"""A stroke paints one thing; a motif is a list of them, back to front."""

from collections.abc import Callable
from random import Random

from workers.sketch.canvas import Canvas
from workers.sketch.colour import Palette

Stroke = Callable[[Canvas], None]
Chance = Callable[[str], Random]
"""Dice for one part of a picture: more steps add parts, and leave the dice of the others as they were."""

Motif = Callable[[Palette, Chance, int], list[Stroke]]
"""The colours, the dice, and how much detail (the number of steps)."""
