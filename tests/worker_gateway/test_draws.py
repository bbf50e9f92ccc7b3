"""Pictures by real denoising, asked for with OpenAI's client."""

from concurrent.futures import ThreadPoolExecutor

import openai

from tests.worker_gateway.pictures import RED, apart, drawn, opened
from tests.worker_gateway.processes import TINY, WorkerProcess


def test_a_picture_and_what_became_of_its_parameters(client: openai.OpenAI, worker: WorkerProcess) -> None:
    steps, pictures = worker.metric("easel_worker_steps_total"), worker.metric("easel_worker_pictures_total")
    answer = client.images.generate(
        model=TINY, prompt=RED, size="128x64", extra_body={"seed": 3, "steps": 5}, response_format="b64_json"
    )
    told = answer.model_dump()
    [image] = told["data"]
    assert opened(image["b64_json"]).size == (128, 64)
    assert image["seed"] == 3
    assert (told["metadata"]["provider"], told["metadata"]["cost"]) == ("local", 0)
    rows = {row["name"]: (row["behavior"], row["sent"]) for row in told["metadata"]["parameters"]}
    assert rows["num_inference_steps"] == ("renamed", 5)
    assert rows["seed"] == ("passthrough", 3)
    assert worker.metric("easel_worker_steps_total") - steps == 5
    assert worker.metric("easel_worker_pictures_total") - pictures == 1


def test_the_same_seed_is_the_same_picture_and_another_is_another(client: openai.OpenAI) -> None:
    [one], [again], [other] = drawn(client), drawn(client), drawn(client, {"seed": 8})
    assert one.tobytes() == again.tobytes()
    assert apart(one, other) > 0


def test_guidance_steps_and_prompt_change_the_picture(client: openai.OpenAI) -> None:
    [plain] = drawn(client)
    for extra in ({"cfg_scale": 1.0}, {"steps": 3}, {"negative_prompt": "red"}):
        assert apart(drawn(client, extra)[0], plain) > 0, extra
    assert apart(drawn(client, prompt="two blue squares on a black background")[0], plain) > 0


def test_four_pictures_of_a_request_go_through_the_device_together(
    client: openai.OpenAI, worker: WorkerProcess
) -> None:
    forwards = worker.metric("easel_worker_group_pictures_count")
    four = drawn(client, {"seed": 40, "steps": 8}, n=4)
    taken = worker.metric("easel_worker_group_pictures_count") - forwards
    assert taken < 2 * 16, "a step is two forwards, with the prompt and without: one by one it would be 4 * 16"
    [alone] = drawn(client, {"seed": 42, "steps": 8})
    assert apart(four[2], alone) <= 1
    assert len({image.tobytes() for image in four}) == 4


def test_requests_of_several_callers_share_the_device(client: openai.OpenAI, worker: WorkerProcess) -> None:
    """Some of another size among them: those wait for nobody, and get the size that they asked for."""
    steps = worker.metric("easel_worker_steps_total")
    sizes = ["64x64", "96x64", "64x64", "64x96"]
    with ThreadPoolExecutor(4) as callers:
        found = list(callers.map(lambda size: drawn(client, {"steps": 10}, size=size)[0], sizes))
    assert [f"{image.width}x{image.height}" for image in found] == sizes
    assert apart(found[0], found[2]) <= 1
    assert worker.metric("easel_worker_steps_total") - steps in (30, 40), "equal requests may share a picture"


def test_a_stream_tells_the_steps_and_shows_previews(client: openai.OpenAI) -> None:
    steps: list[tuple[int, int]] = []
    previews: list[str] = []
    stream = client.images.generate(
        model=TINY,
        prompt=RED,
        size="64x64",
        stream=True,
        partial_images=2,
        extra_body={"seed": 5, "steps": 9, "cache": "off"},
    )
    last = None
    for event in stream:
        last = event
        if event.type == "image_generation.partial_image":
            previews.append(event.b64_json)
        elif event.type != "image_generation.completed":
            told = event.model_dump()
            assert told["type"] == "image_generation.progress"
            steps.append((told["step"], told["steps"]))
    assert last is not None
    assert last.type == "image_generation.completed"
    assert {total for _, total in steps} == {9}
    done = [step for step, _ in steps]
    assert done == sorted(set(done)) and len(done) > 1, "who reads slowly may miss one, but none comes twice or late"
    assert done[-1] == 9
    finished = opened(last.b64_json)
    assert len(previews) == 2
    assert all(apart(opened(each).resize(finished.size), finished) > 0 for each in previews)
    [unstreamed] = drawn(client, {"seed": 5, "steps": 9})
    assert finished.tobytes() == unstreamed.tobytes()
