"""Stands before gateways as their public address: what providers post there is kept, and handed on or not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.gateway.running import RunningGateway
from tests.receiver import Received, Receiver, Reply


@dataclass(frozen=True)
class Handed:
    """What a gateway said to a message."""

    message: Received
    answer: httpx.Response


class PostOffice:
    """`to` is the gateway that gets what comes; without one it is only kept, and the provider told that it arrived.

    `before` is called before anything is handed on, and may take its time.
    """

    def __init__(self) -> None:
        self._receiver = Receiver()
        self._receiver.script = self._take
        self.to: RunningGateway | None = None
        self.before: Callable[[], object] = nothing
        self.handed: list[Handed] = []

    @property
    def url(self) -> str:
        return self._receiver.url

    def _take(self, message: Received) -> Reply:
        if self.to is None:
            return Reply(200)
        self.before()
        answer = deliver(message, self.to)
        self.handed.append(Handed(message, answer))
        return Reply(answer.status_code)

    def renew(self) -> Self:
        """Nothing has come yet; whoever still sends something of an earlier test is not heard."""
        self._receiver.received.clear()
        self.handed.clear()
        self.to, self.before = None, nothing
        return self

    def message(self, job: str) -> Received:
        """The first about that job."""
        count = 1
        while True:
            for each in self._receiver.wait(count):
                if f"/{job}." in each.path:
                    return each
            count = len(self._receiver.received) + 1

    def close(self) -> None:
        self._receiver.down()


def nothing() -> None:
    """What is done before a message is handed on, unless a test has something to wait for."""


def deliver(message: Received, gateway: RunningGateway, **changed: Any) -> httpx.Response:
    """As it came; `changed`: another `path`, other `headers`, another `body`."""
    dropped = {"host", "content-length", "accept-encoding", "connection"}
    headers = {name: value for name, value in message.headers.items() if name not in dropped}
    path, body = changed.get("path", message.path), changed.get("body", message.body)
    sent = {**headers, **changed.get("headers", {})}
    request = gateway.http.build_request("POST", path, headers=sent, content=body)
    del request.headers["authorization"]
    return gateway.http.send(request)
