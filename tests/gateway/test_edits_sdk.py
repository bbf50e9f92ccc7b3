"""OpenAI's own clients edit through the gateway, on every server that speaks OpenAI's images API."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types import ImagesResponse
from PIL import Image

from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.photos import mask, photo
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.sdk.node import run_script

DIALECTS = ("vllm-omni", "sglang", "sd-server", "localai", "xinference")
# Each server under the name of its dialect, with one model for everything.
MODELS = {slug: f"{slug}/painter" for slug in DIALECTS} | {
    "openai": "openai/gpt-image-1.5",
    "lumenfall": "lumenfall/qwen-image-edit",
}
FORMS = [slug for slug in MODELS if slug != "localai"]


@pytest.fixture(scope="module")
def servers(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    def table(slug: str, **more: Any) -> dict[str, Any]:
        address = all_simulators.addresses[slug]
        return {"base_url": address["base_url"], "api_key": address["key"], **more}

    tables: dict[str, Any] = {
        "server": {"data_dir": tmp_path_factory.mktemp("servers")},
        "auth": {"admin_key": ADMIN_KEY},
        "providers": {
            "openai": table("openai"),
            "lumenfall": table("lumenfall"),
            **{
                slug: table(slug, kind="openai_compatible", dialect=slug, models={"painter": "any"})
                for slug in DIALECTS
            },
        },
    }
    with RunningGateway(read_settings(None, tables)) as running:
        yield running


@pytest.fixture
def client(servers: RunningGateway, simulators: Simulators) -> Iterator[openai.OpenAI]:
    assert not simulators.calls()
    with openai.OpenAI(base_url=f"{servers.url}/v1", api_key=ADMIN_KEY, max_retries=0) as client:
        yield client


def size_of(answer: ImagesResponse) -> tuple[int, int]:
    [image, *_] = answer.data or []
    return Image.open(io.BytesIO(base64.b64decode(image.b64_json or ""))).size


def sent_to(simulators: Simulators, slug: str) -> dict[str, Any]:
    """The one call's fields; each file is told by its type."""
    [call] = simulators.calls(slug, "generate")
    assert "/images/" in call["path"]
    return {name: kinds_of(value) for name, value in call["body"].items()}


def kinds_of(value: Any) -> Any:
    if isinstance(value, list):
        return [kinds_of(each) for each in value]  # pyright: ignore[reportUnknownVariableType] - JSON
    return value["content_type"] if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType] - JSON


@pytest.mark.parametrize("slug", FORMS)
def test_one_file(client: openai.OpenAI, simulators: Simulators, slug: str) -> None:
    answer = client.images.edit(model=MODELS[slug], prompt="snow", image=photo(), response_format="b64_json")
    assert size_of(answer) == ((1024, 1024) if slug == "openai" else (640, 448))
    assert sent_to(simulators, slug)["image"] == "image/png"
    assert simulators.paid(slug) == 1


@pytest.mark.parametrize("slug", FORMS)
def test_a_list_of_files(client: openai.OpenAI, simulators: Simulators, slug: str) -> None:
    files = [("fox.png", photo()), ("owl.jpg", photo(320, 320, "JPEG"))]
    answer = client.images.edit(model=MODELS[slug], prompt="snow", image=files, response_format="b64_json")
    assert size_of(answer) == ((1024, 1024) if slug == "openai" else (640, 448))
    assert sent_to(simulators, slug)["image[]"] == ["image/png", "image/jpeg"]


@pytest.mark.parametrize(
    ("slug", "field"),
    [("openai", "mask"), ("vllm-omni", "mask_image"), ("sd-server", "mask"), ("xinference", "mask")],
)
def test_a_mask(client: openai.OpenAI, simulators: Simulators, slug: str, field: str) -> None:
    answer = client.images.edit(
        model=MODELS[slug], prompt="snow", image=photo(), mask=mask(), response_format="b64_json"
    )
    assert len(answer.data or []) == 1
    assert sent_to(simulators, slug)[field] == "image/png"


@pytest.mark.parametrize("slug", ["lumenfall", "sglang", "localai"])
def test_a_mask_that_would_be_ignored_is_refused(client: openai.OpenAI, simulators: Simulators, slug: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(model=MODELS[slug], prompt="snow", image=photo(), mask=mask())
    assert caught.value.param == "mask"
    assert not simulators.calls()


def test_a_mask_of_another_size_is_refused(client: openai.OpenAI, simulators: Simulators) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(model=MODELS["openai"], prompt="snow", image=photo(), mask=mask(64, 64))
    assert caught.value.param == "mask"
    assert not simulators.calls()


def test_markup_is_drawn_by_the_model_that_knows_it(client: openai.OpenAI, simulators: Simulators) -> None:
    flare = "openai/gpt-image-2.5-flare"
    answer = client.images.edit(model=flare, prompt="snow", image=photo(), markup=mask(), quality="low")
    assert size_of(answer) == (1024, 1024)
    assert sent_to(simulators, "openai")["markup"] == "image/png"
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(model=flare, prompt="snow", image=photo(), markup=mask(), mask=mask())
    assert caught.value.param == "markup", "OpenAI takes one of the two"
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(model=MODELS["openai"], prompt="snow", image=photo(), markup=mask())
    assert caught.value.param == "markup"
    assert simulators.paid("openai") == 1


def test_localai_gets_its_pictures_as_base64(client: openai.OpenAI, simulators: Simulators) -> None:
    answer = client.images.edit(
        model=MODELS["localai"], prompt="snow", image=[photo(), photo(320, 320)], response_format="b64_json"
    )
    assert size_of(answer) == (640, 448)
    body = sent_to(simulators, "localai")
    assert [base64.b64decode(text) for text in body["ref_images"]] == [photo(), photo(320, 320)]


@pytest.mark.parametrize(
    ("slug", "path", "field"),
    [("sd-server", "edits", "image"), ("xinference", "variations", "image"), ("localai", "generations", "file")],
)
def test_a_variation(client: openai.OpenAI, simulators: Simulators, slug: str, path: str, field: str) -> None:
    with pytest.deprecated_call():
        answer = client.images.create_variation(  # pyright: ignore[reportDeprecated] - closed at OpenAI, not here
            model=MODELS[slug], image=photo(), response_format="b64_json"
        )
    assert size_of(answer) == (640, 448)
    assert simulators.calls(slug, "generate")[0]["path"].endswith(f"/images/{path}")
    assert sent_to(simulators, slug)[field]


def test_strength_asks_for_image_to_image(client: openai.OpenAI, simulators: Simulators) -> None:
    answer = client.images.edit(
        model=MODELS["xinference"],
        prompt="snow",
        image=photo(),
        response_format="b64_json",
        extra_body={"strength": 0.4, "seed": 7},
    )
    assert size_of(answer) == (640, 448)
    body = sent_to(simulators, "xinference")
    assert (body["kwargs"], body["size"]) == ('{"strength":0.4,"seed":7}', "640*448")


def test_strength_where_there_is_none(client: openai.OpenAI, simulators: Simulators) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(model=MODELS["openai"], prompt="snow", image=photo(), extra_body={"strength": 0.4})
    assert caught.value.param == "strength"
    assert not simulators.calls()


def test_an_upscaler_ignores_the_prompt_and_says_so(client: openai.OpenAI, simulators: Simulators) -> None:
    answer = client.images.edit(
        model="lumenfall/topaz-image-upscale",
        prompt="snow",
        image=photo(64, 48),
        response_format="b64_json",
        extra_body={"scale_factor": 2.5},
    )
    assert size_of(answer) == (160, 120)
    body = sent_to(simulators, "lumenfall")
    assert (body["scale_factor"], "prompt" in body) == ("2.5", False)
    (row,) = (row for row in (answer.model_extra or {})["metadata"]["parameters"] if row["name"] == "prompt")
    assert row["behavior"] == "dropped"


def test_sixteen_pictures_and_not_one_more(client: openai.OpenAI, simulators: Simulators) -> None:
    small = [photo(64, 64, colour=(shade, 0, 0)) for shade in range(17)]
    answer = client.images.edit(model=MODELS["openai"], prompt="snow", image=list(small[:16]), quality="low")
    assert len(answer.data or []) == 1
    assert len(sent_to(simulators, "openai")["image[]"]) == 16
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(model=MODELS["openai"], prompt="snow", image=list(small))
    assert caught.value.param == "image"
    assert len(simulators.calls("openai")) == 1


def test_the_node_client(servers: RunningGateway, simulators: Simulators) -> None:
    told = run_script("edits.cjs", f"{servers.url}/v1", ADMIN_KEY, MODELS["openai"])
    assert told == {"one": 1, "list": 2, "masked": 1, "unfit": ["mask", 400]}
    one, several, masked = (call["body"] for call in simulators.calls("openai", "generate"))
    assert one["image"]["content_type"] == "image/png"
    assert [file["content_type"] for file in several["image[]"]] == ["image/png"] * 2
    assert masked["mask"]["content_type"] == "image/png"
    assert [body["n"] for body in (one, several, masked)] == ["1", "2", "1"]
