"""POST /v1/images/generations, /edits, /variations and /plan."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from gateway.api.answer import Buffer, answer_headers, images_answer
from gateway.api.arriving import Arriving
from gateway.api.asgi import send_json
from gateway.api.estimate import candidate_row, estimate
from gateway.api.orders import Orders, truth
from gateway.flow.candidates import consider, first_asked
from gateway.flow.deps import Deps
from gateway.flow.order import Order
from gateway.flow.pipeline import Served, generate
from gateway.flow.quoting import quoted
from gateway.flow.room import Held
from gateway.rows.plans import plan_answer
from gateway.telemetry import Outcome

CHUNK = 256 * 1024  # bytes handed to the socket at a time, so that a slow client holds no second copy of a picture


class Draw:
    """One of the routes that draw; with `?dryRun=true` it says what that would cost. `order` reads its requests."""

    def __init__(self, at: Deps, name: str, order: Callable[[Scope, Receive], Awaitable[Order]]) -> None:
        self.at = at
        self.name = name
        self.order = order

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.at.room.open() as held:
            order = await self.order(scope, arriving(scope, receive, held, self.at))
            if dry_run(scope):
                plan = first_asked(order, self.at)
                await send_json(200, estimate(plan, await quoted(plan, order, self.at)), send)
                return
            served = await generate(order, self.at)
        note(scope["easel"], served)
        headers, pieces = answer_headers(served), images_answer(served, self.at)
        del order, served  # the pieces hold what is still needed of the pictures
        await send_pieces(pieces, headers, send)


class PlanRoute:
    """Says what would be sent to each provider; spends nothing."""

    name = "plan"

    def __init__(self, at: Deps, orders: Orders) -> None:
        self.at = at
        self.order = orders.to_plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.at.room.open() as held:
            order = await self.order(scope, arriving(scope, receive, held, self.at))
        rows = [candidate_row(entry, self.at) for entry in consider(order, self.at)]
        await send_json(200, plan_answer(order.found.entry.facts.id, order.operation, rows), send)


def arriving(scope: Scope, receive: Receive, held: Held, at: Deps) -> Receive:
    """The request's body on its way in, which takes its share of the room, as its pictures do later."""
    scope["held"] = held
    outcome: Outcome = scope["easel"]
    return Arriving(receive, held, outcome.started + at.settings.server.deadline)


def dry_run(scope: Scope) -> bool:
    query: bytes = scope["query_string"]
    if not query:
        return False
    return truth(dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)).get("dryRun", "false"), "dryRun")


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
