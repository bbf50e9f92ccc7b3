"""`/v1/admin/teams/{id}/webhook-secrets`: what signs a team's webhooks. A secret is shown once, when it is made."""

import time
from abc import abstractmethod
from typing import Any, cast

import orjson
from starlette.types import Receive, Scope, Send

from gateway.api.admin import AdminRoute
from gateway.api.asgi import send_answer, send_json
from gateway.api.auth import Keys
from gateway.api.body import check_headers, check_type, content_type, read_bytes
from gateway.errors import InvalidJson, InvalidValue, NotFound
from gateway.store.database import Database
from gateway.store.sealing import Seal
from gateway.store.webhook_secrets import MOST, TooManySecrets, WebhookSecret, forget, in_use, make_secret, rotate
from gateway.tenancy.caller import Caller

OVERLAP = 86_400  # seconds that receivers have for taking over a new secret
LONGEST_OVERLAP = 30 * 86_400
MAX_BYTES = 4096


class SecretsRoute(AdminRoute):
    """What both routes have in common: which team."""

    def __init__(self, keys: Keys, database: Database, seal: Seal) -> None:
        super().__init__(database, keys)
        self.seal = seal

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        team = await self.team_for(caller, scope["path_params"]["id"])
        await self.answer_about(team.id, scope, receive, send)

    @abstractmethod
    async def answer_about(self, team: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The team is there, and an admin of it asks."""


class WebhookSecrets(SecretsRoute):
    """GET lists those in use, the newest first; POST makes a new one, and has the others end."""

    name = "webhook_secrets"

    async def answer_about(self, team: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            found = await self.database.read(in_use, team, time.time())
            await send_json(200, {"object": "list", "data": [shown(secret) for secret in found]}, send)
            return
        overlap = await wanted_overlap(scope, receive)
        made, text = make_secret(team, self.seal, time.time())
        try:
            await self.database.write(rotate, made, overlap)
        except TooManySecrets:
            raise InvalidValue(f"{MOST} secrets are in use; delete one, or wait until one has expired") from None
        await send_json(201, {**shown(made), "secret": text}, send, [(b"cache-control", b"no-store")])


class OneWebhookSecret(SecretsRoute):
    """DELETE: it signs nothing from now on."""

    name = "webhook_secret"

    async def answer_about(self, team: str, scope: Scope, receive: Receive, send: Send) -> None:
        if not await self.database.write(forget, team, scope["path_params"]["secret"]):
            raise NotFound("there is no such secret, or it is deleted already")
        await send_answer(204, [], b"", send)


async def wanted_overlap(scope: Scope, receive: Receive) -> float:
    """The body's `overlap_seconds`; it may be left out, and the body too. Raises InvalidValue, InvalidJson."""
    check_headers(scope["headers"], MAX_BYTES)
    content = await read_bytes(receive, MAX_BYTES)
    if not content.strip():
        return OVERLAP
    check_type(content_type(scope["headers"]))
    try:
        body: Any = orjson.loads(content)
    except orjson.JSONDecodeError as wrong:
        raise InvalidJson(f"the body is not valid JSON: {wrong.msg} at byte {wrong.pos}") from None
    if not isinstance(body, dict):
        raise InvalidJson("the body must be a JSON object such as {}")
    fields = cast("dict[str, Any]", body)
    unknown = next((name for name in fields if name != "overlap_seconds"), None)
    if unknown is not None:
        raise InvalidValue(f"{unknown[:100]} is not known here; overlap_seconds is", param=unknown[:100])
    overlap = fields.get("overlap_seconds")
    if overlap is None:
        return OVERLAP
    if isinstance(overlap, bool) or not isinstance(overlap, int | float) or not 0 <= overlap <= LONGEST_OVERLAP:
        told = f"overlap_seconds must be a number of seconds from 0 to {LONGEST_OVERLAP:,}, such as {OVERLAP:,}"
        raise InvalidValue(told, param="overlap_seconds")
    return overlap


def shown(secret: WebhookSecret) -> dict[str, Any]:
    """Never the secret itself."""
    expires = None if secret.expires is None else int(secret.expires)
    return {"id": secret.id, "object": "webhook_secret", "created": int(secret.created), "expires": expires}
