"""Oxen's queue: a generation is enqueued once and then followed (Oxen docs, Async queue, read 2026-11-21).

Its synchronous routes would be one exchange less, and lose a paid picture with every connection that breaks while it is
drawn. Its event stream keeps nothing for whoever was away, and tells no progress: asking is enough.
"""

import re
from collections import OrderedDict
from typing import Any, cast

from providers import data_uri
from providers.account import Account
from providers.base import Answer, Call, Json, Progress, Ticket
from providers.errors import Kind, ProviderError
from providers.oxen.explain import explain, explain_end
from providers.oxen.prices import Prices

QUESTION_SECONDS = 60.0  # no single exchange takes longer; the generation itself may
REMEMBERED = 256  # finished generations whose result was not asked for yet

OVER = frozenset({"succeeded", "failed", "cancelled"})
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Oxen:
    """Tickets are generation ids. The status route has the result too, so a finished one is read only once."""

    name = "oxen"

    def __init__(self, account: Account) -> None:
        self.http = account.open(self.name, longest=QUESTION_SECONDS)
        self.prices = Prices(self.http)
        self._key = account.key or ""  # so that an echo of it is recognised
        self._over: OrderedDict[str, Json] = OrderedDict()

    async def submit(self, call: Call) -> Ticket:
        """Enqueues the generation; from the reply on it may cost. Raises `ProviderError`, LOST without a reply."""
        await self.prices.learn(call.upstream)
        answer = await self.http.post("/ai/queue", json={**call.payload, "model": call.upstream})
        if answer.status >= 300:
            raise explain(answer, call, "submission", self._key)
        ticket = Ticket(_first_id(answer.json_object()))
        if not _ID.fullmatch(ticket.id):
            raise answer.broken("Oxen answered without a generation's id")
        return ticket

    async def check(self, ticket: Ticket) -> Progress:
        """Where the generation stands; Oxen tells neither its place in the queue nor its steps."""
        if ticket.id in self._over:
            return Progress(done=True)
        generation = await self._get(ticket)
        if not _is_over(generation):
            return Progress()
        self._over[ticket.id] = generation
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)
        return Progress(done=True)

    async def result(self, ticket: Ticket, call: Call) -> Answer:
        """The picture, or the error of a generation that ended without one."""
        generation = self._over.pop(ticket.id, None) or await self._get(ticket)
        if not _is_over(generation):
            raise ProviderError(Kind.BUSY, "the generation is not finished", provider=self.name)
        if generation.get("status") != "succeeded":
            raise explain_end(generation, call, self._key)
        try:
            image = data_uri.from_url(generation.get("result_url"), self.http.base_url)
        except ValueError:
            raise ProviderError(Kind.BROKEN, "Oxen answered without a picture", provider=self.name) from None
        return Answer((image,), cost=self.prices.known(call.upstream), units=1.0)

    async def cancel(self, ticket: Ticket) -> None:
        """Asks Oxen to stop the generation; one that is over stays as it is."""
        answer = await self.http.delete(f"/ai/queue/{ticket.id}")
        if answer.status >= 300 and answer.status != 404:
            raise explain(answer, None, "status", self._key)

    async def close(self) -> None:
        await self.http.close()

    async def _get(self, ticket: Ticket) -> Json:
        answer = await self.http.get(f"/ai/queue/{ticket.id}")
        if answer.status >= 300:
            raise explain(answer, None, "status", self._key)
        generation = answer.json_object()
        if generation.get("generation_id") != ticket.id:
            raise answer.broken("Oxen answered with another generation")
        return generation


def _first_id(reply: Json) -> str:
    """One picture is asked for at a time, so there is one generation: `{"generations": [{"generation_id": …}]}`."""
    listed: object = reply.get("generations")
    first: object = cast("list[object]", listed)[0] if isinstance(listed, list) and listed else None
    found: Any = cast("Json", first).get("generation_id") if isinstance(first, dict) else None
    return found if isinstance(found, str) else ""


def _is_over(generation: Json) -> bool:
    """Also with a word that Oxen may add one day: what is over has the time of its end."""
    return generation.get("status") in OVER or generation.get("completed_at") is not None
