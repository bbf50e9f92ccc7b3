"""Replicate's webhooks: the whole prediction, signed as Standard Webhooks are.

Source: Replicate docs, Webhooks and Verify webhooks, read 2026-11-21. Of the four events `start` and `completed` are
sent; of `output` and `logs` there is nothing to tell before the end, since pictures come all at once and nothing is
logged. How often a delivery is tried again is not documented; here every one is, for half a minute at most.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from starlette.routing import Route

from simulators.front import Front, always
from simulators.replicate.predictions import SLUG, Prediction, Predictions
from simulators.stage import Stage
from simulators.webhooks import Webhooks, is_here, until

EVENTS = ("start", "output", "logs", "completed")
ANSWER_SECONDS = 10.0

Told = Callable[[Prediction], dict[str, Any]]


class Notices:
    """The messages about predictions; their secret is as old as the simulator."""

    def __init__(self, stage: Stage, predictions: Predictions) -> None:
        self._predictions = predictions
        self._webhooks = Webhooks(SLUG, stage, seconds=ANSWER_SECONDS)
        self._key = secrets.token_bytes(24)

    def routes(self, front: Front) -> list[Route]:
        secret = {"key": f"whsec_{base64.b64encode(self._key).decode()}"}
        return [front.route("/replicate/v1/webhooks/default/secret", ["GET"], None, always(secret))]

    def promise(self, url: str, events: Collection[str], prediction: Prediction, told: Told) -> None:
        """Tells `url` of each of the events when it happens; `told` is the prediction as it then is."""
        if "start" in events:
            self._webhooks.begin(self._deliver(url, told(prediction)))
        if "completed" in events:
            self._webhooks.begin(self._tell(url, prediction, told))

    async def _tell(self, url: str, prediction: Prediction, told: Told) -> None:
        left = partial(self._predictions.seconds_left, prediction)
        await until(partial(self._predictions.is_over, prediction), left)
        await self._deliver(url, told(prediction))

    async def _deliver(self, url: str, message: dict[str, Any]) -> None:
        name = f"msg_{secrets.token_hex(14)}"
        await self._webhooks.deliver(url, message, lambda body: signed(self._key, name, str(int(time.time())), body))


def signed(key: bytes, name: str, sent_at: str, body: bytes) -> dict[str, str]:
    """The headers of a message of that name."""
    signature = hmac.new(key, f"{name}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def is_address(url: object) -> bool:
    """https only; http too on this machine, which Replicate itself could not reach."""
    return isinstance(url, str) and (url.startswith("https://") or is_here(url))
