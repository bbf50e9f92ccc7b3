"""The worker as replicas of Ray Serve: the same engine, desk and routes, in a process of Ray's on each device.

`deploy/ray/serve.yaml` starts it. Nothing else here imports Ray.
"""

import asyncio
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
from ray import serve
from ray.serve import Application
from ray.serve.exceptions import DeploymentUnavailableError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.key import refusal, shows
from workers.options import WorkerOptions
from workers.replicas import summed
from workers.run import make_worker
from workers.server import Worker
from workers.status import status as status_of

REPLICA = "Replica"
ANSWER_SECONDS = 1.0  # a replica that does not tell how it is within them is left out
FRESH_SECONDS = 0.5  # so long one answer is good for every gateway that asks
_LOOK_SECONDS = 0.1
# Where it listens, and who is told of that, is Serve's to decide.
_NOT_HERE = frozenset({"host", "port", "announce", "url", "follow_parent", "drain_seconds"})


class NotLoaded(RuntimeError):
    """The engine cannot draw; the replica's log says why."""


@serve.deployment(name=REPLICA)
@serve.ingress()
class Replica:
    """One worker. Serve sends it requests once its engine is loaded, and puts another in its place when that fails."""

    def __init__(self, options: WorkerOptions) -> None:
        self.worker = make_worker(options)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return _loaded_first(self.worker)

    async def tell(self) -> bytes:
        """What this replica answers to `/v1/status`, as JSON."""
        return orjson.dumps(status_of(self.worker.engine, self.worker.desk))

    def check_health(self) -> None:
        """Raises for a replica that can draw no more."""
        if self.worker.broken.is_set():
            raise NotLoaded


@serve.deployment(name="Status", max_ongoing_requests=100, ray_actor_options={"num_cpus": 0})
class Status:
    """Answers `/v1/status` for all replicas of an application, past the limits that pictures wait for."""

    def __init__(self, application: str) -> None:
        self.replicas = serve.get_deployment_handle(REPLICA, app_name=application)
        self.key = os.environ.get("EASEL_WORKER_KEY")  # noqa: TID251 - as workers/run.py reads it
        self.asking: asyncio.Task[list[dict[str, Any]]] | None = None

    async def __call__(self, request: Request) -> Response:
        if self.key and not shows(request.headers, self.key):
            return refusal().response()
        if self.asking is None:
            self.asking = asyncio.create_task(self._ask())
        told = await asyncio.shield(self.asking)
        return Response(orjson.dumps(summed(told)), media_type="application/json")

    async def _ask(self) -> list[dict[str, Any]]:
        try:
            asked = self.replicas.broadcast("tell")
            told = await asked.results_async(timeout_s=ANSWER_SECONDS, return_exceptions=True)
        except (DeploymentUnavailableError, TimeoutError):
            told = []
        asyncio.get_running_loop().call_later(FRESH_SECONDS, self._forget)
        return [orjson.loads(each) for each in told if isinstance(each, bytes)]

    def _forget(self) -> None:
        self.asking = None


def drawing(arguments: dict[str, Any]) -> Application:
    """The application that draws; `arguments` are those of `WorkerOptions`, such as `{"engine": "sketch"}`."""
    return Replica.bind(_options(arguments))


def status(arguments: dict[str, Any]) -> Application:
    """The application beside it; `{"application": "easel"}` is the name of the one that draws."""
    return Status.bind(arguments["application"])


def _options(arguments: dict[str, Any]) -> WorkerOptions:
    """Raises ValueError for an argument that is none, or of no use here."""
    known = {field.name for field in fields(WorkerOptions)} - _NOT_HERE
    if unknown := set(arguments) - known:
        raise ValueError(f"args: no such argument: {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}")
    given: dict[str, Any] = dict(arguments)
    if isinstance(given.get("loras"), str):
        given["loras"] = Path(given["loras"])
    given["lora_hosts"] = tuple(given.get("lora_hosts", ()))
    return WorkerOptions(**given)


def _loaded_first(worker: Worker) -> ASGIApp:
    """The worker's app, whose start is over when its engine is loaded: before that Serve sends nothing."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def held(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                await _loaded(worker)
            await send(message)

        await worker.app(scope, receive, held if scope["type"] == "lifespan" else send)

    return app


async def _loaded(worker: Worker) -> None:
    """Raises `NotLoaded`."""
    while not worker.desk.ready:
        try:
            await asyncio.wait_for(worker.broken.wait(), _LOOK_SECONDS)
        except TimeoutError:
            continue
        raise NotLoaded
