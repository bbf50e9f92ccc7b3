"""How each dialect of the images API takes the pictures of an edit: part names, masks, sizes, what it refuses."""

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from simulators.running import Simulators
from tests.simulators.wire import WIRE

Files = list[tuple[str, tuple[str, bytes, str]]]

SERVERS = ["openai", "lumenfall", "vllm-omni", "sglang", "sd-server", "xinference"]
MODELS = {"openai": "gpt-image-2.5-flare", "lumenfall": "qwen-image", "localai": "kontext"}


def picture(width: int = 128, height: int = 96, format: str = "PNG", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, format)
    return out.getvalue()


MASK = picture(mode="RGBA")


def file(name: str, content: bytes) -> tuple[str, tuple[str, bytes, str]]:
    return name, ("a.png", content, "image/png")


def form(simulators: Simulators, slug: str, files: Files, path: str = "edits", **fields: str) -> httpx.Response:
    at = simulators.addresses[slug]
    sent = {"model": MODELS.get(slug, "any"), "prompt": "x", **fields}
    headers = {"Authorization": f"Bearer {at['key']}"}
    return WIRE.post(f"{at['base_url']}/images/{path}", headers=headers, data=sent, files=files)


def ask(simulators: Simulators, slug: str, body: dict[str, Any], path: str = "edits") -> httpx.Response:
    at = simulators.addresses[slug]
    headers = {"Authorization": f"Bearer {at['key']}"}
    return WIRE.post(f"{at['base_url']}/images/{path}", headers=headers, json=body)


def drawn(simulators: Simulators, answer: httpx.Response) -> tuple[int, int]:
    """The size of the first picture."""
    assert answer.status_code == 200, answer.text
    [first, *_] = answer.json()["data"]
    content = base64.b64decode(first["b64_json"]) if first.get("b64_json") else WIRE.get(first["url"]).content
    return Image.open(io.BytesIO(content)).size


@pytest.mark.parametrize(
    ("slug", "size"),
    [
        ("openai", (1024, 1024)),  # `auto`
        ("lumenfall", (1024, 1024)),  # the documented default of `size`
        ("vllm-omni", (128, 96)),
        ("sglang", (128, 96)),
        ("sd-server", (128, 96)),
        ("xinference", (128, 96)),
    ],
)
@pytest.mark.parametrize("name", ["image", "image[]"])
def test_without_a_size(simulators: Simulators, slug: str, size: tuple[int, int], name: str) -> None:
    assert drawn(simulators, form(simulators, slug, [file(name, picture())])) == size
    assert simulators.paid(slug) == 1


@pytest.mark.parametrize("slug", ["lumenfall", "vllm-omni", "sglang", "sd-server", "xinference"])
def test_a_size_is_met(simulators: Simulators, slug: str) -> None:
    assert drawn(simulators, form(simulators, slug, [file("image", picture())], size="320x240")) == (320, 240)


@pytest.mark.parametrize("slug", SERVERS)
def test_other_pictures_give_another_picture(simulators: Simulators, slug: str) -> None:
    seed = {"openai": {}, "sd-server": {"prompt": 'x <sd_cpp_extra_args>{"seed":7}</sd_cpp_extra_args>'}}
    fields = seed.get(slug, {"seed": "7"})
    answers = [
        form(simulators, slug, files, **fields).text
        for files in (
            [file("image[]", picture()), file("image[]", picture(64, 64))],
            [file("image[]", picture()), file("image[]", picture(80, 80))],
        )
    ]
    assert answers[0] != answers[1]


@pytest.mark.parametrize(
    ("slug", "status"),
    [("openai", 400), ("lumenfall", 400), ("vllm-omni", 422), ("sglang", 422), ("sd-server", 400), ("xinference", 400)],
)
def test_an_edit_without_a_picture(simulators: Simulators, slug: str, status: int) -> None:
    assert form(simulators, slug, [file("other", picture())]).status_code == status
    assert simulators.paid(slug) == 0


@pytest.mark.parametrize("slug", ["openai", "lumenfall", "vllm-omni", "sglang", "xinference"])
@pytest.mark.parametrize("content", [b"not a picture", b"", picture()[:60]])
def test_a_file_that_is_no_picture(simulators: Simulators, slug: str, content: bytes) -> None:
    assert form(simulators, slug, [file("image", content)]).status_code in (400, 500)
    assert simulators.paid(slug) == 0


@pytest.mark.parametrize("slug", ["lumenfall", "vllm-omni", "sglang", "sd-server", "xinference"])
def test_forms_only(simulators: Simulators, slug: str) -> None:
    uri = "data:image/png;base64," + base64.b64encode(picture()).decode()
    body = {"model": "qwen-image", "prompt": "x", "image": uri, "url": uri}
    assert ask(simulators, slug, body).status_code in (400, 422)


@pytest.mark.parametrize(
    ("files", "fields", "param"),
    [
        ([("images[]", picture())], {}, "images[]"),
        ([("image", picture()), ("mask[]", MASK)], {}, "mask[]"),
        ([("image", picture()), ("mask", picture(64, 64, mode="RGBA"))], {}, "mask"),
        ([("image", picture()), ("mask", picture())], {}, "mask"),  # no alpha channel
        ([("image", picture()), ("mask", picture(format="WEBP", mode="RGBA"))], {}, "mask"),
        ([("image", picture()), ("mask", MASK), ("mask", MASK)], {}, "mask"),
        ([("image", picture()), ("mask", MASK), ("markup", MASK)], {}, "markup"),
        ([("image", picture()), ("markup", MASK)], {"model": "gpt-image-2"}, "markup"),
        ([("image", picture())] * 17, {}, "image"),
        ([("image", picture())], {"response_format": "b64_json"}, "response_format"),
        ([("image", picture())], {"n": "two"}, "n"),
    ],
)
def test_openai_refuses_forms(
    simulators: Simulators, files: list[tuple[str, bytes]], fields: dict[str, str], param: str
) -> None:
    answer = form(simulators, "openai", [file(*each) for each in files], **fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert simulators.paid("openai") == 0


@pytest.mark.parametrize("format", ["GIF", "AVIF", "BMP"])
def test_openai_reads_three_formats(simulators: Simulators, format: str) -> None:
    answer = form(simulators, "openai", [file("image", picture(format=format))])
    assert answer.json()["error"]["code"] == "invalid_image_file"


@pytest.mark.parametrize("overlay", ["mask", "markup"])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_openai_takes_one_overlay(simulators: Simulators, overlay: str, format: str) -> None:
    files = [file("image", picture(format=format)), file(overlay, MASK)]
    answer = form(simulators, "openai", files, quality="max", n="2", input_text="")
    assert answer.json()["error"]["param"] == "input_text"
    assert drawn(simulators, form(simulators, "openai", files, quality="max", n="2")) == (1024, 1024)


def test_openai_bounds_urls(simulators: Simulators) -> None:
    body = {"model": "gpt-image-2", "prompt": "x", "images": [{"image_url": "https://x.example/a.png"}]}
    assert ask(simulators, "openai", body).status_code == 200
    long = {**body, "images": [{"image_url": "https://x.example/" + "a" * 20_971_520}]}
    assert ask(simulators, "openai", long).json()["error"]["code"] == "string_above_max_length"
    both = {**body, "images": [{"image_url": "https://x.example/a.png", "file_id": "file-1"}]}
    assert ask(simulators, "openai", both).json()["error"]["code"] == "invalid_value"


@pytest.mark.parametrize(
    ("model", "fields", "size"),
    [
        ("topaz-image-upscale", {"scale_factor": "2.5"}, (320, 240)),
        ("topaz-image-upscale", {}, (256, 192)),
        ("google-upscaler", {"scale_factor": "4"}, (512, 384)),
        ("real-esrgan", {}, (512, 384)),
        ("recraft-crisp-upscale", {"scale_factor": "2"}, (512, 384)),  # its own factor, whatever is asked
    ],
)
def test_lumenfall_upscales_without_a_prompt(
    simulators: Simulators, model: str, fields: dict[str, str], size: tuple[int, int]
) -> None:
    answer = form(simulators, "lumenfall", [file("image", picture())], model=model, prompt="", **fields)
    assert drawn(simulators, answer) == size
    assert answer.json()["size"] == f"{size[0]}x{size[1]}"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"model": "qwen-image", "scale_factor": "2"},
            "does not support upscale. Supported modes: text-to-image, image-",
        ),
        ({"model": "google-upscaler", "scale_factor": "3"}, "scale_factor"),
        ({"model": "topaz-image-upscale", "scale_factor": "two"}, "scale_factor"),
        ({"model": "flux-dev"}, "does not support image-edit. Supported modes: text-to-image"),
        ({"model": "qwen-image", "prompt": ""}, "prompt is required"),
    ],
)
def test_lumenfall_says_what_a_model_does_not_do(simulators: Simulators, fields: dict[str, str], said: str) -> None:
    answer = form(simulators, "lumenfall", [file("image", picture())], **fields)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert simulators.paid("lumenfall") == 0


def test_lumenfalls_upscalers_only_upscale(simulators: Simulators) -> None:
    answer = ask(simulators, "lumenfall", {"model": "google-upscaler", "prompt": "x"}, "generations")
    told = "Model 'google-upscaler' does not support text-to-image. Supported modes: upscale"
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, told)
    two = form(simulators, "lumenfall", [file("image", picture())] * 2, model="real-esrgan", prompt="")
    assert two.status_code == 400


def test_lumenfalls_masks_fit_their_picture(simulators: Simulators) -> None:
    for mask, status in ((MASK, 200), (picture(64, 64, mode="RGBA"), 400), (picture(format="WEBP"), 400)):
        answer = form(simulators, "lumenfall", [file("image", picture()), file("mask", mask)])
        assert answer.status_code == status


def test_lumenfall_estimates_an_edit_for_nothing(simulators: Simulators) -> None:
    at = simulators.addresses["lumenfall"]
    answer = WIRE.post(
        f"{at['base_url']}/images/edits?dryRun=true",
        headers={"Authorization": f"Bearer {at['key']}"},
        data={"model": "real-esrgan", "n": "3"},
        files=[file("image", picture())],
    )
    assert (answer.json()["total_cost_micros"], simulators.paid("lumenfall")) == (6_000, 0)


def test_vllm_omni_takes_urls_masks_and_jpg(simulators: Simulators) -> None:
    uri = "data:image/png;base64," + base64.b64encode(picture(256, 128)).decode()
    answer = form(simulators, "vllm-omni", [file("mask_image", picture(256, 128))], url=uri, output_format="jpg")
    assert drawn(simulators, answer) == (256, 128)
    assert answer.json()["output_format"] == "jpeg"
    stream = form(simulators, "vllm-omni", [file("image", picture())], stream="true")
    assert (stream.status_code, type(stream.json()["detail"])) == (400, str)


def test_sglang_wants_one_of_two_names(simulators: Simulators) -> None:
    """`image` wins over `image[]`; a mask is not looked at; n is clamped."""
    files = [file("image[]", picture(64, 64)), file("image", picture()), file("mask", b"whatever")]
    answer = form(simulators, "sglang", files, n="40", user="me")
    assert drawn(simulators, answer) == (128, 96)
    assert len(answer.json()["data"]) == 10
    same = [form(simulators, "sglang", [file("image", picture())]).json()["data"] for _ in range(2)]
    assert same[0] == same[1], "the seed that is not sent is 1024"
    assert form(simulators, "sglang", [file("image", picture())], response_format="url").status_code == 400


def test_sd_server_prefers_the_list(simulators: Simulators) -> None:
    files = [file("image", picture()), file("image[]", picture(256, 128)), file("image[]", b"no picture")]
    assert drawn(simulators, form(simulators, "sd-server", files)) == (256, 128)
    wrong = 'x <sd_cpp_extra_args>{"strength": 2}</sd_cpp_extra_args>'
    answer = form(simulators, "sd-server", [file("image", picture())], prompt=wrong)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid params"})
    webp = form(simulators, "sd-server", [file("image", picture())], output_format="webp")
    assert webp.status_code == 400


def test_xinference_varies_with_its_own_names(simulators: Simulators) -> None:
    two = [file("image", picture()), file("image", picture(64, 64))]
    kwargs = '{"strength": 0.4, "seed": 3}'
    answer = form(simulators, "xinference", two, "variations", size="320*240", kwargs=kwargs)
    assert drawn(simulators, answer) == (320, 240)
    assert form(simulators, "xinference", [file("image[]", picture())], "variations").status_code == 422
    assert form(simulators, "xinference", two, "variations", size="320x240").status_code == 500
    assert form(simulators, "xinference", two, "variations", kwargs="[").status_code == 500


def test_xinference_paints_over_masks(simulators: Simulators) -> None:
    files = [file("image", picture()), file("mask_image", picture())]
    assert drawn(simulators, form(simulators, "xinference", files, "inpainting")) == (128, 96)
    assert form(simulators, "xinference", files[:1], "inpainting").status_code == 422


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"file": base64.b64encode(picture()).decode()}, 200),
        ({"ref_images": [base64.b64encode(picture()).decode(), "https://x.example/a.png"]}, 200),
        ({"file": "data:image/png;base64,AAAA"}, 500),
        ({"ref_images": "AAAA"}, 400),
        ({"ref_images": ["AAAA"]}, 500),
    ],
)
def test_localai_takes_pictures_in_its_json(simulators: Simulators, fields: dict[str, Any], status: int) -> None:
    body = {"model": "kontext", "prompt": "x|fog", "size": "320x240", **fields}
    answer = ask(simulators, "localai", body, "generations")
    assert answer.status_code == status
    assert status != 200 or drawn(simulators, answer) == (320, 240)


def test_localai_paints_over_masks_at_one_size(simulators: Simulators) -> None:
    files = [file("image", picture()), file("mask", picture())]
    assert drawn(simulators, form(simulators, "localai", files, "inpainting")) == (512, 512)
    assert form(simulators, "localai", files[:1], "inpainting").status_code == 400
    assert form(simulators, "localai", files, "edits").status_code == 404
