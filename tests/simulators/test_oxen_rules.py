"""The simulator refuses what Oxen refuses (its pages of Qwen Image and its documents, read 2026-11-21)."""

from typing import Any

import httpx
import pybase64
import pytest

from simulators.running import Simulators
from tests.simulators.oxen_wire import LAKE, Oxen, data_uri, events, until
from tests.simulators.wire import WIRE

ALL_PARAMETERS = {
    "prompt": LAKE,
    "negative_prompt": " ",
    "aspect_ratio": "16:9",
    "image_size": "optimize_for_quality",
    "num_inference_steps": 30,
    "guidance": 3,
    "output_format": "jpg",
    "output_quality": 80,
    "disable_safety_checker": False,
}


def test_the_pages_synchronous_requests(oxen: Oxen, simulators: Simulators) -> None:
    for body in ({}, ALL_PARAMETERS):
        told = oxen.generate(**body).json()
        assert set(told) == {"model", "created", "images"}
        assert isinstance(told["created"], int)
        [image] = told["images"]
        picture = oxen.picture(image["url"])
        assert (picture.format, picture.width > picture.height) == ("JPEG", True)
    assert simulators.paid("oxen") == 2


def test_base64_has_no_prefix(oxen: Oxen) -> None:
    [image] = oxen.generate(response_format="b64_json", output_format="png").json()["images"]
    assert pybase64.b64decode(image["b64_json"], validate=True)[:4] == b"\x89PNG"


def test_the_pages_queue_is_followed_by_polling(oxen: Oxen, simulators: Simulators) -> None:
    [generation_id] = oxen.enqueue(**ALL_PARAMETERS, seed=7)
    states = [oxen.poll(generation_id) for _look in range(2)]
    assert [each["status"] for each in states] == ["processing", "succeeded"]
    processing, done = states
    assert (processing["result_url"], processing["completed_at"]) == (None, None)
    assert {name: done[name] for name in ALL_PARAMETERS} == ALL_PARAMETERS, "parameters are echoed"
    assert (done["model_name"], done["seed"], done["media_type"]) == ("qwen-image", 7, "image")
    assert done["enqueued_at"] <= done["started_at"] <= done["completed_at"]
    assert oxen.picture(done["result_url"]).format == "JPEG"
    assert oxen.poll(generation_id) == done, "what is over stays readable"
    assert simulators.paid("oxen") == 1


def test_the_pages_queue_is_followed_by_events(oxen: Oxen) -> None:
    [generation_id] = oxen.enqueue()
    address = f"{oxen.base_url}/events"
    with httpx.stream("GET", address, headers=oxen.headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        heard = list(until(stream, generation_id))
    told = heard[-1][1]
    assert set(told) == {"generation_id", "status", "media_type", "model", "url"}
    assert (told["status"], told["model"]) == ("succeeded", "qwen-image")
    assert oxen.picture(told["url"]).format == "JPEG"
    assert len({name for name, _told in heard}) == 2, "events of other things come along"


def test_nothing_is_kept_for_who_listens_later(oxen: Oxen) -> None:
    [missed] = oxen.enqueue()
    oxen.finished(missed)
    with httpx.stream("GET", f"{oxen.base_url}/events", headers=oxen.headers) as stream:
        [failed] = oxen.enqueue(num_inference_steps=51)
        told = next(told for name, told in events(stream) if name == "media_generation_completed")
    assert told["generation_id"] == failed
    assert set(told) == {"generation_id", "status", "media_type", "error"}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"prompt": ""}, "Prompt cannot be empty"),
    ({"prompt": None}, "prompt is required"),
    ({"prompt": 7}, "prompt must be of type string"),
    ({"aspect_ratio": "21:9"}, "aspect_ratio must be one of 1:1, 16:9, 9:16, 4:3, 3:4, 3:2, 2:3"),
    ({"image_size": "1024x1024"}, "image_size must be one of"),
    ({"num_inference_steps": 0}, "num_inference_steps must be at least 1"),
    ({"num_inference_steps": 51}, "num_inference_steps must be at most 50"),
    ({"num_inference_steps": 30.5}, "num_inference_steps must be of type integer"),
    ({"guidance": -0.1}, "guidance must be at least 0"),
    ({"guidance": 10.1}, "guidance must be at most 10"),
    ({"seed": "7"}, "seed must be of type integer"),
    ({"seed": True}, "seed must be of type integer"),
    ({"output_format": "jpeg"}, "output_format must be one of webp, jpg, png"),
    ({"output_quality": 101}, "output_quality must be at most 100"),
    ({"disable_safety_checker": "false"}, "disable_safety_checker must be of type boolean"),
    ({"n": 2}, "n is not supported"),
    ({"size": "1024x1024"}, "size is not supported"),
    ({"input_image": "https://example.com/a.png"}, "input_image is not supported"),
    ({"model": "qwen-image-edit"}, "input_image is required"),
    ({"model": "qwen-image-edit-plus", "input_image": []}, "input_image must not be empty"),
    ({"model": "qwen-image-edit-plus", "input_image": "https://example.com/a.png"}, "must be of type array"),
    ({"model": "qwen-image-edit-plus", "input_image": [7]}, "must hold strings"),
]


@pytest.mark.parametrize(("wrong", "says"), WRONG)
def test_wrong_parameters_are_refused_at_once_or_fail_later(
    wrong: dict[str, Any], says: str, oxen: Oxen, simulators: Simulators
) -> None:
    refused = oxen.generate(**wrong)
    assert (refused.status_code, refused.json()["status_message"]) == (400, "invalid_params")
    assert says in refused.json()["error"]["detail"]
    [generation_id] = oxen.enqueue(**wrong)
    told = oxen.finished(generation_id)
    assert (told["status"], told["result_url"]) == ("failed", None)
    assert says in told["error_message"]
    assert simulators.paid("oxen") == 0


@pytest.mark.parametrize(
    "right",
    [
        {"num_inference_steps": 1, "guidance": 0, "output_quality": 0, "output_format": "webp"},
        {"num_inference_steps": 50, "guidance": 10, "output_quality": 100, "seed": -1},
        {"image_size": "optimize_for_speed", "aspect_ratio": "2:3", "disable_safety_checker": True},
        {"model": "flux-2-pro", "resolution": "0.5 MP"},
        {"model": "gpt-image-1-5", "size": "portrait", "output_format": "jpeg"},
        {"target_namespace": "ox"},
    ],
)
def test_edges_pass(right: dict[str, Any], oxen: Oxen) -> None:
    assert oxen.generate(**right).status_code == 200


@pytest.mark.parametrize("count", [0, 5, "2", 1.0, True])
def test_the_queue_checks_its_count_at_once(count: Any, oxen: Oxen) -> None:
    refused = oxen.post("/queue", num_generations=count)
    assert (refused.status_code, refused.json()["error"]["detail"]) == (
        400,
        "num_generations must be an integer between 1 and 4",
    )


def test_several_generations_are_several_pictures(oxen: Oxen, simulators: Simulators) -> None:
    ids = oxen.enqueue(num_generations=4)
    assert len({oxen.finished(each)["result_url"] for each in ids}) == 4
    assert simulators.paid("oxen") == 4
    assert "num_generations" in oxen.generate(num_generations=2).json()["error"]["detail"], "the queue's own field"


@pytest.mark.parametrize("path", ["/images/generate", "/images/edit", "/queue"])
def test_models_that_are_not_there(path: str, oxen: Oxen) -> None:
    answer = oxen.post(path, model="qwen-image-9000")
    assert (answer.status_code, answer.json()["error"]["detail"]) == (404, "Model not found: qwen-image-9000")
    assert oxen.post(path, model=None).status_code == 400
    assert oxen.post(path, response_format="b64").status_code == 400
    for content in (b"[]", b"{"):
        answer = WIRE.post(f"{oxen.base_url}/ai{path}", content=content, headers=oxen.headers)
        assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/ai/queue", "/ai/queue/x", "/ai/models", "/ai/images/generate", "/events", "/ai/x"])
def test_without_the_key_nothing_is_told(path: str, oxen: Oxen) -> None:
    method = "POST" if path.endswith("generate") else "GET"
    answer = WIRE.request(method, f"{oxen.base_url}{path}", headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "unauthenticated")


def test_what_is_not_there(oxen: Oxen) -> None:
    unknown = "3f2b9c1e-7d7c-4d39-9a57-1c55b0f3e2aa"
    verbatim = {
        "error": {"type": "resource_not_found", "title": "The requested resource could not be found"},
        "status": "error",
        "status_message": "resource_not_found",
    }
    for answer in (oxen.get(f"/ai/queue/{unknown}"), oxen.cancel(unknown), oxen.get("/v1/images/generations")):
        assert (answer.status_code, answer.json()) == (404, verbatim)


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({"model": "topazlabs-image-upscale", "prompt": None, "input_image": data_uri(96, 64)}, (192, 128)),
        (
            {
                "model": "topazlabs-image-upscale",
                "prompt": None,
                "input_image": data_uri(96, 64),
                "upscale_factor": "4x",
            },
            (384, 256),
        ),
        ({"model": "qwen-image-edit", "input_image": data_uri(96, 64), "aspect_ratio": "1:1"}, (1024, 1024)),
        ({"model": "qwen-image-2", "input_image": data_uri(64, 64), "match_input_image": True}, (1024, 1024)),
        (
            {
                "model": "flux-2-pro",
                "input_image": [data_uri(64, 64), data_uri(8, 9)],
                "aspect_ratio": "match_input_image",
            },
            (1024, 1024),
        ),
    ],
)
def test_edits(body: dict[str, Any], size: tuple[int, int], oxen: Oxen) -> None:
    [image] = oxen.edit(**body).json()["images"]
    assert oxen.picture(image["url"]).size == size
    [generation_id] = oxen.enqueue(**body)
    assert oxen.picture(oxen.finished(generation_id)["result_url"]).size == size


def test_edits_that_cannot_be_made(oxen: Oxen) -> None:
    assert "does not take images" in oxen.edit().json()["error"]["detail"]
    broken = oxen.edit(model="qwen-image-edit", input_image="data:image/png;base64,AAAA")
    assert (broken.status_code, list(broken.json()["error"])) == (422, ["message"])
    [generation_id] = oxen.enqueue(model="qwen-image-edit", input_image="ftp://example.com/a.png")
    assert "Forbidden for url" in oxen.finished(generation_id)["error_message"]


def test_a_cancelled_generation_stays_cancelled_and_has_no_event(oxen: Oxen, simulators: Simulators) -> None:
    [over] = oxen.enqueue()
    oxen.finished(over)
    assert oxen.cancel(over).json() == {"status": "success", "generation_id": over}
    assert oxen.poll(over)["status"] == "succeeded"
    simulators.set_pace("oxen", queue_seconds=3600)
    [cancelled] = oxen.enqueue()
    with httpx.stream("GET", f"{oxen.base_url}/events", headers=oxen.headers) as stream:
        assert oxen.cancel(cancelled).status_code == 200
        simulators.set_pace("oxen")
        [heard] = oxen.enqueue()
        told = next(told for name, told in events(stream) if name == "media_generation_completed")
    assert told["generation_id"] == heard
    assert oxen.poll(cancelled)["status"] == "cancelled"
    assert simulators.paid("oxen") == 2


def test_the_list_is_of_those_that_are_not_over(oxen: Oxen, simulators: Simulators) -> None:
    simulators.set_pace("oxen", queue_seconds=3600)
    [waiting] = oxen.enqueue()
    told = oxen.get("/ai/queue", model="qwen-image").json()
    assert waiting in [each["generation_id"] for each in told["generations"]]
    assert told["count"] == len(told["generations"])
    oxen.cancel(waiting)
    assert waiting not in [each["generation_id"] for each in oxen.get("/ai/queue").json()["generations"]]
    cancelled = oxen.get("/ai/queue", status="cancelled").json()["generations"]
    assert waiting in [each["generation_id"] for each in cancelled]
    assert oxen.get("/ai/queue", media_type="video").json() == {"count": 0, "generations": []}


def test_models_are_described(oxen: Oxen) -> None:
    told = oxen.get("/ai/models/qwen-image").json()
    schema = told["request_schema"]
    assert told["json_request_schema"] == schema
    assert set(schema["properties"]) == {*ALL_PARAMETERS, "seed"}
    assert schema["properties"]["num_inference_steps"] == {
        "type": "integer",
        "default": 30,
        "minimum": 1,
        "maximum": 50,
    }
    assert told["pricing"]["method"] == "per_image"
    assert oxen.get("/ai/models/qwen-image-9000").status_code == 404
    assert "qwen-image" in [model["id"] for model in oxen.get("/ai/models").json()["data"]]
    found = oxen.get("/ai/models/search", search="topaz").json()["data"]
    assert [model["id"] for model in found] == ["topazlabs-image-upscale"]
    assert oxen.get("/ai/models/search").status_code == 400
