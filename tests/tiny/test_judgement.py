"""The judge of the tiny model's pictures: it accepts what was wished for, and nothing beside it."""

from random import Random

import numpy as np
import pytest

from workers.tiny.found import Bytes, look
from workers.tiny.judgement import complaints
from workers.tiny.shapes import COLOURS, Kind, Scene, Thing, draw
from workers.tiny.wishes import Group, Wish, any_wish, scene

SIZES = [(64, 64), (128, 128), (64, 128), (128, 64), (256, 256)]


def picture(drawn: Scene, height: int = 64, width: int = 64) -> Bytes:
    return (draw([drawn], height, width)[0] * 255).round().astype(np.uint8)


def one(kind: Kind = "circle", colour: str = "red", x: float = 0.25, y: float = 0.5, radius: float = 0.16) -> Scene:
    return Scene("white", (Thing(kind, colour, x, y, radius),))


RED_CIRCLE_LEFT = Wish((Group(1, "red", "circle", "left"),))
TWO_BLUE_SQUARES = Wish((Group(2, "blue", "square"),), "grey")


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_accepts_every_scene_that_was_made_for_the_wish(height: int, width: int) -> None:
    dice = Random(height * width)  # noqa: S311 - the same scenes in every run
    for _ in range(8):
        wish = any_wish(dice)
        assert complaints(picture(scene(wish, dice), height, width), wish) == []


def bent(sides: float, corner: int) -> Bytes:
    """A blue square of 40 pixels on white whose sides bend inwards by `sides` pixels, and whose corners are cut."""
    made = picture(Scene("white", ()), 64, 64)
    for row in range(-20, 20):
        for column in range(-20, 20):
            inwards = [sides * (1 - abs(other + 0.5) / 20) for other in (column, row)]
            away = [abs(row + 0.5), abs(column + 0.5)]
            if all(at < 20 - bend for at, bend in zip(away, inwards, strict=True)) and sum(away) < 40 - corner:
                made[32 + row, 32 + column] = COLOURS["blue"]
    return made


def test_a_square_is_one_by_its_corners_too() -> None:
    wish = Wish((Group(1, "blue", "square"),))
    assert complaints(bent(sides=3, corner=0), wish) == []
    assert complaints(bent(sides=0, corner=13), wish) != []


@pytest.mark.parametrize(
    ("drawn", "about"),
    [
        (one(colour="orange"), "0 instead of 1 × red circle"),
        (one("square"), "0 instead of 1 × red circle"),
        (one("triangle"), "0 instead of 1 × red circle"),
        (one(x=0.75), "instead of left"),
        (one(x=0.5), "instead of left"),
        (one(y=0.2), "instead of left"),
        (Scene("white", (*one().things, *one(x=0.75).things)), "2 instead of 1 × red circle"),
        (Scene("white", (*one().things, *one("square", "green", x=0.75).things)), "1 instead of 0 × green square"),
        (Scene("white", (*one().things, *one("square", "green", x=0.75, radius=0.05).things)), "green square"),
        (Scene("black", one().things), "the background is black instead of white"),
        (Scene("white", ()), "0 instead of 1 × red circle"),
    ],
)
def test_rejects_another_colour_kind_side_count_or_ground(drawn: Scene, about: str) -> None:
    assert about in " ".join(complaints(picture(drawn), RED_CIRCLE_LEFT))


def test_rejects_too_few_and_too_many() -> None:
    three = tuple(Thing("square", "blue", x, 0.5, 0.1) for x in (0.2, 0.5, 0.8))
    assert complaints(picture(Scene("grey", three[:2])), TWO_BLUE_SQUARES) == []
    assert complaints(picture(Scene("grey", three[:1])), TWO_BLUE_SQUARES) == ["1 instead of 2 × blue square"]
    assert complaints(picture(Scene("grey", three)), TWO_BLUE_SQUARES) == ["3 instead of 2 × blue square"]


def test_rejects_shapes_that_have_grown_together() -> None:
    touching = tuple(Thing("square", "blue", x, 0.5, 0.12) for x in (0.4, 0.6))
    assert complaints(picture(Scene("grey", touching)), TWO_BLUE_SQUARES)


def test_rejects_two_shapes_that_have_changed_sides() -> None:
    wish = Wish((Group(1, "red", "circle", "left"), Group(1, "blue", "square", "right")))
    right = Scene("white", (*one().things, *one("square", "blue", x=0.75).things))
    swapped = Scene("white", (*one(x=0.75).things, *one("square", "blue").things))
    assert complaints(picture(right), wish) == []
    assert len(complaints(picture(swapped), wish)) == 2


def test_rejects_noise() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert complaints(noise, RED_CIRCLE_LEFT)
    assert look(noise).background is None


def test_rejects_a_blur() -> None:
    """A shape of the right colour and place without its corners is not that shape."""
    square = picture(one("square"))
    for _ in range(60):
        rolled = [np.roll(square.astype(np.int32), step, axis) for step in (-1, 1) for axis in (0, 1)]
        square = (sum(rolled) // 4).astype(np.uint8)
    assert complaints(square, Wish((Group(1, "red", "square", "left"),)))


@pytest.mark.parametrize("cut", [slice(0, 32), slice(32, 64)])
def test_rejects_half_a_circle(cut: slice) -> None:
    half = picture(one())
    half[cut] = 250
    assert complaints(half, RED_CIRCLE_LEFT)
