"""What is to be seen in a picture, without any learning: flat patches, their colour, place and kind."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.tiny.shapes import BACKGROUNDS, COLOURS, Kind

Bytes = NDArray[np.uint8]
_NAMES = (*BACKGROUNDS, *COLOURS)
_PALETTE = np.array([*BACKGROUNDS.values(), *COLOURS.values()], np.int32)
_FAR = 70
"""From here on (Euclidean, in 0..255 per channel) a colour is none of the palette's."""

_NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))


@dataclass(frozen=True)
class Patch:
    """One connected patch of a colour: its middle in parts of width and height, None for a kind that has no name."""

    colour: str
    kind: Kind | None
    x: float
    y: float
    area: int  # pixels


@dataclass(frozen=True)
class Found:
    """A picture as its patches; `clear` is the share of its pixels that have a colour of the palette."""

    background: str | None
    patches: tuple[Patch, ...]
    clear: float


def look(picture: Bytes) -> Found:
    """What is in a picture, height × width × 3. The background is what most of the border is, if it is one thing."""
    labels = _nearest(picture)
    border = Counter(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).tolist())
    common, times = border.most_common(1)[0]
    plain = 0 <= common < len(BACKGROUNDS) and times >= 0.9 * border.total()
    found = tuple(_patch(pixels, labels) for pixels in _solid_patches(labels, common))
    return Found(_NAMES[common] if plain else None, found, float((labels >= 0).mean()))


def _nearest(picture: Bytes) -> NDArray[np.int32]:
    """For each pixel the index of the palette's nearest colour, -1 if none is near."""
    apart = ((picture[:, :, None, :].astype(np.int32) - _PALETTE) ** 2).sum(axis=3)
    nearest = apart.argmin(axis=2).astype(np.int32)
    nearest[apart.min(axis=2) > _FAR**2] = -1
    return nearest


def _solid_patches(labels: NDArray[np.int32], background: int) -> list[NDArray[np.intp]]:
    """The connected patches of each colour as rows and columns of pixels, n × 2.

    Between two colours lies a line of mixed ones that may be near a third. So a patch counts only if some of it is
    more than two pixels thick.
    """
    inner = _inner(labels)
    open_pixels = {(int(row), int(column)) for row, column in np.argwhere((labels >= 0) & (labels != background))}
    patches: list[NDArray[np.intp]] = []
    while open_pixels:
        patch = _flood(open_pixels, labels)
        if inner[patch[:, 0], patch[:, 1]].sum() >= 4:
            patches.append(patch)
    return patches


def _inner(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which pixels have their own colour all around them, corners too."""
    padded = np.pad(labels, 1, constant_values=-2)
    height, width = labels.shape
    around = [padded[down : down + height, right : right + width] for down in range(3) for right in range(3)]
    return np.logical_and.reduce([other == labels for other in around])


def _flood(open_pixels: set[tuple[int, int]], labels: NDArray[np.int32]) -> NDArray[np.intp]:
    """Take one patch out of the open pixels."""
    start = open_pixels.pop()
    waiting, patch = [start], [start]
    while waiting:
        row, column = waiting.pop()
        for down, right in _NEIGHBOURS:
            beside = (row + down, column + right)
            if beside in open_pixels and labels[beside] == labels[start]:
                open_pixels.remove(beside)
                waiting.append(beside)
                patch.append(beside)
    return np.array(patch, np.intp)


def _patch(pixels: NDArray[np.intp], labels: NDArray[np.int32]) -> Patch:
    height, width = labels.shape
    y, x = (pixels.mean(axis=0) + 0.5) / (height, width)
    colour = _NAMES[labels[pixels[0, 0], pixels[0, 1]]]
    return Patch(colour, _kind(pixels), float(x), float(y), len(pixels))


def _kind(pixels: NDArray[np.intp]) -> Kind | None:
    """By how full its bounding box is, and which corners of the box are. A circle fills 0.79 of it, a triangle half."""
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    height, width = high - low + 1
    if not 0.75 <= width / height <= 1.33:
        return None
    box = np.zeros((height, width), np.bool_)
    box[tuple((pixels - low).T)] = True
    depth = max(1, round(0.13 * min(height, width)))
    left, right = box[:depth, :depth].mean(), box[:depth, -depth:].mean()
    base = [box[-depth:, :depth].mean(), box[-depth:, -depth:].mean()]
    corners, fill = [left, right, *base], box.mean()
    if fill > 0.9 or (fill > 0.8 and sum(corners) > 4 * 0.4):
        return "square"  # whose corners may be round, by a fifth of its side at most, or its sides bent
    if fill > 0.68 and max(corners) < 0.5:
        return "circle"
    if 0.4 < fill <= 0.68 and max(left, right) < 0.2 and min(base) > 0.3:
        return "triangle"
    return None
