"""Who asks: the key of a request becomes a caller."""

from gateway.api.asgi import Headers
from gateway.errors import InvalidKey
from gateway.keys import hash_key, same_hash
from gateway.tenancy.caller import Caller

ADMIN = Caller(role="admin")


class Keys:
    """`admin_hash` is that of the admin key; without `required` whoever reaches the loopback address is the admin."""

    def __init__(self, admin_hash: str | None, *, required: bool) -> None:
        self._admin_hash = admin_hash
        self._required = required

    async def caller(self, headers: Headers) -> Caller:
        """Raises InvalidKey."""
        if not self._required:
            return ADMIN
        key = key_of(headers)
        if not key:
            raise InvalidKey("no API key was given; send Authorization: Bearer KEY, or api-key: KEY")
        if self._admin_hash is None or not same_hash(hash_key(key), self._admin_hash):
            raise InvalidKey("the API key is wrong, revoked or expired")
        return ADMIN


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
