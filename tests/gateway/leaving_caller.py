"""A caller who may hang up before he is answered, as a client behind a cutting proxy does."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from tests.gateway.running import ADMIN_KEY, RunningGateway

GENERATIONS = "/v1/images/generations"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def id(self) -> str:
        return self.headers["x-request-id"]


class LeavingCaller:
    """Sends one request; `answer` waits for what comes of it, `leave` does not."""

    def __init__(
        self, gateway: RunningGateway, body: Mapping[str, Any] | bytes, path: str = GENERATIONS, **headers: str
    ) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"authorization": f"Bearer {ADMIN_KEY}", "content-type": "application/json", **given}
        content = body if isinstance(body, bytes) else json.dumps(dict(body)).encode()
        self._connection.request("POST", path, content, sent)

    def answer(self) -> Answer:
        answer = self._connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        body = json.loads(answer.read())
        self.leave()
        return Answer(answer.status, headers, body)

    def leave(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.leave()


def sdk(gateway: RunningGateway, body: Mapping[str, Any], tries_before: int = 0, **headers: str) -> LeavingCaller:
    """OpenAI's client, which numbers its tries."""
    return LeavingCaller(gateway, body, x_stainless_retry_count=str(tries_before), **headers)
