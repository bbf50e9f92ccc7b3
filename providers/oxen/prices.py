"""What a picture costs at Oxen: answers do not say, the models endpoint does (Oxen docs, Models, read 2026-11-21)."""

import time
from typing import cast
from urllib.parse import quote

from providers.amounts import MOST_DOLLARS, amount
from providers.base import Json
from providers.errors import ProviderError
from providers.http import Http

KEPT_SECONDS = 3600.0
UNTIL_NEXT_TRY = 60.0  # seconds after a question that brought no price
PATIENCE = 2.0  # seconds that a call waits for a price before it is sent


class Prices:
    """Asked once a model and hour, before anything is paid: no picture that was drawn waits for its price."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._known: dict[str, tuple[float | None, float]] = {}

    async def learn(self, model: str) -> None:
        """Unless it is known; without an answer the price stays unknown."""
        _price, until = self._known.get(model, (None, 0.0))
        if time.monotonic() >= until:
            price = await self._told(model)
            kept = UNTIL_NEXT_TRY if price is None else KEPT_SECONDS
            self._known[model] = price, time.monotonic() + kept

    def known(self, model: str) -> float | None:
        """Dollars for one picture."""
        return self._known.get(model, (None, 0.0))[0]

    async def _told(self, model: str) -> float | None:
        try:
            answer = await self._http.get(f"/ai/models/{quote(model, safe='')}", within=PATIENCE)
        except ProviderError:
            return None
        pricing = answer.error_object().get("pricing") if answer.status == 200 else None
        told = cast("Json", pricing) if isinstance(pricing, dict) else {}
        return amount(told.get("cost_per_image"), MOST_DOLLARS) if told.get("method") == "per_image" else None
