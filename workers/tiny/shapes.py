"""Pictures of flat coloured shapes, drawn with antialiased edges, many at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["circle", "square", "triangle"]
KINDS: tuple[Kind, ...] = ("circle", "square", "triangle")
Pixels = NDArray[np.float32]

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 40, 40),
    "orange": (250, 140, 20),
    "yellow": (250, 225, 60),
    "green": (40, 160, 70),
    "blue": (40, 80, 220),
    "purple": (150, 50, 190),
}
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (250, 250, 250),
    "grey": (128, 128, 128),
    "black": (15, 15, 15),
}


@dataclass(frozen=True)
class Thing:
    """One shape: its middle in parts of the width and the height, its radius in parts of the shorter side.

    The radius is half the width of a circle or a square, and half the base of a triangle.
    """

    kind: Kind
    colour: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    """What is to be seen: things on a background, later ones in front of earlier ones."""

    background: str
    things: tuple[Thing, ...]


@dataclass(frozen=True)
class Layout:
    """Scenes as numbers: for n pictures of at most k shapes, positions in pixels and colours in 0..1."""

    background: Pixels  # n, 3
    kind: NDArray[np.int8]  # n, k: an index into KINDS, or -1 where there is no shape
    colour: Pixels  # n, k, 3
    x: Pixels  # n, k
    y: Pixels
    radius: Pixels


def draw(scenes: Sequence[Scene], height: int, width: int) -> Pixels:
    """The scenes as n × height × width × 3 numbers in 0..1."""
    return paint(lay_out(scenes, height, width), height, width)


def lay_out(scenes: Sequence[Scene], height: int, width: int) -> Layout:
    """Where the shapes of the scenes are in pictures of this size."""
    count = max((len(scene.things) for scene in scenes), default=0)
    shape = (len(scenes), count)
    made = Layout(
        background=(np.array([BACKGROUNDS[scene.background] for scene in scenes]) / 255).astype(np.float32),
        kind=np.full(shape, -1, np.int8),
        colour=np.zeros((*shape, 3), np.float32),
        x=np.zeros(shape, np.float32),
        y=np.zeros(shape, np.float32),
        radius=np.ones(shape, np.float32),
    )
    for n, scene in enumerate(scenes):
        for k, thing in enumerate(scene.things):
            made.kind[n, k] = KINDS.index(thing.kind)
            made.colour[n, k] = np.array(COLOURS[thing.colour], np.float32) / 255
            made.x[n, k], made.y[n, k] = thing.x * width, thing.y * height
            made.radius[n, k] = thing.radius * min(height, width)
    return made


def paint(layout: Layout, height: int, width: int) -> Pixels:
    """The pictures that a layout describes, n × height × width × 3 in 0..1."""
    count = layout.kind.shape[0]
    pictures = np.broadcast_to(layout.background[:, None, None, :], (count, height, width, 3)).astype(np.float32)
    rows = np.arange(height, dtype=np.float32)[None, :, None] + 0.5
    columns = np.arange(width, dtype=np.float32)[None, None, :] + 0.5
    for k in range(layout.kind.shape[1]):
        right = columns - layout.x[:, k, None, None]
        down = rows - layout.y[:, k, None, None]
        cover = _cover(layout.kind[:, k], right, down, layout.radius[:, k, None, None])
        pictures += cover[..., None] * (layout.colour[:, k, None, None, :] - pictures)
    return pictures


def _cover(kind: NDArray[np.int8], right: Pixels, down: Pixels, radius: Pixels) -> Pixels:
    """How much of each pixel the shape covers, from the distance of the pixel's middle to the shape's edge."""
    beyond = np.full(np.broadcast_shapes(right.shape, down.shape), np.inf, np.float32)
    for index, name in enumerate(KINDS):
        chosen = kind == index
        if chosen.any():
            beyond[chosen] = _BEYOND[name](right[chosen], down[chosen], radius[chosen])
    return np.clip(0.5 - beyond, 0, 1)


def _beyond_circle(right: Pixels, down: Pixels, radius: Pixels) -> Pixels:
    return np.sqrt(right * right + down * down) - radius


def _beyond_square(right: Pixels, down: Pixels, radius: Pixels) -> Pixels:
    return np.maximum(np.abs(right), np.abs(down)) - radius


def _beyond_triangle(right: Pixels, down: Pixels, radius: Pixels) -> Pixels:
    """Standing on its base, as high as it is wide, the middle of its height in the middle."""
    side = (2 * np.abs(right) - down - radius) / np.float32(5**0.5)
    return np.maximum(side, down - radius)


_BEYOND = {"circle": _beyond_circle, "square": _beyond_square, "triangle": _beyond_triangle}
