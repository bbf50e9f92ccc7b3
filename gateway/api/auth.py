"""Who asks: the key of a request becomes a caller."""

from starlette.types import Scope

from gateway.api.asgi import Headers
from gateway.errors import InvalidKey
from gateway.telemetry import Outcome
from gateway.tenancy.caller import Caller
from gateway.tenancy.keys import KeyRing


class Keys:
    """The one entrance. Without `required` whoever reaches the loopback address is the admin."""

    def __init__(self, ring: KeyRing, *, required: bool) -> None:
        self.ring = ring
        self._required = required

    async def caller(self, scope: Scope) -> Caller:
        """Its ids stand in the request's log line from now on. Raises InvalidKey, Overloaded."""
        caller = await self._caller(scope["headers"])
        outcome: Outcome = scope["easel"]
        outcome.team, outcome.key = caller.team, caller.key
        return caller

    async def _caller(self, headers: Headers) -> Caller:
        if not self._required:
            return await self.ring.admin()
        key = key_of(headers)
        if not key:
            raise InvalidKey("no API key was given; send Authorization: Bearer KEY, or api-key: KEY")
        return await self.ring.caller(key)


def key_of(headers: Headers) -> str:
    """From `Authorization: Bearer`, or from `api-key` as Azure's clients send it."""
    other = ""
    for name, value in headers:
        if name == b"authorization":
            scheme, _space, key = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and key.strip():
                return key.strip()
        elif name == b"api-key":
            other = value.decode("latin-1").strip()
    return other
