"""fal's webhooks: what the queue has for a request in the end, signed with ED25519.

Source: fal docs, Webhooks, read 2026-11-21. Signed are the ids of request and user, a timestamp and the SHA-256 of the
body, a line each; the keys are public. What the documents leave open is decided so: a cancelled request is an error
like any other, and a URL that is none, or not on this machine, is passed over, as fal passes over private ones.
"""

import base64
import hashlib
import time
from dataclasses import replace
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.routing import Route

from simulators.fal.errors import Failure
from simulators.fal.queue import Job, Queue
from simulators.fal.run import SLUG
from simulators.front import Front, always, anyone
from simulators.stage import Stage
from simulators.webhooks import Webhooks, until

ANSWER_SECONDS = 15.0
USER = "simulated-user"


class Notices:
    """The messages about a queue's jobs; their key is as old as the simulator."""

    def __init__(self, stage: Stage, queue: Queue) -> None:
        self._stage = stage
        self._queue = queue
        self._webhooks = Webhooks(SLUG, stage, seconds=ANSWER_SECONDS)
        self._key = Ed25519PrivateKey.generate()

    def routes(self, front: Front) -> list[Route]:
        public = base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": public}]}
        return [replace(front, refuse=anyone).route("/fal-rest/.well-known/jwks.json", ["GET"], None, always(keys))]

    def promise(self, url: str, job: Job, at: str) -> None:
        """Tells `url` when the job is over; its pictures are then at the origin `at`."""
        self._webhooks.begin(self._tell(url, job, at))

    async def _tell(self, url: str, job: Job, at: str) -> None:
        await until(partial(self._queue.is_over, job), partial(self._queue.seconds_left, job))
        await self._webhooks.deliver(url, await self._message(job, at), partial(self._headers, job))

    async def _message(self, job: Job, at: str) -> dict[str, Any]:
        told = {"request_id": job.id, "gateway_request_id": job.id}
        if isinstance(job.run, Failure):
            error = f"Invalid status code: {job.run.status}"
            return told | {"status": "ERROR", "error": error, "payload": job.run.body}
        return told | {"status": "OK", "payload": await job.run.output(self._stage, at, job.effect)}

    def _headers(self, job: Job, body: bytes) -> dict[str, str]:
        sent_at = str(int(time.time()))
        message = "\n".join((job.id, USER, sent_at, hashlib.sha256(body).hexdigest()))
        return {
            "X-Fal-Webhook-Request-Id": job.id,
            "X-Fal-Webhook-User-Id": USER,
            "X-Fal-Webhook-Timestamp": sent_at,
            "X-Fal-Webhook-Signature": self._key.sign(message.encode()).hex(),
        }
