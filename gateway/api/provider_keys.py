"""`/v1/admin/teams/{id}/provider-keys`: the keys that a team brings to providers itself. None is ever shown again."""

import re
import time
from typing import Any, cast

from starlette.types import Receive, Scope, Send

from gateway.api.admin import AdminRoute
from gateway.api.asgi import send_answer, send_json
from gateway.api.auth import Keys
from gateway.api.body import read_json
from gateway.errors import InvalidJson, InvalidValue, NotFound
from gateway.flow.adapters import Adapters
from gateway.store.database import Database
from gateway.store.provider_keys import ProviderKey, drop_key, keep_key, keys_of_team, sealed_key
from gateway.store.sealing import Seal
from gateway.tenancy.caller import Caller

LONGEST = 4096
KEY = re.compile(rf"[!-~]{{1,{LONGEST}}}", re.ASCII)  # what a header takes, and no space
MOST_BYTES = 64 * 1024  # of a body


class ProviderKeys(AdminRoute):
    """GET: at which providers the team has a key of its own, and since when."""

    name = "provider_keys"

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        team = await self.team_for(caller, scope["path_params"]["id"])
        found = await self.database.read(keys_of_team, team.id)
        await send_json(200, {"object": "list", "data": [shown(key) for key in found]}, send)


class OneProviderKey(AdminRoute):
    """GET says since when, PUT brings one or another one, DELETE goes back to the gateway's own."""

    name = "provider_key"

    def __init__(self, database: Database, keys: Keys, adapters: Adapters, seal: Seal) -> None:
        super().__init__(database, keys)
        self.adapters = adapters
        self.seal = seal

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        team = await self.team_for(caller, scope["path_params"]["id"])
        provider: str = scope["path_params"]["provider"]
        if not self.adapters.knows(provider):
            raise NotFound("there is no such provider")
        if scope["method"] == "PUT":
            await self.put(team.id, provider, scope, receive, send)
        elif scope["method"] == "DELETE":
            await self.delete(team.id, provider, send)
        else:
            found = (key for key in await self.database.read(keys_of_team, team.id) if key.provider == provider)
            key = next(found, None)
            if key is None:
                raise no_such_key()
            await send_json(200, shown(key), send)

    async def put(self, team: str, provider: str, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self.adapters.why_no_key(provider)
        if refused is not None:
            raise InvalidValue(f"{provider}: {refused}", param="provider")
        text = key_in(await read_json(scope["headers"], receive, MOST_BYTES))
        key = sealed_key(team, provider, text, self.seal, time.time())
        added = await self.database.write(keep_key, key)
        self.adapters.own_keys.forget(team)
        await send_json(201 if added else 200, shown(key), send)

    async def delete(self, team: str, provider: str, send: Send) -> None:
        dropped = await self.database.write(drop_key, team, provider)
        self.adapters.own_keys.forget(team)
        if not dropped:
            raise no_such_key()
        await send_answer(204, [], b"", send)


def key_in(body: Any) -> str:
    """Raises InvalidJson, InvalidValue, neither of which quotes it."""
    if not isinstance(body, dict):
        raise InvalidJson('the body must be a JSON object such as {"api_key": "..."}')
    fields = cast("dict[str, Any]", body)
    unknown = next((name for name in fields if name != "api_key"), None)
    if unknown is not None:
        raise InvalidValue("the body has a field that is not known here; api_key is", param="api_key")
    key = fields.get("api_key")
    if not isinstance(key, str) or KEY.fullmatch(key) is None:
        told = f"api_key: must be text of 1 to {LONGEST:,} printable ASCII characters without spaces"
        raise InvalidValue(told, param="api_key")
    return key


def no_such_key() -> NotFound:
    return NotFound("this team has no key of its own there")


def shown(key: ProviderKey) -> dict[str, Any]:
    """Never the key itself."""
    return {"object": "provider_key", "provider": key.provider, "created": int(key.created)}
