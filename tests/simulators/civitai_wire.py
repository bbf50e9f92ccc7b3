"""What tests of the simulated Civitai send: a submission, and looks at it."""

import uuid
from typing import Any

import httpx

from simulators.running import Simulators

QWEN = {"engine": "sdcpp", "ecosystem": "qwen", "model": "20b", "operation": "createImage", "prompt": "a lighthouse"}
FAL = {"engine": "fal", "model": "qwen2", "operation": "createImage", "prompt": "a lighthouse"}
AIR = "urn:air:sdxl:checkpoint:civitai:101055@128078"
SDXL = {"engine": "sdcpp", "ecosystem": "sdxl", "operation": "createImage", "model": AIR, "prompt": "a lighthouse"}
FLUX = {"engine": "flux2", "model": "pro", "operation": "createImage", "prompt": "a lighthouse"}
SOURCE = "https://image.civitai.com/x/source.jpeg"
AT_ONCE = 100  # seconds of waiting, which sees the end of any workflow of a few pictures


def ask(simulators: Simulators, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx.Response:
    """`path` is below `/v2/consumer`."""
    told = simulators.addresses["civitai"]
    headers = {"Authorization": f"Bearer {key or told['key']}", **more.pop("headers", {})}
    return httpx.request(method, f"{told['base_url']}{path}", headers=headers, **more)


def submit(
    simulators: Simulators,
    given: dict[str, Any],
    *,
    wait: int = 0,
    query: dict[str, Any] | None = None,
    template: dict[str, Any] | None = None,
) -> httpx.Response:
    body = {"steps": [{"$type": "imageGen", "input": given}], **(template or {})}
    return ask(simulators, "POST", "/workflows", json=body, params={"wait": wait, **(query or {})})


def look(simulators: Simulators, workflow_id: str, wait: int = 0) -> httpx.Response:
    return ask(simulators, "GET", f"/workflows/{workflow_id}", params={"wait": wait})


def refusals(answer: httpx.Response) -> dict[str, str]:
    """The mistakes of a 400 by the last name of their path."""
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == 400
    return {path.rpartition(".")[2]: messages[0] for path, messages in body["errors"].items()}


def images(answer: httpx.Response) -> list[dict[str, Any]]:
    return answer.json()["steps"][0]["output"]["images"]


def new_id() -> str:
    """The simulator keeps externalIds over a test's end."""
    return uuid.uuid4().hex
