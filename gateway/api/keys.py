"""`/v1/admin/keys`: made, listed, read, changed, rotated, revoked. A key itself is shown once, when it is made."""

import re
import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.api.admin import MOST_BYTES, AdminRoute
from gateway.api.admin_fields import KeyChange, KeyFields, NewKey, Rotation, checked
from gateway.api.asgi import send_answer, send_json
from gateway.api.body import read_json
from gateway.api.bounds import bounds_given, bounds_json, changed_fields
from gateway.api.query import Query
from gateway.api.teams import page, page_wanted
from gateway.errors import InvalidKey, InvalidValue, NotAllowed, NotFound
from gateway.keys import hash_key, make_key
from gateway.store.bounds import Bounds
from gateway.store.keys import (
    MOST_HASHES,
    KeyRow,
    TooManyHashes,
    change_key,
    create_key,
    list_keys,
    read_key,
    revoke_key,
    rotate_key,
)
from gateway.tenancy.caller import ADMIN_KEY, Caller
from gateway.tenancy.ids import make_id
from gateway.tenancy.keys import valid
from gateway.tenancy.widening import Reach, inherited, wider

SHOWN = 9  # characters of a key that people may see: 36 of its 256 bits
ID = re.compile(r"key_[0-9a-f]{24}", re.ASCII)
NO_STORE = [(b"cache-control", b"no-store")]
PLAIN = ("role", "disabled", "strict", "response_format", "join_retries", "share_cache")


class KeyRoute(AdminRoute):
    """What the routes have in common: which key, and how far the caller's own reaches."""

    async def key_for(self, caller: Caller, id: str) -> KeyRow:
        """Raises NotFound for a key that is not there, or that is not the caller's to see, alike."""
        found = await self.database.read(read_key, id) if ID.fullmatch(id) else None
        if found is None or not (caller.admin or found.team.id == caller.team):
            raise no_such_key()
        return found.key

    async def own_key(self, caller: Caller, id: str) -> KeyRow:
        """One that the caller may also change. Raises NotFound, NotAllowed."""
        key = await self.key_for(caller, id)
        if key.role == "admin" and not caller.admin:
            raise NotAllowed("only an admin changes an admin's key")
        return key

    async def reach(self, caller: Caller) -> Reach | None:
        """Beyond which the caller gives nothing to any key; None for the configured admin key. Raises InvalidKey."""
        if caller.key == ADMIN_KEY:
            return None
        found = await self.database.read(read_key, caller.key)
        if found is None or not valid(found, time.time()):
            raise InvalidKey("the API key is wrong, revoked or expired")
        return Reach.of(found.key)


class KeyList(KeyRoute):
    """GET lists them, the newest first, those of `?team=` alone; POST makes one."""

    name = "keys"

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await self.make(caller, scope, receive, send)
            return
        query = Query(scope, "team", "after", "limit")
        after, limit = page_wanted(query)
        wanted = query.word("team")
        team = None if wanted is None else (await self.team_for(caller, wanted)).id
        found = await self.database.read(list_keys, team if caller.admin else caller.team, after, limit + 1)
        await send_json(200, page([key_json(key) for key in found], limit), send)

    async def make(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        body = checked(NewKey, await read_json(scope["headers"], receive, MOST_BYTES))
        reach = await self.reach(caller)
        team = await self.team_for(caller, body.team)
        before = Bounds() if reach is None else inherited(reach)
        text = make_key()
        key = KeyRow(
            id=make_id("key"),
            team=team.id,
            name=body.name,
            role=body.role,
            prefix=text[:SHOWN],
            maker=caller.key,
            created=time.time(),
            expires=None if reach is None else reach.expires,
            disabled=body.disabled,
            strict=body.strict,
            response_format=body.response_format,
            join_retries=body.join_retries,
            share_cache=body.share_cache,
            bounds=replace(before, **bounds_given(body, before)),
        )
        key = replace(key, **moments_given(body))
        check_reach(key, reach)
        await self.database.write(create_key, key, hash_key(text))
        await send_json(201, {**key_json(key), "key": text}, send, NO_STORE)


class OneKey(KeyRoute):
    """GET shows it, PATCH changes it, DELETE revokes it."""

    name = "key"

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        id: str = scope["path_params"]["id"]
        if scope["method"] == "PATCH":
            body = checked(KeyChange, await read_json(scope["headers"], receive, MOST_BYTES))
            await send_json(200, key_json(await self.change(caller, id, body)), send)
        elif scope["method"] == "DELETE":
            key = await self.own_key(caller, id)
            await self.database.write(revoke_key, key.id, time.time())
            self.keys.ring.forget()
            await send_answer(204, [], b"", send)
        else:
            await send_json(200, key_json(await self.key_for(caller, id)), send)

    async def change(self, caller: Caller, id: str, body: KeyChange) -> KeyRow:
        reach = await self.reach(caller)
        key = await self.own_key(caller, id)
        if key.revoked is not None:
            raise revoked()
        bounds = bounds_given(body, key.bounds)
        given = {name: getattr(body, name) for name in ("name", *PLAIN) if name in body.model_fields_set}
        given |= moments_given(body)
        wanted = replace(key, **given, bounds=replace(key.bounds, **bounds))
        # What opens a key again gives everything that it has.
        check_reach(wanted, reach, None if given.get("disabled") is False else changed_fields(body))
        changed = await self.database.write(change_key, id, {**given, **bounds})
        self.keys.ring.forget()
        if changed is None:
            raise no_such_key()
        return changed


class RotateKey(KeyRoute):
    """POST: the key has a new text from now on; the old one is valid for `grace_seconds` more."""

    name = "key_rotate"

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_json(scope["headers"], receive, MOST_BYTES, otherwise={})
        rotation = checked(Rotation, body)
        reach = await self.reach(caller)
        key = await self.own_key(caller, scope["path_params"]["id"])
        check_reach(key, reach)  # whoever has the new text has all that the key may do
        text = make_key()
        grace = rotation.grace_seconds
        try:
            rotated = await self.database.write(
                rotate_key, key.id, hash_key(text), text[:SHOWN], now=time.time(), grace=grace
            )
        except TooManyHashes:
            told = f"grace_seconds: {MOST_HASHES} older texts of this key are still valid; send 0, which ends them"
            raise InvalidValue(told, param="grace_seconds") from None
        self.keys.ring.forget()
        if rotated is None:
            raise revoked()
        await send_json(200, {**key_json(rotated), "key": text}, send, NO_STORE)


def check_reach(key: KeyRow, reach: Reach | None, changed: Collection[str] | None = None) -> None:
    """Of the fields that were `changed`, or all. Raises NotAllowed."""
    beyond = () if reach is None else wider(Reach.of(key), reach)
    for field in beyond:
        if changed is None or field in changed:
            told = "no key gives another more than it has itself; ask for less, or ask an admin"
            raise NotAllowed(f"{field}: {told}", param=field)


def moments_given(body: KeyFields) -> dict[str, Any]:
    """Raises InvalidValue for a key that would have expired already."""
    if "expires_at" not in body.model_fields_set:
        return {}
    if body.expires_at is not None and body.expires_at <= time.time():
        raise InvalidValue("expires_at: is over; send a moment to come, or DELETE the key", param="expires_at")
    return {"expires": body.expires_at}


def key_json(key: KeyRow) -> dict[str, Any]:
    return {
        "id": key.id,
        "object": "key",
        "team": key.team,
        "name": key.name,
        "prefix": key.prefix,
        "made_by": key.maker,
        "created": int(key.created),
        "last_used": whole(key.last_used),
        "expires_at": whole(key.expires),
        "revoked": whole(key.revoked),
        **{name: getattr(key, name) for name in PLAIN},
        **bounds_json(key.bounds),
    }


def whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


def no_such_key() -> NotFound:
    return NotFound("there is no such key")


def revoked() -> InvalidValue:
    return InvalidValue("this key is revoked for good; make a new one")
