"""Edits, image-to-image, inpainting and outpainting through the whole gateway to Runware's stand-in."""

import io
from typing import Any

import httpx
import pybase64
import pytest
from PIL import Image

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import content_of, each, failed, opened, served
from tests.gateway.photos import data_uri, mask, photo
from tests.gateway.running import RunningGateway

PHOTO = data_uri(photo())
REDRAWN = {"model": "runware/qwen-image", "image": PHOTO}


def large() -> bytes:
    """A photograph of more than a million bytes, which is sent ahead."""
    return photo(compress_level=0, width=800, height=800)


def edit(gateway: RunningGateway, **fields: Any) -> httpx.Response:
    body = {"prompt": "make it snow", "cache": "off", **fields}
    return gateway.http.post("/v1/images/edits", json=body)


def tasks(simulators: Simulators) -> list[dict[str, Any]]:
    return [call["body"][0] for call in simulators.calls("runware", "submit")]


def picture_in(uri: str) -> Image.Image:
    return opened(pybase64.b64decode(uri.partition(",")[2]))


def row(body: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in body["metadata"]["parameters"] if each["given_as"] == name)


def test_an_edit_with_two_pictures(all_providers: RunningGateway, simulators: Simulators) -> None:
    cat = photo(512, 512, "JPEG")
    body = served(
        edit(all_providers, model="runware/qwen-image-edit-plus", image=[PHOTO, data_uri(cat, "image/jpeg")], n=2)
    )
    [sent] = tasks(simulators)
    references = sent["inputs"]["referenceImages"]
    assert [pybase64.b64decode(each.partition(",")[2]) for each in references] == [photo(), cat], "as they came"
    assert (sent["width"], sent["height"], sent["numberResults"]) == (640, 448, 2)
    assert [opened(content_of(image)).size for image in body["data"]] == [(640, 448)] * 2
    assert body["metadata"]["executed_model"] == "runware/qwen-image-edit-plus"
    assert simulators.paid("runware") == 2


def test_image_to_image_with_a_mask(all_providers: RunningGateway, simulators: Simulators) -> None:
    fields = {**REDRAWN, "mask": data_uri(mask()), "strength": 0.6, "mask_margin": 64, "seed": 7, "n": 2}
    body = served(edit(all_providers, **fields))
    first, second = sorted(tasks(simulators), key=lambda task: task["seed"])
    assert (first["seed"], second["seed"]) == (7, 8)
    assert first["inputs"] == second["inputs"], "each picture is prepared once"
    assert (first["inputs"]["strength"], first["maskMargin"]) == (0.6, 64)
    white = picture_in(first["inputs"]["maskImage"])
    assert white.getpixel((10, 10)) in (255, (255, 255, 255))
    assert white.getpixel((630, 10)) in (0, (0, 0, 0))
    assert each(body, "seed") == [7, 8]


def test_without_a_strength_qwen_image_redraws_what_is_masked(
    all_providers: RunningGateway, simulators: Simulators
) -> None:
    served(edit(all_providers, **REDRAWN, mask=data_uri(mask())))
    [sent] = tasks(simulators)
    assert set(sent["inputs"]) == {"seedImage", "maskImage"}
    assert "mask or outpaint" in failed(edit(all_providers, **REDRAWN), 400, "unsupported_parameter")


def test_outpainting_makes_the_picture_larger(all_providers: RunningGateway, simulators: Simulators) -> None:
    body = served(edit(all_providers, **REDRAWN, outpaint={"left": 64, "bottom": 32}))
    [sent] = tasks(simulators)
    assert (sent["width"], sent["height"], sent["outpaint"]) == (704, 480, {"left": 64, "bottom": 32})
    assert (body["data"][0]["width"], body["data"][0]["height"]) == (704, 480)
    told = failed(edit(all_providers, **REDRAWN, outpaint={"left": 5}), 400, "unsupported_parameter")
    assert "645x448" in told
    assert "640x448" in told
    assert simulators.paid("runware") == 1


def test_a_control_net_brings_its_guide(all_providers: RunningGateway, simulators: Simulators) -> None:
    guide = {"model": "runware:36@1", "image": data_uri(photo(format="GIF"), "image/gif"), "weight": 0.7, "end": 0.5}
    body = {"model": "runware/qwen-image", "prompt": "a fox", "control_nets": [guide], "cache": "off"}
    served(all_providers.generate(body))
    [sent] = tasks(simulators)
    [net] = sent["controlNet"]
    assert {name: net[name] for name in ("model", "weight", "endStepPercentage")} == {
        "model": "runware:36@1",
        "weight": 0.7,
        "endStepPercentage": 50,
    }
    assert picture_in(net["guideImage"]).format == "PNG", "it has become a format that is read there"
    guide["image"] = "http://127.0.0.1/secret.png"
    answer = all_providers.generate(body)
    assert "control_nets[0].image" in failed(answer, 400, "invalid_value")
    assert len(tasks(simulators)) == 1


def test_width_1000_is_reported_and_strictly_refused(all_providers: RunningGateway, simulators: Simulators) -> None:
    fields = {"prompt": "snow", "model": "runware/qwen-image-edit", "image": PHOTO, "width": 1000, "height": 704}
    strict = all_providers.http.post("/v1/images/edits", json=fields, headers={"x-easel-strict": "true"})
    assert "1008x704" in failed(strict, 400, "unsupported_parameter")
    assert not simulators.calls()
    body = served(edit(all_providers, **fields))
    assert row(body, "width")["note"] == "nearest that the provider draws: 1008x704"
    assert (body["data"][0]["width"], body["data"][0]["height"]) == (1008, 704)


def test_a_large_picture_is_uploaded_once_for_all_calls(all_providers: RunningGateway, simulators: Simulators) -> None:
    content = large()
    assert len(content) > 1_000_000
    served(edit(all_providers, model="runware/qwen-image-edit", image=data_uri(content), n=3, seed=1))
    [uploaded] = simulators.calls("runware", "upload")
    [task] = uploaded["body"]
    assert pybase64.b64decode(task["image"].partition(",")[2]) == content
    named = {tuple(sent["inputs"]["referenceImages"]) for sent in tasks(simulators)}
    assert len(tasks(simulators)) == 3
    assert len(named) == 1
    assert not next(iter(named))[0].startswith("data:")
    assert simulators.paid("runware") == 3


def test_a_variation(all_providers: RunningGateway, simulators: Simulators) -> None:
    files = {"image": ("fox.png", photo(), "image/png")}
    answer = all_providers.http.post("/v1/images/variations", data={"model": "runware/qwen-image"}, files=files)
    assert len(served(answer)["data"]) == 1
    [sent] = tasks(simulators)
    assert set(sent["inputs"]) == {"seedImage"}
    assert sent["positivePrompt"]


UPLOAD_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"effect": "drop_after"}, "ok"),
    ({"effect": "status", "status": 402}, "elsewhere"),
    ({"effect": "html", "times": -1}, "elsewhere"),
    ({"effect": "drop_after", "times": -1}, "elsewhere"),
]


@pytest.mark.parametrize(("fault", "ends"), UPLOAD_FAULTS)
def test_a_failing_upload_costs_nothing_and_the_next_provider_is_asked(
    fault: dict[str, Any], ends: str, start: Start, simulators: Simulators
) -> None:
    providers = {
        name: {"api_key": simulators.addresses[name]["key"], "base_url": simulators.addresses[name]["base_url"]}
        for name in ("runware", "alibaba")
    }
    gateway = start(providers=providers, models={"qwen-image-edit": {"route": ["runware", "alibaba"]}})
    simulators.set_faults([{"provider": "runware", "on": "upload", **fault}])
    body = served(edit(gateway, model="qwen-image-edit", image=data_uri(large())))
    expected = {"ok": ("runware", 1, 0), "elsewhere": ("alibaba", 0, 1)}[ends]
    found = (body["data"][0]["provider"], simulators.paid("runware"), simulators.paid("alibaba"))
    assert found == expected
    assert len(tasks(simulators)) == expected[1]


def test_a_plan_uploads_nothing(all_providers: RunningGateway, simulators: Simulators) -> None:
    body = {"model": "runware/qwen-image-edit", "prompt": "snow", "image": data_uri(large())}
    answer = all_providers.http.post("/v1/images/plan", json=body)
    assert answer.status_code == 200, answer.text
    assert "base64" not in answer.text
    assert not simulators.calls()


def test_a_picture_lying_on_its_side_keeps_its_upright_shape(
    all_providers: RunningGateway, simulators: Simulators
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.new("RGB", (640, 448)).save(out, "JPEG", exif=exif)
    body = served(edit(all_providers, model="runware/qwen-image-edit", image=data_uri(out.getvalue(), "image/jpeg")))
    assert (body["data"][0]["width"], body["data"][0]["height"]) == (448, 640)
    assert simulators.paid("runware") == 1
