"""Replicate's own Python client makes pictures against the simulator, over plain HTTP."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from PIL import Image
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError

from simulators.replicate.models import SDXL
from simulators.running import Simulators

QWEN = "qwen/qwen-image"


@pytest.fixture
def client(simulators: Simulators) -> Iterator[Client]:
    """The client adds /v1 itself, and looks twice a second where it is not told otherwise."""
    at = simulators.addresses["replicate"]
    made = Client(api_token=at["key"], base_url=at["base_url"].removesuffix("/v1"))
    made.poll_interval = 0
    yield made
    made._client.close()  # pyright: ignore[reportPrivateUsage]  # it has no close of its own


def opened(url: str) -> Image.Image:
    return Image.open(io.BytesIO(httpx.get(url).content))


def test_run_draws_what_was_asked(client: Client, simulators: Simulators) -> None:
    given = {"prompt": "a lighthouse", "aspect_ratio": "4:3", "output_format": "png", "seed": 7}
    [url] = client.run(QWEN, input=given)
    picture = opened(str(url))
    assert (picture.format, picture.size) == ("PNG", (1183, 887))
    [submitted] = simulators.calls("replicate", "submit")
    assert (submitted["path"], submitted["body"]) == (
        "/replicate/v1/models/qwen/qwen-image/predictions",
        {"input": given},
    )
    assert submitted["headers"]["prefer"] == "wait"
    assert "authorization" not in submitted["headers"]
    assert simulators.paid("replicate") == 1


def test_a_model_with_one_output_gives_one(client: Client) -> None:
    url = client.run("qwen/qwen-image-2-pro", input={"prompt": "x", "size": "512*640"})
    assert opened(str(url)).size == (512, 640)


@pytest.mark.parametrize("strategy", ["url", "base64"])
def test_an_edit_of_an_open_file(
    client: Client, simulators: Simulators, tmp_path: Path, strategy: Literal["url", "base64"]
) -> None:
    """The client uploads it, or writes it into the input."""
    Image.new("RGB", (320, 200)).save(tmp_path / "source.png")
    with (tmp_path / "source.png").open("rb") as file:
        [url] = client.run(
            "qwen/qwen-image-edit-plus",
            input={"prompt": "make it red", "image": [file], "output_format": "png"},
            file_encoding_strategy=strategy,
        )
    assert opened(str(url)).size == (320, 200)
    [submitted] = simulators.calls("replicate", "submit")
    [sent] = submitted["body"]["input"]["image"]
    assert sent.startswith("data:image/png;base64,") == (strategy == "base64")
    uploads = [call["body"] for call in simulators.calls("replicate", "upload")]
    assert [upload["content"]["filename"] for upload in uploads] == (["source.png"] if strategy == "url" else [])
    assert simulators.paid("replicate") == 1


def test_a_version_runs_through_the_other_route(client: Client, simulators: Simulators) -> None:
    prediction = client.predictions.create(version=SDXL.version or "", input={"prompt": "x", "num_outputs": 2})
    assert prediction.status == "starting"
    prediction.wait()
    assert (prediction.status, len(prediction.output or ())) == ("succeeded", 2)
    assert simulators.calls("replicate", "submit")[0]["path"] == "/replicate/v1/predictions"


def test_predictions_are_followed_and_cancelled(client: Client, simulators: Simulators) -> None:
    prediction = client.models.predictions.create(model=QWEN, input={"prompt": "x"})
    assert prediction.status == "starting"
    prediction.reload()
    assert prediction.status == "processing"
    prediction.wait()
    assert (prediction.status, set(prediction.metrics or ())) == ("succeeded", {"predict_time", "total_time"})
    other = client.models.predictions.create(model=QWEN, input={"prompt": "x"})
    other.cancel()
    assert (other.status, simulators.paid("replicate")) == ("canceled", 1)
    assert [each.id for each in client.predictions.list().results][:2] == [other.id, prediction.id]


async def test_the_asynchronous_client(client: Client, simulators: Simulators) -> None:
    output: Any = await client.async_run("black-forest-labs/flux-schnell", input={"prompt": "x", "megapixels": "0.25"})
    assert opened(str(output[0])).size == (512, 512)
    assert simulators.paid("replicate") == 1
    await client._async_client.aclose()  # pyright: ignore[reportPrivateUsage]


def test_errors_reach_the_client_with_their_words(client: Client, simulators: Simulators) -> None:
    with pytest.raises(ReplicateError) as refused:
        client.run(QWEN, input={"prompt": "x", "num_inference_steps": 99})
    assert (refused.value.status, refused.value.title) == (422, "Input validation failed")
    assert "less than or equal to 50" in (refused.value.detail or "")
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": "moderated"}])
    with pytest.raises(ModelError, match="E005"):
        client.run(QWEN, input={"prompt": "x"})
    assert simulators.paid("replicate") == 0


def test_the_client_never_repeats_a_creation(client: Client, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": "status", "status": 429}])
    with pytest.raises(ReplicateError):
        client.run(QWEN, input={"prompt": "x"})
    assert len(simulators.calls("replicate", "submit")) == 1
