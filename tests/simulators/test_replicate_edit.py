"""Simulated models of Replicate that take pictures, and its files (its OpenAPI and model pages, read 2026-11-21)."""

import hashlib
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from simulators.replicate.models import SDXL
from simulators.running import Simulators
from tests.simulators.replicate_wire import QWEN, Replicate, data_uri
from tests.simulators.wire import WIRE

WIDE, TALL = data_uri(320, 200), data_uri(200, 320)
PLUS, KONTEXT, FLUX_2 = (
    "qwen/qwen-image-edit-plus",
    "black-forest-labs/flux-kontext-pro",
    "black-forest-labs/flux-2-pro",
)


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return out.getvalue()


def upload(replicate: Replicate, content: bytes, **fields: str) -> httpx.Response:
    sent = {"content": ("a.png", content, "image/png")}
    return WIRE.post(f"{replicate.base_url}/files", files=sent, data=fields, headers=replicate.headers)


@pytest.mark.parametrize(
    ("model", "given", "size"),
    [
        (QWEN, {"image": WIDE, "strength": 0.5, "aspect_ratio": "1:1"}, (1024, 1024)),
        ("qwen/qwen-image-edit", {"image": TALL, "aspect_ratio": "4:3"}, (1183, 887)),
        (PLUS, {"image": [WIDE, TALL]}, (320, 200)),
        (PLUS, {"image": [TALL], "aspect_ratio": "match_input_image"}, (200, 320)),
        ("qwen/qwen-image-2-pro", {"image": WIDE, "size": "512*768"}, (512, 768)),
        ("black-forest-labs/flux-dev", {"image": WIDE, "prompt_strength": 0.3}, (320, 200)),
        (KONTEXT, {"input_image": TALL}, (200, 320)),
        (KONTEXT, {"input_image": TALL, "aspect_ratio": "16:9"}, (1344, 768)),
        (FLUX_2, {"input_images": [WIDE, TALL] * 4}, (1024, 1024)),
        (FLUX_2, {"input_images": [TALL], "aspect_ratio": "match_input_image"}, (200, 320)),
        (FLUX_2, {"aspect_ratio": "16:9", "resolution": "4 MP"}, (2048, 1152)),
        ("black-forest-labs/flux-2-dev", {"input_images": [TALL], "aspect_ratio": "match_input_image"}, (200, 320)),
        ("black-forest-labs/flux-2-dev", {"aspect_ratio": "custom", "width": 300, "height": 700}, (288, 704)),
        ("black-forest-labs/flux-1.1-pro", {"image_prompt": TALL}, (1024, 1024)),
    ],
)
def test_what_size_comes_back(replicate: Replicate, model: str, given: dict[str, Any], size: tuple[int, int]) -> None:
    assert [drawn.size for drawn in replicate.draw(model, given)] == [size]


@pytest.mark.parametrize(
    ("model", "given", "field", "kind"),
    [
        (FLUX_2, {"input_images": [WIDE] * 9}, "input.input_images", "array_max_items"),
        (FLUX_2, {"resolution": "3 MP"}, "input.resolution", "enum"),
        (FLUX_2, {"aspect_ratio": "21:9"}, "input.aspect_ratio", "enum"),
        (FLUX_2, {"input_images": WIDE}, "input.input_images", "invalid_type"),
        (FLUX_2, {"input_images": ["a.png"]}, "input.input_images.0", "format"),
        (KONTEXT, {"input_image": [WIDE]}, "input.input_image", "invalid_type"),
        (KONTEXT, {"safety_tolerance": 7}, "input.safety_tolerance", "number_lte"),
        ("qwen/qwen-image-edit", {"image": WIDE, "aspect_ratio": "21:9"}, "input.aspect_ratio", "enum"),
        ("black-forest-labs/flux-1.1-pro", {"safety_tolerance": 0}, "input.safety_tolerance", "number_gte"),
    ],
)
def test_bounds(replicate: Replicate, model: str, given: dict[str, Any], field: str, kind: str) -> None:
    answer = replicate.create(model, given)
    assert answer.status_code == 422
    assert [(entry["field"], entry["type"]) for entry in answer.json()["invalid_fields"]] == [(field, kind)]


def test_a_community_model_keeps_its_source(replicate: Replicate) -> None:
    asked = {"prompt": "x", "image": WIDE, "mask": WIDE, "prompt_strength": 0.5, "num_outputs": 2}
    told = replicate.post("/predictions", {"version": SDXL.version, "input": asked}, Prefer="wait").json()
    sizes = [Image.open(io.BytesIO(WIRE.get(url).content)).size for url in told["output"]]
    assert sizes == [(320, 200)] * 2


def test_another_source_gives_another_picture(replicate: Replicate) -> None:
    def drawn(*urls: str) -> bytes:
        [picture] = replicate.draw(PLUS, {"image": list(urls), "seed": 5, "aspect_ratio": "1:1"})
        return picture.tobytes()

    assert drawn(WIDE) == drawn(WIDE)
    assert len({drawn(WIDE), drawn(TALL), drawn(WIDE, TALL), drawn(TALL, WIDE)}) == 4


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("data:image/png;base64,AAAA", "cannot identify image file"),
        ("http://127.0.0.1:1/a.png", "could not be downloaded"),
        ("{base}/files/nothing", "could not be downloaded"),
    ],
)
def test_pictures_that_cannot_be_read_fail_the_prediction(
    replicate: Replicate, simulators: Simulators, url: str, error: str
) -> None:
    made = replicate.create(QWEN, {"image": url.format(base=replicate.base_url)}, Prefer="wait").json()
    assert made["status"] == "failed"
    assert error in made["error"]
    assert simulators.paid("replicate") == 0


def test_a_file_is_uploaded_named_and_deleted(replicate: Replicate) -> None:
    content = png(320, 200)
    made = upload(replicate, content, metadata='{"a": 1}')
    told = made.json()
    assert made.status_code == 201
    assert (told["name"], told["content_type"], told["size"], told["metadata"]) == (
        "a.png",
        "image/png",
        len(content),
        {"a": 1},
    )
    assert told["checksums"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["expires_at"] > told["created_at"]
    url = told["urls"]["get"]
    assert replicate.get(url).json()["id"] == told["id"]
    assert [drawn.size for drawn in replicate.draw("qwen/qwen-image-edit", {"image": url})] == [(320, 200)]
    listed = replicate.get(f"{replicate.base_url}/files").json()["results"]
    assert listed[0]["id"] == told["id"]
    assert WIRE.delete(url, headers=replicate.headers).status_code == 204
    assert WIRE.delete(url, headers=replicate.headers).status_code == 404
    assert replicate.get(url).status_code == 404


def test_a_picture_drawn_here_can_be_edited(replicate: Replicate) -> None:
    made = replicate.create("qwen/qwen-image-2-pro", {"size": "512*640"}, Prefer="wait").json()
    assert [drawn.size for drawn in replicate.draw(PLUS, {"image": [made["output"]]})] == [(512, 640)]


def test_files_are_strict(replicate: Replicate, simulators: Simulators) -> None:
    url = f"{replicate.base_url}/files"
    assert WIRE.post(url, json={}, headers=replicate.headers).status_code == 422
    assert WIRE.post(url, files={"file": b"x"}, headers=replicate.headers).status_code == 422
    assert upload(replicate, b"x", filename="n" * 256).status_code == 422
    assert upload(replicate, b"x", metadata="[]").status_code == 422
    assert WIRE.post(url, files={"content": b"x"}).status_code == 401
    simulators.set_faults([{"provider": "replicate", "on": "upload", "effect": "status", "status": 413}])
    assert "100 MB" in upload(replicate, b"x").json()["detail"]
