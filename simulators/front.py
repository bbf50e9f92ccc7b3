"""What every route of a simulated provider passes through: recording, the key, the script of faults."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from simulators.drawing import draw, spoilt
from simulators.faults import STREAM_EFFECTS, Ability, Due, Fault, PictureEffect, Step, flaw_of
from simulators.multipart import form_of, is_form
from simulators.stage import Call, Span, Stage

# The ASGI extension under which the server hands us the means to cut a connection (see `running.py`).
CUT = "easel.cut"

HTML = "<!doctype html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"

Answer = Callable[[Request, PictureEffect | None], Awaitable[Response]]


class Simulator(Protocol):
    """A stand-in for one provider."""

    slug: str
    ability: Ability

    def routes(self, stage: Stage) -> list[Route]: ...

    def address(self, origin: str) -> dict[str, str]:
        """`{"base_url", "key", …}` when it is reached at `origin`, e.g. `http://127.0.0.1:8000`."""
        ...


class ConnectionCut(ConnectionError):
    """The scripted end of a connection, where the server gives no means to cut it."""


class Cut(Response):
    """No answer: the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cut = scope.get("extensions", {}).get(CUT)
        if cut is None:
            raise ConnectionCut
        cut["now"]()
        while (await receive())["type"] != "http.disconnect":
            pass


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")


def origin(request: Request) -> str:
    """The address that the caller reached us at: `http://127.0.0.1:8000`."""
    return f"{request.url.scheme}://{request.url.netloc}"


@dataclass(frozen=True)
class Front:
    """One provider's door.

    `refuse` answers a request whose key is missing or wrong, and is None for a good one; `error` is the provider's
    own error for an HTTP status.
    """

    slug: str
    stage: Stage
    refuse: Callable[[Request], Response | None]
    error: Callable[[int, Step], Response]

    def route(self, path: str, methods: Collection[str], step: Step | None, answer: Answer) -> Route:
        """A route behind the door. A step of None is a side route: recorded, never at fault."""

        async def endpoint(request: Request) -> Response:
            return await self.enter(request, step, answer)

        return Route(path, endpoint, methods=list(methods))

    async def enter(self, request: Request, step: Step | None, answer: Answer) -> Response:
        """One request through the door, for a route whose step shows only in the body."""
        also: tuple[Step, ...] = ("generate",) if step == "submit" else ()
        steps: tuple[Step, ...] = (step, *also) if step else ()
        began = time.monotonic()
        try:
            return await self._answered(request, step, steps, answer)
        finally:
            self.stage.spans.append(Span(self.slug, step or "other", began, time.monotonic()))

    async def _answered(self, request: Request, step: Step | None, steps: tuple[Step, ...], answer: Answer) -> Response:
        account = self.stage.account(self.slug, request.headers.get("authorization", ""))
        self.stage.calls.append(await _recorded(self.slug, step or "other", request, account or ""))
        refused = self.refuse(request) if account is None else None
        if refused is not None:
            return refused
        due = self.stage.script.take(self.slug, steps)
        await asyncio.sleep(due.seconds)
        return await self._at_fault(request, due, step or "generate", answer)

    async def _at_fault(self, request: Request, due: Due, step: Step, answer: Answer) -> Response:
        match due.fault:
            case Fault(effect="status") as fault:
                return _scripted(fault, self.error(fault.status, step))
            case Fault(effect="html"):
                return HTMLResponse(HTML)
            case Fault(effect="drop_before"):
                return Cut()
            case Fault(effect="drop_after"):
                await answer(request, None)
                return Cut()
            case Fault(effect=effect) as fault if effect in STREAM_EFFECTS:
                request.state.stream_fault = fault
                return await answer(request, None)
            case _:
                return await answer(request, due.picture_effect)

    def media(self) -> Route:
        """The pictures that this provider's answers point to: public, without a key, until they expire."""

        async def send_picture(request: Request, effect: PictureEffect | None) -> Response:
            picture = self.stage.kept(self.slug, request.path_params["name"])
            if picture is None:
                return Response("Not Found", 404, media_type="text/plain")
            if effect == "empty":
                picture = replace(picture, flaw="empty_file")
            elif flaw := flaw_of(effect):
                picture = spoilt(picture, flaw)
            return Response(await asyncio.to_thread(draw, picture), media_type=picture.content_type)

        door = replace(self, refuse=anyone)
        return door.route(f"/{self.slug}-media/{{name}}", ["GET"], "download", send_picture)


def stream_fault(request: Request) -> Fault | None:
    """What is to go wrong within the stream that answers this request."""
    return getattr(request.state, "stream_fault", None)


def anyone(_request: Request) -> None:
    """No key is asked for."""


def always(content: Any) -> Answer:
    """The same JSON for every request, such as a list of models."""

    async def answer(_request: Request, _effect: PictureEffect | None) -> Response:
        return json_answer(content)

    return answer


def _scripted(fault: Fault, usual: Response) -> Response:
    if fault.body is None:
        answer = usual
    elif isinstance(fault.body, str):
        answer = Response(fault.body, fault.status, media_type="text/plain")
    else:
        answer = json_answer(fault.body, fault.status)
    answer.headers.update(fault.headers)
    return answer


async def _recorded(provider: str, step: str, request: Request, account: str) -> Call:
    headers = {name: value for name, value in request.headers.items() if name != "authorization"}
    query = dict(request.query_params)
    return Call(provider, step, request.method, request.url.path, query, headers, await _told(request), account)


async def _told(request: Request) -> Any:
    """The body as a test wants to see it: JSON, a form's fields, or its length when it is neither."""
    raw = await request.body()
    if is_form(request):
        form = form_of(request, raw)
        return form.told() if form else f"{len(raw)} bytes of a broken form"
    try:
        return orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        return f"{len(raw)} bytes"
