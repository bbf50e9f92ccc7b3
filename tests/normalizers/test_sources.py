"""Pictures that a caller sends: where they stand in a payload, in which form, and what an edit's size becomes."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizers.asked import Asked, Options
from normalizers.errors import BadValue, Refused, TableError
from normalizers.offer import Offer
from normalizers.plan import plan
from normalizers.source import Source, Sources, pictures_in, with_pictures
from tests.normalizers.offers import made_up, planned, refusal, row_of

FOX = Source("f" * 64, "png", 1200, 800, 90_000)
CAT = Source("c" * 64, "webp", 640, 640, 50_000)
MASK = Source("a" * 64, "png", 1200, 800, 2_000)

EDIT = """
operation = "edit"
canvas = { kind = "free", limits = { side = [64, 2048], step = 16 } }
sources = { ways = ["data_uri"], formats = ["png", "jpeg"], max_bytes = 100_000, sides = [64, 1500] }
"""
PICTURES = 'image = { how = "converted", to = "image_urls", by = "pictures", table = { max_items = 2 } }\n'
ONE = 'image = { how = "converted", to = "input.image", by = "picture" }\n'


def edit(params: str = PICTURES, **table: str) -> Offer:
    return made_up(table.get("text", EDIT), params=params)


def test_pictures_stand_where_the_table_says() -> None:
    made = planned({"image": [FOX, CAT]}, edit())
    assert made.payload["image_urls"] == [FOX, CAT.prepared("png")], "webp is not read there, so it becomes png"
    assert row_of(made, "image").behavior == "converted"
    assert row_of(made, "image").sent_as == "image_urls"


def test_one_picture_is_no_list() -> None:
    assert planned({"image": [FOX]}, edit(ONE)).payload["input"] == {"image": FOX}


def test_a_native_name_carries_the_same_pictures() -> None:
    made = planned({"image_urls": [FOX]}, edit())
    assert made.payload["image_urls"] == [FOX]
    assert row_of(made, "image_urls").name == "image"


@pytest.mark.parametrize(
    ("image", "params", "reason"),
    [
        ([FOX, CAT, MASK], PICTURES, "holds 3 pictures; 1 to 2 can be taken at nowhere/made-up"),
        ([FOX, CAT], ONE, "holds 2 pictures; 1 can be taken at nowhere/made-up"),
        ("https://a.example/fox.png", ONE, "must be a picture; send it to /v1/images/edits at nowhere/made-up"),
        ([Source("f" * 64, "png", 1600, 800, 9)], ONE, "is 1600x800; sides must be from 64 to 1500 pixels"),
        ([Source("f" * 64, "png", 800, 800, 100_001)], ONE, "has 100,001 bytes; at most 100,000 are taken"),
    ],
)
def test_what_an_offer_does_not_take_is_refused_there(image: object, params: str, reason: str) -> None:
    error = refusal({"image": image}, edit(params))
    assert isinstance(error, Refused)
    assert error.param == "image"
    assert error.reason.startswith(reason)


@pytest.mark.parametrize(
    ("edited", "work"), [("white", "mask_white"), ("black", "mask_black"), ("transparent", "mask_transparent")]
)
def test_a_mask_is_repainted_in_the_providers_convention(edited: str, work: Any) -> None:
    row = f'mask = {{ how = "converted", to = "mask_url", by = "mask", table = {{ edited = "{edited}" }} }}\n'
    made = planned({"image": [FOX], "mask": MASK}, edit(PICTURES + row))
    assert made.payload["mask_url"] == MASK.prepared(work)


def test_transparency_that_is_not_taken_is_laid_on_white_and_told() -> None:
    opaque = edit(text=EDIT.replace("sides = [64, 1500]", "sides = [64, 1500], opaque = true"))
    see_through = replace(FOX, alpha=True)
    made = planned({"image": [see_through, FOX]}, opaque)
    assert made.payload["image_urls"] == [see_through.prepared("opaque"), FOX]
    assert row_of(made, "image").note == "transparency is laid on white: the provider takes none"
    assert row_of(planned({"image": [FOX]}, opaque), "image").note is None
    error = refusal({"image": [see_through]}, opaque, strict=True)
    assert isinstance(error, Refused)
    assert error.reason.startswith("may be transparent")
    assert planned({"image": [see_through]}, edit()).payload["image_urls"] == [see_through], "elsewhere it is taken"


def test_an_edit_needs_a_picture_and_its_prompt() -> None:
    error = refusal({}, edit())
    assert isinstance(error, BadValue)
    assert (error.param, error.reason[:11]) == ("image", "is required")


@pytest.mark.parametrize(
    ("canvas", "sent", "value"),
    [
        ('{ kind = "free", limits = { side = [64, 2048], step = 16 } }', {"size": "1200x800"}, "1200x800"),
        ('{ kind = "free", limits = { side = [64, 1024], step = 16 } }', {"size": "1024x688"}, "1024x688"),
        ('{ kind = "free", keeps_source = true }', {}, "as the first picture"),
        ('{ kind = "ratios", ratios = ["1:1", "3:2", "2:3"], auto = "match_input_image" }', None, "match_input_image"),
        ('{ kind = "ratios", ratios = ["1:1", "3:2"], auto = "auto", keeps_source = false }', {"size": "3:2"}, "3:2"),
        ('{ kind = "pixels", pixels = [[1024, 1024], [1536, 1024]] }', {"size": "1536x1024"}, "1536x1024"),
        ('{ kind = "source" }', {}, "as the first picture"),
    ],
)
def test_an_edit_without_a_size_keeps_its_sources_shape(canvas: str, sent: dict[str, str] | None, value: str) -> None:
    made = planned({"image": [FOX]}, edit(text=EDIT.replace(EDIT.splitlines()[2], f"canvas = {canvas}")))
    (default,) = (row for row in made.defaults if row.name == "size")
    assert default.value == value
    assert {name: made.payload[name] for name in ("size",) if name in made.payload} == (
        {"size": "match_input_image"} if sent is None else sent
    )


def test_a_ratio_alone_keeps_the_sources_scale() -> None:
    made = planned({"image": [FOX], "aspect_ratio": "1:1"}, edit())
    assert made.payload["size"] == "976x976", "as many pixels as 1200x800 has, in steps of 16"


def test_an_upscaler_multiplies_the_sources_size() -> None:
    upscaler = edit(text=EDIT.replace(EDIT.splitlines()[2], 'canvas = { kind = "source" }'))
    made = planned({"image": [FOX], "scale_factor": 2, "size": "2400x1600"}, upscaler)
    assert made.pixels == (2400, 1600)
    assert row_of(made, "size").note is None
    snapped = planned({"image": [FOX], "scale_factor": 2, "size": "1024x1024"}, upscaler)
    assert row_of(snapped, "size").note == "nearest that the provider draws: 2400x1600"
    assert isinstance(refusal({"image": [FOX], "size": "1024x1024"}, upscaler, strict=True), Refused)


def test_what_a_route_brings_itself_is_told_as_a_default() -> None:
    made = plan(Asked("m", {"image": [FOX]}, {"prompt": "again"}), edit(), Options())
    assert made.payload["prompt"] == "again"
    assert [(row.name, row.value, row.source) for row in made.defaults if row.name == "prompt"] == [
        ("prompt", "again", "gateway")
    ]


def test_another_picture_is_another_fingerprint() -> None:
    plans = [planned({"image": [source]}, edit()) for source in (FOX, CAT, FOX)]
    assert plans[0].fingerprint == plans[2].fingerprint != plans[1].fingerprint


def test_rows_tell_what_a_picture_is_and_hold_no_bytes() -> None:
    (row,) = (row for row in planned({"image": [FOX]}, edit()).decisions if row.name == "image")
    told = json.loads(orjson.dumps(row._asdict()))
    assert told["asked"][0] == {
        "hash": "f" * 64,
        "format": "png",
        "width": 1200,
        "height": 800,
        "size": 90_000,
        "prepare": "",
        "alpha": False,
    }


def test_a_table_that_takes_pictures_says_how() -> None:
    with pytest.raises(TableError, match="needs `ways` in `sources`"):
        edit(text=EDIT.replace('ways = ["data_uri"], ', ""))


LEAVES = st.none() | st.integers() | st.text(max_size=5) | st.sampled_from([FOX, CAT])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner), max_leaves=9)


@given(VALUES)
def test_putting_pictures_in_changes_nothing_else(value: Any) -> None:
    forms = {FOX: "data:fox", CAT: "data:cat"}
    found = list(pictures_in(value))
    filled = with_pictures(value, forms)
    assert not list(pictures_in(filled))
    assert (filled is value) or found
    back = {"data:fox": FOX, "data:cat": CAT}
    assert restored(filled, back) == value


def restored(value: Any, back: dict[str, Source]) -> Any:
    if isinstance(value, str):
        return back.get(value, value)
    if isinstance(value, list):
        return [restored(inner, back) for inner in value]  # pyright: ignore[reportUnknownVariableType] - JSON
    if isinstance(value, dict):
        return {name: restored(inner, back) for name, inner in value.items()}  # pyright: ignore[reportUnknownVariableType] - JSON
    return value


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 200_000))
def test_a_picture_fits_exactly_within_its_limits(width: int, height: int, size: int) -> None:
    takes = Sources(("url",), max_bytes=100_000, sides=(64, 1500))
    inside = all(64 <= side <= 1500 for side in (width, height)) and size <= 100_000
    assert (takes.unfit(Source("0" * 64, "png", width, height, size)) is None) == inside
