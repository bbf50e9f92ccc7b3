"""LoRAs that requests name: put on, stacked, taken off again, and refused with the worker alive."""

from pathlib import Path

import httpx
import openai
import pytest

from tests.worker_gateway.loras import lora_for, pickled
from tests.worker_gateway.pictures import RED, apart, drawn
from tests.worker_gateway.processes import TINY, WorkerProcess


@pytest.fixture(scope="module", autouse=True)
def loras(lora_folder: Path, model: Path) -> None:
    lora_for(model, lora_folder / "one.safetensors", 1)
    lora_for(model, lora_folder / "two.safetensors", 2)
    lora_for(model, lora_folder / "wide.safetensors", 3, wider=32)
    pickled(lora_folder / "evil.safetensors", lora_folder / "witness")


def named(*names: str, scale: float = 1.0) -> dict[str, object]:
    return {"loras": [{"path": name, "scale": scale} for name in names]}


def test_it_changes_the_picture_and_leaves_no_trace(client: openai.OpenAI) -> None:
    [plain] = drawn(client)
    [one], [two] = drawn(client, named("one.safetensors")), drawn(client, named("two.safetensors"))
    [both] = drawn(client, named("one.safetensors", "two.safetensors"))
    [weaker] = drawn(client, named("one.safetensors", scale=0.5))
    images = [plain, one, two, both, weaker]
    assert len({image.tobytes() for image in images}) == 5
    [after] = drawn(client)
    assert after.tobytes() == plain.tobytes()
    [again] = drawn(client, named("one.safetensors"))
    assert apart(again, one) <= 1


def test_the_status_names_those_that_are_resident(client: openai.OpenAI, worker: WorkerProcess) -> None:
    drawn(client, named("one.safetensors"))
    assert "one.safetensors" in [each["name"] for each in worker.status()["loras"]]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("evil.safetensors", "invalid_lora"),
        ("wide.safetensors", "invalid_lora"),
        ("absent.safetensors", "lora_not_found"),
        ("../../etc/passwd", "lora_not_allowed"),
        ("https://example.com/a.safetensors", "lora_not_allowed"),
    ],
)
def test_one_that_will_not_do_is_refused(worker: WorkerProcess, lora_folder: Path, name: str, code: str) -> None:
    refused = worker.post({"prompt": RED, "size": "64x64", "loras": [{"model": name}]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)
    assert not (lora_folder / "witness").exists(), "nothing of a pickle runs"
    assert worker.post({"prompt": RED, "size": "64x64", "num_inference_steps": 1}).status_code == 200


def test_the_gateway_hands_the_reason_on(http: httpx.Client) -> None:
    body = {"model": TINY, "prompt": RED, "size": "64x64", "cache": "off", **named("evil.safetensors")}
    refused = http.post("/v1/images/generations", json=body)
    assert refused.status_code == 400, refused.text
    assert "safetensors" in refused.json()["error"]["message"]
