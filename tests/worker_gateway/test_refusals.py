"""What the tiny model cannot draw, told by the gateway, and by the worker to whoever asks it."""

import httpx
import pytest

from tests.worker_gateway.pictures import RED
from tests.worker_gateway.processes import TINY, WorkerProcess


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"size": "100000x10000"}, "size"),
        ({"num_inference_steps": 501}, "num_inference_steps"),
        ({"prompt": " red" * 1020}, "prompt"),
    ],
    ids=["100000x10000", "501 steps", "1020 tokens"],
)
def test_too_much_is_an_error_with_the_limit(
    http: httpx.Client, worker: WorkerProcess, extra: dict[str, object], param: str
) -> None:
    pictures = worker.metric("easel_worker_pictures_total")
    refused = worker.post({"prompt": RED, **extra})
    error = refused.json()["error"]
    assert (refused.status_code, error["param"]) == (400, param)
    assert any(character.isdigit() for character in error["message"])
    through = http.post("/v1/images/generations", json={"model": TINY, "prompt": RED, **extra})
    assert through.status_code == 400, through.text
    assert through.json()["error"]["param"] == param
    assert worker.metric("easel_worker_pictures_total") == pictures
