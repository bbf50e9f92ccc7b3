"""POST /v1/images/generations, /edits, /variations and /plan."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from gateway.api.answer import as_headers
from gateway.api.arriving import Arriving
from gateway.api.asgi import send_json
from gateway.api.estimate import candidate_row, estimate
from gateway.api.manner import read_manner
from gateway.api.orders import Orders, truth
from gateway.api.picture_events import Asked
from gateway.api.waiting import Waiting
from gateway.errors import GatewayError
from gateway.flow.candidates import candidates, consider, first_asked
from gateway.flow.deps import Deps
from gateway.flow.order import Order
from gateway.flow.quoting import quoted
from gateway.flow.room import Held
from gateway.jobs.jobs import Joined
from gateway.rows.plans import plan_answer
from gateway.telemetry import Outcome


class Draw:
    """One of the routes that draw; with `?dryRun=true` it says what that would cost. `order` reads its requests."""

    def __init__(
        self, at: Deps, waiting: Waiting, name: str, order: Callable[[Scope, Receive], Awaitable[Order]]
    ) -> None:
        self.at = at
        self.waiting = waiting
        self.name = name
        self.order = order

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with ExitStack() as resources:
            held = resources.enter_context(self.at.room.open())
            order = await self.order(scope, arriving(scope, receive, held, self.at))
            manner = read_manner(scope, order.asked.fields, order.caller, self.at.settings)
            if dry_run(scope):
                plan = first_asked(order, self.at)
                await send_json(200, estimate(plan, await quoted(plan, order, self.at)), send)
                return
            with self.at.gate.admit():
                job = await self.waiting.jobs.take(order, manner, resources.pop_all())
                outcome: Outcome = scope["easel"]
                outcome.headers += as_headers(job.limits)
                shown = asked(order, self.at, known=isinstance(job, Joined)) if manner.stream else None
                del order
                await self.waiting.answer(job, manner, scope, receive, send, shown=shown)


class PlanRoute:
    """Says what would be sent to each provider; spends nothing."""

    name = "plan"

    def __init__(self, at: Deps, orders: Orders) -> None:
        self.at = at
        self.order = orders.to_plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.at.room.open() as held:
            order = await self.order(scope, arriving(scope, receive, held, self.at))
        read_manner(scope, order.asked.fields, order.caller, self.at.settings)
        rows = [candidate_row(entry, order.reach, self.at) for entry in consider(order, self.at)]
        await send_json(200, plan_answer(order.found.entry.facts.id, order.operation, rows), send)


def asked(order: Order, at: Deps, *, known: bool) -> Asked:
    """`known`: the job was there before, and is told although nobody may serve such a request today."""
    try:
        return Asked.of(order, candidates(order, at)[0])
    except GatewayError:
        if not known:
            raise
        return Asked.of(order, None)


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
