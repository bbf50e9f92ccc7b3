"""A worker that has a key is for those who show it."""

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from workers.errors import Refusal

_OPEN = ("/livez", "/readyz")  # who starts and stops workers has no key


def shows(headers: Headers, key: str) -> bool:
    """Whether a request carries `Authorization: Bearer KEY`."""
    return hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {key}".encode())


def refusal() -> Refusal:
    return Refusal("This worker wants its key.", status=401, code="invalid_api_key")


class Locked:
    """Lets through what shows the key, and questions after the worker's health."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] == "http" and scope["path"] not in _OPEN
        if asks and not shows(Headers(scope=scope), self._key):
            await refusal().response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)
