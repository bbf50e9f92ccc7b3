"""The simulated Civitai: what its imageGen steps take, and what they cost (its developer docs, read 2026-11-21)."""

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from simulators.running import Simulators
from tests.simulators.civitai_wire import AT_ONCE, FAL, FLUX, QWEN, SDXL, SOURCE, ask, images, refusals, submit

VARIANT = {**QWEN, "operation": "createVariant", "image": SOURCE}
EDIT = {**QWEN, "operation": "editImage", "images": [SOURCE]}
FAL_EDIT = {**FAL, "operation": "editImage", "images": [SOURCE]}
LORAS = {"urn:air:qwen:lora:civitai:123456@789012": 0.8}


def picture(width: int, height: int) -> str:
    """Of that size, as a data URL."""
    content = io.BytesIO()
    Image.new("RGB", (width, height)).save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


@pytest.mark.parametrize(
    "given",
    [
        QWEN,
        {**QWEN, "version": "2512", "width": 1024, "height": 768, "cfgScale": 2.5, "steps": 20},
        {**QWEN, "version": "2509", "loras": LORAS, "sampleMethod": "dpm++2mv2", "schedule": "kl_optimal"},
        {**QWEN, "seed": -(2**63), "quantity": 12, "negativePrompt": "x" * 10_000, "width": 64, "height": 64},
        VARIANT,
        {**VARIANT, "version": "2512", "strength": 0},
        EDIT,
        {**EDIT, "version": "2511", "images": [SOURCE] * 10, "loras": LORAS},
        FAL,
        {**FAL, "operation": "proCreateImage", "imageSize": "landscape_16_9", "negativePrompt": "x" * 500},
        {**FAL, "quantity": 10, "seed": 2**31 - 1, "enablePromptExpansion": False, "enableSafetyChecker": True},
        {**FAL_EDIT, "images": [SOURCE] * 3},
        {**FAL_EDIT, "operation": "proEditImage"},
        {**SDXL, "negativePrompt": "blurry", "width": 1536, "height": 640, "cfgScale": 7, "steps": 25},
        {**SDXL, "operation": "createVariant", "image": SOURCE, "strength": 0.7, "width": 1024, "height": 1024},
        {**FLUX, "width": 1024, "height": 1536},
        {**FLUX, "operation": "editImage", "images": [SOURCE]},
        {**QWEN, "outputFormat": "webP"},
    ],
    ids=repr,
)
def test_what_the_documents_allow_is_drawn(simulators: Simulators, given: dict[str, Any]) -> None:
    answer = submit(simulators, {**given, "prompt": "a lighthouse"}, wait=AT_ONCE)
    assert answer.status_code in (200, 202), answer.text
    assert simulators.paid("civitai") == given.get("quantity", 1)


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({**QWEN, "engine": "qwen"}, "engine", "engine must be one of sdcpp, fal, flux2"),
        ({**QWEN, "ecosystem": "Qwen"}, "ecosystem", "ecosystem must be one of qwen"),
        ({**QWEN, "model": "7b"}, "model", "model must be 20b"),
        ({**QWEN, "operation": "upscale"}, "operation", "operation must be one of createImage"),
        ({**QWEN, "version": "2511"}, "version", "version must be one of 'latest', '2509' or '2512'"),
        ({**VARIANT, "version": "2511"}, "version", "version must be one of"),
        ({**EDIT, "version": "2512"}, "version", "version must be one of 'latest', '2509' or '2511'"),
        ({**QWEN, "prompt": "x" * 10_001}, "prompt", "at most 10000"),
        ({**QWEN, "negativePrompt": "x" * 10_001}, "negativePrompt", "at most 10000"),
        ({**QWEN, "width": 1001}, "width", "divisible by 8"),
        ({**QWEN, "height": 2056}, "height", "at most 2048"),
        ({**QWEN, "width": 56}, "width", "at least 64"),
        ({**QWEN, "cfgScale": 30.5}, "cfgScale", "at most 30"),
        ({**QWEN, "steps": 151}, "steps", "at most 150"),
        ({**QWEN, "steps": 0}, "steps", "at least 1"),
        ({**QWEN, "steps": "20"}, "steps", "integer"),
        ({**QWEN, "quantity": 13}, "quantity", "at most 12"),
        ({**QWEN, "sampleMethod": "dpmpp_2m"}, "sampleMethod", "must be one of"),
        ({**QWEN, "schedule": "normal"}, "schedule", "must be one of"),
        ({**QWEN, "loras": [{"path": "x"}]}, "loras", "dictionary"),
        ({**QWEN, "outputFormat": "webp"}, "outputFormat", "must be one of 'jpeg', 'png' or 'webP'"),
        ({**QWEN, "negative_prompt": "x"}, "negative_prompt", "is not a valid property"),
        ({**QWEN, "image": SOURCE}, "image", "is not a valid property"),
        ({**VARIANT, "strength": 1.1}, "strength", "at most 1"),
        ({**VARIANT, "image": {"url": SOURCE}}, "image", "string"),
        ({**VARIANT, "image": "!!!"}, "image", "no picture"),
        ({**VARIANT, "width": 1024}, "width", "width/height"),
        ({**EDIT, "images": []}, "images", "minItems"),
        ({**EDIT, "images": [SOURCE] * 11}, "images", "images maxItems"),
        ({**FAL_EDIT, "images": [SOURCE] * 4}, "images", "images maxItems"),
        ({**FAL, "imageSize": "1024x1024"}, "imageSize", "imageSize must be one of"),
        ({**FAL, "width": 1024}, "width", "is not a valid property"),
        ({**FAL, "loras": LORAS}, "loras", "is not a valid property"),
        ({**FAL, "uCache": "off"}, "uCache", "is not a valid property"),
        ({**FAL, "negativePrompt": "x" * 501}, "negativePrompt", "at most 500"),
        ({**FAL, "quantity": 11}, "quantity", "at most 10"),
        ({**FAL, "seed": 2**31}, "seed", "at most"),
        ({**FAL, "prompt": ""}, "prompt", "at least 1 character"),
        ({**SDXL, "model": "101055"}, "model", "model must match AIR pattern"),
        ({**SDXL, "clipSkip": 2}, "clipSkip", "is not a valid property"),
        ({**SDXL, "sampler": "euler"}, "sampler", "is not a valid property"),
        ({**FLUX, "prompt": "x" * 1001}, "prompt", "at most 1000"),
        ({**FLUX, "width": 504}, "width", "at least 512"),
        ({**FLUX, "loras": LORAS}, "loras", "is not a valid property"),
    ],
)
def test_what_they_do_not_is_refused_and_not_paid(
    simulators: Simulators, given: dict[str, Any], field: str, message: str
) -> None:
    assert message in refusals(submit(simulators, given))[field]
    assert simulators.paid("civitai") == 0


def test_an_edit_without_a_prompt_lacks_it(simulators: Simulators) -> None:
    given = {name: value for name, value in EDIT.items() if name != "prompt"}
    assert refusals(submit(simulators, given)) == {"prompt": "prompt is required."}


TEMPLATES: list[tuple[dict[str, Any], str]] = [
    ({"steps": []}, "steps"),
    ({"steps": [{"$type": "comfy", "input": {}}]}, "$type"),
    ({"tags": ["x"] * 11}, "tags"),
    ({"currencies": ["gold"]}, "currencies[0]"),
    ({"externalId": "req_1.2"}, "externalId"),
    ({"externalId": "x" * 129}, "externalId"),
    ({"nobody": 1}, "nobody"),
]


@pytest.mark.parametrize(("template", "field"), TEMPLATES)
def test_the_workflow_around_the_step(simulators: Simulators, template: dict[str, Any], field: str) -> None:
    assert field in refusals(submit(simulators, QWEN, template=template))


def test_a_body_that_is_no_json_and_a_wait_that_is_no_number(simulators: Simulators) -> None:
    assert refusals(ask(simulators, "POST", "/workflows", content=b"[")) == {"$": "The body is no JSON."}
    assert list(refusals(ask(simulators, "POST", "/workflows?wait=true", json={}))) == ["wait"]


def test_without_the_key_nothing(simulators: Simulators) -> None:
    for method, path in (("POST", "/workflows"), ("GET", "/workflows"), ("GET", "/workflows/x"), ("POST", "/blobs")):
        answer = ask(simulators, method, path, key="wrong")
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


@pytest.mark.parametrize(
    ("given", "buzz"),
    [
        (QWEN, 18),
        ({**QWEN, "width": 1328, "height": 1328}, 30),
        ({**QWEN, "quantity": 4}, 72),
        ({**VARIANT, "steps": 40}, 36),
        (EDIT, 40),
        ({**EDIT, "images": [SOURCE] * 3}, 48),
        (SDXL, 8),
        ({**SDXL, "quantity": 4}, 32),
        ({**SDXL, "width": 1344, "height": 768, "steps": 25}, 10),
        ({**SDXL, "steps": 35}, 14),
        ({**SDXL, "width": 1536, "height": 640, "steps": 25}, 10),
    ],
)
def test_a_preview_costs_nothing_and_tells_the_documented_price(
    simulators: Simulators, given: dict[str, Any], buzz: int
) -> None:
    answer = submit(simulators, given, query={"whatif": "true"})
    told = answer.json()
    assert (answer.status_code, told["status"], told["cost"]["total"]) == (200, "unassigned", buzz)
    assert told["transactions"]["list"][0]["amount"] == buzz
    assert simulators.paid("civitai") == 0
    assert told["id"] not in [each["id"] for each in ask(simulators, "GET", "/workflows").json()["items"]]
    assert ask(simulators, "GET", f"/workflows/{told['id']}").status_code == 404


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({**QWEN, "width": 640, "height": 384}, (640, 384)),
        ({**FAL, "imageSize": "portrait_16_9"}, (576, 1024)),
        ({**VARIANT, "image": picture(650, 390)}, (648, 384)),
        ({**EDIT, "images": [picture(4000, 2000).partition(",")[2], SOURCE]}, (2048, 1024)),
        ({**EDIT, "images": [picture(512, 256)], "width": 1024, "height": 768}, (1024, 768)),
        ({**FAL_EDIT, "images": [picture(64, 64)], "imageSize": "square"}, (512, 512)),
    ],
)
def test_the_size_is_the_one_asked_for_or_the_sources(
    simulators: Simulators, given: dict[str, Any], size: tuple[int, int]
) -> None:
    [image] = images(submit(simulators, given, wait=AT_ONCE))
    assert (image["width"], image["height"]) == size
    drawn = httpx.get(image["url"], follow_redirects=True)
    assert Image.open(io.BytesIO(drawn.content)).size == size


@pytest.mark.parametrize(
    ("word", "format", "ending"), [("jpeg", "JPEG", ".jpg"), ("png", "PNG", ".png"), ("webP", "WEBP", ".webp")]
)
def test_formats_by_their_words(simulators: Simulators, word: str, format: str, ending: str) -> None:
    [image] = images(submit(simulators, {**QWEN, "outputFormat": word}, wait=AT_ONCE))
    assert image["id"].endswith(ending)
    assert Image.open(io.BytesIO(httpx.get(image["url"], follow_redirects=True).content)).format == format


def test_the_input_comes_back_with_its_defaults(simulators: Simulators) -> None:
    echoed = submit(simulators, QWEN).json()["steps"][0]["input"]
    assert echoed.items() >= QWEN.items()
    assert (echoed["sampleMethod"], echoed["schedule"], echoed["outputFormat"]) == ("euler", "simple", "jpeg")
    assert (echoed["version"], echoed["cfgScale"], echoed["steps"]) == ("latest", 2.5, 20)
    assert "seed" not in echoed


def test_pictures_of_a_batch_and_of_other_seeds_differ_and_those_of_one_seed_do_not(simulators: Simulators) -> None:
    def drawn(**more: Any) -> list[bytes]:
        answer = submit(simulators, {**QWEN, "width": 64, "height": 64, **more}, wait=AT_ONCE)
        return [httpx.get(image["url"], follow_redirects=True).content for image in images(answer)]

    assert len(set(drawn(seed=7, quantity=3))) == 3
    assert drawn(seed=7) == drawn(seed=7)
    assert drawn() != drawn()
