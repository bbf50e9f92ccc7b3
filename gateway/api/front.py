"""Around every route: the request id, hosts and CORS, errors as HTTP, one metric and one log line."""

import re
import secrets
import time
from collections.abc import Sequence
from typing import cast

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.asgi import header, send_answer, send_json
from gateway.errors import GatewayError, InternalError, InvalidValue, MethodNotAllowed, NotFound
from gateway.telemetry import Outcome, Telemetry

log = structlog.stdlib.get_logger()

EXPOSED = (
    b"x-request-id, x-easel-provider, x-easel-model, x-easel-cost, x-easel-cache, "
    b"retry-after, retry-after-ms, x-should-retry, location, preference-applied, idempotent-replayed, "
    + b", ".join(
        b"x-ratelimit-%b-%b" % (which, what)
        for what in (b"requests", b"images", b"megapixels")
        for which in (b"limit", b"remaining", b"reset")
    )
)
MAX_AGE = b"86400"  # seconds that a browser may remember a preflight's answer
SENDABLE = re.compile(rb"[A-Za-z0-9-, ]{1,4000}")
PROBED = {"/healthz", "/readyz", "/metrics"}  # asked by what knows an address and no name: probes, Prometheus


class Front:
    """The outermost ASGI application. `scope["easel"]` is the request's `Outcome`, filled in by its route."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, hosts: Sequence[str], origins: Sequence[str]) -> None:
        self.app = app
        self.telemetry = telemetry
        self.hosts = [] if "*" in hosts else [host_pattern(host) for host in hosts]
        self.origins = set(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        outcome = Outcome(request_id(), time.monotonic())
        scope["easel"] = outcome
        scope["app"] = self  # with an app in scope Starlette raises for unknown routes and methods instead of answering
        extra = self.cors(scope)
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                outcome.status = message["status"]
                own = (b"x-request-id", (outcome.job or outcome.request_id).encode())
                message["headers"] = [*message.get("headers", ()), own, *outcome.headers, *extra]
            elif message["type"] == "http.response.body":
                outcome.bytes_out += len(message.get("body", b""))
            await send(message)

        with self.telemetry.in_flight():
            try:
                if scope["method"] == "OPTIONS" and is_preflight(scope):
                    await preflight(scope, send_with_headers)
                else:
                    self.check_host(scope)
                    await self.app(scope, receive, send_with_headers)
            except Exception as error:
                wrong = as_gateway_error(error, outcome.request_id, scope)
                outcome.code = wrong.code
                if started:
                    raise  # the answer was cut short: only breaking the connection tells the client
                await send_error(wrong, send_with_headers)
            finally:
                outcome.route = getattr(scope.get("endpoint"), "name", "none")
                self.telemetry.finished(outcome)

    def check_host(self, scope: Scope) -> None:
        if not self.hosts or scope["path"] in PROBED:
            return
        host = header(scope, b"host").decode("latin-1").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if not any(pattern.fullmatch(name) for pattern in self.hosts):
            raise InvalidValue("this host name is not served here; see allowed_hosts", param="host")

    def cors(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Nothing without an origin that the configuration names."""
        if not self.origins:
            return []
        origin = header(scope, b"origin").decode("latin-1")
        if not origin or (origin not in self.origins and "*" not in self.origins):
            return [(b"vary", b"origin")]
        allowed = origin.encode("latin-1")
        return [
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", EXPOSED),
            (b"vary", b"origin"),
        ]


def request_id() -> str:
    """Ids grow with time, which halves what the database writes: new rows lie side by side in every index."""
    return f"req_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"


def host_pattern(host: str) -> re.Pattern[str]:
    """`*.easel.example` or `[::1]`: a star stands for anything, everything else for itself."""
    return re.compile(".*".join(map(re.escape, host.lower().split("*"))))


def is_preflight(scope: Scope) -> bool:
    return bool(header(scope, b"origin") and header(scope, b"access-control-request-method"))


async def preflight(scope: Scope, send: Send) -> None:
    """Whatever headers the browser wants to send are allowed: SDKs add a dozen `x-stainless-*` of their own."""
    wanted = header(scope, b"access-control-request-headers")
    headers = [
        (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        (b"access-control-allow-headers", wanted if SENDABLE.fullmatch(wanted) else b"authorization, content-type"),
        (b"access-control-max-age", MAX_AGE),
    ]
    await send_answer(204, headers, b"", send)


def as_gateway_error(error: Exception, request_id: str, scope: Scope) -> GatewayError:
    """Our own errors as they are; a fault of ours without its details, which go to the log."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, HTTPException):
        method, path = scope["method"], scope["path"][:200]
        if error.status_code == 405:
            named = cast("dict[str, str]", error.headers or {}).get("Allow", "")
            allowed = ", ".join(sorted(named.replace(" ", "").split(",")))
            return MethodNotAllowed(
                f"{method} is not allowed here; use {allowed.replace(', ', ' or ')}", headers={"allow": allowed}
            )
        return NotFound(f"there is no {method} {path}; GET /openapi.yaml says what there is")
    log.error("fault", request_id=request_id, error=type(error).__name__, exc_info=error)
    return InternalError(f"an error of the gateway's own; its log has more under {request_id}")


async def send_error(error: GatewayError, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in error.headers.items()]
    await send_json(error.status, error.body(), send, headers)
