"""fal's webhooks: signed with ED25519 by one of the keys that fal publishes (fal docs, Webhooks, read 2026-11-21).

Signed are the ids of request and user, a timestamp, and the SHA-256 of the body. The keys may be kept for 24 hours.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from providers.abilities import Hook, HookRefused
from providers.hook_body import bounded, fresh_time, header, json_object, ticket_in
from providers.http import Http
from providers.http_answer import HttpAnswer
from providers.signing_keys import QUESTION_SECONDS, SigningKeys

KEEP_SECONDS = 24 * 3600.0
MOST_KEYS = 16  # each costs a tenth of a millisecond per forged message; fal publishes a few

PublicKeys = tuple[Ed25519PublicKey, ...]
_USER = re.compile(r"[\x21-\x7e]{1,256}")
_SIGNATURE = re.compile(r"[0-9a-fA-F]{128}")


class Hooks:
    """`http` is fal's REST address, which has the keys."""

    def __init__(self, http: Http) -> None:
        self._keys: SigningKeys[PublicKeys] = SigningKeys(partial(_published, http), KEEP_SECONDS)

    async def read(self, headers: Mapping[str, str], body: bytes, now: float) -> Hook:
        """Raises HookRefused."""
        body_hash = hashlib.sha256(bounded(body)).hexdigest()
        request_id = header(headers, "x-fal-webhook-request-id")
        user_id = header(headers, "x-fal-webhook-user-id", _USER)
        sent_at = fresh_time(headers, "x-fal-webhook-timestamp", now)
        signature = bytes.fromhex(header(headers, "x-fal-webhook-signature", _SIGNATURE))
        message = "\n".join((request_id, user_id, sent_at, body_hash)).encode()
        if not await self._keys.fit(partial(_signed_by_one, signature, message), now):
            raise HookRefused("the signature is not fal's")
        return Hook(ticket_in(json_object(body), "request_id"), hashlib.sha256(message).hexdigest())


def _signed_by_one(signature: bytes, message: bytes, keys: PublicKeys) -> bool:
    return any(_signed_by(key, signature, message) for key in keys)


def _signed_by(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


async def _published(http: Http) -> PublicKeys:
    """Raises ProviderError."""
    answer = await http.get("/.well-known/jwks.json", within=QUESTION_SECONDS)
    keys = _keys_in(answer) if answer.status < 300 else ()
    if not keys:
        raise answer.broken("fal answered without a key of its webhooks")
    return keys


def _keys_in(answer: HttpAnswer) -> PublicKeys:
    """The ED25519 keys of a JSON Web Key Set; of other kinds it may hold what it likes."""
    listed: object = answer.json_object().get("keys")
    entries = cast(list[object], listed) if isinstance(listed, list) else []
    rows = [cast(dict[str, Any], entry) for entry in entries if isinstance(entry, dict)]
    values = [row.get("x") for row in rows if (row.get("kty"), row.get("crv")) == ("OKP", "Ed25519")]
    read = [_key(value) for value in values[:MOST_KEYS] if isinstance(value, str)]
    return tuple(key for key in read if key is not None)


def _key(encoded: str) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(encoded + "=="))
    except ValueError:
        return None
