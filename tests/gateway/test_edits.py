"""POST /v1/images/edits and /variations through the whole gateway: every form a picture comes in, and what is sent."""

import io
from pathlib import Path
from typing import Any

import httpx
import openai
import pybase64
import pytest
from PIL import Image

from simulators.running import Simulators
from tests.gateway.drawn import content_of, opened, served
from tests.gateway.photos import data_uri, mask, photo
from tests.gateway.running import ADMIN_KEY, RunningGateway

SNOW: dict[str, Any] = {"model": "fal/qwen-image-edit", "prompt": "make it snow"}


def edit(gateway: RunningGateway, **fields: Any) -> httpx.Response:
    return gateway.http.post("/v1/images/edits", json={**SNOW, **fields})


def submitted(simulators: Simulators, provider: str = "fal") -> list[dict[str, Any]]:
    return [call["body"] for call in simulators.calls(provider, "submit")]


def picture_in(uri: str) -> Image.Image:
    assert uri.startswith("data:image/")
    return Image.open(io.BytesIO(pybase64.b64decode(uri.partition(",")[2])))


@pytest.mark.parametrize(
    "fields",
    [
        {"image": data_uri(photo())},
        {"image": [data_uri(photo())]},
        {"images": [{"image_url": data_uri(photo())}]},
        {"image": {"url": data_uri(photo())}},
        {"image_url": data_uri(photo())},
        {"image": pybase64.b64encode(photo()).decode()},
        {"input_references": [{"type": "image_url", "image_url": {"url": data_uri(photo())}}]},
        {"fal": {"image_url": data_uri(photo())}},
    ],
    ids=",".join,
)
def test_each_json_form_sends_the_same_bytes(
    fields: dict[str, Any], all_providers: RunningGateway, simulators: Simulators
) -> None:
    body = served(edit(all_providers, **fields))
    [sent] = submitted(simulators)
    assert pybase64.b64decode(sent["image_url"].partition(",")[2]) == photo(), "passed on as it came"
    assert body["metadata"]["executed_model"] == "fal/qwen-image-edit"
    assert (body["data"][0]["width"], body["data"][0]["height"]) == (640, 448), "an edit keeps its source's shape"


@pytest.mark.parametrize("name", ["image", "image[]", "image[0]", "images", "images[]"])
def test_each_form_field_is_understood(name: str, all_providers: RunningGateway, simulators: Simulators) -> None:
    files = [(name, ("upload", photo(), "application/octet-stream"))]
    answer = all_providers.http.post(
        "/v1/images/edits", data={**SNOW, "n": "2", "seed": "7", "cache": "off"}, files=files
    )
    assert len(served(answer)["data"]) == 2
    assert {sent["seed"] for sent in submitted(simulators)} == {7, 8}
    assert all(pybase64.b64decode(sent["image_url"].partition(",")[2]) == photo() for sent in submitted(simulators))


def test_a_providers_own_field_keeps_its_type_in_a_form(all_providers: RunningGateway, simulators: Simulators) -> None:
    answer = all_providers.http.post(
        "/v1/images/edits",
        data={**SNOW, "model": "fal/qwen-image", "strength": "0.5", "use_turbo": "true"},
        files={"image": photo()},
    )
    served(answer)
    assert submitted(simulators)[0]["use_turbo"] is True


def test_a_providers_own_object_comes_through_openais_client_as_it_was_given(
    all_providers: RunningGateway, simulators: Simulators, tmp_path: Path
) -> None:
    (path := tmp_path / "fox.png").write_bytes(photo())
    own = {"use_turbo": True, "num_inference_steps": 9}
    with openai.OpenAI(base_url=f"{all_providers.url}/v1", api_key=ADMIN_KEY, max_retries=0) as client:
        raw = client.images.with_raw_response.edit(
            model="fal/qwen-image", prompt="snow", image=[path], extra_body={"strength": 0.5, "fal": own}
        )
    assert raw.headers["x-easel-provider"] == "fal"
    assert len(raw.parse().data or []) == 1
    [sent] = submitted(simulators)
    assert {name: sent[name] for name in own} == own


def test_a_picture_that_lies_on_its_side_is_turned(all_providers: RunningGateway, simulators: Simulators) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    body = served(edit(all_providers, image=data_uri(photo(640, 448, "JPEG", exif=exif))))
    assert (body["data"][0]["width"], body["data"][0]["height"]) == (448, 640)
    assert picture_in(submitted(simulators)[0]["image_url"]).size == (448, 640)


def test_a_format_that_the_provider_does_not_read_becomes_png(
    all_providers: RunningGateway, simulators: Simulators
) -> None:
    body = served(edit(all_providers, model="openai/gpt-image-1.5", image=data_uri(photo(format="GIF"))))
    [call] = simulators.calls("openai", "generate")
    assert call["body"]["image"]["content_type"] == "image/png"
    assert body["data"][0]["provider"] == "openai"


def test_a_mask_is_sent_in_the_providers_own_convention(all_providers: RunningGateway, simulators: Simulators) -> None:
    body = served(
        edit(all_providers, model="runware/qwen-image", image=data_uri(photo()), mask=data_uri(mask()), strength=0.8)
    )
    [sent] = [call["body"][0] for call in simulators.calls("runware", "submit")]
    white = picture_in(sent["inputs"]["maskImage"]).convert("L")
    assert (white.getpixel((10, 10)), white.getpixel((630, 10))) == (255, 0), "white is what is edited there"
    rows = {row["name"]: row for row in body["metadata"]["parameters"]}
    assert rows["mask"]["behavior"] == "converted"
    assert rows["strength"]["sent"] == 0.8


def test_strength_asks_for_image_to_image(all_providers: RunningGateway, simulators: Simulators) -> None:
    body = served(edit(all_providers, model="fal/qwen-image", image=data_uri(photo()), strength=0.4))
    [call] = simulators.calls("fal", "submit")
    assert call["path"].endswith("/fal-ai/qwen-image/image-to-image")
    assert call["body"]["strength"] == 0.4
    assert body["metadata"]["executed_model"] == "fal/qwen-image"


def test_rows_tell_what_a_picture_was_and_never_its_bytes(all_providers: RunningGateway) -> None:
    answer = edit(all_providers, image=data_uri(photo()))
    (row,) = (row for row in served(answer)["metadata"]["parameters"] if row["name"] == "image")
    assert (row["asked"][0]["width"], row["asked"][0]["height"], row["asked"][0]["format"]) == (640, 448, "png")
    assert pybase64.b64encode(photo())[:64].decode() not in answer.text


def test_four_pictures_share_what_was_made_of_the_source(all_providers: RunningGateway, simulators: Simulators) -> None:
    large = photo(2400, 2400, compress_level=0)
    served(edit(all_providers, image=data_uri(large), n=4, seed=1))
    assert len(simulators.calls("fal", "upload")) <= 2, "one upload for all calls: where to put it, and putting it"
    assert len({sent["image_url"] for sent in submitted(simulators)}) == 1


def test_the_same_edit_with_a_seed_is_known(all_providers: RunningGateway, simulators: Simulators) -> None:
    first = edit(all_providers, image=data_uri(photo()), seed=11)
    again = edit(all_providers, image=data_uri(photo()), seed=11)
    other = edit(all_providers, image=data_uri(photo(colour=(0, 0, 0))), seed=11)
    assert [served(answer)["metadata"]["cache"] for answer in (first, again, other)] == ["miss", "hit", "miss"]
    assert simulators.paid("fal") == 2


def test_a_variation_is_image_to_image_with_a_prompt_that_is_told(
    all_providers: RunningGateway, simulators: Simulators
) -> None:
    answer = all_providers.http.post(
        "/v1/images/variations", data={"model": "fal/qwen-image", "n": "2"}, files={"image": photo()}
    )
    body = served(answer)
    assert len(body["data"]) == 2
    [call] = simulators.calls("fal", "submit")
    assert call["path"].endswith("/fal-ai/qwen-image/image-to-image")
    (prompt,) = (row for row in body["metadata"]["defaults"] if row["name"] == "prompt")
    assert (prompt["value"], prompt["source"]) == (call["body"]["prompt"], "gateway")


def test_an_upscaler_needs_no_prompt(all_providers: RunningGateway, simulators: Simulators) -> None:
    fields = {"model": "oxen/topaz-image-upscale", "image": data_uri(photo(320, 224)), "scale_factor": 2}
    body = served(all_providers.http.post("/v1/images/edits", json=fields))
    assert opened(content_of(body["data"][0])).size == (640, 448)
    assert simulators.paid("oxen") == 1


def test_a_plan_shows_what_would_be_sent_and_sends_nothing(
    all_providers: RunningGateway, simulators: Simulators
) -> None:
    told = all_providers.http.post("/v1/images/plan", json={**SNOW, "image": data_uri(photo())}).json()
    assert told["operation"] == "edit"
    assert told["candidates"][0]["calls"][0]["body"]["image_url"]["format"] == "png"
    assert simulators.calls() == []


def test_a_dry_run_of_an_edit_costs_nothing(all_providers: RunningGateway, simulators: Simulators) -> None:
    answer = all_providers.http.post("/v1/images/edits?dryRun=true", json={**SNOW, "image": data_uri(photo())})
    assert answer.json()["total_cost_micros"] > 0
    assert simulators.calls() == []
