"""A worker that has a key is for those who show it."""

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from workers.errors import Refusal

_OPEN = ("/livez", "/readyz")  # who starts and stops workers has no key


class Locked:
    """Lets through what carries `Authorization: Bearer KEY`, and questions after the worker's health."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._shown = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            shown = Headers(scope=scope).get("authorization", "").encode()
            if not hmac.compare_digest(shown, self._shown):
                refusal = Refusal("This worker wants its key.", status=401, code="invalid_api_key")
                await refusal.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)
