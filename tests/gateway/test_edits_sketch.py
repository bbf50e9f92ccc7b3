"""Edits on a worker of one's own, end to end: OpenAI's client, the gateway, and a sketch over the picture."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types import ImagesResponse
from PIL import Image

from gateway.settings import read_settings
from tests.gateway.photos import mask, photo
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.workers.test_run import worker

BLUE, EDGE, MIDDLE = (40, 90, 160), (560, 180), (160, 180)  # of the photo; two places right and left of its disc
STEPS: dict[str, Any] = {"num_inference_steps": 2, "seed": 7}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with worker("--follow-parent") as (_process, url, _port):
        tables: dict[str, Any] = {
            "server": {"data_dir": tmp_path_factory.mktemp("sketch")},
            "auth": {"admin_key": ADMIN_KEY},
            "providers": {"local": {"workers": [url]}},
        }
        with RunningGateway(read_settings(None, tables)) as running:
            yield running


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=ADMIN_KEY, max_retries=0) as client:
        yield client


def opened(answer: ImagesResponse) -> Image.Image:
    [image] = answer.data or []
    return Image.open(io.BytesIO(base64.b64decode(image.b64_json or ""))).convert("RGB")


def near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    """Equal but for the grain of the paper."""
    pixel: Any = image.getpixel(place)
    return all(abs(have - want) <= 6 for have, want in zip(pixel, colour, strict=True))


def edited(client: openai.OpenAI, image: Any, extra: dict[str, Any] | None = None, **fields: Any) -> Image.Image:
    edit: Any = client.images.edit  # its overloads know OpenAI's arguments only
    answer: ImagesResponse = edit(
        model="sketch",
        prompt="a sea at night",
        image=image,
        response_format="b64_json",
        extra_body={**STEPS, **(extra or {})},
        **fields,
    )
    return opened(answer)


def test_an_edit_keeps_the_shape_and_shows_the_picture(client: openai.OpenAI) -> None:
    kept = edited(client, photo(), {"strength": 0})
    assert kept.size == (640, 448)
    assert near(kept, EDGE, BLUE)
    usual = edited(client, photo())
    assert not near(usual, EDGE, BLUE)
    assert usual.tobytes() != edited(client, photo(colour=(160, 90, 40))).tobytes()


def test_a_mask_keeps_the_rest(client: openai.OpenAI) -> None:
    image = edited(client, photo(), mask=mask())
    assert near(image, EDGE, BLUE)
    assert not near(image, MIDDLE, BLUE)


def test_several_pictures_in_any_format(client: openai.OpenAI) -> None:
    files = [photo(format="JPEG"), photo(320, 320, "GIF"), photo(320, 320, "WEBP")]
    assert edited(client, files, size="512x512").size == (512, 512)
    with pytest.raises(openai.BadRequestError) as caught:
        edited(client, [photo()] * 5)
    assert caught.value.param == "image"


def test_a_variation(client: openai.OpenAI) -> None:
    with pytest.deprecated_call():
        answer = client.images.create_variation(  # pyright: ignore[reportDeprecated] - closed at OpenAI, not here
            model="sketch", image=photo(), response_format="b64_json", extra_body=STEPS
        )
    assert opened(answer).size == (640, 448)
