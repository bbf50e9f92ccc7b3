"""Whether a picture fulfils a wish."""

from collections import Counter

from workers.tiny.found import Bytes, Found, Patch, look
from workers.tiny.wishes import Group, Place, Wish

_CLEAR = 0.85
"""The least share of pixels in colours of the palette. Edges of small shapes make up a few in a hundred."""

_NEAR, _FAR = 0.42, 0.58
"""Left or above the first is on the left or at the top; between the two is in the middle."""


def complaints(picture: Bytes, wish: Wish) -> list[str]:
    """What is wrong with the picture, height × width × 3; nothing if it is what was wished for."""
    found = look(picture)
    wrong: list[str] = []
    if found.clear < _CLEAR:
        wrong.append(f"{1 - found.clear:.0%} of it has no clear colour")
    if found.background != wish.ground:
        wrong.append(f"the background is {found.background or 'not one colour'} instead of {wish.ground}")
    wrong += _miscounted(found, wish)
    return wrong or [text for group in wish.groups for text in _misplaced(found, group, wish)]


def _miscounted(found: Found, wish: Wish) -> list[str]:
    """Every shape that was asked for is there as often as it was, and no other one."""
    wanted: Counter[tuple[str, str | None]] = Counter()
    for group in wish.groups:
        wanted[group.colour, group.kind] += group.count
    seen = Counter((patch.colour, patch.kind) for patch in found.patches)
    return [
        f"{seen[colour, kind]} instead of {wanted[colour, kind]} × {colour} {kind or 'shape without a name'}"
        for colour, kind in sorted(wanted | seen, key=str)
        if seen[colour, kind] != wanted[colour, kind]
    ]


def _misplaced(found: Found, group: Group, wish: Wish) -> list[str]:
    place = group.place
    if place is None:
        return []
    alike = [patch for patch in found.patches if (patch.colour, patch.kind) == (group.colour, group.kind)]
    strict = len(wish.groups) == 1
    if any(_at(patch, place, strict=strict) for patch in alike):
        return []
    where = ", ".join(f"{patch.x:.2f} {patch.y:.2f}" for patch in alike)
    return [f"the {group.colour} {group.kind} is at {where} instead of {place}"]


def _at(patch: Patch, place: Place, *, strict: bool) -> bool:
    """Strictly, what is on the left is not in a corner: where one shape is all there is, that is another place."""
    words = place.split()
    across = _side(patch.x, "left" in words, "right" in words, strict=strict)
    return across and _side(patch.y, "top" in words, "bottom" in words, strict=strict)


def _side(at: float, low: bool, high: bool, *, strict: bool) -> bool:
    if low:
        return at < _NEAR
    if high:
        return at > _FAR
    return 0.3 < at < 0.7 if strict else True
