"""A call at a server of another make: sent as its own requests, one after the other, and read back as one answer.

What is drawn by their OpenAI routes cannot be cancelled by another one: whoever cancels a call closes its connection.
"""

from dataclasses import replace

from providers import multipart
from providers.base import Answer, Call, Image, Ready, Watch
from providers.errors import Kind, ProviderError
from providers.http import Http
from providers.http_answer import HttpAnswer
from providers.local.foreign import Asking, CannotHonour, Foreign, askings
from providers.openai_images import read_answer, read_error
from providers.refusals import kind_of_status, public_text, retry_after, texts_of

ALIVE_SECONDS = 2.0


async def alive(foreign: Foreign, http: Http) -> bool:
    """Whether its health route answers."""
    try:
        answer = await http.get(foreign.health, within=ALIVE_SECONDS)
    except ProviderError:
        return False
    return 200 <= answer.status < 300


async def draw(foreign: Foreign, http: Http, call: Call, watch: Watch | None = None) -> Answer:
    """The pictures of the call; `watch` is told of each that is there before the last.

    Raises `ProviderError`: BAD_REQUEST for a call that this server cannot honour, LOST where it went away under it.
    """
    try:
        requests = askings(foreign, call)
    except CannotHonour as refusal:
        raise ProviderError(Kind.BAD_REQUEST, str(refusal), provider="local") from None
    images: list[Image] = []
    for asking in requests:
        drawn = await _ask(http, asking, call)
        if watch is not None and asking is not requests[-1]:
            for number, image in enumerate(drawn):
                watch(Ready(image, asking.place + number))
        images += drawn
    return Answer(tuple(images))


async def _ask(http: Http, asking: Asking, call: Call) -> list[Image]:
    """As many pictures as were asked for: fewer are a failure, which costs nothing here."""
    answer = await _post(http, asking)
    if answer.status >= 300:
        raise explain(answer, call)
    try:
        drawn = read_answer(answer, http.base_url).images[: asking.images]
    except ProviderError as error:
        raise ProviderError(Kind.FAILED, error.message, provider="local", status=answer.status) from error
    if len(drawn) < asking.images:
        raise ProviderError(Kind.FAILED, "the worker drew fewer pictures than it was asked for", provider="local")
    return [image if asking.seed is None else replace(image, seed=asking.seed) for image in drawn]


async def _post(http: Http, asking: Asking) -> HttpAnswer:
    if not multipart.has_parts(asking.body):
        return await http.post(asking.path, json=asking.body)
    form = multipart.encode(asking.body)
    return await http.post_content(asking.path, content=form.body, content_type=form.content_type)


def explain(answer: HttpAnswer, call: Call) -> ProviderError:
    """Its refusal in our words. One that does not know our key is passed over: no account of ours is shut by it."""
    complaint = read_error(answer)
    kind = kind_of_status(answer.status, own_words=True)
    theirs = public_text(complaint.message, hide=texts_of(call.payload)) if complaint else ""
    if kind in (Kind.KEY, Kind.CREDIT):
        kind, theirs = Kind.BUSY, "the worker does not accept our key"
    return ProviderError(
        kind,
        theirs or f"the worker answered {answer.status}",
        provider="local",
        status=answer.status,
        retry_after=retry_after(answer.headers),
        param=complaint.param if complaint and kind is Kind.BAD_REQUEST else None,
    )
