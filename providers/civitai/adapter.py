"""Civitai's orchestrator: workflows of one step, under ids of ours (Civitai developer docs, read 2026-11-21)."""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence

from providers.account import Account
from providers.base import Answer, Call, Json, Money, Progress, Ticket
from providers.civitai.explain import failure, hitch, refusal
from providers.civitai.preview import preview
from providers.civitai.reply import address_of, buzz_of, images_of, is_over, progress_of
from providers.errors import Kind, ProviderError

EXCHANGE_SECONDS = 60.0  # no single exchange takes longer; the workflow itself may. Civitai cuts each at 100 s
# A submission is held open so long: quick workflows answer in one exchange, and slow ones give their ticket early.
SUBMIT_SECONDS = 5.0
PAUSES = (0.0, 0.3, 1.0)  # seconds before each submission under one id, while its answers are lost
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,199}", re.ASCII)
REMEMBERED = 256  # workflows that are over and were not read yet; calls whose first workflow failed


def external_id(call_id: str, attempt: int) -> str:
    """The id under which a call's pictures are asked for, the same in every process: letters and digits."""
    return hashlib.blake2b(f"{call_id}#{attempt}".encode(), digest_size=16).hexdigest()


class Civitai:
    """A repeated `externalId` gives the earlier workflow, so a submission whose answer was lost is sent again.

    A workflow that failed was given back, and is asked for again under another id when the call is.
    """

    name = "civitai"
    repeats = True

    def __init__(self, account: Account, *, pauses: Sequence[float] = PAUSES) -> None:
        self.http = account.open(self.name, longest=EXCHANGE_SECONDS)
        self.pauses = pauses
        self._over: OrderedDict[str, Json] = OrderedDict()
        self._failed: OrderedDict[str, int] = OrderedDict()  # how many workflows of a call have failed

    async def submit(self, call: Call) -> Ticket | Answer:
        """Raises `ProviderError`; LOST when every answer was lost, or the first was and then Civitai took nothing."""
        lost: ProviderError | None = None
        for pause in self.pauses:
            await asyncio.sleep(pause)
            try:
                workflow = await self._send(call)
            except ProviderError as error:
                if lost is None and error.kind not in (Kind.LOST, Kind.BROKEN):
                    raise
                lost = lost or error
            else:
                return self._read(workflow, call) if is_over(workflow) else Ticket(str(workflow["id"]))
        message = "the answers of Civitai were lost on the way; it may be drawing"
        raise ProviderError(Kind.LOST, message, provider=self.name) from lost

    async def check(self, ticket: Ticket) -> Progress:
        return await self.wait(ticket, 0)

    async def wait(self, ticket: Ticket, seconds: float) -> Progress:
        """Where the workflow stands, at the latest after so many seconds."""
        workflow = self._over.get(ticket.id) or await self._get(ticket, seconds)
        if is_over(workflow):
            self._over[ticket.id] = workflow
            while len(self._over) > REMEMBERED:
                self._over.popitem(last=False)
        return progress_of(workflow)

    async def result(self, ticket: Ticket, call: Call) -> Answer:
        """The pictures; those that were blocked are flagged, and those that failed left out."""
        workflow = self._over.pop(ticket.id, None) or await self._get(ticket, 0)
        if not is_over(workflow):
            raise ProviderError(Kind.BUSY, "the workflow is not finished", provider=self.name)
        return self._read(workflow, call)

    async def cancel(self, ticket: Ticket) -> None:
        """Asks Civitai to stop the workflow; one that is over (409) stays as it is."""
        answer = await self.http.put(f"/workflows/{ticket.id}", json={"status": "canceled"})
        if answer.status >= 300 and answer.status not in (404, 409):
            raise hitch(answer)

    async def upload(self, content: bytes, content_type: str) -> str:
        """The signed URL of a blob. Raises `ProviderError`; MODERATED for a picture that Civitai blocks."""
        try:
            answer = await self.http.post_content("/blobs", content=content, content_type=content_type)
            if answer.status >= 300:
                raise refusal(answer, None)
        except ProviderError as error:
            error.kind = Kind.BUSY if error.kind is Kind.LOST else error.kind  # a blob costs nothing
            raise
        return address_of(answer.json_object(), self.http.base_url)

    async def quote(self, call: Call) -> Money:
        """Buzz for all pictures of the call; nothing is drawn. Raises `ProviderError`."""
        return await preview(self.http, call)

    async def close(self) -> None:
        await self.http.close()

    async def _send(self, call: Call) -> Json:
        own = external_id(call.id, self._failed.get(call.id, 0))
        body = {"steps": [{"$type": "imageGen", "input": call.payload}], "externalId": own}
        answer = await self.http.post(f"/workflows?wait={self._seconds(SUBMIT_SECONDS)}", json=body)
        if answer.status >= 300:
            raise refusal(answer, call)
        workflow = answer.json_object()
        if not _ID.fullmatch(str(workflow.get("id") or "")):
            raise answer.broken("Civitai answered without a workflow's id")
        return workflow

    async def _get(self, ticket: Ticket, seconds: float) -> Json:
        answer = await self.http.get(f"/workflows/{ticket.id}?wait={self._seconds(seconds)}")
        if answer.status >= 300:
            raise hitch(answer)
        workflow = answer.json_object()
        if workflow.get("id") != ticket.id:
            raise answer.broken("Civitai answered with another workflow")
        return workflow

    def _seconds(self, wanted: float) -> int:
        """A wait that leaves time for the answer."""
        return int(min(wanted, self.http.timeout / 2))

    def _read(self, workflow: Json, call: Call) -> Answer:
        if workflow.get("status") != "succeeded":
            error = failure(workflow, call)
            if error.again:
                self._failed[call.id] = self._failed.pop(call.id, 0) + 1
                while len(self._failed) > REMEMBERED:
                    self._failed.popitem(last=False)
            raise error
        images = images_of(workflow, self.http.base_url, single=call.images == 1)
        if not images:
            raise ProviderError(Kind.BROKEN, "Civitai answered without a picture", provider=self.name)
        return Answer(tuple(images), cost=buzz_of(workflow), currency="BUZZ")
