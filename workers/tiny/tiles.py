"""What the autoencoder learns from: tiles with pieces of shapes of any size, mostly in the colours of the palette."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from workers.tiny.shapes import BACKGROUNDS, COLOURS, KINDS, Layout, Pixels, paint

_MOST = 6
_SHARE_OF_FREE_COLOURS = 0.1
_SHARE_OF_SMALL = 0.75
"""Of the shapes, so many are of the few pixels that they have in the smallest pictures: corners are what is hard."""
_PALETTE = np.array([*COLOURS.values(), *BACKGROUNDS.values()], np.float32) / 255


def tiles(dice: Generator, count: int, side: int) -> Pixels:
    """Pictures of `side` × `side` pixels; shapes may reach over the border, as in a cut-out of a larger picture."""
    shape = (count, _MOST)
    kind = dice.integers(0, len(KINDS), shape).astype(np.int8)
    kind[dice.random(shape) < 0.25] = -1
    layout = Layout(
        background=_colours(dice, (count,)),
        kind=kind,
        colour=_colours(dice, shape),
        x=dice.uniform(-0.1 * side, 1.1 * side, shape).astype(np.float32),
        y=dice.uniform(-0.1 * side, 1.1 * side, shape).astype(np.float32),
        radius=_radii(dice, shape, side),
    )
    return paint(layout, side, side)


def _radii(dice: Generator, shape: tuple[int, ...], side: int) -> NDArray[np.float32]:
    small = dice.uniform(np.log(5), np.log(16), shape)
    any_size = dice.uniform(np.log(5), np.log(0.6 * side), shape)
    return np.exp(np.where(dice.random(shape) < _SHARE_OF_SMALL, small, any_size)).astype(np.float32)


def _colours(dice: Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    of_palette = _PALETTE[dice.integers(0, len(_PALETTE), shape)]
    free = dice.random((*shape, 3), np.float32)
    return np.where(dice.random((*shape, 1)) < _SHARE_OF_FREE_COLOURS, free, of_palette)
