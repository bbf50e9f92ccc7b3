"""The simulated models that take pictures refuse, and keep, what fal's schemas say (its OpenAPI, read 2026-11-21)."""

import io
from typing import Any

import pytest
from PIL import Image

from simulators.fal.edit_models import EDIT_MODELS
from simulators.running import Simulators
from tests.simulators.fal_wire import Fal, data_uri, picture
from tests.simulators.wire import WIRE

ONE = {"image_url": data_uri(320, 200)}
MASKED = {**ONE, "mask_url": data_uri(320, 200)}
TWO = {"image_urls": [data_uri(320, 200), data_uri(200, 640)]}
LARGE = {"image_urls": [data_uri(640, 512), data_uri(768, 512)]}


@pytest.mark.parametrize("model", EDIT_MODELS, ids=lambda model: model.id)
def test_each_needs_its_pictures(fal: Fal, model: Any) -> None:
    [field] = [name for name in ("image_url", "image_urls") if name in model.input.model_fields]
    assert fal.complaint(model.id, {"prompt": "a fox"}) == (422, "missing", [field])


@pytest.mark.parametrize(
    ("endpoint", "given", "size"),
    [
        ("fal-ai/qwen-image/image-to-image", ONE, (320, 200)),
        ("fal-ai/qwen-image/image-to-image", {**ONE, "image_size": "square"}, (512, 512)),
        ("fal-ai/qwen-image-edit", ONE, (320, 200)),
        ("fal-ai/qwen-image-edit/image-to-image", ONE, (320, 200)),
        ("fal-ai/qwen-image-edit/inpaint", MASKED, (320, 200)),
        ("fal-ai/qwen-image-edit-lora", ONE, (320, 200)),
        ("fal-ai/qwen-image-edit-plus", TWO, (1024, 1024)),
        ("fal-ai/qwen-image-edit-2509", TWO, (1024, 1024)),
        ("fal-ai/qwen-image-edit-plus-lora", TWO, (200, 640)),
        ("fal-ai/qwen-image-edit-2511", TWO, (320, 200)),
        ("fal-ai/qwen-image-2/edit", LARGE, (768, 512)),
        ("fal-ai/qwen-image-2/pro/edit", LARGE, (768, 512)),
        ("fal-ai/qwen-image-max/edit", LARGE, (768, 512)),
        ("fal-ai/qwen-image-layered", ONE, (320, 200)),
        ("fal-ai/flux/dev/image-to-image", ONE, (320, 200)),
        ("fal-ai/flux-pro/kontext", ONE, (320, 200)),
        ("fal-ai/flux-pro/kontext/max", {**ONE, "aspect_ratio": "16:9"}, (1360, 768)),
        ("fal-ai/flux-kontext/dev", ONE, (320, 200)),
        ("fal-ai/flux-kontext/dev", {**ONE, "resolution_mode": "1:1"}, (1024, 1024)),
        ("fal-ai/flux-2/edit", TWO, (320, 200)),
        ("fal-ai/flux-2-pro/edit", TWO, (320, 200)),
        ("fal-ai/flux-2-pro/edit", {**TWO, "image_size": "portrait_4_3"}, (768, 1024)),
        ("fal-ai/fast-sdxl/image-to-image", ONE, (1024, 1024)),
        ("fal-ai/fast-sdxl/inpainting", {**MASKED, "image_size": "square"}, (512, 512)),
        ("fal-ai/nano-banana/edit", {**TWO, "prompt": "a fox"}, (320, 200)),
        ("fal-ai/bytedance/seedream/v4/edit", TWO, (2048, 2048)),
        ("fal-ai/bytedance/seedream/v4/edit", {**TWO, "image_size": "square"}, (960, 960)),
    ],
)
def test_what_size_comes_back(fal: Fal, endpoint: str, given: dict[str, Any], size: tuple[int, int]) -> None:
    assert fal.size(endpoint, given) == size


@pytest.mark.parametrize(
    ("endpoint", "wrong", "kind", "place"),
    [
        ("fal-ai/qwen-image-edit/image-to-image", {**ONE, "strength": 0}, "greater_than_equal", ["strength"]),
        ("fal-ai/qwen-image-edit/inpaint", ONE, "missing", ["mask_url"]),
        ("fal-ai/qwen-image-edit-plus", {"image_urls": []}, "sequence_too_short", ["image_urls"]),
        ("fal-ai/qwen-image-edit-plus-lora", {**TWO, "num_inference_steps": 51}, "less_than_equal", None),
        ("fal-ai/qwen-image-edit-2511", {**TWO, "guidance_scale": 0.5}, "greater_than_equal", None),
        ("fal-ai/qwen-image-2/edit", {"image_urls": LARGE["image_urls"] * 2}, "sequence_too_long", ["image_urls"]),
        ("fal-ai/qwen-image-2/edit", {**LARGE, "num_images": 7}, "less_than_equal", ["num_images"]),
        ("fal-ai/qwen-image-2/edit", {**LARGE, "negative_prompt": "n" * 501}, "string_too_long", None),
        ("fal-ai/qwen-image-2/edit", {**LARGE, "image_size": "square_hd", "prompt": ""}, "string_too_short", None),
        ("fal-ai/qwen-image-max/edit", {**LARGE, "prompt": "p" * 801}, "string_too_long", ["prompt"]),
        ("fal-ai/qwen-image-2/edit", TWO, "image_too_small", ["image_urls", 0]),
        (
            "fal-ai/qwen-image-2/edit",
            {"image_urls": [data_uri(5001, 400)]},
            "image_too_large",
            ["image_urls", 0],
        ),
        (
            "fal-ai/qwen-image-2/edit",
            {"image_urls": [data_uri(400, 400, mode="RGBA")]},
            "unsupported_image_format",
            ["image_urls", 0],
        ),
        (
            "fal-ai/qwen-image-2/pro/edit",
            {"image_urls": [data_uri(400, 400, "GIF", "L")]},
            "unsupported_image_format",
            ["image_urls", 0],
        ),
        ("fal-ai/flux-pro/kontext", {"image_url": ""}, "string_too_short", ["image_url"]),
        ("fal-ai/flux-pro/kontext", {**ONE, "safety_tolerance": 2}, "literal_error", ["safety_tolerance"]),
        ("fal-ai/flux-kontext/dev", {**ONE, "num_inference_steps": 9}, "greater_than_equal", None),
        ("fal-ai/flux-2-pro/edit", {**TWO, "safety_tolerance": "6"}, "literal_error", None),
        ("fal-ai/flux-2/edit", {**TWO, "image_size": {"width": 511, "height": 512}}, "value_error", ["image_size"]),
        ("fal-ai/fast-sdxl/inpainting", {**MASKED, "loras": [{"path": "a", "scale": 2}]}, "less_than_equal", None),
        ("fal-ai/fast-sdxl/image-to-image", {**ONE, "strength": 0.04}, "greater_than_equal", ["strength"]),
        ("fal-ai/fast-sdxl/inpainting", {**MASKED, "num_inference_steps": 66}, "less_than_equal", None),
        ("fal-ai/nano-banana/edit", {**TWO, "prompt": "no"}, "string_too_short", ["prompt"]),
        ("fal-ai/bytedance/seedream/v4/edit", {**TWO, "max_images": 7}, "less_than_equal", ["max_images"]),
        ("fal-ai/esrgan", {**ONE, "scale": 8.5}, "less_than_equal", ["scale"]),
    ],
)
def test_bounds(fal: Fal, endpoint: str, wrong: dict[str, Any], kind: str, place: list[Any] | None) -> None:
    status, told, loc = fal.complaint(endpoint, wrong)
    assert (status, told) == (422, kind)
    assert place is None or loc == place


def test_layers_and_rounds_count_as_pictures(fal: Fal, simulators: Simulators) -> None:
    assert len(fal.images("fal-ai/qwen-image-layered", ONE)) == 4
    assert len(fal.images("fal-ai/qwen-image-layered", {**ONE, "num_layers": 2, "prompt": None})) == 2
    assert len(fal.images("fal-ai/bytedance/seedream/v4/edit", {**TWO, "num_images": 2, "max_images": 2})) == 4
    assert len(fal.images("fal-ai/flux-2-pro/edit", {**TWO, "num_images": 4})) == 1
    assert simulators.paid("fal") == 11


def test_an_upscaler_takes_no_prompt_and_answers_with_one_image(fal: Fal) -> None:
    answer = fal.run("fal-ai/esrgan", {**ONE, "scale": 1.5, "output_format": "jpeg"}).json()
    assert set(answer) == {"image"}
    drawn = Image.open(io.BytesIO(WIRE.get(answer["image"]["url"]).content))
    assert (drawn.size, drawn.format) == ((480, 300), "JPEG")


def test_another_source_gives_another_picture(fal: Fal) -> None:
    def drawn(*urls: str) -> bytes:
        [image] = fal.images("fal-ai/qwen-image-edit-2511", {"image_urls": list(urls), "seed": 5})
        return WIRE.get(image["url"]).content

    first, second = data_uri(64, 64), data_uri(64, 64, "JPEG")
    assert drawn(first) == drawn(first)
    assert len({drawn(first), drawn(second), drawn(first, second), drawn(second, first)}) == 4


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("ftp://example.com/a.png", "file_download_error"),
        ("data:image/png,AAAA", "file_download_error"),
        ("data:image/png;base64,AAAA", "image_load_error"),
        ("data:image/png;base64,not base64", "image_load_error"),
        ("http://127.0.0.1:1/a.png", "file_download_error"),
        ("{rest}/nothing", "file_download_error"),
        ("{cdn}/files/nothing", "file_download_error"),
    ],
)
def test_pictures_that_cannot_be_read(fal: Fal, url: str, kind: str) -> None:
    rest = fal.at["rest_url"]
    named = url.format(rest=rest, cdn=rest.replace("fal-rest", "fal-cdn"))
    assert fal.complaint("fal-ai/qwen-image-edit", {"image_url": named}) == (422, kind, ["image_url"])


def test_an_upload_takes_one_put_with_its_signature(fal: Fal) -> None:
    told = fal.initiate()
    unfinished = fal.complaint("fal-ai/qwen-image-edit", {"image_url": told["file_url"]})
    assert unfinished == (422, "file_download_error", ["image_url"])
    content, png = picture(320, 200), {"Content-Type": "image/png"}
    for url, headers in (
        (told["upload_url"], {"Content-Type": "image/jpeg"}),
        (told["upload_url"].partition("?")[0], png),
        (told["upload_url"] + "0", png),
    ):
        assert WIRE.put(url, content=content, headers=headers).status_code == 403
    assert WIRE.put(told["upload_url"], content=content, headers=png).status_code == 200
    assert WIRE.put(told["upload_url"], content=content, headers=png).status_code == 403

    stored = WIRE.get(told["file_url"])
    assert (stored.content, stored.headers["content-type"]) == (content, "image/png")
    assert fal.size("fal-ai/qwen-image-edit", {"image_url": told["file_url"]}) == (320, 200)


def test_a_picture_drawn_here_can_be_edited(fal: Fal) -> None:
    [image] = fal.images("fal-ai/qwen-image", {"image_size": {"width": 96, "height": 64}})
    assert fal.size("fal-ai/qwen-image-edit", {"image_url": image["url"]}) == (96, 64)


def test_a_picture_on_this_machine_is_fetched(fal: Fal, simulators: Simulators) -> None:
    at = simulators.addresses["replicate"]
    made = WIRE.post(
        f"{at['base_url']}/models/qwen/qwen-image-2-pro/predictions",
        json={"input": {"prompt": "x", "size": "512*640"}},
        headers={"Authorization": f"Bearer {at['key']}", "Prefer": "wait"},
    )
    elsewhere = made.json()["output"]
    assert elsewhere.startswith(f"{simulators.origin}/replicate-media/")
    assert fal.size("fal-ai/qwen-image-edit", {"image_url": elsewhere}) == (512, 640)
    missing = fal.complaint("fal-ai/qwen-image-edit", {"image_url": elsewhere + "x"})
    assert missing == (422, "file_download_error", ["image_url"])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("upload/initiate?storage_type=gcs", {"file_name": "a.png"}, 422),
        ("upload/initiate?storage_type=floppy", {"file_name": "a.png", "content_type": "image/png"}, 422),
        ("upload/initiate?storage_type=gcs", [], 422),
        ("auth/token", {}, 422),
    ],
)
def test_the_storage_is_strict(fal: Fal, path: str, body: object, status: int) -> None:
    url = f"{fal.at['rest_url']}/storage/{path}"
    assert WIRE.post(url, json=body, headers=fal.headers).status_code == status
    assert WIRE.post(url, json=body).status_code == 401


def test_faults_of_an_upload(fal: Fal, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "upload", "effect": "status", "status": 503}])
    body = {"file_name": "a.png", "content_type": "image/png"}
    url = f"{fal.at['rest_url']}/storage/upload/initiate?storage_type=gcs"
    assert WIRE.post(url, json=body, headers=fal.headers).status_code == 503
    assert WIRE.post(url, json=body, headers=fal.headers).status_code == 200
