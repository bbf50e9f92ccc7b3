"""GPU workers of one's own: calls are pushed to them, and a worker that cannot take one is passed over.

Local work costs no money, so a call whose worker dies under it is given to the next one.
"""

import time
from collections.abc import Callable, Sequence

from providers import multipart
from providers.account import Account
from providers.base import Answer, Call, Watch
from providers.errors import Kind, ProviderError
from providers.event_stream import Listener
from providers.http import Http
from providers.http_answer import HttpAnswer
from providers.image_stream import ImageStream
from providers.local.dispatch import Dispatch, work_of
from providers.local.streaming import SILENCE_SECONDS, as_stream
from providers.openai_images import read_answer, read_error
from providers.refusals import kind_of_status, public_text, retry_after, texts_of

MAX_LOSSES = 2  # a call that kills a second worker is not given to a third


class _Lost(ProviderError):
    """The worker went away under the call."""


class Local:
    """The workers of `[providers.local] workers`, an account for each; raises `ValueError` where there are none.

    They speak OpenAI's images API under `/v1`; an edit with a `strength` is image-to-image. `max_concurrency` is per
    worker. A worker from which a watched call hears nothing for `silence` seconds is gone.
    """

    name = "local"

    def __init__(
        self,
        workers: Sequence[Account],
        *,
        clock: Callable[[], float] = time.monotonic,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        if not workers:
            raise ValueError("there is no worker")
        self.https = {worker.base_url: worker.open(self.name) for worker in workers}
        self.dispatch = Dispatch(list(self.https))
        self.clock = clock
        self.silence = silence

    async def generate(self, call: Call) -> Answer:
        """Asks one worker after the other, best first, until one takes the call; raises the last one's refusal."""
        return await self._give(call, None)

    async def generate_watched(self, call: Call, watch: Watch) -> Answer:
        """Like `generate`, and every step is told. A call that goes to a next worker begins anew there, for all to see.

        Whoever cancels this closes the connection, and the worker stops at its next step.
        """
        return await self._give(call, watch)

    async def close(self) -> None:
        for http in self.https.values():
            await http.close()

    async def _give(self, call: Call, watch: Watch | None) -> Answer:
        work, losses = work_of(call), 0
        refusal = ProviderError(Kind.BUSY, "no worker took the request", provider=self.name)
        for url in self.dispatch.order(self.clock()):
            try:
                with self.dispatch.working(url, work):
                    return await self._ask(self.https[url], call, watch)
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

    async def _ask(self, http: Http, call: Call, watch: Watch | None) -> Answer:
        stream = ImageStream(call, watch, explain) if watch is not None else None
        listener = stream and Listener(stream.told, idle=self.silence, times=1 + call.partial_images)
        try:
            answer = await _post(http, call, listener)
            if stream is not None and answer.streamed:
                return stream.answer(http.base_url)
        except ProviderError as error:
            error.provider = self.name
            if error.kind is not Kind.LOST:
                raise
            if isinstance(error.__cause__, TimeoutError):
                raise ProviderError(Kind.TIMEOUT, "the worker did not finish in time", provider=self.name) from error
            raise _Lost(Kind.FAILED, "the worker went away before it answered", provider=self.name) from error
        if answer.status >= 300:
            raise explain(answer, call)
        return read_answer(answer, http.base_url)


async def _post(http: Http, call: Call, listener: Listener | None) -> HttpAnswer:
    body = {"response_format": "b64_json", "model": call.upstream, **call.payload}
    body = body if listener is None else as_stream(body, call)
    named = {"x-request-id": call.id, **({"traceparent": call.traceparent} if call.traceparent else {})}
    if call.operation == "generate":
        return await http.post("/v1/images/generations", json=body, headers=named, listener=listener)
    form = multipart.encode(body)
    content, content_type = form.body, form.content_type
    path = "/v1/images/edits"
    return await http.post_content(path, content=content, content_type=content_type, headers=named, listener=listener)


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
