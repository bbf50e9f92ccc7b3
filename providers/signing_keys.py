"""What a provider signs its webhooks with: asked for seldom, however many messages come and whoever sends them."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from providers.abilities import HookRefused
from providers.errors import ProviderError

PAUSE_SECONDS = 60.0  # between two questions: forged messages cannot make us ask more often
QUESTION_SECONDS = 10.0  # for one of them: fal waits 15 s for what we say to a message

Keys = TypeVar("Keys")


class SigningKeys(Generic[Keys]):
    """Keys of a provider, asked for when the first message comes, and again after `lifetime` seconds.

    A message that they do not fit makes us look for new ones, `PAUSE_SECONDS` after the last question at the earliest.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Keys]], lifetime: float = math.inf) -> None:
        self._fetch = fetch
        self._lifetime = lifetime
        self._lock = asyncio.Lock()
        self._keys: Keys | None = None
        self._fetched = -math.inf  # these two are moments of what is passed as `now`
        self._asked = -math.inf

    async def fit(self, fits: Callable[[Keys], bool], now: float) -> bool:
        """Whether the keys of `now` (Unix seconds) fit. Raises HookRefused when there are none to be had."""
        known = self._known(now)
        if known is not None and fits(known):
            return True
        await self._renew(now)
        renewed = self._known(now)
        if renewed is None:
            raise HookRefused("the provider's keys cannot be had at the moment")
        return renewed is not known and fits(renewed)

    def _known(self, now: float) -> Keys | None:
        return self._keys if abs(now - self._fetched) < self._lifetime else None

    async def _renew(self, now: float) -> None:
        """Messages that come meanwhile wait for this question, and share its answer."""
        async with self._lock:
            if abs(now - self._asked) < PAUSE_SECONDS:
                return
            self._asked = now
            try:
                self._keys = await self._fetch()
            except ProviderError:
                return  # the keys that are known serve on, for their time
            self._fetched = now
