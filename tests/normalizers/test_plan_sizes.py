"""Lumenfall's size tables for qwen-image (model page read 2026-11-21), on every way that this gateway draws it."""

from typing import Any

import pytest

from normalizers.errors import BadValue, Refused
from tests.normalizers.offers import planned, refusal, row_of

# | Output | size | aspect_ratio + resolution |
SEVEN_SIZES_OF_1K = [
    ((1183, 887), "1183x887", "4:3", "1K"),
    ((1024, 1024), "1024x1024", "1:1", "1K"),
    ((887, 1182), "887x1182", "3:4", "1K"),
    ((836, 1254), "836x1254", "2:3", "1K"),
    ((1254, 836), "1254x836", "3:2", "1K"),
    ((768, 1365), "768x1365", "9:16", "1K"),
    ((1365, 768), "1365x768", "16:9", "1K"),
]
OFFERS = ["fal/qwen-image", "lumenfall/qwen-image"]


def wire(offer: str, pixels: tuple[int, int]) -> dict[str, Any]:
    """The field and its value on each of the two."""
    if offer.startswith("lumenfall"):
        return {"size": f"{pixels[0]}x{pixels[1]}"}
    presets = {(1024, 1024): "square_hd", (1024, 768): "landscape_4_3", (512, 512): "square"}
    return {"image_size": presets.get(pixels, {"width": pixels[0], "height": pixels[1]})}


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("row", SEVEN_SIZES_OF_1K, ids=lambda row: row[1])
@pytest.mark.parametrize("by", ["size", "ratio and tier", "ratio", "ratio in size", "ratio in size and tier"])
def test_the_seven_sizes(offer: str, row: tuple[tuple[int, int], str, str, str], by: str) -> None:
    pixels, size, ratio, tier = row
    body = {
        "size": {"size": size},
        "ratio and tier": {"aspect_ratio": ratio, "resolution": tier},
        "ratio": {"aspect_ratio": ratio},
        "ratio in size": {"size": ratio},
        "ratio in size and tier": {"size": ratio, "resolution": tier},
    }[by]
    made = planned(body, offer, strict=True)  # none of them is a snap
    (call,) = made.calls()
    assert wire(offer, pixels).items() <= call.payload.items()
    assert made.pixels == pixels
    assert [row.given_as for row in made.decisions if row.given_as in body] == list(body)
    for given_as in body:
        assert {row_of(made, given_as).sent_as: row_of(made, given_as).sent} == wire(offer, pixels)
        assert row_of(made, given_as).note is None


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize(
    ("asked", "pixels"),
    [
        ("1x1", (1, 1)),  # custom: 1 to 14142 px a side
        ("14142x14142", (14_142, 14_142)),
        ("1920x1080", (1920, 1080)),
        ("1024X768", (1024, 768)),
        ("1024×768", (1024, 768)),
        ("1024*768", (1024, 768)),
        (" 1024 x 768 ", (1024, 768)),
        ("512", (512, 512)),
        ("1k", (1024, 1024)),
        ("2K", (2048, 2048)),
        ("0.5K", (512, 512)),
        ("0.25", (512, 512)),  # megapixel tiers
        ("1", (1024, 1024)),
        ("8:6", (1183, 887)),  # 4:3 in other words
        ("7:1", (2709, 387)),  # free pixels need no nearest ratio
    ],
)
def test_custom_sizes(offer: str, asked: str, pixels: tuple[int, int]) -> None:
    made = planned({"size": asked}, offer, strict=True)
    assert wire(offer, pixels).items() <= made.payload.items()
    assert made.pixels == pixels


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize(
    ("resolution", "pixels"),
    [("1K", (1365, 768)), ("1", (1365, 768)), (1, (1365, 768)), ("2k", (2731, 1536)), ("0.25", (683, 384))],
)
def test_ratio_and_tier_are_independent(offer: str, resolution: Any, pixels: tuple[int, int]) -> None:
    assert planned({"resolution": resolution, "aspect_ratio": "16:9"}, offer).pixels == pixels


@pytest.mark.parametrize("offer", OFFERS)
def test_size_wins_and_the_others_say_so(offer: str) -> None:
    made = planned({"aspect_ratio": "16:9", "size": "1024x1024", "resolution": "4K"}, offer)
    assert made.pixels == (1024, 1024)
    assert wire(offer, (1024, 1024)).items() <= made.payload.items()
    assert [row.given_as for row in made.decisions] == ["prompt", "aspect_ratio", "size", "resolution"]
    for name in ("aspect_ratio", "resolution"):
        row = row_of(made, name)
        assert (row.behavior, row.sent_as, row.sent) == ("dropped", None, None)
        assert row.note == "size decides shape and scale"


@pytest.mark.parametrize("offer", OFFERS)
def test_a_bad_ratio_is_an_error_even_where_it_would_be_ignored(offer: str) -> None:
    error = refusal({"size": "1024x1024", "aspect_ratio": "wide"}, offer)
    assert (type(error), error.param) == (BadValue, "aspect_ratio")


def test_auto_is_the_providers_own_choice() -> None:
    fal = planned({"size": "auto"}, "fal/qwen-image", strict=True)
    assert "image_size" not in fal.payload
    assert fal.pixels is None
    assert row_of(fal, "size").note == "left out; the provider chooses: landscape_4_3, 1024x768"
    openai = planned({"size": "auto"}, "openai/gpt-image-2", strict=True)
    assert openai.payload["size"] == "auto"
    assert row_of(openai, "size").behavior == "passthrough"


@pytest.mark.parametrize("offer", OFFERS)
def test_auto_leaves_a_ratio_its_say(offer: str) -> None:
    assert planned({"size": "auto", "aspect_ratio": "16:9"}, offer).pixels == (1365, 768)


@pytest.mark.parametrize("offer", OFFERS)
def test_without_a_size_the_models_default_is_sent(offer: str) -> None:
    made = planned({}, offer)
    assert wire(offer, (1024, 1024)).items() <= made.payload.items()
    (default,) = (row for row in made.defaults if row.name == "size")
    assert ({default.sent_as: default.value}, default.source) == (wire(offer, (1024, 1024)), "gateway")


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [("1792x1024", "1536x1024"), ("512x512", "1024x1024"), ("9:16", "1024x1536"), ("4:1", "1536x1024")],
)
def test_a_snap_says_what_is_drawn(asked: str, drawn: str) -> None:
    made = planned({"size": asked}, "openai/gpt-image-1.5")
    assert made.payload["size"] == drawn
    assert row_of(made, "size").note == f"nearest that the provider draws: {drawn}"


def test_another_providers_word_for_a_size() -> None:
    assert planned({"image_size": "landscape_16_9"}, "fal/qwen-image").payload["image_size"] == "landscape_16_9"
    error = refusal({"image_size": "landscape_16_9"}, "lumenfall/qwen-image")
    assert (type(error), error.param) == (Refused, "image_size")
    assert "1024x1024" in error.reason
