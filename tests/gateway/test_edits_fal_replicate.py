"""Edits at fal and Replicate through the whole gateway: inline or uploaded, with a mask, and when an upload fails."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pybase64
import pytest
from PIL import Image

from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.conftest import everyone
from tests.gateway.drawn import content_of, each, failed, opened, served
from tests.gateway.photos import data_uri, mask, photo
from tests.gateway.running import ADMIN_KEY, RunningGateway

PLUS = "qwen-image-edit-plus"
LARGE = 900  # sides of a picture that is not packed: 2.4 MB


def large_photo(tone: int) -> bytes:
    """Above what either provider takes inline; another tone is another picture, which no cache knows."""
    return photo(LARGE, LARGE, colour=(tone, 90, 160), compress_level=0)


def edit(gateway: RunningGateway, model: str, **fields: Any) -> httpx.Response:
    return gateway.http.post("/v1/images/edits", json={"model": model, "prompt": "make it snow", **fields})


def sent_to(simulators: Simulators, provider: str) -> dict[str, Any]:
    """The input of the one picture that was asked for there."""
    [call] = simulators.calls(provider, "submit")
    return call["body"].get("input", call["body"])


def inline(uri: str) -> bytes:
    assert uri.startswith("data:image/")
    return pybase64.b64decode(uri.partition(",")[2], validate=True)


@pytest.mark.parametrize("provider", ["fal", "replicate"])
def test_several_pictures_in_one_edit(provider: str, all_providers: RunningGateway, simulators: Simulators) -> None:
    first, second = photo(320, 224), photo(224, 320, colour=(9, 9, 9))
    body = served(edit(all_providers, f"{provider}/{PLUS}", image=[data_uri(first), data_uri(second)]))
    sent = sent_to(simulators, provider)
    pictures = sent["image_urls" if provider == "fal" else "image"]
    assert [inline(uri) for uri in pictures] == [first, second]
    assert opened(content_of(body["data"][0])).size == (320, 224), "the shape of the first"
    assert (each(body, "provider"), simulators.paid(provider)) == ([provider], 1)
    assert simulators.calls(provider, "upload") == []


@pytest.mark.parametrize("provider", ["fal", "replicate"])
def test_a_large_picture_is_uploaded_first(
    provider: str, all_providers: RunningGateway, simulators: Simulators
) -> None:
    body = served(edit(all_providers, f"{provider}/{PLUS}", image=data_uri(large_photo(1)), n=2, cache="off"))
    assert len(body["data"]) == 2
    calls = [call["body"].get("input", call["body"]) for call in simulators.calls(provider, "submit")]
    [url] = {uri for sent in calls for uri in sent["image_urls" if provider == "fal" else "image"]}
    assert url.startswith("http://127.0.0.1:")
    assert len(simulators.calls(provider, "upload")) == {"fal": 2, "replicate": 1}[provider], "one, for both pictures"
    assert opened(content_of(body["data"][0])).size == (LARGE, LARGE), "the stand-in has read what was uploaded"


def test_a_mask_is_white_where_fal_edits(all_providers: RunningGateway, simulators: Simulators) -> None:
    fields = {"image": data_uri(photo()), "mask": data_uri(mask()), "strength": 0.7}
    served(edit(all_providers, "fal/qwen-image-edit-inpaint", **fields))
    [call] = simulators.calls("fal", "submit")
    assert call["path"].endswith("/fal-ai/qwen-image-edit/inpaint")
    white = Image.open(io.BytesIO(inline(call["body"]["mask_url"]))).convert("L")
    assert (white.getpixel((10, 10)), white.getpixel((630, 10))) == (255, 0)
    assert (inline(call["body"]["image_url"]), call["body"]["strength"]) == (photo(), 0.7)


def test_inpainting_without_a_mask_is_refused_before_anything_is_paid(
    all_providers: RunningGateway, simulators: Simulators
) -> None:
    answer = edit(all_providers, "fal/qwen-image-edit-inpaint", image=data_uri(photo()))
    assert "cannot work without" in failed(answer, 400, "unsupported_parameter")
    assert answer.json()["error"]["param"] == "mask"
    assert simulators.calls() == []


def test_an_upscaler_at_fal(all_providers: RunningGateway, simulators: Simulators) -> None:
    fields = {"model": "fal/real-esrgan", "image": data_uri(photo(160, 112)), "scale_factor": 4}
    body = served(all_providers.http.post("/v1/images/edits", json=fields))
    assert opened(content_of(body["data"][0])).size == (640, 448)
    assert sent_to(simulators, "fal")["scale"] == 4


def test_strength_at_replicate(all_providers: RunningGateway, simulators: Simulators) -> None:
    served(edit(all_providers, "replicate/flux-dev", image=data_uri(photo(320, 224)), strength=0.3))
    sent = sent_to(simulators, "replicate")
    assert (sent["prompt_strength"], inline(sent["image"])) == (0.3, photo(320, 224))
    assert "aspect_ratio" not in sent


UPLOAD_FAULTS: list[dict[str, Any]] = [
    {"effect": "status", "status": 503},
    {"effect": "status", "status": 401},
    {"effect": "status", "status": 413},
    {"effect": "drop_before"},
    {"effect": "drop_after"},
    {"effect": "html"},
]


@pytest.fixture(scope="module")
def both(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway that asks fal first for one model, and Replicate for the other."""
    providers = everyone(all_simulators)
    tables: dict[str, Any] = {
        "server": {"data_dir": tmp_path_factory.mktemp("both")},
        "auth": {"admin_key": ADMIN_KEY},
        "providers": {name: providers[name] for name in ("fal", "replicate")},
        "models": {PLUS: {"route": ["fal", "replicate"]}, "qwen-image-edit": {"route": ["replicate", "fal"]}},
    }
    with RunningGateway(read_settings(None, tables)) as running:
        yield running


@pytest.mark.parametrize("fault", UPLOAD_FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
@pytest.mark.parametrize(
    ("model", "broken", "whole"), [(PLUS, "fal", "replicate"), ("qwen-image-edit", "replicate", "fal")]
)
def test_a_failed_upload_costs_nothing_and_the_next_provider_serves(
    model: str, broken: str, whole: str, *, fault: dict[str, Any], both: RunningGateway, simulators: Simulators
) -> None:
    assert both.app.deps is not None
    both.app.deps.routing.forget()
    simulators.set_faults([{"provider": broken, "on": "upload", "times": -1, **fault}])
    body = served(edit(both, model, image=data_uri(large_photo(2))))
    assert each(body, "provider") == [whole]
    assert (simulators.paid(broken), simulators.paid(whole)) == (0, 1)
    assert simulators.calls(broken, "submit") == []
    assert broken in str(body["metadata"]["attempts"])


def test_one_hitch_of_an_upload_is_only_a_second_try(all_providers: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "upload", "effect": "status", "status": 503}])
    body = served(edit(all_providers, f"replicate/{PLUS}", image=data_uri(large_photo(3))))
    assert each(body, "provider") == ["replicate"]
    assert len(simulators.calls("replicate", "upload")) == 2
    assert simulators.paid("replicate") == 1
