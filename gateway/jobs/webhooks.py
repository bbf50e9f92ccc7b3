"""Webhooks that tell the end of a job, by Standard Webhooks 1.0.0 (read 2026-11-21).

Every try of a webhook has the same `webhook-id`, and a signature for each secret that its team has in use.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from standardwebhooks import Webhook

from gateway.jobs.tries import Outcome, exchange
from gateway.store.database import Database
from gateway.store.deliveries import Claim
from gateway.store.entries import Delivery
from gateway.store.sealing import Seal, SealingError
from gateway.store.webhook_secrets import WebhookSecret, in_use, in_use_or, make_secret
from providers.guard import Guard

log = structlog.stdlib.get_logger()

SECONDS = 15.0  # of one try
MINUTE, HOUR = 60.0, 3600.0

# The job as GET /v1/jobs/{id} shows it, by team and id, with fresh signatures and without base64; None if it is gone.
JobJson = Callable[[str, str], Awaitable[dict[str, Any] | None]]


def webhook(url: str, now: float) -> Delivery:
    """To be sent at once, under an id that stays its own."""
    return Delivery(f"msg_{secrets.token_hex(16)}", "webhook", url, due=now)


class Webhooks:
    """A receiver that answers 410 is asked no more; any other failure is tried again, nine tries over a day."""

    delays: Sequence[float] = (5, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 14 * HOUR)

    def __init__(self, guard: Guard, database: Database, seal: Seal, job_json: JobJson) -> None:
        self._guard = guard
        self._database = database
        self._seal = seal
        self._job_json = job_json

    async def send(self, claim: Claim) -> Outcome:
        """Raises DatabaseError."""
        job = await self._job_json(claim.team, claim.job)
        if job is None:
            return Outcome(error="the job was deleted", over=True)
        body = orjson.dumps(message(job))
        now = time.time()
        try:
            headers = signed(claim.id, body, now, await self._secrets(claim.team, now))
        except SealingError as error:
            return Outcome(error=str(error))
        outcome = await exchange(self._guard, "POST", claim.url, body, headers, seconds=SECONDS)
        return replace(outcome, over=outcome.status == 410)

    async def _secrets(self, team: str, now: float) -> list[str]:
        """Those in use, the newest first; the first webhook of a team makes it one. Raises SealingError."""
        found = await self._database.read(in_use, team, now)
        if not found:
            made, _text = make_secret(team, self._seal, now)
            found = await self._database.write(in_use_or, made)
        texts = [text for text in map(self._opened, found) if text is not None]
        if not texts:
            raise SealingError("none of the team's webhook secrets can be opened: was secrets.key changed?")
        return texts

    def _opened(self, secret: WebhookSecret) -> str | None:
        """None for one that was sealed with another key: it does not keep the others from signing."""
        try:
            return self._seal.open(secret.sealed, secret.id)
        except SealingError:
            log.warning("a webhook secret cannot be opened", id=secret.id)
            return None


def message(job: dict[str, Any]) -> dict[str, Any]:
    """The body: `timestamp` is when the job ended."""
    ended = datetime.fromtimestamp(job["finished"], UTC).isoformat(timespec="seconds")
    return {"type": f"image.job.{job['status']}", "timestamp": ended.replace("+00:00", "Z"), "data": job}


def signed(id: str, body: bytes, now: float, texts: Sequence[str]) -> dict[str, str]:
    """The headers of a webhook that is sent now."""
    moment = datetime.fromtimestamp(int(now), UTC)
    return {
        "content-type": "application/json",
        "accept": "*/*",
        "webhook-id": id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(Webhook(text).sign(id, moment, body.decode()) for text in texts),
    }
