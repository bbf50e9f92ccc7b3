"""One worker and one gateway for all tests that leave them as they were, and OpenAI's client in front."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from tests.cli.running import ADMIN_KEY
from tests.worker_gateway.processes import WorkerProcess, gateway, tiny_model, workers


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the model."""
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def lora_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only folder that the worker takes LoRAs from."""
    return tmp_path_factory.mktemp("loras")


@pytest.fixture(scope="session")
def worker(model: Path, lora_folder: Path) -> Iterator[WorkerProcess]:
    with workers(1, model, "--loras", str(lora_folder)) as [only]:
        yield only


@pytest.fixture(scope="session")
def http(worker: WorkerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The gateway, for what OpenAI's client has no words for."""
    with gateway(tmp_path_factory.mktemp("gateway") / "data", [worker]) as client:
        yield client


@pytest.fixture(scope="session")
def client(http: httpx.Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{http.base_url}/v1", api_key=ADMIN_KEY, max_retries=0) as client:
        yield client
