"""Wishes in words, each in several wordings."""

from random import Random

from workers.tiny.wishes import Group, Place, Wish

_NUMBERS = {2: "two", 3: "three", 4: "four"}
_WHERE: dict[Place, tuple[str, ...]] = {
    "left": ("on the left", "on the left side"),
    "right": ("on the right", "on the right side"),
    "top": ("at the top",),
    "bottom": ("at the bottom",),
    "middle": ("in the middle", "in the center", "in the centre"),
    "top left": ("in the top left corner", "in the top left"),
    "top right": ("in the top right corner", "in the top right"),
    "bottom left": ("in the bottom left corner", "in the bottom left"),
    "bottom right": ("in the bottom right corner", "in the bottom right"),
}
_RELATIONS: dict[Place, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "left": (("left of", "to the left of"), ("right of", "to the right of")),
    "top": (("above",), ("below",)),
}
"""By the place of the first of two shapes: how it stands to the second, and how the second stands to it."""


def caption(wish: Wish, dice: Random) -> str:
    """One of the ways to say it: `two red circles on a black background`."""
    words = _pair(wish.groups, dice) if len(wish.groups) == 2 else _one(wish.groups[0], dice)
    if wish.background:
        words += dice.choice((" on a {} background", ", {} background", " on {}")).format(wish.background)
    if dice.random() < 0.2:
        words = dice.choice(("a picture of ", "an image of ", "draw ")) + words
    if dice.random() < 0.3:
        words = words[0].upper() + words[1:]
    return words + ("." if dice.random() < 0.2 else "")


def _pair(groups: tuple[Group, ...], dice: Random) -> str:
    first, second = groups
    form = dice.randrange(4)
    if form == 0:
        return f"{_one(first, dice)} and {_one(second, dice)}"
    if form == 1:
        return f"{_one(second, dice)} and {_one(first, dice)}"
    forth, back = _RELATIONS[first.place or "left"]
    if form == 2:
        return f"{_noun(first, dice)} {dice.choice(forth)} {_noun(second, dice)}"
    return f"{_noun(second, dice)} {dice.choice(back)} {_noun(first, dice)}"


def _one(group: Group, dice: Random) -> str:
    return _noun(group, dice) + (f" {dice.choice(_WHERE[group.place])}" if group.place else "")


def _noun(group: Group, dice: Random) -> str:
    if group.count > 1:
        return f"{_NUMBERS[group.count]} {group.colour} {group.kind}s"
    article = "one" if dice.random() < 0.15 else "an" if group.colour[0] in "aeiou" else "a"
    return f"{article} {group.colour} {group.kind}"
