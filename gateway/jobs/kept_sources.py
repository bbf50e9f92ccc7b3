"""The pictures that came with a request, where another process finds them."""

import asyncio

import structlog

from gateway.flow.order import Order
from gateway.jobs.stored_order import object_name, sources_of
from gateway.store.entries import PictureRow
from gateway.store.pictures import Pictures, PictureStoreError

log = structlog.stdlib.get_logger()


class KeptSources:
    """`rows` say where they are; stored right before the job is written down, they are never anybody's else."""

    def __init__(self, order: Order, pictures: Pictures) -> None:
        self.rows: tuple[PictureRow, ...] = ()
        self._order = order
        self._pictures = pictures
        self._storing: asyncio.Task[None] | None = None

    async def store(self, *, needed: bool = False) -> None:
        """Once, however many ask for it. Raises PictureStoreError where that fails and they are `needed`.

        Without them, whoever takes the job up follows its calls, but makes no new ones.
        """
        if self._storing is None:
            self._storing = asyncio.ensure_future(self._store())
        try:
            await asyncio.shield(self._storing)
        except PictureStoreError as away:
            if needed:
                raise
            log.warning("sources_not_kept", request_id=self._order.id, error=str(away))

    async def _store(self) -> None:
        sources = list(sources_of(self._order))
        for source in sources:
            await self._pictures.put(self._order.caller.team, self._order.sent.content(source), source.format)
        self.rows = tuple(PictureRow("source", place, object_name(source)) for place, source in enumerate(sources))
