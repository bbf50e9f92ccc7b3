"""Lists, names and ratios: the nearest shape first, then the nearest scale; each against a brute-force oracle."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers.canvas import Shape, read_size
from normalizers.fit import Canvas, fit

ONE_K = 1024 * 1024
TIERS = {"0.5K": ONE_K // 4, "1K": ONE_K, "2K": 4 * ONE_K, "4K": 16 * ONE_K}
PRESETS = {"square_hd": (1024, 1024), "square": (512, 512), "portrait": (768, 1024), "landscape": (1024, 576)}
LIST = Canvas("pixels", ("size",), pixels=((1024, 1024), (1536, 1024), (1024, 1536), (2048, 2048)))
NAMES = Canvas("names", ("image_size",), names=PRESETS)
NAMES_AND_FREE = Canvas("names_and_free", ("image_size",), form="object", names=PRESETS)


def ratios(*texts: str, tiers: dict[str, int] | None = None) -> Canvas:
    to = ("aspect_ratio", "resolution") if tiers else ("aspect_ratio",)
    return Canvas("ratios", to, ratios=texts, tiers=tiers or {})


@pytest.mark.parametrize(
    ("asked", "offered", "drawn"),
    [
        ("7:1", ["4:1", "8:1"], "8:1"),  # the documented example: ln(8/7) is less than ln(7/4)
        ("5:1", ["4:1", "8:1"], "4:1"),
        ("1:7", ["1:4", "1:8"], "1:8"),
        ("16:9", ["1:1", "16:9", "9:16"], "16:9"),
        ("32:18", ["1:1", "16:9", "9:16"], "16:9"),
        ("100:1", ["1:1", "21:9"], "21:9"),
        ("1000x10", ["1:1", "8:1", "21:9"], "8:1"),
    ],
)
def test_the_nearest_ratio(asked: str, offered: list[str], drawn: str) -> None:
    fitted = fit(read_size(asked), ratios(*offered))
    assert fitted.wire == (("aspect_ratio", drawn),)
    same = asked in {drawn, "32:18"}
    assert fitted.snapped is not same
    assert (fitted.note is None) is same


@pytest.mark.parametrize(
    ("asked", "tier", "snapped"),
    [
        ("1K", "1K", False),
        ("3K", "4K", True),  # by area, 9 is nearer to 16 than to 4
        ("0.25", "0.5K", False),  # a quarter of 1024² is 512²
        ("16:9", "1K", False),  # only a shape was asked
        ("2048x2048", "2K", True),  # pixels are asked, and nobody says what the provider draws at 2K
    ],
)
def test_the_nearest_tier(asked: str, tier: str, snapped: bool) -> None:
    fitted = fit(read_size(asked), ratios("1:1", "16:9", tiers=TIERS))
    assert fitted.wire[1] == ("resolution", tier)
    assert fitted.snapped is snapped


def test_a_scale_asked_of_an_offer_that_has_one_is_a_snap() -> None:
    assert fit(Shape(area=16 * ONE_K), ratios("1:1", "16:9")).snapped
    assert not fit(Shape(area=ONE_K), ratios("1:1", "16:9")).snapped


@pytest.mark.parametrize(
    ("asked", "drawn", "snapped"),
    [
        ("3:2", (1536, 1024), False),  # the shape is met, and no scale was asked
        ("1024x1024", (1024, 1024), False),
        ("1K", (1024, 1024), False),
        ("4K", (2048, 2048), True),
        ("1792x1024", (1536, 1024), True),
        ("2000x2000", (2048, 2048), True),
        ("1:1", (1024, 1024), False),  # two squares: the one of the default scale
    ],
)
def test_a_list_of_pixels(asked: str, drawn: tuple[int, int], snapped: bool) -> None:
    fitted = fit(read_size(asked), LIST)
    assert fitted.pixels == drawn
    assert fitted.wire == (("size", f"{drawn[0]}x{drawn[1]}"),)
    assert fitted.snapped is snapped


def test_a_name_when_its_pixels_are_exactly_what_is_asked_else_pixels() -> None:
    assert fit(read_size("1024x576"), NAMES_AND_FREE).wire == (("image_size", "landscape"),)
    assert fit(read_size("1024x577"), NAMES_AND_FREE).wire == (("image_size", {"width": 1024, "height": 577}),)
    assert fit(read_size("square"), NAMES_AND_FREE).wire == (("image_size", "square"),)


@pytest.mark.parametrize(
    ("form", "to", "wire"),
    [
        ("string", ("size",), (("size", "640x480"),)),
        ("star", ("size",), (("size", "640*480"),)),
        ("object", ("image_size",), (("image_size", {"width": 640, "height": 480}),)),
        ("fields", ("width", "height"), (("width", 640), ("height", 480))),
    ],
)
def test_pixels_in_the_providers_form(form: str, to: tuple[str, ...], wire: tuple[tuple[str, Any], ...]) -> None:
    assert fit(read_size("640x480"), Canvas("free", to, form=form)).wire == wire


def test_an_offer_of_one_size() -> None:
    only = Canvas("fixed", (), pixels=((1024, 1024),))
    assert fit(read_size("1024x1024"), only).snapped is False
    assert fit(read_size("16:9"), only).snapped is True
    assert fit(read_size("16:9"), only).wire == ()


def test_a_row_of_the_size_table_wins_over_arithmetic_however_the_ratio_is_written() -> None:
    canvas = Canvas("free", ("size",), sizes={("4:3", ONE_K): (1183, 887)})
    for written in ("4:3", "8:6", "4.0:3"):
        assert fit(read_size(written), canvas).pixels == (1183, 887)
    assert fit(read_size("3:4"), canvas).pixels == (887, 1182)


# ---- the oracle, from the design's words alone

sizes = st.tuples(st.integers(1, 14_142), st.integers(1, 14_142))


def by_rule(asked: tuple[float, float], offered: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Nearest shape first, by |ln(ratio/ratio')|; then scale, by |ln(area/area')|; all that tie."""
    shape = {size: abs(math.log(asked[0] / asked[1]) - math.log(size[0] / size[1])) for size in offered}
    shapely = [size for size in offered if shape[size] <= min(shape.values()) + 1e-8]
    scale = {size: abs(math.log(asked[0] * asked[1]) - math.log(size[0] * size[1])) for size in shapely}
    return [size for size in shapely if scale[size] <= min(scale.values()) + 1e-8]


@given(sizes, st.lists(sizes, min_size=1, max_size=12, unique=True))
def test_a_list_is_searched_by_the_rule(asked: tuple[int, int], offered: list[tuple[int, int]]) -> None:
    fitted = fit(Shape(pixels=asked), Canvas("pixels", ("size",), pixels=tuple(offered)))
    assert fitted.pixels in by_rule(asked, offered)
    assert fitted.snapped is (fitted.pixels != asked)


@given(sizes, st.lists(sizes, min_size=1, max_size=12, unique=True))
def test_names_are_searched_by_the_rule(asked: tuple[int, int], offered: list[tuple[int, int]]) -> None:
    names = {f"name_{place}": size for place, size in enumerate(offered)}
    fitted = fit(Shape(pixels=asked), Canvas("names", ("image_size",), names=names))
    assert names[fitted.wire[0][1]] == fitted.pixels
    assert fitted.pixels in by_rule(asked, offered)


@given(sizes, st.lists(st.tuples(st.integers(1, 32), st.integers(1, 32)), min_size=1, max_size=12))
def test_ratios_and_tiers_are_searched_by_the_rule(asked: tuple[int, int], offered: list[tuple[int, int]]) -> None:
    canvas = ratios(*(f"{width}:{height}" for width, height in offered), tiers=TIERS)
    (_, ratio), (_, tier) = fit(Shape(pixels=asked), canvas).wire
    width, _, height = ratio.partition(":")
    distance = {pair: abs(math.log(asked[0] / asked[1] / (pair[0] / pair[1]))) for pair in offered}
    assert distance[int(width), int(height)] <= min(distance.values()) + 1e-8
    scale = {name: abs(math.log(asked[0] * asked[1] / area)) for name, area in TIERS.items()}
    assert scale[tier] <= min(scale.values()) + 1e-8


@given(sizes)
def test_named_and_free_draws_exactly_what_is_asked(asked: tuple[int, int]) -> None:
    fitted = fit(Shape(pixels=asked), NAMES_AND_FREE)
    assert fitted.pixels == asked
    assert not fitted.snapped
    sent = fitted.wire[0][1]
    assert isinstance(sent, str) is (asked in PRESETS.values())


def test_auto_is_the_providers_word_or_nothing() -> None:
    assert fit(Shape(auto=True), Canvas("free", ("size",), auto="auto")).wire == (("size", "auto"),)
    left_out = fit(Shape(auto=True), Canvas("free", ("size",), provider_default="1024x1024"))
    assert left_out.wire == ()
    assert left_out.note == "left out; the provider chooses: 1024x1024"


def test_names_keep_the_tables_pixels() -> None:
    assert fit(read_size("portrait"), NAMES).pixels == (768, 1024)
