"""Runware's REST API: one URL, arrays of tasks, ids of our own (Runware docs, Task Polling, read 2026-11-21)."""

import asyncio
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Literal

from providers.abilities import Hook
from providers.account import Account
from providers.base import Answer, Call, Image, Json, Progress, Ticket
from providers.errors import Kind, ProviderError
from providers.runware import hooks
from providers.runware.explain import failure, hitch, refusal
from providers.runware.reply import CONFLICT, Standing, complaints, image_of, is_hitch, is_moderation, results
from providers.runware.uploads import upload

TASK_SECONDS = 60.0  # no single question takes longer; the task itself may
ATTEMPTS = 4  # ids that one call may use: one for each time that Runware ended its task without a picture
LAG_SECONDS = (0.0, 0.3, 1.0)  # before each look for a task whose acceptance was not told


def task_uuid(call_id: str, attempt: int) -> str:
    """The id under which a call's picture is asked for, the same in every process: Runware wants a UUID v4."""
    digest = hashlib.blake2b(f"{call_id}#{attempt}".encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


class Runware:
    """Tasks that are submitted for later and asked about under the id that we gave them.

    A submission whose answer was lost is looked for under its id. Only when Runware says each time that it knows no
    such task is it sent once more, under the same id, which Runware would refuse if it had it after all.
    """

    name = "runware"
    repeats = True

    def __init__(self, account: Account, *, lag: Sequence[float] = LAG_SECONDS) -> None:
        self.http = account.open(self.name, longest=TASK_SECONDS)
        self.lag = lag

    async def submit(self, call: Call) -> Ticket:
        """Raises `ProviderError`; LOST when two answers were lost and Runware knows of no task."""
        for attempt in range(ATTEMPTS):
            ticket = Ticket(task_uuid(call.id, attempt))
            outcome = await self._send(ticket, call)
            if outcome == "unsure":
                if not await self._is_unknown(ticket):
                    return ticket
                outcome = await self._send(ticket, call)
            if outcome == "unsure":
                raise ProviderError(Kind.LOST, "two answers of Runware were lost on the way", provider=self.name)
            if outcome == "accepted" or not await self._has_failed(ticket, call):
                return ticket
        raise ProviderError(Kind.FAILED, "every task for this picture has failed at Runware", provider=self.name)

    async def check(self, ticket: Ticket) -> Progress:
        """Done when Runware says of no result that it is still being drawn."""
        standing = Standing.of(await self._ask(ticket))
        return Progress(done=not standing.running and bool(standing.drawn or standing.failed))

    async def result(self, ticket: Ticket, call: Call) -> Answer:
        """The pictures that were drawn; those that failed are left out, and those that were blocked are flagged."""
        standing = Standing.of(await self._ask(ticket))
        if standing.running or (not standing.failed and len(standing.drawn) < call.images):
            raise ProviderError(Kind.BUSY, "Runware is still drawing", provider=self.name)
        if not standing.drawn:
            raise failure(standing.failed, call)
        images = [image_of(item, self.http.base_url) for item in standing.drawn]
        if not any(image.url for image in images):
            raise ProviderError(Kind.BROKEN, "Runware answered without a picture", provider=self.name)
        blocked = [Image(content=b"", flagged=True) for item in standing.failed if is_moderation(item)]
        return Answer((*images, *blocked), cost=standing.cost)

    async def cancel(self, ticket: Ticket) -> None:
        """Runware has no cancellation: the task goes on (Runware docs, Task Polling, read 2026-11-21)."""

    async def upload(self, content: bytes, content_type: str) -> str:
        """The UUID that stands for the picture in a task. Raises `ProviderError`; nothing is paid by it."""
        return await upload(self.http, content, content_type)

    async def read_hook(self, headers: Mapping[str, str], body: bytes, now: float) -> Hook:
        """Not signed, nor dated: the address alone shows that it is Runware's. Raises `HookRefused`."""
        del headers, now
        return hooks.read(body)

    async def close(self) -> None:
        await self.http.close()

    async def _send(self, ticket: Ticket, call: Call) -> Literal["accepted", "used", "unsure"]:
        """What Runware says to a task: taken, its id was used before, or nothing that can be believed."""
        hook = {"webhookURL": call.webhook} if call.webhook else {}
        task = {**call.payload, "model": call.upstream, "taskUUID": ticket.id, **hook}
        try:
            answer = await self.http.post(self.http.base_url, json=[task])
        except ProviderError as error:
            if error.kind is Kind.LOST:
                return "unsure"
            raise
        body = answer.error_object()
        if answer.status < 300 and any(item.get("taskUUID") == ticket.id for item in results(body)):
            return "accepted"
        found = complaints(body)
        if any(each.get("code") == CONFLICT for each in found):
            return "used"
        error = refusal(answer, found, call)
        if error.kind is Kind.LOST or (answer.status < 300 and not found):
            return "unsure"
        raise error

    async def _ask(self, ticket: Ticket) -> Json:
        """What Runware says about a task. Raises GONE for one it does not know, and BUSY for what is no answer."""
        answer = await self.http.post(self.http.base_url, json=[{"taskType": "getResponse", "taskUUID": ticket.id}])
        body = answer.error_object()
        found = complaints(body)
        if is_hitch(answer.status, found, body):
            raise hitch(answer, found)
        return body

    async def _is_unknown(self, ticket: Ticket) -> bool:
        """Whether Runware says at each look that it has no such task."""
        for pause in self.lag:
            await asyncio.sleep(pause)
            try:
                await self._ask(ticket)
            except ProviderError as error:
                if error.kind is Kind.GONE:
                    continue
            return False
        return True

    async def _has_failed(self, ticket: Ticket, call: Call) -> bool:
        """Whether an earlier task of this id ended in a way that allows another."""
        try:
            standing = Standing.of(await self._ask(ticket))
        except ProviderError:
            return False
        over = bool(standing.failed) and not standing.drawn and not standing.running
        return over and failure(standing.failed, call).again
