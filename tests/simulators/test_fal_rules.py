"""The simulator refuses what fal refuses (its API pages and docs, read 2026-11-21)."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from simulators.running import Simulators
from tests.simulators.fal_wire import Fal, data_uri
from tests.simulators.wire import WIRE

QWEN = "fal-ai/qwen-image"
LORA = {"path": "https://example.com/lora.safetensors"}
URL = "https://example.com/a.png"


WRONG_FOR_QWEN: list[tuple[dict[str, Any], str, str]] = [
    ({"num_inference_steps": 1}, "num_inference_steps", "greater_than_equal"),
    ({"num_inference_steps": 251}, "num_inference_steps", "less_than_equal"),
    ({"guidance_scale": -0.1}, "guidance_scale", "greater_than_equal"),
    ({"guidance_scale": 20.1}, "guidance_scale", "less_than_equal"),
    ({"num_images": 0}, "num_images", "greater_than_equal"),
    ({"num_images": 5}, "num_images", "less_than_equal"),
    ({"num_images": "two"}, "num_images", "int_parsing"),
    ({"output_format": "jpg"}, "output_format", "literal_error"),
    ({"output_format": "webp"}, "output_format", "literal_error"),
    ({"acceleration": "max"}, "acceleration", "literal_error"),
    ({"seed": 1.5}, "seed", "int_from_float"),
    ({"sync_mode": "perhaps"}, "sync_mode", "bool_parsing"),
    ({"enable_safety_checker": []}, "enable_safety_checker", "bool_type"),
    ({"use_turbo": None}, "use_turbo", "bool_type"),
    ({"negative_prompt": None}, "negative_prompt", "string_type"),
    ({"prompt": 7}, "prompt", "string_type"),
    ({"loras": [LORA] * 4}, "loras", "sequence_too_long"),
    ({"loras": [{**LORA, "scale": 4.1}]}, "loras", "less_than_equal"),
    ({"loras": [{"scale": 1}]}, "loras", "missing"),
    ({"image_size": "1024x768"}, "image_size", "literal_error"),
    ({"image_size": {"width": 0, "height": 64}}, "image_size", "greater_than"),
    ({"image_size": {"width": 14143, "height": 64}}, "image_size", "less_than_equal"),
]


@pytest.mark.parametrize(("wrong", "field", "kind"), WRONG_FOR_QWEN)
def test_every_bound_of_qwen_image(
    fal: Fal, simulators: Simulators, wrong: dict[str, Any], field: str, kind: str
) -> None:
    answer = fal.run(QWEN, {"prompt": "x", **wrong})
    assert answer.status_code == 422
    entries = answer.json()["detail"]
    assert {entry["loc"][0] for entry in entries} == {"body"}
    assert (field, kind) in [(entry["loc"][1], entry["type"]) for entry in entries]
    assert all(entry["url"].endswith(f"#{entry['type']}") and entry["msg"] for entry in entries)
    assert simulators.paid("fal") == 0


@pytest.mark.parametrize(
    "right",
    [
        {"num_inference_steps": 2},
        {"num_inference_steps": 250},
        {"guidance_scale": 0},
        {"guidance_scale": 20},
        {"num_images": 4},
        {"seed": None},
        {"seed": 0},
        {"loras": [{**LORA, "scale": 4}] * 3},
        {"image_size": {"width": 40}},
        {"num_layers": 99, "unheard_of": True},
    ],
)
def test_edges_and_unknown_keys_pass(fal: Fal, right: dict[str, Any]) -> None:
    assert fal.run(QWEN, {"prompt": "x", "image_size": "square", **right}).status_code == 200


def test_a_prompt_is_needed(fal: Fal) -> None:
    [entry] = fal.run(QWEN, {}).json()["detail"]
    assert (entry["loc"], entry["type"]) == (["body", "prompt"], "missing")


@pytest.mark.parametrize(
    ("endpoint", "wrong", "field"),
    [
        ("fal-ai/qwen-image/image-to-image", {}, "image_url"),
        ("fal-ai/qwen-image/image-to-image", {"image_url": URL, "strength": 1.01}, "strength"),
        ("fal-ai/qwen-image-edit", {"image_url": URL, "num_inference_steps": 51}, "num_inference_steps"),
        ("fal-ai/qwen-image-edit-plus", {"image_url": URL}, "image_urls"),
        ("fal-ai/qwen-image-edit-plus", {"image_urls": [URL], "num_inference_steps": 101}, "num_inference_steps"),
        ("fal-ai/qwen-image-edit-plus", {"image_urls": [URL], "acceleration": "high"}, "acceleration"),
        ("fal-ai/qwen-image-2512", {"num_inference_steps": 51}, "num_inference_steps"),
        ("fal-ai/flux/dev", {"guidance_scale": 0.9}, "guidance_scale"),
        ("fal-ai/flux/dev", {"num_inference_steps": 51}, "num_inference_steps"),
        ("fal-ai/flux/schnell", {"num_inference_steps": 13}, "num_inference_steps"),
        ("fal-ai/flux-2", {"image_size": {"width": 2049, "height": 512}}, "image_size"),
        ("fal-ai/fast-sdxl", {"loras": [{**LORA, "scale": 1.1}]}, "loras"),
        ("fal-ai/flux/dev/image-to-image", {"image_url": URL, "num_inference_steps": 9}, "num_inference_steps"),
        ("fal-ai/flux/dev/image-to-image", {"image_url": URL, "strength": 0}, "strength"),
        ("fal-ai/flux-lora", {"guidance_scale": 35.1}, "guidance_scale"),
        ("fal-ai/fast-sdxl", {"num_images": 9}, "num_images"),
        ("fal-ai/fast-sdxl", {"format": "webp"}, "format"),
        ("fal-ai/qwen-image-2/text-to-image", {"image_size": {"width": 100, "height": 100}}, "image_size"),
    ],
)
def test_bounds_of_the_others(fal: Fal, endpoint: str, wrong: dict[str, Any], field: str) -> None:
    answer = fal.run(endpoint, {"prompt": "x", **wrong})
    assert answer.status_code == 422
    assert [entry["loc"][1] for entry in answer.json()["detail"]] == [field]


@pytest.mark.parametrize(
    ("endpoint", "given", "size", "content_type"),
    [
        (QWEN, {}, (1024, 768), "image/png"),
        ("fal-ai/flux/dev", {}, (1024, 768), "image/jpeg"),
        ("fal-ai/fast-sdxl", {"format": "png"}, (1024, 1024), "image/png"),
        ("fal-ai/qwen-image-edit-plus", {"image_urls": [data_uri(320, 200)]}, (1024, 1024), "image/png"),
        ("fal-ai/qwen-image-edit", {"image_url": data_uri(320, 200)}, (320, 200), "image/png"),
        ("fal-ai/flux/dev/image-to-image", {"image_url": data_uri(320, 200)}, (320, 200), "image/jpeg"),
    ],
)
def test_defaults(fal: Fal, endpoint: str, given: dict[str, Any], size: tuple[int, int], content_type: str) -> None:
    [image] = fal.run(endpoint, {"prompt": "x", **given}).json()["images"]
    assert ((image["width"], image["height"]), image["content_type"]) == (size, content_type)
    assert Image.open(io.BytesIO(WIRE.get(image["url"]).content)).size == size


def test_the_same_seed_gives_the_same_pictures(fal: Fal) -> None:
    def drawn(**given: Any) -> list[bytes]:
        images = fal.run(QWEN, {"prompt": "x", "image_size": "square", "num_images": 2, **given}).json()["images"]
        return [WIRE.get(image["url"]).content for image in images]

    assert drawn(seed=5) == drawn(seed=5) != drawn(seed=6)
    assert drawn() != drawn()


@pytest.mark.parametrize(
    ("url", "kind"),
    [("ftp://example.com/a.png", "file_download_error"), ("data:image/png;base64,AAAA", "image_load_error")],
)
def test_inputs_that_cannot_be_read(fal: Fal, url: str, kind: str) -> None:
    answer = fal.run("fal-ai/qwen-image-edit", {"prompt": "x", "image_url": url})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, kind)


def test_files_without_measures(fal: Fal) -> None:
    answer = fal.run("fal-ai/qwen-image-2/text-to-image", {"prompt": "x"}).json()
    assert set(answer) == {"images", "seed"}
    assert "width" not in answer["images"][0]


def test_sync_mode_gives_data_uris(fal: Fal) -> None:
    [image] = fal.run(QWEN, {"prompt": "x", "sync_mode": True}).json()["images"]
    head, _comma, content = image["url"].partition(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (1024, 768)


@pytest.mark.parametrize("authorization", [None, "Bearer {key}", "Key wrong", "{key}"])
def test_a_key_in_fals_form_is_needed(fal: Fal, authorization: str | None) -> None:
    headers = {"Authorization": authorization.format(key=fal.at["key"])} if authorization else {}
    answer = WIRE.post(f"{fal.at['queue_url']}/{QWEN}", json={"prompt": "x"}, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"detail": "invalid key credentials"})


def test_urls_have_owner_and_alias_only(fal: Fal) -> None:
    told = fal.submit("fal-ai/qwen-image/image-to-image", {"prompt": "x", "image_url": URL}).json()
    root = f"{fal.at['queue_url']}/fal-ai/qwen-image"
    assert told["response_url"] == f"{root}/requests/{told['request_id']}"
    assert told["status_url"] == f"{told['response_url']}/status"
    assert told["cancel_url"] == f"{told['response_url']}/cancel"

    for wrong in (f"{root}/image-to-image", f"{fal.at['queue_url']}/fal-ai/flux"):
        answer = fal.get(f"{wrong}/requests/{told['request_id']}/status")
        assert (answer.status_code, answer.json()) == (404, {"status": "NOT_FOUND"})
        assert answer.headers["x-fal-request-id"]


def test_a_job_passes_every_state(fal: Fal) -> None:
    first, second = (fal.submit(QWEN, {"prompt": "x"}).json() for _ in range(2))
    early = fal.get(first["response_url"])
    assert (early.status_code, early.json()) == (400, {"detail": "Request is still in progress"})

    waiting = fal.get(second["status_url"])
    assert (waiting.status_code, waiting.json()["status"]) == (202, "IN_QUEUE")
    assert waiting.json()["queue_position"] >= 1
    assert "logs" not in waiting.json()
    running = fal.get(second["status_url"])
    assert (running.status_code, running.json()["status"], running.json()["logs"]) == (202, "IN_PROGRESS", None)
    done = fal.get(second["status_url"] + "?logs=1")
    assert (done.status_code, done.json()["status"]) == (200, "COMPLETED")
    assert done.json()["logs"][0]["level"] == "INFO"
    assert done.json()["metrics"]["inference_time"] > 0
    assert fal.get(first["status_url"]).json()["status"] == "IN_QUEUE"

    result = fal.get(second["response_url"] + "/response")
    assert result.json() == fal.get(second["response_url"]).json()
    assert result.headers["x-fal-billable-units"] == "1"
    assert result.headers["x-fal-request-id"] == second["request_id"]


def test_the_status_stream_ends_when_done(fal: Fal) -> None:
    told = fal.submit(QWEN, {"prompt": "x"}).json()
    answer = fal.get(told["status_url"] + "/stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    words = [line.split('"status":"')[1].split('"')[0] for line in answer.text.split("\n\n") if line]
    assert words == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]


def test_the_queue_length_can_be_limited(fal: Fal) -> None:
    fal.submit(QWEN, {"prompt": "x"})
    assert fal.submit(QWEN, {"prompt": "x"}, params={"fal_max_queue_length": 0}).status_code == 429
    assert fal.submit(QWEN, {"prompt": "x"}, params={"fal_max_queue_length": 10_000}).status_code == 200


def test_a_job_that_starts_too_late_is_timed_out(fal: Fal, simulators: Simulators) -> None:
    simulators.set_pace("fal", queue_seconds=0.05)
    told = fal.submit(QWEN, {"prompt": "x"}, headers={"X-Fal-Request-Timeout": "0.01"}).json()
    answer = fal.finish(told)
    assert (answer.status_code, answer.json()["error_type"]) == (504, "request_timeout")
    assert answer.headers["x-fal-request-timeout-type"] == "user"
    assert simulators.paid("fal") == 0


def test_with_a_pace_time_moves_the_job(fal: Fal, simulators: Simulators) -> None:
    simulators.set_pace("fal", queue_seconds=3600)
    told = fal.submit(QWEN, {"prompt": "x"}).json()
    assert {fal.get(told["status_url"]).json()["status"] for _ in range(5)} == {"IN_QUEUE"}
    simulators.set_pace("fal", queue_seconds=0.0, seconds_per_image=1e-9)
    assert fal.get(told["status_url"]).json()["status"] == "COMPLETED"


def test_results_and_pictures_expire(fal: Fal, simulators: Simulators) -> None:
    told = fal.submit(QWEN, {"prompt": "x"}).json()
    picture = fal.finish(told).json()["images"][0]["url"]
    assert WIRE.get(picture).status_code == 200

    simulators.set_pace("fal", keep_seconds=0)
    expired = fal.get(told["response_url"])
    assert (expired.status_code, expired.json()) == (404, {"status": "NOT_FOUND"})
    gone = fal.run(QWEN, {"prompt": "y"}).json()["images"][0]["url"]
    assert WIRE.get(gone).status_code == 404


def test_unknown_things(fal: Fal) -> None:
    assert fal.submit("fal-ai/none", {"prompt": "x"}).status_code == 404
    answer = WIRE.put(f"{fal.at['queue_url']}/{QWEN}/requests/none/cancel", headers=fal.headers)
    assert (answer.status_code, answer.json()) == (404, {"status": "NOT_FOUND"})
    broken = WIRE.post(f"{fal.at['base_url']}/{QWEN}", content="{", headers=fal.headers)
    assert (broken.status_code, broken.json()["detail"][0]["type"]) == (422, "json_invalid")
