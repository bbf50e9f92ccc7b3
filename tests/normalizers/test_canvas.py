"""`size`, `aspect_ratio` and `resolution` as callers write them."""

import math
from typing import Any

import pytest

from normalizers.canvas import Shape, combine, read_ratio, read_size, read_tier
from normalizers.errors import BadValue

ONE_K = 1024 * 1024


@pytest.mark.parametrize(
    "text",
    ["1024x768", "1024X768", "1024×768", "1024*768", " 1024 x 768 ", "1024 × 768", "01024x0768"],
)
def test_pixels_in_every_spelling(text: str) -> None:
    assert read_size(text) == Shape(pixels=(1024, 768))


def test_pixels_as_fals_object() -> None:
    assert read_size({"width": 1280, "height": 720}) == Shape(pixels=(1280, 720))


@pytest.mark.parametrize("text", ["16:9", " 16 : 9 ", "16.0:9", "016:09"])
def test_size_as_a_ratio_is_an_aspect_ratio(text: str) -> None:
    assert read_size(text) == read_ratio("16:9") == Shape(ratio=16 / 9, ratio_text="16:9")


@pytest.mark.parametrize(
    ("tier", "area"),
    [
        ("0.5K", 512 * 512),
        ("1K", ONE_K),
        ("1k", ONE_K),
        (" 2k ", 2048 * 2048),
        ("2K", 2048 * 2048),
        ("4K", 4096 * 4096),
        ("0.25", ONE_K // 4),  # megapixel tiers: 1 is 1024²
        ("1", ONE_K),
        (0.25, ONE_K // 4),
        (1, ONE_K),
        (1.0, ONE_K),
        ("4", 4 * ONE_K),
        ("1MP", ONE_K),
        ("512", 512 * 512),  # a side, as OpenRouter writes its smallest tier
        (512, 512 * 512),
    ],
)
def test_tiers_are_areas(tier: Any, area: int) -> None:
    assert read_tier(tier).area == area


@pytest.mark.parametrize("tier", ["0.5K", "1k", "512", "0.25", "1"])
def test_size_as_a_tier_is_a_resolution(tier: str) -> None:
    assert read_size(tier) == read_tier(tier)


@pytest.mark.parametrize("text", ["auto", "AUTO", " auto "])
def test_auto_everywhere(text: str) -> None:
    assert read_size(text) == read_ratio(text) == read_tier(text) == Shape(auto=True)


def test_an_offers_word_for_a_size() -> None:
    assert read_size("Square_HD") == Shape(name="square_hd")


@pytest.mark.parametrize(
    "size",
    [
        "0x0",
        "0x1024",
        "1024x0",
        "100000x10000",
        "14143x1",
        "1024*",
        "*1024",
        "1024x",
        "1024x768x3",
        "-1024x768",
        "1e3x1e3",
        "1024.5x768",
        "１０２４x７６８",
        "16:0",
        "0:9",
        ":",
        "16:9:4",
        "0K",
        "15K",
        "99999",
        "",
        " ",
        "big size",
        "x" * 100_000,
        {"width": 1024},
        {"width": 1024, "height": "768"},
        {"width": 1024.0, "height": 768},
        {"width": True, "height": 768},
        {"width": 0, "height": 768},
        {"width": 1024, "height": 768, "depth": 3},
        [1024, 768],
        1024,
        True,
    ],
)
def test_what_is_no_size(size: Any) -> None:
    with pytest.raises(BadValue) as wrong:
        read_size(size)
    assert wrong.value.param == "size"


@pytest.mark.parametrize("value", [1.5, "16-9", "wide", None, True, [16, 9], "1:1:1", "-16:9", "inf:1"])
def test_what_is_no_ratio(value: Any) -> None:
    with pytest.raises(BadValue, match="such as 16:9"):
        read_ratio(value)


@pytest.mark.parametrize("value", ["K", "big", 0, -1, "-1K", True, [], math.nan, math.inf, 10**400, 1e-9, "20000"])
def test_what_is_no_tier(value: Any) -> None:
    with pytest.raises(BadValue) as wrong:
        read_tier(value)
    assert wrong.value.param == "resolution"


PIXELS, RATIO, TIER, AUTO = (
    Shape(pixels=(1280, 720)),
    read_ratio("4:3"),
    read_tier("2K"),
    Shape(auto=True),
)


@pytest.mark.parametrize(
    ("size", "ratio", "tier", "meant"),
    [
        (None, None, None, Shape()),
        (PIXELS, RATIO, TIER, PIXELS),  # the most specific wins
        (Shape(name="square"), RATIO, TIER, Shape(name="square")),
        (None, RATIO, TIER, Shape(ratio=4 / 3, ratio_text="4:3", area=2048 * 2048, tier_text="2K")),
        (RATIO, None, TIER, Shape(ratio=4 / 3, ratio_text="4:3", area=2048 * 2048, tier_text="2K")),
        (TIER, RATIO, None, Shape(ratio=4 / 3, ratio_text="4:3", area=2048 * 2048, tier_text="2K")),
        (RATIO, RATIO, None, RATIO),
        (AUTO, RATIO, None, RATIO),  # the provider's choice of what the others leave open
        (AUTO, None, None, AUTO),
        (None, AUTO, TIER, TIER),
        (None, AUTO, AUTO, AUTO),
    ],
)
def test_the_three_together(size: Shape | None, ratio: Shape | None, tier: Shape | None, meant: Shape) -> None:
    assert combine(size, ratio, tier) == meant


def test_a_ratio_in_size_that_disagrees_with_aspect_ratio() -> None:
    with pytest.raises(BadValue, match="aspect_ratio: says something else than size"):
        combine(read_size("16:9"), read_ratio("4:3"), None)


def test_a_tier_in_size_that_disagrees_with_resolution() -> None:
    with pytest.raises(BadValue, match="resolution: says something else than size"):
        combine(read_size("1K"), None, read_tier("2K"))
