"""What each dialect of the images API refuses, and what it lets pass."""

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from simulators.images_api.lumenfall_models import TABLE_1K
from simulators.running import Simulators
from tests.simulators.wire import WIRE

FREE = "gpt-image-2"
FIXED = "gpt-image-1.5"


def png(width: int = 64, height: int = 64) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (width, height)).save(out, "PNG")
    return out.getvalue()


def data_uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def ask(
    simulators: Simulators, slug: str, body: dict[str, Any], path: str = "generations", **sent: Any
) -> httpx.Response:
    at = simulators.addresses[slug]
    headers = {"Authorization": f"Bearer {at['key']}"}
    more: dict[str, Any] = sent or {"json": body}
    return WIRE.post(f"{at['base_url']}/images/{path}", headers=headers, **more)


@pytest.mark.parametrize(
    ("model", "wrong", "param", "code"),
    [
        (FREE, {"response_format": "url"}, "response_format", "unknown_parameter"),
        (FREE, {"style": "vivid"}, "style", "unknown_parameter"),
        (FREE, {"seed": 1}, "seed", "unknown_parameter"),
        (FREE, {"n": 0}, "n", "integer_below_min_value"),
        (FREE, {"n": 11}, "n", "integer_above_max_value"),
        (FREE, {"n": "2"}, "n", "invalid_type"),
        (FREE, {"n": True}, "n", "invalid_type"),
        (FREE, {"size": "1024x1000"}, "size", "invalid_value"),
        (FREE, {"size": "3856x1600"}, "size", "invalid_value"),
        (FREE, {"size": "3072x1008"}, "size", "invalid_value"),
        (FREE, {"size": "512x512"}, "size", "invalid_value"),
        (FREE, {"size": "3840x2176"}, "size", "invalid_value"),
        (FREE, {"size": "16:9"}, "size", "invalid_value"),
        (FIXED, {"size": "1280x720"}, "size", "invalid_value"),
        (FREE, {"quality": "hd"}, "quality", "invalid_value"),
        (FREE, {"quality": "max"}, "quality", "invalid_value"),
        (FREE, {"background": "green"}, "background", "invalid_value"),
        (FREE, {"background": "transparent", "output_format": "jpeg"}, "background", "invalid_value"),
        (FREE, {"output_format": "avif"}, "output_format", "invalid_value"),
        (FREE, {"output_compression": 101}, "output_compression", "integer_above_max_value"),
        (FREE, {"output_compression": 50}, "output_compression", "invalid_value"),
        (FREE, {"moderation": "none"}, "moderation", "invalid_value"),
        (FREE, {"partial_images": 4, "stream": True}, "partial_images", "integer_above_max_value"),
        (FREE, {"stream": "yes"}, "stream", "invalid_type"),
        (FREE, {"user": None}, "user", "invalid_type"),
        (FREE, {"prompt": ""}, "prompt", "missing_required_parameter"),
        (FREE, {"prompt": "x" * 32_001}, "prompt", "string_above_max_length"),
        (FREE, {"input_fidelity": "low"}, "input_fidelity", "unknown_parameter"),
    ],
)
def test_openai_refuses(simulators: Simulators, model: str, wrong: dict[str, Any], param: str, code: str) -> None:
    answer = ask(simulators, "openai", {"model": model, "prompt": "x", **wrong})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["param"], error["code"]) == (param, code)
    assert answer.headers["x-request-id"].startswith("req_")
    assert simulators.paid("openai") == 0


@pytest.mark.parametrize(
    ("model", "right"),
    [
        (FREE, {"size": "1920x1088"}),
        (FREE, {"size": "2304x768", "n": None}),
        (FREE, {"size": "816x816"}),
        (FIXED, {"size": "1536x1024", "quality": "low"}),
        ("gpt-image-2.5-flare", {"quality": "max", "background": "transparent"}),
        (FREE, {"output_format": "jpeg", "output_compression": 50, "moderation": "low", "safety_identifier": "a"}),
    ],
)
def test_openai_takes(simulators: Simulators, model: str, right: dict[str, Any]) -> None:
    answer = ask(simulators, "openai", {"model": model, "prompt": "x", **right})
    assert answer.status_code == 200
    content = base64.b64decode(answer.json()["data"][0]["b64_json"])
    assert "x".join(map(str, Image.open(io.BytesIO(content)).size)) == answer.json()["size"]


def test_openai_tells_the_supported_sizes(simulators: Simulators) -> None:
    error = ask(simulators, "openai", {"model": FIXED, "prompt": "x", "size": "1254x836"}).json()["error"]
    supported = "'1024x1024', '1024x1536', '1536x1024', and 'auto'"
    assert error["message"] == f"Invalid value: '1254x836'. Supported values are: {supported}."


def test_openai_edits_by_json(simulators: Simulators) -> None:
    body = {"model": FIXED, "prompt": "x", "input_fidelity": "high", "images": [{"image_url": data_uri(png())}]}
    assert ask(simulators, "openai", body, "edits").status_code == 200
    assert ask(simulators, "openai", {**body, "mask": {"image_url": data_uri(png())}}, "edits").status_code == 200


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"images": []}, "missing_required_parameter"),
        ({"images": [{"image_url": data_uri(b"nothing")}]}, "invalid_image_file"),
        ({"images": [{"file_id": "file-1"}]}, "invalid_value"),
        ({"images": [{"image_url": data_uri(png())}] * 17}, "array_above_max_length"),
        ({"mask": {"image_url": data_uri(png(32, 32))}}, "invalid_value"),
        ({"model": FREE, "input_fidelity": "low"}, "invalid_input_fidelity_model"),
        ({"model": "gpt-image-1-mini", "input_fidelity": "high"}, "invalid_value"),
    ],
)
def test_openai_refuses_edits(simulators: Simulators, wrong: dict[str, Any], code: str) -> None:
    body = {"model": FIXED, "prompt": "x", "images": [{"image_url": data_uri(png())}], **wrong}
    answer = ask(simulators, "openai", body, "edits")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_openai_forms_have_no_moderation(simulators: Simulators) -> None:
    files = {"image": ("a.png", png(), "image/png")}
    form = {"model": FIXED, "prompt": "x", "moderation": "low"}
    answer = ask(simulators, "openai", {}, "edits", data=form, files=files)
    assert answer.json()["error"]["code"] == "unknown_parameter"


@pytest.mark.parametrize(("shape", "size"), list(TABLE_1K.items()))
def test_lumenfall_sizes(simulators: Simulators, shape: str, size: tuple[int, int]) -> None:
    for given in ({"size": shape}, {"aspect_ratio": shape, "resolution": "1K"}, {"size": f"{size[0]}x{size[1]}"}):
        answer = ask(simulators, "lumenfall", {"model": "qwen-image", "prompt": "x", **given}).json()
        assert answer["size"] == f"{size[0]}x{size[1]}"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "none"}, 404, "MODEL_NOT_FOUND"),
        ({"model": "openai/qwen-image"}, 404, "MODEL_NOT_FOUND"),
        ({"model": "qwen-image-edit"}, 400, "INVALID_REQUEST"),
        ({"model": None}, 400, "INVALID_REQUEST"),
        ({"prompt": None}, 400, "INVALID_REQUEST"),
        ({"n": 11}, 400, "INVALID_REQUEST"),
        ({"n": "2"}, 400, "INVALID_REQUEST"),
        ({"size": "0x10"}, 400, "INVALID_REQUEST"),
        ({"size": "14143x10"}, 400, "INVALID_REQUEST"),
        ({"size": "big"}, 400, "INVALID_REQUEST"),
        ({"response_format": "file"}, 400, "INVALID_REQUEST"),
        ({"output_format": "bmp"}, 400, "INVALID_REQUEST"),
        ({"output_format": "avif", "size": "1601x100"}, 400, "INVALID_REQUEST"),
        ({"output_compression": 101}, 400, "INVALID_REQUEST"),
    ],
)
def test_lumenfall_refuses(simulators: Simulators, body: dict[str, Any], status: int, code: str) -> None:
    answer = ask(simulators, "lumenfall", {"model": "qwen-image", "prompt": "x", **body})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert set(answer.json()["error"]) == {"message", "type", "code"}
    assert simulators.paid("lumenfall") == 0


@pytest.mark.parametrize("output_format", ["png", "jpeg", "gif", "webp", "avif"])
def test_lumenfall_formats(simulators: Simulators, output_format: str) -> None:
    body = {"model": "qwen-image", "prompt": "x", "size": "96x64", "output_format": output_format}
    answer = ask(simulators, "lumenfall", {**body, "response_format": "b64_json", "acceleration": "high"})
    content = base64.b64decode(answer.json()["data"][0]["b64_json"])
    assert (Image.open(io.BytesIO(content)).format or "").lower() == output_format


def test_lumenfall_edits_by_form_only(simulators: Simulators) -> None:
    answer = ask(simulators, "lumenfall", {"model": "qwen-image-edit", "prompt": "x"}, "edits")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"response_format": "url"}, "response_format"),
        ({"num_inference_steps": 0}, "num_inference_steps"),
        ({"num_inference_steps": 201}, "num_inference_steps"),
        ({"guidance_scale": 20.5}, "guidance_scale"),
        ({"true_cfg_scale": -1}, "true_cfg_scale"),
        ({"layers": 1}, "layers"),
        ({"output_format": "gif"}, "output_format"),
        ({"prompt": None}, "prompt"),
    ],
)
def test_vllm_omni_refuses(simulators: Simulators, wrong: dict[str, Any], field: str) -> None:
    answer = ask(simulators, "vllm-omni", {"prompt": "x", **wrong})
    assert answer.status_code == 422
    assert [entry["loc"] for entry in answer.json()["detail"]] == [["body", field]]


def test_vllm_omni_refuses_a_size_without_numbers(simulators: Simulators) -> None:
    answer = ask(simulators, "vllm-omni", {"prompt": "x", "size": "1024"})
    assert (answer.status_code, type(answer.json()["detail"])) == (400, str)


def test_vllm_omni_ignores_what_it_does_not_know(simulators: Simulators) -> None:
    body = {"prompt": "x", "size": "70x50", "seed": 3, "n": 2, "style": "vivid", "model": "another"}
    first, second = (ask(simulators, "vllm-omni", body).json()["data"] for _ in range(2))
    assert first == second
    assert first[0]["url"] is None and first[0]["b64_json"] != first[1]["b64_json"]


def test_sd_server_reads_extras_out_of_the_prompt(simulators: Simulators) -> None:
    marked = 'a cat <sd_cpp_extra_args>{"seed": 9, "width": 128}</sd_cpp_extra_args>'
    first, second = (ask(simulators, "sd-server", {"prompt": marked, "size": "64x64"}) for _ in range(2))
    assert first.json()["data"] == second.json()["data"]
    content = base64.b64decode(first.json()["data"][0]["b64_json"])
    assert Image.open(io.BytesIO(content)).size == (128, 64)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "prompt required"),
        ({"prompt": "<sd_cpp_extra_args>{}</sd_cpp_extra_args>"}, "prompt required"),
        ({"prompt": "x <sd_cpp_extra_args>[</sd_cpp_extra_args>"}, "invalid sd_cpp_extra_args"),
        ({"prompt": "x", "n": 9}, "invalid n"),
        ({"prompt": "x", "size": "32x64"}, "invalid size"),
        ({"prompt": "x", "output_format": "gif"}, "invalid output_format"),
    ],
)
def test_sd_server_refuses_in_its_own_words(simulators: Simulators, body: dict[str, Any], text: str) -> None:
    answer = ask(simulators, "sd-server", body)
    assert (answer.status_code, answer.json()) == (400, {"error": text})


@pytest.mark.parametrize("slug", ["openai", "lumenfall", "vllm-omni", "sd-server"])
@pytest.mark.parametrize("content", [b"{", b"[]", b'{"n": NaN}'])
def test_a_body_that_is_no_object(simulators: Simulators, slug: str, content: bytes) -> None:
    at = simulators.addresses[slug]
    headers = {"Authorization": f"Bearer {at['key']}", "Content-Type": "application/json"}
    answer = WIRE.post(f"{at['base_url']}/images/generations", content=content, headers=headers)
    assert answer.status_code in (400, 422)
