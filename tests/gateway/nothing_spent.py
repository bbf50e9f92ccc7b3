"""What refused requests have in common: OpenAI's error envelope, nothing asked of a provider, a gateway that lives."""

from typing import Any

import httpx

from simulators.running import Simulators
from tests.gateway.running import FOX, RunningGateway


def error_of(answer: httpx.Response, status: int, code: str, param: str | None = None) -> str:
    """The message, after checking everything else about the error."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    body: dict[str, Any] = answer.json()
    assert list(body) == ["error"]
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param), error
    assert error["type"] == ("server_error" if status >= 500 else "invalid_request_error")
    message: str = error["message"]
    assert message
    return message


def assert_nothing_spent(gateway: RunningGateway, simulators: Simulators) -> None:
    """No provider heard of it, and the next request is served."""
    assert simulators.calls() == []
    assert [simulators.paid(name) for name in simulators.addresses] == [0] * len(simulators.addresses)
    assert gateway.generate(FOX, model="vllm-omni/qwen-image", size="64x64").status_code == 200
    assert simulators.paid("vllm-omni") == 1
