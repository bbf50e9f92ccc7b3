"""Pictures from pictures: image-to-image, and a part drawn anew."""

import statistics

import openai
import pytest
from PIL import Image

from tests.worker_gateway.pictures import apart, drawn, left_half, png, source
from tests.worker_gateway.processes import STEPS, WorkerProcess

LEFT, RIGHT = (0, 0, 32, 64), (48, 0, 64, 64)  # next to the mask the decoder mixes both


def test_the_weaker_it_is_the_fewer_steps_it_takes(client: openai.OpenAI, worker: WorkerProcess) -> None:
    before = worker.metric(STEPS)
    [weak] = drawn(client, {"strength": 0.2, "steps": 10}, image=png(source()))
    assert worker.metric(STEPS) - before == 2
    [strong] = drawn(client, {"strength": 1.0, "steps": 10}, image=png(source()))
    assert worker.metric(STEPS) - before == 2 + 10
    assert weak.size == strong.size == (64, 64)
    assert apart(weak, strong) > 0


def test_what_the_mask_keeps_is_kept(client: openai.OpenAI) -> None:
    [one] = drawn(client, {"strength": 0.9, "steps": 8}, image=png(source()), mask=png(left_half()))
    [other] = drawn(client, {"strength": 0.9, "steps": 8, "seed": 8}, image=png(source()), mask=png(left_half()))
    assert 1.5 * mean_difference(one, other, RIGHT) < mean_difference(one, other, LEFT)


def test_a_source_that_is_no_picture_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        drawn(client, {"strength": 0.5}, image=("a.png", b"no picture at all", "image/png"))
    assert caught.value.param == "image"


def mean_difference(one: Image.Image, other: Image.Image, box: tuple[int, int, int, int]) -> float:
    """Of all channels, in a part of them."""
    bands = zip(one.crop(box).tobytes(), other.crop(box).tobytes(), strict=True)
    return statistics.fmean(abs(this - that) for this, that in bands)
