"""POST /v1/images/generations and /v1/images/plan."""

from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from gateway.api.answer import Buffer, answer_headers, images_answer
from gateway.api.asgi import header, send_json
from gateway.api.auth import Keys
from gateway.api.body import read_json
from gateway.api.estimate import candidate_row, estimate
from gateway.errors import InvalidValue, UnsupportedParameter
from gateway.flow.candidates import bad_value, consider, find_model, first_asked
from gateway.flow.deps import Deps
from gateway.flow.order import CacheWish, Order, default_response_format
from gateway.flow.pipeline import Served, generate
from gateway.rows.plans import plan_answer
from gateway.telemetry import Outcome
from normalizers.asked import Asked, Options, read_asked
from normalizers.errors import BadValue

CHUNK = 256 * 1024  # bytes handed to the socket at a time, so that a slow client holds no second copy of a picture
NOT_YET = ("webhook_url", "upload_endpoint")
NOT_YET_TRUE = ("stream", "cancel_on_disconnect")


class ImagesRoute:
    """What the image routes have in common: from the HTTP request to an order."""

    name = "images"

    def __init__(self, at: Deps, keys: Keys) -> None:
        self.at = at
        self.keys = keys
        self.max_bytes = at.settings.server.max_body_mb * 1024 * 1024

    async def order(self, scope: Scope, receive: Receive) -> Order:
        """Raises a GatewayError for everything that is wrong before a provider is chosen."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        caller = self.keys.caller(headers)
        asked = read(await read_json(headers, receive, self.max_bytes))
        refuse_what_is_not_served(asked, header(scope, b"prefer"))
        outcome: Outcome = scope["easel"]
        settings = self.at.settings
        found = find_model(asked.model, self.at)
        outcome.model = found.entry.facts.id
        options = Options(
            response_format=default_response_format(asked.model, settings.defaults.response_format),
            keep=settings.storage.keep,
            strict=flag(header(scope, b"x-easel-strict"), "X-Easel-Strict", default=settings.defaults.strict),
        )
        return Order(
            id=outcome.request_id,
            asked=asked,
            found=found,
            caller=caller,
            options=options,
            started=outcome.started,
            deadline=outcome.started + settings.server.deadline,
            base_url=settings.server.public_url or address(scope),
            cache=cache_wish(header(scope, b"x-easel-cache")),
        )


class Generations(ImagesRoute):
    """Draws; with `?dryRun=true` it says what that would cost."""

    name = "generations"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        order = await self.order(scope, receive)
        if dry_run(scope):
            await send_json(200, estimate(first_asked(order, self.at)), send)
            return
        served = await generate(order, self.at)
        note(scope["easel"], served)
        headers, pieces = answer_headers(served), images_answer(served, self.at)
        del served  # the pieces hold what is still needed of the pictures
        await send_pieces(pieces, headers, send)


class PlanRoute(ImagesRoute):
    """Says what would be sent to each provider; spends nothing."""

    name = "plan"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        order = await self.order(scope, receive)
        rows = [candidate_row(entry, self.at) for entry in consider(order, self.at)]
        await send_json(200, plan_answer(order.found.entry.facts.id, order.operation, rows), send)


def read(body: Any) -> Asked:
    try:
        return read_asked(body)
    except BadValue as wrong:
        raise bad_value(wrong) from None


def refuse_what_is_not_served(asked: Asked, prefer: bytes) -> None:
    """Promises that this version cannot keep are not accepted in silence."""
    fields = asked.fields
    for name in NOT_YET_TRUE:
        if fields.get(name) is True:
            raise UnsupportedParameter(f"{name}: is not served yet; leave it out or send false", param=name)
    for name in NOT_YET:
        if fields.get(name) is not None:
            raise UnsupportedParameter(f"{name}: is not served yet; leave it out", param=name)
    if b"respond-async" in prefer.lower():
        raise UnsupportedParameter("Prefer: respond-async is not served yet; leave it out", param="prefer")


def flag(value: bytes, name: str, *, default: bool) -> bool:
    if not value:
        return default
    return truth(value.strip().decode("latin-1"), name)


def truth(word: str, name: str) -> bool:
    """Raises InvalidValue."""
    if word.lower() not in {"true", "false", "1", "0"}:
        raise InvalidValue(f"{name}: must be true or false", param=name)
    return word.lower() in {"true", "1"}


def cache_wish(value: bytes) -> CacheWish | None:
    match value.strip().lower():
        case b"":
            return None
        case b"off":
            return "off"
        case b"only":
            return "only"
        case _:
            raise InvalidValue("X-Easel-Cache: must be off or only", param="X-Easel-Cache")


def dry_run(scope: Scope) -> bool:
    query: bytes = scope["query_string"]
    if not query:
        return False
    return truth(dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)).get("dryRun", "false"), "dryRun")


def address(scope: Scope) -> str:
    """The address this request arrived at; the Host header is the caller's word and is not asked."""
    host, port = scope.get("server") or ("127.0.0.1", 80)
    return f"{scope['scheme']}://{f'[{host}]' if ':' in host else host}:{port}"


def note(outcome: Outcome, served: Served) -> None:
    outcome.provider = served.plan.offer.provider
    outcome.images = len(served.images)
    outcome.cost = served.drawn.cost
    outcome.cache = served.cache


async def send_pieces(pieces: list[Buffer], headers: list[tuple[bytes, bytes]], send: Send) -> None:
    """The body piece by piece; the client's pace decides when the next one is handed over.

    What is handed over are views: a picture in base64 goes out of the buffer in which the provider's answer came.
    """
    length = str(sum(map(len, pieces))).encode()
    fixed = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": [*fixed, *headers]})
    if len(pieces) <= 3 or sum(map(len, pieces)) <= CHUNK:
        await send({"type": "http.response.body", "body": b"".join(pieces)})
        return
    pieces.reverse()
    while pieces:
        piece = memoryview(pieces.pop())
        for start in range(0, len(piece), CHUNK):
            await send({"type": "http.response.body", "body": piece[start : start + CHUNK], "more_body": True})
    await send({"type": "http.response.body", "body": b""})
