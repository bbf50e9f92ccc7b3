"""POST /v1/hooks/{provider}/{token}: a provider says that a call is over. No key: the token is one, for one call.

What is checked, in this order: the token, before a byte of the body is read; the provider's signature; whether the
same message has come before. A repetition is answered 200 as the first one was, and does nothing: providers repeat a
message until they see a 2xx, Runware byte for byte, so an error for one whose answer was lost on the way would have it
repeated for hours. Replayed later than five minutes after its signing, a message is refused as too old.
"""

import time

import structlog
from starlette.types import Receive, Scope, Send

from gateway.api.arriving import Arriving
from gateway.api.asgi import send_json
from gateway.api.body import check_headers, read_bytes
from gateway.errors import NotAllowed, NotFound, Overloaded
from gateway.flow.deps import Deps
from gateway.jobs.hooks import HookDesk
from gateway.store.database import DatabaseError
from gateway.telemetry import Outcome
from providers.abilities import HookRefused

log = structlog.stdlib.get_logger()

MOST_BYTES = 1024 * 1024
BODY_SECONDS = 10.0  # Runware waits 5 s for an answer, Replicate 10, fal 15


class ProviderHook:
    name = "hook"

    def __init__(self, at: Deps, desk: HookDesk) -> None:
        self.at = at
        self.desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        provider: str = scope["path_params"]["provider"]
        call = self.desk.call(provider, scope["path_params"]["token"])
        if call is None:
            self.at.telemetry.hooked("none", "unknown")
            raise NotFound("there is no such address for webhooks")
        outcome: Outcome = scope["easel"]
        outcome.provider = provider
        body = await self.body(scope, receive)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            hook = await self.desk.read(call, headers, body, time.time())
        except HookRefused as refused:
            self.at.telemetry.hooked(provider, "refused")
            log.info("hook_refused", request_id=outcome.request_id, provider=provider, why=str(refused))
            raise NotAllowed(f"this message was refused: {refused}") from None
        try:
            status = "accepted" if await self.desk.take(call, hook) else "duplicate"
        except DatabaseError as away:
            raise Overloaded("the database does not answer; try again in a moment") from away
        self.at.telemetry.hooked(provider, status)
        await send_json(200, {"status": status}, send)

    async def body(self, scope: Scope, receive: Receive) -> bytes:
        """Raises GatewayError for one that is too large, packed, or does not come."""
        check_headers(scope["headers"], MOST_BYTES)
        with self.at.room.open() as held:
            return await read_bytes(Arriving(receive, held, time.monotonic() + BODY_SECONDS), MOST_BYTES)
