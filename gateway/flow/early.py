"""Pictures of a call that are finished while it still draws others: taken in at once, and shown to whoever looks on."""

import asyncio

from gateway.flow.deps import Deps
from gateway.flow.drawn import Drawn
from gateway.flow.intake import take_in
from gateway.flow.order import Order
from gateway.flow.record import SentCall
from normalizers.plan import Plan
from providers.base import Image, Partial, Progress, Ready
from providers.errors import ProviderError


class Early:
    """What one call tells while it runs. The pictures are `drawn` even if the call fails afterwards.

    One that cannot be used says so when the answer is taken in.
    """

    def __init__(self, sent: SentCall, plan: Plan, order: Order, drawn: Drawn, at: Deps) -> None:
        self._sent = sent
        self._plan = plan
        self._order = order
        self._drawn = drawn
        self._at = at
        self._taking: dict[int, asyncio.Task[None]] = {}

    def __call__(self, news: Progress | Partial | Ready) -> None:
        if not isinstance(news, Ready):
            self._order.record.progressed(self._sent, news)
        elif news.place < len(self._sent.indexes):
            index = self._sent.indexes[news.place]
            if index not in self._taking:  # a call that began anew elsewhere draws it a second time
                self._taking[index] = asyncio.create_task(self._take(news.image, index))

    async def settled(self) -> None:
        """Returns when all of them are taken in."""
        await asyncio.gather(*self._taking.values())

    async def _take(self, image: Image, index: int) -> None:
        try:
            picture = await take_in(image, self._plan, self._plan.seed_for(index), self._order, self._at)
        except ProviderError:
            return
        self._drawn.pictures[index] = picture
        self._order.record.pictured(index, picture, self._plan)
