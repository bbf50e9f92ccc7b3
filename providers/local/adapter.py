"""GPU workers of one's own: calls are pushed to them, and a worker that cannot take one is passed over.

Local work costs no money, so a call whose worker dies under it is given to the next one.
"""

import time
from collections.abc import Callable, Sequence

from providers import multipart
from providers.account import Account
from providers.base import Answer, Call
from providers.errors import Kind, ProviderError
from providers.http import Http
from providers.http_answer import HttpAnswer
from providers.local.dispatch import Dispatch, work_of
from providers.openai_images import read_answer, read_error
from providers.refusals import kind_of_status, public_text, retry_after, texts_of

MAX_LOSSES = 2  # a call that kills a second worker is not given to a third


class _Lost(ProviderError):
    """The worker went away under the call."""


class Local:
    """The workers of `[providers.local] workers`, an account for each; raises `ValueError` where there are none.

    They speak OpenAI's images API under `/v1`; an edit with a `strength` is image-to-image. `max_concurrency` is per
    worker.
    """

    name = "local"

    def __init__(self, workers: Sequence[Account], *, clock: Callable[[], float] = time.monotonic) -> None:
        if not workers:
            raise ValueError("there is no worker")
        self.https = {worker.base_url: worker.open(self.name) for worker in workers}
        self.dispatch = Dispatch(list(self.https))
        self.clock = clock

    async def generate(self, call: Call) -> Answer:
        """Asks one worker after the other, best first, until one takes the call; raises the last one's refusal."""
        work, losses = work_of(call), 0
        refusal = ProviderError(Kind.BUSY, "no worker took the request", provider=self.name)
        for url in self.dispatch.order(self.clock()):
            try:
                with self.dispatch.working(url, work):
                    return await self._ask(self.https[url], call)
            except _Lost as error:
                losses += 1
                if losses == MAX_LOSSES:
                    raise
                refusal = error
            except ProviderError as error:
                if error.kind not in (Kind.BUSY, Kind.RATE):
                    raise
                refusal = error
            self.dispatch.rest(url, self.clock(), refusal.retry_after)
        raise refusal

    async def close(self) -> None:
        for http in self.https.values():
            await http.close()

    async def _ask(self, http: Http, call: Call) -> Answer:
        body = {"response_format": "b64_json", "model": call.upstream, **call.payload}
        named = {"x-request-id": call.id}
        try:
            if call.operation == "generate":
                answer = await http.post("/v1/images/generations", json=body, headers=named)
            else:
                form = multipart.encode(body)
                answer = await http.post_content(
                    "/v1/images/edits", content=form.body, content_type=form.content_type, headers=named
                )
        except ProviderError as error:
            if error.kind is not Kind.LOST:
                raise
            if isinstance(error.__cause__, TimeoutError):
                raise ProviderError(Kind.TIMEOUT, "the worker did not finish in time", provider=self.name) from error
            raise _Lost(Kind.FAILED, "the worker went away before it answered", provider=self.name) from error
        if answer.status >= 300:
            raise explain(answer, call)
        return read_answer(answer, http.base_url)


def explain(answer: HttpAnswer, call: Call) -> ProviderError:
    """A worker's refusal in our words."""
    complaint = read_error(answer)
    kind = kind_of_status(answer.status, own_words=True)
    theirs = public_text(complaint.message, hide=texts_of(call.payload)) if complaint else ""
    return ProviderError(
        kind,
        theirs or f"the worker answered {answer.status}",
        provider="local",
        status=answer.status,
        retry_after=retry_after(answer.headers),
        param=complaint.param if complaint and kind is Kind.BAD_REQUEST else None,
    )
