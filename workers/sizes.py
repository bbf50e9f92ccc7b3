"""How large the picture becomes: as asked, if the model draws that, else the size of an edit's picture, fitted."""

import math
import re

from workers.engine import Model
from workers.errors import Refusal
from workers.fields import Json

_SIZE = re.compile(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})")


def asked_size(given: Json, model: Model) -> tuple[int, int] | None:
    """From `size`, or `width` and `height`; None for no size of the caller's. Raises `Refusal`."""
    pair = [given.get(name) for name in ("width", "height")]
    size = given.get("size")
    if pair != [None, None]:
        if None in pair or size is not None:
            name = "width" if pair[0] is not None else "height"
            raise Refusal("'width' and 'height' go together, and take the place of 'size'.", param=name)
        sides = tuple(side if type(side) is int else 0 for side in pair)
        return _checked((sides[0], sides[1]), model, "width" if sides[0] not in _sides(model) else "height")
    if size is None or size == "auto":
        return None
    shape = _SIZE.fullmatch(size) if isinstance(size, str) else None
    return _checked((int(shape[1]), int(shape[2])) if shape else (0, 0), model, "size")


def fitting(size: tuple[int, int], model: Model) -> tuple[int, int]:
    """The size of a picture, within what the model draws; its shape is kept where that is possible."""
    area = model.most_pixels or math.inf
    scale = min(1.0, model.longest_side / max(size), math.sqrt(area / (size[0] * size[1])))
    sides = _sides(model)
    rounded = [_nearest(side * scale, sides) for side in size]
    while rounded[0] * rounded[1] > area and max(rounded) > sides[0]:
        rounded[rounded.index(max(rounded))] -= sides.step
    return rounded[0], rounded[1]


def legal(size: tuple[int, int], model: Model) -> bool:
    return all(side in _sides(model) for side in size) and size[0] * size[1] <= (model.most_pixels or math.inf)


def _checked(size: tuple[int, int], model: Model, param: str) -> tuple[int, int]:
    if legal(size, model):
        return size
    limits = f"each {model.shortest_side} to {model.longest_side} pixels"
    limits += f" and a multiple of {model.multiple_of}" if model.multiple_of > 1 else ""
    limits += f", together at most {model.most_pixels}" if model.most_pixels else ""
    width, height = model.default_size
    raise Refusal(f"'{param}' must be WIDTHxHEIGHT, {limits}, such as {width}x{height}.", param=param)


def _sides(model: Model) -> range:
    """All that a side may be."""
    step = model.multiple_of
    return range(-(-model.shortest_side // step) * step, model.longest_side + 1, step)


def _nearest(side: float, sides: range) -> int:
    steps = math.floor((side - sides[0]) / sides.step + 0.5)
    return sides[min(max(steps, 0), len(sides) - 1)]
