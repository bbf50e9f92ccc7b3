"""A call whose receipt was lost, with its process or on the way to it, is found again when its provider tells of it.

Only where the message is signed, for its ticket is then followed as the call's own.
"""

from collections.abc import Mapping

import structlog

from gateway.jobs.hook_tokens import HookedCall
from gateway.jobs.tickets import packed, unpacked
from gateway.store.database import Database
from gateway.store.lost_calls import find_lost, give_ticket, ticket_of
from normalizers.catalog import Catalog
from providers.abilities import Hook, Traces
from providers.base import Ticket

log = structlog.stdlib.get_logger()


class LostCalls:
    """`tracers` are the providers whose messages are good for it."""

    def __init__(self, database: Database, tracers: Mapping[str, Traces], catalog: Catalog) -> None:
        self._database = database
        self._tracers = tracers
        offers = [offer for entry in catalog.entries.values() for offer in entry.offers]
        self._upstreams = {(offer.id, str(offer.operation)): offer.upstream for offer in offers}

    def can_find(self, provider: str) -> bool:
        return provider in self._tracers

    async def found(self, call: HookedCall, hook: Hook) -> None:
        """Writes the ticket down if nobody has it. Raises DatabaseError."""
        tracer = self._tracers.get(call.provider)
        lost = None if tracer is None else await self._database.read(find_lost, call.job, call.number)
        upstream = None if lost is None else self._upstreams.get((lost.offer, lost.operation))
        if tracer is None or upstream is None:
            return
        ticket = packed(tracer.trace(hook, upstream))
        if await self._database.write(give_ticket, call.job, call.number, ticket):
            log.info("call_found", request_id=call.job, call=call.number, provider=call.provider)

    async def ticket(self, call: HookedCall) -> Ticket | None:
        """What is known by now. Raises DatabaseError."""
        text = await self._database.read(ticket_of, call.job, call.number)
        return None if text is None else unpacked(text)
