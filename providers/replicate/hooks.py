"""Replicate's webhooks: signed as Standard Webhooks are, with a secret of our account.

Source: Replicate docs, Verify webhooks, and its HTTP API, `webhooks.default.secret.get`, read 2026-11-21.
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from providers.abilities import Hook, HookRefused
from providers.hook_body import bounded, fresh_time, header, json_object, ticket_in
from providers.http import Http
from providers.signing_keys import QUESTION_SECONDS, SigningKeys

_SIGNATURES = re.compile(r"[\x20-\x7e]{1,1024}")


class Hooks:
    """`http` is Replicate's API, which tells the secret to whoever has our key."""

    def __init__(self, http: Http) -> None:
        self._secret: SigningKeys[Webhook] = SigningKeys(partial(_told, http))

    async def read(self, headers: Mapping[str, str], body: bytes, now: float) -> Hook:
        """Raises HookRefused.

        What is signed is joined by dots: an id that could hold some would let a caller's prompt pass for a body.
        """
        signed = {
            "webhook-id": header(headers, "webhook-id"),
            "webhook-timestamp": fresh_time(headers, "webhook-timestamp", now),
            "webhook-signature": header(headers, "webhook-signature", _SIGNATURES),
        }
        if not await self._secret.fit(partial(_signed_by, signed, bounded(body)), now):
            raise HookRefused("the signature is not Replicate's")
        message = f"{signed['webhook-id']}.{signed['webhook-timestamp']}.".encode() + body
        return Hook(ticket_in(json_object(body), "id"), hashlib.sha256(message).hexdigest())


def _signed_by(signed: dict[str, str], body: bytes, secret: Webhook) -> bool:
    try:
        secret.verify(body, signed, json_parse=False)
    except (WebhookVerificationError, ValueError):  # a body that is no UTF-8, a signature that is no base64
        return False
    return True


async def _told(http: Http) -> Webhook:
    """Raises ProviderError."""
    answer = await http.get("/webhooks/default/secret", within=QUESTION_SECONDS)
    secret: object = answer.json_object().get("key") if answer.status < 300 else None
    if isinstance(secret, str):
        with suppress(EmptyWebhookSecretError, ValueError):
            return Webhook(secret)
    raise answer.broken("Replicate answered without a secret of its webhooks")
