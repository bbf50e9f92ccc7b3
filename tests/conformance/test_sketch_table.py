"""The table of the sketch engine says what the painter takes: neither can change alone."""

import pytest

from tests.normalizers.offers import FOX, OFFERS, planned, refusal
from workers.engine import SEEDS
from workers.sketch.painter import SKETCH
from workers.wire import FORMATS, MOST_IMAGES

OPERATIONS = ("generate", "edit", "image_to_image")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_table_has_the_painters_limits(operation: str) -> None:
    offer = OFFERS[f"local/sketch {operation}"]
    assert offer.seed_range == (0, SEEDS - 1)
    assert offer.count.max == MOST_IMAGES
    assert set(offer.output.native) == set(FORMATS)
    limits = offer.canvas.limits
    assert (limits.low, limits.high) == (SKETCH.shortest_side, SKETCH.longest_side)
    picture = {} if operation == "generate" else {"image": [FOX]}
    told = refusal({**picture, "num_inference_steps": SKETCH.most_steps + 1}, offer).reason
    assert f"from 1 to {SKETCH.most_steps}" in told
    if operation != "generate":
        planned({"image": [FOX] * SKETCH.most_images}, offer)
        assert str(SKETCH.most_images) in refusal({"image": [FOX] * (SKETCH.most_images + 1)}, offer).reason


def test_what_is_left_out_is_what_the_painter_does() -> None:
    told = {row.name: row.value for row in planned({}, OFFERS["local/sketch generate"]).defaults}
    assert told["num_inference_steps"] == SKETCH.default_steps
    assert planned({}, OFFERS["local/sketch generate"]).drawn == SKETCH.default_size
