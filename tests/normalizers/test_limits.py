"""Free pixels, against an oracle that looks at every legal size there is."""

import math
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from normalizers.limits import Limits, fit_free

GPT_IMAGE = Limits(16, 3840, 16, 655_360, 8_294_400, 3)
FAL = Limits(1, 14_142)
A_TENTH = 0.10


@pytest.mark.parametrize(
    ("asked", "limits", "drawn"),
    [
        ((1024, 768), FAL, (1024, 768)),
        ((14_142, 14_142), FAL, (14_142, 14_142)),
        ((1, 14_142), FAL, (1, 14_142)),
        ((1365.33, 768), FAL, (1365, 768)),
        ((1000, 1000), GPT_IMAGE, (1008, 1008)),  # each side to the nearest step; halves go up
        ((1024, 1024), GPT_IMAGE, (1024, 1024)),
        ((512, 512), GPT_IMAGE, (816, 816)),  # the budget's lower end: 655,360 pixels are 809.5 squared
        ((4096, 4096), GPT_IMAGE, (2880, 2880)),  # and its upper end
        ((3840, 640), GPT_IMAGE, (2720, 912)),  # 6:1 is cut to 3:1, the area stays
        ((112, 112), Limits(32, 512, 32), (96, 128)),  # 128x128 would be 31 % more
        ((5000, 100), Limits(64, 2048, 64, area_low=600_000), (2048, 320)),  # the longest shape with that area
    ],
)
def test_free_pixels(asked: tuple[float, float], limits: Limits, drawn: tuple[int, int]) -> None:
    assert limits.legal(*drawn)
    assert fit_free(asked, limits) == drawn


@st.composite
def small_limits(draw: st.DrawFn) -> Limits:
    """Few enough legal sizes that all of them can be tried, and at least one."""
    step = draw(st.sampled_from([1, 2, 3, 8, 16, 64]))
    low = draw(st.integers(1, 4 * step))
    high = draw(st.integers(low, low + 36 * step))
    area_low = draw(st.integers(1, high * high))
    area_high = draw(st.integers(area_low, high * high + 1))
    ratio = draw(st.sampled_from([1.0, 1.5, 2.0, 3.0, 8.0, math.inf]))
    limits = Limits(low, high, step, area_low, area_high, ratio)
    assume(legal_sizes(limits))
    return limits


def legal_sizes(limits: Limits) -> list[tuple[int, int]]:
    sides = [side for side in range(limits.low, limits.high + 1) if side % limits.step == 0]
    return [
        (width, height)
        for width, height in product(sides, sides)
        if limits.area_low <= width * height <= limits.area_high
        and max(width, height) / min(width, height) <= limits.ratio
    ]


def scaled(asked: tuple[float, float], limits: Limits, sides: list[int]) -> tuple[float, float]:
    """ "Then limits and budget, keeping the ratio": the nearest scale, found by bisection, at the nearest shape.

    The shape is the nearest for which any scale is within the limits.
    """
    low, high = min(sides), max(sides)

    def possible(ratio: float) -> tuple[float, float]:
        """The smallest and the largest area at a ratio, of the longer over the shorter side."""
        return max(low * low * ratio, limits.area_low), min(high * high / ratio, limits.area_high)

    wanted = max(asked) / min(asked)
    shortest, longest = 1.0, min(wanted, limits.ratio)
    least, most = possible(longest)
    if least > most:
        for _ in range(200):
            middle = (shortest + longest) / 2
            least, most = possible(middle)
            shortest, longest = (middle, longest) if least <= most else (shortest, middle)
        longest = shortest
        least, most = possible(longest)
    area = min(max(asked[0] * asked[1], least), most)
    long, short = math.sqrt(area * longest), math.sqrt(area / longest)
    return (long, short) if asked[0] >= asked[1] else (short, long)


def stretched(size: tuple[int, int], ideal: tuple[float, float]) -> float:
    return max(abs(math.log(side / wanted)) for side, wanted in zip(size, ideal, strict=True))


@given(small_limits(), st.floats(0.5, 5000), st.floats(0.5, 5000))
def test_the_nearest_legal_size(limits: Limits, width: float, height: float) -> None:
    """Each side rounded where that is legal and near, else the least stretched size of near area, else of any."""
    everything = legal_sizes(limits)
    sides = [side for side in range(limits.low, limits.high + 1) if side % limits.step == 0]
    ideal = scaled((width, height), limits, sides)
    area = ideal[0] * ideal[1]
    near = [size for size in everything if abs(size[0] * size[1] / area - 1) <= A_TENTH]

    drawn = fit_free((width, height), limits)

    assert drawn in everything
    if near:
        assert abs(drawn[0] * drawn[1] / area - 1) <= A_TENTH + 1e-6
    rounded = tuple(math.floor(side / limits.step + 0.5) * limits.step for side in ideal)
    clear_of_ties = all(abs(side / limits.step % 1 - 0.5) > 1e-6 for side in ideal)
    if rounded in near and clear_of_ties:
        assert drawn == rounded
    elif rounded not in near:
        best = min(stretched(size, ideal) for size in near or everything)
        assert stretched(drawn, ideal) <= best + 1e-6


@given(st.integers(1, 14_142), st.integers(1, 14_142))
def test_fal_draws_exactly_what_is_asked(width: int, height: int) -> None:
    assert fit_free((width, height), FAL) == (width, height)


@given(st.integers(1, 14_142), st.integers(1, 14_142))
def test_gpt_image_stays_within_a_tenth_of_what_its_limits_leave(width: int, height: int) -> None:
    drawn = fit_free((width, height), GPT_IMAGE)
    assert GPT_IMAGE.legal(*drawn)
    least, most = GPT_IMAGE.area_low, min(GPT_IMAGE.area_high, 3840 * 3840)
    if least <= width * height <= most and max(width, height) <= 3 * min(width, height):
        assert abs(drawn[0] * drawn[1] / (width * height) - 1) <= A_TENTH or max(width, height) > 3840
