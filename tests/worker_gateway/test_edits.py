"""Pictures from pictures: image-to-image, and a part drawn anew."""

import openai
import pytest
from PIL import Image

from tests.worker_gateway.pictures import apart, drawn, left_half, png, source
from tests.worker_gateway.processes import STEPS, WorkerProcess

LEFT, RIGHT = (0, 0, 32, 64), (32, 0, 64, 64)


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
    assert apart(one.crop(LEFT), other.crop(LEFT)) > 0
    assert mean_distance(one, RIGHT) < mean_distance(one, LEFT)


def test_a_source_that_is_no_picture_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        drawn(client, {"strength": 0.5}, image=("a.png", b"no picture at all", "image/png"))
    assert caught.value.param == "image"


def mean_distance(image: Image.Image, box: tuple[int, int, int, int] = (0, 0, 64, 64)) -> float:
    """From the source, in a part of it: the mean of all channels."""
    have, want = image.crop(box).tobytes(), source().crop(box).tobytes()
    return sum(abs(one - other) for one, other in zip(have, want, strict=True)) / len(have)
