"""Runware's pictures (its page of Qwen-Image and the field lists of runware-sdk 1.8.0, read 2026-11-21), row by row."""

from typing import Any

import pytest

from normalizers.errors import Refused
from normalizers.offer import Offer
from normalizers.source import Source
from tests.normalizers.offers import CATALOG, OFFERS, planned, refusal, row_of

FOX = Source("fox", "png", 512, 384, 10_000)
CAT = Source("cat", "jpeg", 1000, 1000, 10_000)
GIF = Source("gif", "gif", 512, 512, 10_000)
MASK = Source("mask", "png", 512, 384, 500)
LARGE = Source("large", "webp", 4000, 3000, 9_000_000)

FIXED = {"taskType": "imageInference", "deliveryMethod": "async", "outputType": "URL", "includeCost": True}
REST = FIXED | {"positivePrompt": "a fox", "outputFormat": "PNG", "numberResults": 1}

REDRAWN = ("qwen-image", "qwen-image-2512", "flux-dev", "flux-schnell", "sdxl")
FILLED = ("qwen-image", "flux-fill-dev")
ANY_SIZE = ("qwen-image-edit", "qwen-image-edit-plus", "qwen-image-edit-2511", "qwen-image-2", "qwen-image-2-edit")
EDITS = (*ANY_SIZE, "qwen-image-2-pro", "flux-kontext-dev", "flux-kontext-pro", "flux-kontext-max", "flux-2-dev")


def offered(model: str, operation: str = "edit") -> Offer:
    return OFFERS[f"runware/{model} {operation}"]


@pytest.mark.parametrize("model", REDRAWN)
def test_the_whole_body_of_image_to_image(model: str) -> None:
    body = {"image": [FOX], "mask": MASK, "strength": 0.4, "mask_margin": 32}
    (call,) = planned(body, offered(model, "image_to_image")).calls()
    assert call.payload == REST | {
        "inputs": {"seedImage": FOX, "maskImage": MASK.prepared("mask_white"), "strength": 0.4},
        "maskMargin": 32,
        "width": 512,
        "height": 384,
    }


@pytest.mark.parametrize("model", FILLED)
def test_an_edit_redraws_what_is_masked_or_added(model: str) -> None:
    offer = offered(model)
    assert planned({"image": [FOX], "mask": MASK}, offer).payload["inputs"]["maskImage"] == MASK.prepared("mask_white")
    payload = planned({"image": [FOX], "outpaint": {"left": 64, "bottom": 16}}, offer).payload
    assert (payload["outpaint"], payload["width"], payload["height"]) == ({"left": 64, "bottom": 16}, 576, 400)
    error = refusal({"image": [FOX]}, offer)
    assert (type(error), error.param) == (Refused, "mask")
    assert error.reason.endswith("cannot work without mask or outpaint")


@pytest.mark.parametrize("model", EDITS)
def test_an_edit_sends_its_pictures_as_references(model: str) -> None:
    square = Source("square", "png", 1024, 1024, 10_000)
    (call,) = planned({"image": [square, CAT, GIF]}, offered(model)).calls()
    assert call.payload == REST | {
        "inputs": {"referenceImages": [square, CAT, GIF.prepared("png")]},
        "width": 1024,
        "height": 1024,
    }


@pytest.mark.parametrize(
    ("model", "operation", "source", "drawn"),
    [
        ("qwen-image", "image_to_image", CAT, (1008, 1008)),
        ("qwen-image-edit", "edit", LARGE, (2048, 1536)),
        ("qwen-image-edit-plus", "edit", Source("s", "png", 64, 64, 1), (128, 128)),
        ("flux-kontext-pro", "edit", FOX, (1184, 880)),
        ("flux-kontext-dev", "edit", Source("s", "png", 2000, 1000, 1), (1456, 720)),
    ],
)
def test_without_a_size_an_edit_keeps_the_shape_of_its_first_picture(
    model: str, operation: str, source: Source, drawn: tuple[int, int]
) -> None:
    body = {"image": [source], "strength": 0.5} if operation == "image_to_image" else {"image": [source]}
    made = planned(body, offered(model, operation), strict=operation == "image_to_image")
    assert (made.payload["width"], made.payload["height"]) == made.pixels == drawn
    (default,) = (default for default in made.defaults if default.name == "size")
    assert default.source == "gateway"


@pytest.mark.parametrize(("model", "sent"), [("qwen-image-edit", False), ("qwen-image-edit-plus", True)])
def test_auto_leaves_the_size_to_runware_only_where_it_has_a_choice(model: str, sent: bool) -> None:
    made = planned({"image": [FOX], "size": "auto"}, offered(model), strict=True)
    assert ("width" in made.payload, "height" in made.payload) == (sent, sent)
    assert row_of(made, "size").note


def test_width_1000_is_the_nearest_step_and_told_and_strictly_an_error() -> None:
    offer = offered("qwen-image-edit-plus")
    made = planned({"image": [FOX], "width": 1000, "height": 512}, offer)
    assert (made.payload["width"], made.payload["height"]) == (1008, 512)
    assert row_of(made, "width").note == "nearest that the provider draws: 1008x512"
    error = refusal({"image": [FOX], "width": 1000, "height": 512}, offer, strict=True)
    assert type(error) is Refused
    assert "1008x512" in error.reason


OUTPAINT: list[tuple[dict[str, Any], str]] = [
    ({"top": 8}, "makes the picture 512x392, and runware/qwen-image would draw 512x400"),
    ({"right": 2000}, "2512x384"),
    ({"left": -16}, "from 0 to 14142"),
    ({"left": 16.0}, "an integer"),
    ({"middle": 16}, "unknown field 'middle'"),
]


@pytest.mark.parametrize(("added", "works"), OUTPAINT)
@pytest.mark.parametrize("operation", ["edit", "image_to_image"])
def test_what_is_added_must_make_a_size_that_is_taken(operation: str, added: dict[str, Any], works: str) -> None:
    error = refusal({"image": [FOX], "outpaint": added}, offered("qwen-image", operation))
    assert (type(error), error.param) == (Refused, "outpaint")
    assert works in error.reason


def test_a_size_beside_an_outpaint_must_be_the_one_that_it_makes() -> None:
    body: dict[str, Any] = {"image": [FOX], "outpaint": {"right": 128}}
    offer = offered("qwen-image")
    assert planned({**body, "size": "640x384"}, offer).payload["width"] == 640
    assert refusal({**body, "size": "1024x384"}, offer).param == "outpaint"
    assert planned({"image": [FOX], "mask": MASK, "outpaint": {}, "size": "1024x768"}, offer).payload["width"] == 1024


def test_a_guide_is_a_picture_that_the_caller_sent() -> None:
    nets = [{"model": "runware:36@1", "image": GIF, "weight": 0.5, "end": 0.7}]
    for operation in ("generate", "image_to_image"):
        body: dict[str, Any] = {"control_nets": nets} | ({} if operation == "generate" else {"image": [FOX]})
        made = planned(body, offered("qwen-image", operation))
        assert made.payload["controlNet"] == [
            {"model": "runware:36@1", "guideImage": GIF.prepared("png"), "weight": 0.5, "endStepPercentage": 70}
        ]
        assert row_of(made, "control_nets").behavior == "converted"


# | model | operation | asked | the reason names |
REFUSED: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("qwen-image", "image_to_image", {"image": [FOX, CAT]}, "image", "2 pictures; 1 can be taken"),
    ("qwen-image", "image_to_image", {"image": [FOX], "strength": 0.333}, "strength", "such as 0.33"),
    ("qwen-image", "image_to_image", {"image": [FOX], "mask_margin": 31}, "mask_margin", "from 32 to 128"),
    ("qwen-image", "image_to_image", {"image": [FOX], "mask": MASK, "mask_margin": 129}, "mask_margin", "from 32"),
    ("qwen-image-edit", "edit", {"image": [FOX], "mask": MASK}, "mask", "this edit takes no mask"),
    ("qwen-image-edit", "edit", {"image": [FOX], "outpaint": {"top": 16}}, "outpaint", "qwen-image"),
    ("qwen-image-edit", "edit", {"image": [FOX], "control_nets": [{}]}, "control_nets", "no ControlNets"),
    ("qwen-image-2", "edit", {"image": [FOX], "negative_prompt": "blur"}, "negative_prompt", "say it in the prompt"),
    ("flux-kontext-pro", "edit", {"image": [FOX], "negative_prompt": "blur"}, "negative_prompt", "no negative prompt"),
    ("qwen-image", "edit", {"image": [Source("b", "png", 9, 9, 33_554_433)], "mask": MASK}, "image", "33,554,432"),
]


@pytest.mark.parametrize(("model", "operation", "asked", "param", "works"), REFUSED)
def test_what_is_refused(model: str, operation: str, asked: dict[str, Any], param: str, works: str) -> None:
    error = refusal(asked, offered(model, operation))
    assert (type(error), error.param) == (Refused, param)
    assert works in error.reason


def test_what_an_edit_has_no_use_for_is_dropped_with_a_reason() -> None:
    made = planned({"image": [FOX], "seed": 7}, offered("qwen-image-2-edit"))
    assert row_of(made, "seed").behavior == "dropped"
    assert made.calls()[0].seed is None


def test_with_a_seed_each_edit_is_a_task_of_its_own() -> None:
    calls = planned({"image": [FOX], "n": 3, "seed": 7}, offered("qwen-image-edit")).calls()
    assert [(call.payload["seed"], call.payload["numberResults"]) for call in calls] == [(7, 1), (8, 1), (9, 1)]
    (call,) = planned({"image": [FOX], "n": 10}, offered("qwen-image-edit")).calls()
    assert call.payload["numberResults"] == 10


def test_every_model_that_runware_edits_with_is_known_by_name() -> None:
    for model in {*REDRAWN, *FILLED, *EDITS}:
        assert CATALOG.entries[model].facts.title
