"""Around everything, where traces are on: a span for each request, told at its end what the request came to."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.telemetry import Outcome
from gateway.tracing import ERROR_TYPE, IMAGES, MODEL, PROVIDER, Facts, Tracing

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
OTHER_METHOD = "_OTHER"  # whatever the caller made up
UNTRACED = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds, by machines


class TracedRequests:
    """Outside of the `Front`. The path is told as its route's: one asked for may hold an id, or a token."""

    def __init__(self, app: ASGIApp, tracing: Tracing, routes: Iterable[BaseRoute]) -> None:
        self.app = app
        self.tracing = tracing
        self.paths: dict[object, str] = {}
        for route in routes:
            if isinstance(route, Route):
                self.paths.setdefault(route.endpoint, route.path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self.app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
        with self.tracing.request(method, traceparent_of(scope)) as step:
            try:
                await self.app(scope, receive, send)
            finally:
                if step.recorded:
                    route = self.route_of(scope)
                    step.named(f"{method} {route}" if route else method)
                    outcome: Outcome = scope["easel"]
                    step.tell(facts_of(outcome, route))
                    if outcome.status >= 500:
                        step.failed(outcome.code or str(outcome.status))

    def route_of(self, scope: Scope) -> str | None:
        """`/v1/jobs/{id}`; None where no route was found."""
        path = self.paths.get(scope.get("endpoint"))
        return f"/openai{path}" if path and scope["path"].startswith("/openai/") else path


def traceparent_of(scope: Scope) -> str | None:
    """Only where there is just one."""
    found = [value for name, value in scope["headers"] if name == b"traceparent"]
    return found[0].decode("latin-1") if len(found) == 1 else None


def facts_of(outcome: Outcome, route: str | None) -> Facts:
    """What there is to tell; `easel.request.id` is the one in the answer's header."""
    facts: dict[str, str | int | bool] = {
        "easel.request.id": outcome.job or outcome.request_id,
        "easel.route": outcome.route,
        "http.response.status_code": outcome.status,
    }
    named = (
        ("http.route", route),
        ("easel.team.id", outcome.team),
        ("easel.key.id", outcome.key),
        (MODEL, outcome.model),
        (PROVIDER, outcome.provider),
        (ERROR_TYPE, outcome.code),
    )
    facts.update({name: value for name, value in named if value})
    if outcome.images:
        facts |= {IMAGES: outcome.images, "easel.cache": outcome.cache}
        if outcome.cost is not None:
            facts["easel.cost_micros"] = outcome.cost
    return facts
