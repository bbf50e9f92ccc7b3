"""Pictures over the wire: OpenAI's shapes, the extra fields, streams; also through OpenAI's own client."""

import base64
import io

import openai
import pytest
from PIL import Image

from tests.workers.serving import Served
from tests.workers.stepwise import Stepwise

SMALL = {"prompt": "a small sea", "size": "64x96", "num_inference_steps": 3}


def picture(base64_text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(base64_text)))


async def test_an_answer_in_openais_shape(sketch: Served) -> None:
    status, answer = await sketch.post({**SMALL, "n": 2, "seed": 41})
    assert status == 200
    assert [item["seed"] for item in answer["data"]] == [41, 42]
    assert (answer["size"], answer["output_format"], answer["num_inference_steps"]) == ("64x96", "png", 3)
    assert isinstance(answer["created"], int)
    assert [picture(item["b64_json"]).size for item in answer["data"]] == [(64, 96)] * 2


async def test_picture_i_is_drawn_with_seed_s_plus_i(sketch: Served) -> None:
    _, batch = await sketch.post({**SMALL, "n": 3, "seed": 4294967294})
    singles = [(await sketch.post({**SMALL, "seed": seed}))[1]["data"][0] for seed in (4294967294, 4294967295, 0)]
    assert batch["data"] == singles
    assert len({item["b64_json"] for item in singles}) == 3


async def test_without_a_seed_one_is_taken_and_reported(sketch: Served) -> None:
    answers = [(await sketch.post(SMALL))[1]["data"][0] for _ in range(2)]
    assert answers[0]["seed"] != answers[1]["seed"]
    again = (await sketch.post({**SMALL, "seed": answers[0]["seed"]}))[1]["data"][0]
    assert again == answers[0]


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
async def test_formats(sketch: Served, output_format: str) -> None:
    _, answer = await sketch.post({**SMALL, "output_format": output_format})
    assert answer["output_format"] == output_format
    assert picture(answer["data"][0]["b64_json"]).format == output_format.upper()


async def test_compression_makes_smaller_files(sketch: Served) -> None:
    sizes: list[int] = []
    for quality in (5, 60, 100):
        asked = {**SMALL, "seed": 1, "output_format": "jpeg", "output_compression": quality}
        sizes.append(len((await sketch.post(asked))[1]["data"][0]["b64_json"]))
    assert sizes == sorted(set(sizes))


async def test_the_engine_gets_what_was_asked(slow: Served, stepwise: Stepwise) -> None:
    stepwise.allowed.set()
    asked = {"prompt": "p", "size": "16x24", "seed": 5, "num_inference_steps": 2}
    status, _ = await slow.post({**asked, "negative_prompt": "rain", "cfg_scale": 4, "guidance": 2.5})
    assert status == 200
    [drawing] = stepwise.asked
    assert (drawing.prompt, drawing.width, drawing.height, drawing.seed, drawing.steps) == ("p", 16, 24, 5, 2)
    assert (drawing.negative_prompt, drawing.cfg_scale, drawing.guidance) == ("rain", 4.0, 2.5)


async def test_what_is_left_out_or_null_is_the_models_default(slow: Served, stepwise: Stepwise) -> None:
    stepwise.allowed.set()
    status, answer = await slow.post({"prompt": "p", "size": None, "num_inference_steps": None, "n": None})
    assert (status, answer["size"], len(answer["data"])) == (200, "8x8", 1)
    assert stepwise.asked[0].steps == 4


async def test_a_stream_tells_steps_partial_pictures_and_the_end(sketch: Served) -> None:
    events = await sketch.events({**SMALL, "num_inference_steps": 8, "seed": 7, "n": 2, "partial_images": 3})
    assert all(name == data["type"] for name, data in events)
    progress = [
        (data["image_index"], data["step"], data["steps"]) for name, data in events if name.endswith("progress")
    ]
    assert progress == [(index, step, 8) for index in (0, 1) for step in range(1, 9)]
    partial = [data for name, data in events if name.endswith("partial_image")]
    assert [(data["image_index"], data["partial_image_index"]) for data in partial] == [
        (index, number) for index in (0, 1) for number in (0, 1, 2)
    ]
    completed = [data for name, data in events if name.endswith("completed")]
    assert [(data["image_index"], data["seed"]) for data in completed] == [(0, 7), (1, 8)]
    assert len({data["b64_json"] for data in partial + completed}) == 8
    for data in partial + completed:
        assert {"created_at", "size", "quality", "background", "output_format"} <= data.keys()
    assert all(data["usage"]["total_tokens"] == 0 for data in completed)


async def test_a_stream_and_an_answer_hold_the_same_picture(sketch: Served) -> None:
    _, answer = await sketch.post({**SMALL, "seed": 7})
    name, last = (await sketch.events({**SMALL, "seed": 7}))[-1]
    assert name == "image_generation.completed"
    assert last["b64_json"] == answer["data"][0]["b64_json"]


async def test_a_failing_engine_is_an_error_and_the_worker_lives(slow: Served, stepwise: Stepwise) -> None:
    stepwise.fails = True
    stepwise.allowed.set()
    status, answer = await slow.post({"prompt": "p"})
    assert (status, answer["error"]["code"]) == (500, "engine_failed")
    assert "paint" not in answer["error"]["message"]
    assert [name for name, _ in await slow.events({"prompt": "p"})] == ["error"]
    stepwise.fails = False
    assert (await slow.post({"prompt": "p"}))[0] == 200


async def test_openais_client_generates(sketch: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{sketch.url}/v1", api_key="none", max_retries=0) as client:
        answer = await client.images.generate(
            prompt="hills", model="sketch", n=2, size="64x64", output_format="webp", extra_body={"seed": 3}
        )
    assert answer.data is not None
    assert [picture(item.b64_json or "").format for item in answer.data] == ["WEBP", "WEBP"]
    assert [item.to_dict()["seed"] for item in answer.data] == [3, 4]


async def test_openais_client_streams(sketch: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{sketch.url}/v1", api_key="none", max_retries=0) as client:
        stream = await client.images.generate(
            prompt="hills", model="sketch", size="64x64", stream=True, partial_images=2
        )
        seen = [event async for event in stream]
    # The client hands on types that it does not know (progress) as they are.
    assert [event.type for event in seen if not event.type.endswith("progress")] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert picture(seen[-1].b64_json).size == (64, 64)


async def test_openais_client_raises_what_a_stream_tells(slow: Served, stepwise: Stepwise) -> None:
    stepwise.fails = True
    async with openai.AsyncOpenAI(base_url=f"{slow.url}/v1", api_key="none", max_retries=0) as client:
        stream = await client.images.generate(prompt="p", model="stepwise", stream=True)
        with pytest.raises(openai.APIError) as caught:
            _ = [event async for event in stream]
    assert caught.value.code == "engine_failed"


async def test_status_models_and_health(sketch: Served) -> None:
    await sketch.until(lambda: sketch.worker.desk.ready)
    await sketch.post({**SMALL, "n": 2})
    _, status = await sketch.get("/v1/status")
    sides = {"shortest_side": 64, "longest_side": 4096, "multiple_of": 1, "most_pixels": None}
    assert status["models"][0]["sizes"] == {"default": "1024x1024", **sides}
    del status["models"]
    assert status.pop("queue_seconds") == 0
    assert status == {
        "engine": "sketch",
        "device": "cpu",
        "loading": None,
        "together": 1,
        "loras": [],
        "memory": {"total": 0, "free": 0, "peak": 0},
        "placeholder": True,
        "ready": True,
        "draining": False,
        "running": 0,
        "waiting": 0,
        "capacity": 17,
        "drawn": 2,
    }
    _, models = await sketch.get("/v1/models")
    assert [(model["id"], model["object"]) for model in models["data"]] == [("sketch", "model")]
    assert (await sketch.get("/v1/models/sketch"))[1] == models["data"][0]
    assert (await sketch.get("/v1/models/no"))[0] == 404
    assert [(await sketch.get(path))[0] for path in ("/livez", "/readyz")] == [200, 200]
