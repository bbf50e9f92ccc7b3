"""A worker of our own: OpenAI's images API under `/v1`, an edit with a `strength` is image-to-image."""

import errno
import time
from collections.abc import Callable

from providers import multipart
from providers.account import Account
from providers.base import Answer, Call, Watch
from providers.errors import Kind, ProviderError
from providers.event_stream import Listener
from providers.http import Http
from providers.http_answer import HttpAnswer
from providers.image_stream import ImageStream
from providers.local.peer import Away, Lost, Overwhelmed
from providers.local.status import PLAIN, Status, read_status
from providers.local.streaming import SILENCE_SECONDS, as_stream
from providers.openai_images import read_answer, read_error
from providers.refusals import kind_of_status, public_text, retry_after, texts_of

LOOK_SECONDS = 2.0
STATUS_BYTES = 4 * 1024 * 1024
OUT_OF_MEMORY = "out_of_memory"  # as `workers/errors.py` says it
WAITING_THERE = 2  # calls beside those that it works on, so that it never stands still between two of them


class Own:
    """`account.max_concurrency` bounds the calls at the worker. One that a watched call hears nothing from for
    `silence` seconds is gone. Raises ValueError for an address that is not accepted.
    """

    kind = "worker"
    beside = WAITING_THERE

    def __init__(
        self, account: Account, *, silence: float = SILENCE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.url = account.base_url
        self.most = account.max_concurrency
        self._silence = silence
        self._clock = clock
        self._http = account.open("local")
        # Connections of its own: with all others taken by calls, it would not be heard that the worker lives.
        self._looking = Account(
            account.base_url, account.key, LOOK_SECONDS, 2, STATUS_BYTES, allow_http=account.allow_http
        ).open("local")

    def __repr__(self) -> str:
        return f"<Own {self.url}>"

    def cannot(self, call: Call) -> str | None:
        return None

    async def look(self) -> Status:
        try:
            answer = await self._looking.get("/v1/status")
        except ProviderError as error:
            raise Away(error.message, silent=not refused(error)) from error
        if answer.status in (401, 403):
            raise Away("it does not accept the gateway's key")
        if answer.status != 200:
            return PLAIN
        try:
            return read_status(answer.json_object())
        except ProviderError:
            return PLAIN

    async def ask(self, call: Call, watch: Watch | None) -> Answer:
        stream = ImageStream(call, watch, explain) if watch is not None else None
        listener = stream and Listener(stream.told, idle=self._silence, times=1 + call.partial_images)
        try:
            answer = await self._post(self._http, call, listener)
            if stream is not None and answer.streamed:
                return stream.answer(self._http.base_url)
        except ProviderError as error:
            error.provider = "local"
            raise without_answer(error) from error
        if answer.status >= 300:
            raise explain(answer, call)
        return read_answer(answer, self._http.base_url)

    async def close(self) -> None:
        await self._http.close()
        await self._looking.close()

    async def _post(self, http: Http, call: Call, listener: Listener | None) -> HttpAnswer:
        body = {"response_format": "b64_json", "model": call.upstream, **call.payload}
        body = body if listener is None else as_stream(body, call)
        named = {"x-request-id": call.id}
        if call.traceparent:
            named["traceparent"] = call.traceparent
        if call.deadline is not None:
            named["x-easel-deadline-ms"] = str(max(1, round((call.deadline - self._clock()) * 1000)))
        if call.operation == "generate":
            return await http.post("/v1/images/generations", json=body, headers=named, listener=listener)
        form = multipart.encode(body)
        content, content_type = form.body, form.content_type
        path = "/v1/images/edits"
        return await http.post_content(
            path, content=content, content_type=content_type, headers=named, listener=listener
        )


def without_answer(error: ProviderError) -> ProviderError:
    """What it means at a worker, where nothing is paid, that the answer did not come, or not to its end."""
    if error.kind is not Kind.LOST:
        return error
    if isinstance(error.__cause__, TimeoutError):
        return ProviderError(Kind.TIMEOUT, "the worker did not finish in time", provider="local")
    return Lost(Kind.FAILED, "the worker went away before it answered", provider="local")


def refused(error: BaseException | None) -> bool:
    """Whether the machine is there, and nobody takes new connections."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
            return True
        error = error.__cause__ or error.__context__
    return False


def explain(answer: HttpAnswer, call: Call) -> ProviderError:
    """A worker's refusal in our words. One that does not know our key is passed over: the others may.

    A worker's own errors are always in words. A fault without them is told by whoever stands before a worker that is
    gone, or that he has given up on.
    """
    complaint = read_error(answer)
    kind = kind_of_status(answer.status, own_words=True)
    if complaint is None and answer.status >= 500 and kind is not Kind.BUSY:
        return Lost(Kind.FAILED, "the worker went away before it answered", provider="local", status=answer.status)
    if kind is Kind.LOST:  # 504: nothing that it drew is paid
        kind = Kind.TIMEOUT
    theirs = public_text(complaint.message, hide=texts_of(call.payload)) if complaint else ""
    if kind in (Kind.KEY, Kind.NOT_ALLOWED):
        kind, theirs = Kind.BUSY, "the worker does not accept the gateway's key"
    error = Overwhelmed if complaint is not None and complaint.code == OUT_OF_MEMORY else ProviderError
    return error(
        kind,
        theirs or f"the worker answered {answer.status}",
        provider="local",
        status=answer.status,
        retry_after=retry_after(answer.headers),
        param=complaint.param if complaint and kind is Kind.BAD_REQUEST else None,
    )
