"""Predictions of Replicate's models, created once and then followed (its HTTP API docs, read 2026-11-21)."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from providers import data_uri
from providers.abilities import Hook
from providers.account import Account
from providers.base import Answer, Call, Image, Json, Progress, Ticket
from providers.errors import Kind, ProviderError
from providers.http import HttpAnswer
from providers.replicate import files
from providers.replicate.explain import explain, explain_end
from providers.replicate.hooks import Hooks

QUESTION_SECONDS = 60.0  # no single exchange takes longer; the prediction itself may
REMEMBERED = 256  # finished predictions whose result was not asked for yet

OVER = frozenset({"succeeded", "failed", "canceled", "aborted"})
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_STEPS = re.compile(r"\b(\d{1,4})/(\d{1,4})\b")  # `37%|###7      | 11/30 [00:02<00:04]`


class Replicate:
    """Tickets are prediction ids. The status route has the result too, so a finished one is read only once."""

    name = "replicate"

    def __init__(self, account: Account) -> None:
        self.http = account.open(self.name, longest=QUESTION_SECONDS)
        self._over: OrderedDict[str, Json] = OrderedDict()
        self._hooks = Hooks(self.http)

    async def submit(self, call: Call) -> Ticket:
        """Creates the prediction; from the reply on it may cost. Raises `ProviderError`, LOST without a reply.

        Without `Prefer: wait`, which saves a quick model's second exchange: Replicate takes no id of ours, so until
        its own is here whatever breaks loses the prediction.
        """
        path, body = _creation(call)
        answer = await self.http.post(path, json=body)
        if answer.status >= 300:
            raise explain(answer, call, "submission")
        prediction = answer.json_object()
        ticket = Ticket(str(prediction.get("id") or ""))
        if not _ID.fullmatch(ticket.id):
            raise answer.broken("Replicate answered without a prediction's id")
        self._remember(ticket, prediction)
        return ticket

    async def check(self, ticket: Ticket) -> Progress:
        """Where the prediction stands."""
        if ticket.id in self._over:
            return Progress(done=True)
        prediction = await self._get(ticket)
        self._remember(ticket, prediction)
        step, steps = _steps(prediction.get("logs"))
        return Progress(done=_is_over(prediction), step=step, steps=steps)

    async def result(self, ticket: Ticket, call: Call) -> Answer:
        """The pictures, or the error of a prediction that ended without any.

        Of several pictures those that Replicate's safety check marked are missing (cog-flux leaves them out); they
        come as flagged ones without content. `units` counts what was delivered: only that is charged.
        """
        prediction = self._over.pop(ticket.id, None) or await self._get(ticket)
        if not _is_over(prediction):
            raise ProviderError(Kind.BUSY, "the prediction is not finished", provider=self.name)
        if prediction.get("status") != "succeeded":
            raise explain_end(prediction, call)
        if prediction.get("data_removed") is True:
            raise ProviderError(Kind.GONE, "Replicate has removed the pictures of this prediction", provider=self.name)
        try:
            images = [data_uri.from_url(url, self.http.base_url) for url in _urls(prediction.get("output"))]
        except ValueError:
            images = []
        if not images:
            raise ProviderError(Kind.BROKEN, "Replicate answered without a picture", provider=self.name)
        withheld = [Image(content=b"", flagged=True)] * (call.images - len(images))
        return Answer((*images, *withheld), units=float(len(images)))

    async def cancel(self, ticket: Ticket) -> None:
        """Asks Replicate to stop the prediction; one that is over stays as it is."""
        answer = await self.http.post(f"/predictions/{ticket.id}/cancel", json={})
        if answer.status >= 300 and answer.status != 404:
            raise explain(answer, None, "status")

    async def upload(self, content: bytes, content_type: str) -> str:
        """The URL of a picture in Replicate's files."""
        return await files.keep(self.http, content, content_type)

    async def read_hook(self, headers: Mapping[str, str], body: bytes, now: float) -> Hook:
        """Raises `HookRefused` unless it was signed just now with the secret of our account."""
        return await self._hooks.read(headers, body, now)

    def trace(self, hook: Hook, upstream: str) -> Ticket:
        """A prediction is known by its id alone."""
        del upstream
        return Ticket(hook.ticket)

    async def close(self) -> None:
        await self.http.close()

    async def _get(self, ticket: Ticket) -> Json:
        answer: HttpAnswer = await self.http.get(f"/predictions/{ticket.id}")
        if answer.status >= 300:
            raise explain(answer, None, "status")
        prediction = answer.json_object()
        if prediction.get("id") != ticket.id:
            raise answer.broken("Replicate answered with another prediction")
        return prediction

    def _remember(self, ticket: Ticket, prediction: Json) -> None:
        if _is_over(prediction):
            self._over[ticket.id] = prediction
            while len(self._over) > REMEMBERED:
                self._over.popitem(last=False)


def _creation(call: Call) -> tuple[str, Json]:
    """Official models run by their name, those of the community by the version behind a colon."""
    name, _colon, version = call.upstream.partition(":")
    body: Json = {"input": call.payload}
    if call.webhook:
        body |= {"webhook": call.webhook, "webhook_events_filter": ["completed"]}
    if version:
        return "/predictions", {"version": version, **body}
    return f"/models/{quote(name, safe='/')}/predictions", body


def _is_over(prediction: Json) -> bool:
    """Also with a word that Replicate may add one day, as `aborted` was: what is over has the time of its end.

    Output alone does not mean it: it may be there while its upload goes on and the status is still `processing`.
    """
    return prediction.get("status") in OVER or prediction.get("completed_at") is not None


def _urls(output: object) -> list[Any]:
    """Some models answer one URL, others a list of them."""
    return cast("list[Any]", output) if isinstance(output, list) else [output]


def _steps(logs: object) -> tuple[int | None, int | None]:
    """The last `11/30` of the model's own progress bar, where it prints one."""
    found = _STEPS.findall(logs[-2000:]) if isinstance(logs, str) else []
    return (int(found[-1][0]), int(found[-1][1])) if found else (None, None)
