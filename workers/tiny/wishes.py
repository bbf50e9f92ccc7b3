"""What a prompt can ask for, scenes that fulfil it, and which wishes training never sees."""

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Literal

from workers.tiny.shapes import BACKGROUNDS, COLOURS, KINDS, Kind, Scene, Thing

Place = Literal["left", "right", "top", "bottom", "middle", "top left", "top right", "bottom left", "bottom right"]
PLACES: tuple[Place, ...] = (
    "left", "right", "top", "bottom", "middle", "top left", "top right", "bottom left", "bottom right",
)  # fmt: skip
_OPPOSITE: tuple[tuple[Place, Place], ...] = (("left", "right"), ("top", "bottom"))
_HELD_OUT_OF = 8
_UNSAID_BACKGROUND = "white"


@dataclass(frozen=True)
class Group:
    """So many shapes of one colour and kind; a place is for one shape only."""

    count: int
    colour: str
    kind: Kind
    place: Place | None = None


@dataclass(frozen=True)
class Wish:
    """One group, or two single shapes on opposite sides. A background that is not named is white."""

    groups: tuple[Group, ...]
    background: str | None = None

    @property
    def ground(self) -> str:
        """The background to draw."""
        return self.background or _UNSAID_BACKGROUND


def any_wish(dice: Random) -> Wish:
    """Any wish at all, held out or not."""
    background = dice.choice(sorted(BACKGROUNDS)) if dice.random() < 0.7 else None
    form = dice.random()
    if form < 0.15:
        return Wish((_any_group(dice, 1),), background)
    if form < 0.45:
        return Wish((_any_group(dice, 1, dice.choice(PLACES)),), background)
    if form < 0.70:
        return Wish((_any_group(dice, dice.randint(2, 4)),), background)
    first, second = dice.choice(_OPPOSITE)
    return Wish((_any_group(dice, 1, first), _any_group(dice, 1, second)), background)


def learnable_wish(dice: Random) -> Wish:
    """A wish that training may see."""
    while True:
        wish = any_wish(dice)
        if not held_out(wish):
            return wish


def held_out(wish: Wish) -> bool:
    """Whether training never sees it, on no background and in no words: an eighth of all wishes."""
    return hashlib.blake2b(repr(wish.groups).encode(), digest_size=4).digest()[0] % _HELD_OUT_OF == 0


def scene(wish: Wish, dice: Random) -> Scene:
    """One of the scenes that fulfil the wish: its shapes never touch one another or the border."""
    if len(wish.groups) == 2:
        things = tuple(_placed(group, dice, aside=0.08) for group in wish.groups)
    elif wish.groups[0].count > 1:
        things = _several(wish.groups[0], dice)
    elif wish.groups[0].place:
        things = (_placed(wish.groups[0], dice, aside=0.06),)
    else:
        things = (_anywhere(wish.groups[0], dice),)
    return Scene(wish.ground, things)


def _any_group(dice: Random, count: int, place: Place | None = None) -> Group:
    return Group(count, dice.choice(sorted(COLOURS)), dice.choice(KINDS), place)


def _anywhere(group: Group, dice: Random) -> Thing:
    x, y = dice.uniform(0.38, 0.62), dice.uniform(0.38, 0.62)
    return Thing(group.kind, group.colour, x, y, dice.uniform(0.2, 0.3))


def _placed(group: Group, dice: Random, *, aside: float) -> Thing:
    """`aside` is how far from the middle line a shape on the left or right may be up or down, and so on."""
    words = (group.place or "middle").split()
    radius = dice.uniform(0.2, 0.28) if group.place == "middle" else dice.uniform(0.15, 0.19)
    near, far = dice.uniform(0.25, 0.28), dice.uniform(0.72, 0.75)
    if group.place == "middle":
        aside = 0.04
    x = near if "left" in words else far if "right" in words else dice.uniform(0.5 - aside, 0.5 + aside)
    y = near if "top" in words else far if "bottom" in words else dice.uniform(0.5 - aside, 0.5 + aside)
    return Thing(group.kind, group.colour, x, y, radius)


_ARRANGED = {
    2: ((0.27, 0.5), (0.73, 0.5)),
    3: ((0.5, 0.27), (0.27, 0.73), (0.73, 0.73)),
    4: ((0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)),
}


def _several(group: Group, dice: Random) -> tuple[Thing, ...]:
    """Two side by side, three in a triangle, four in a square; alike in size, as a hand would draw them."""
    stray, radius = 0.02, dice.uniform(0.14, 0.175)
    return tuple(
        Thing(group.kind, group.colour, x + dice.uniform(-stray, stray), y + dice.uniform(-stray, stray), radius)
        for x, y in _ARRANGED[group.count]
    )
