"""The sheet of paper around a picture: where the picture sits, where the words go."""

from dataclasses import dataclass

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels

_WIDE = 2.2  # beyond this ratio the words stand beside the picture, not under it


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of `width` x `height` pixels with its picture, the prompt and the label that says what it is."""

    width: int
    height: int
    picture: Box
    words: Box
    label: Box


def sheet(width: int, height: int) -> Sheet:
    """Lays out a sheet; every box has at least one pixel, whatever the sides."""
    margin = max(2, round(0.045 * min(width, height)))
    gap = max(2, round(0.022 * min(width, height)))
    if width > _WIDE * height:
        return _beside(width, height, margin, gap)
    band = max(22, round(0.19 * min(height, 1.6 * width)))
    label_high = max(9, round(0.03 * min(width, height) + 3))
    picture = (margin, margin, width - margin, height - margin - band)
    label_top = height - margin - label_high
    words = (margin, picture[3] + gap, width - margin, max(picture[3] + gap + 1, label_top - gap // 2))
    return Sheet(width, height, picture, words, (margin, label_top, width - margin, height - margin))


def _beside(width: int, height: int, margin: int, gap: int) -> Sheet:
    column = round(max(0.28 * width, min(0.45 * width, 1.1 * height)))
    left = width - margin - column
    label_high = max(9, round(0.05 * height + 3))
    label_top = height - margin - label_high
    picture = (margin, margin, left - 2 * gap, height - margin)
    words = (left, margin, width - margin, max(margin + 1, label_top - gap // 2))
    return Sheet(width, height, picture, words, (left, label_top, width - margin, height - margin))
