"""The worker as replicas of Ray Serve: the same engine, desk and routes, in a process of Ray's on each device.

`deploy/ray/serve.yaml` starts it. Nothing else here imports Ray.
"""

import asyncio
import logging
import os
import time
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.key import refusal, shows
from workers.options import WorkerOptions
from workers.replicas import summed
from workers.run import make_worker
from workers.server import Worker
from workers.status import status as status_of

log = logging.getLogger("easel.worker")

STATUS_APPLICATION = "easel-status"
STATUS = "Status"
TELL_SECONDS = 0.5  # between two words of a replica on how it is
SILENT_SECONDS = 5.0  # one that is silent for so long is gone
FIRST_SECONDS = 2.0  # so long a status that has just started waits for the first word
_LOOK_SECONDS = 0.1
# Where it listens, and who is told of that, is Serve's to decide.
_NOT_HERE = frozenset({"host", "port", "announce", "url", "follow_parent", "drain_seconds"})


class NotLoaded(RuntimeError):
    """The engine cannot draw; the replica's log says why."""


@serve.deployment(name="Replica")
@serve.ingress()
class Replica:
    """One worker. Serve sends it requests once its engine is loaded, and puts another in its place when that fails."""

    def __init__(self, options: WorkerOptions) -> None:
        self.worker = make_worker(options)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return _loaded_first(self.worker)

    def check_health(self) -> None:
        """Raises for a replica that can draw no more."""
        if self.worker.broken.is_set():
            raise NotLoaded


@serve.deployment(name=STATUS, max_ongoing_requests=1000, ray_actor_options={"num_cpus": 0})
class Status:
    """Answers `/v1/status` for all replicas, from what each of them keeps telling.

    They are not asked: a question would wait behind the pictures of a replica that has all it takes at once.
    """

    def __init__(self) -> None:
        self.key = os.environ.get("EASEL_WORKER_KEY")  # noqa: TID251 - as workers/run.py reads it
        self.heard: dict[str, tuple[float, dict[str, Any]]] = {}
        self.first = asyncio.Event()

    async def hear(self, replica: str, told: bytes) -> None:
        """`told` is what the replica itself would answer; empty when it ends."""
        self.heard.pop(replica, None)
        if told:
            self.heard[replica] = time.monotonic(), orjson.loads(told)
            self.first.set()

    async def __call__(self, request: Request) -> Response:
        if self.key and not shows(request.headers, self.key):
            return refusal().response()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.first.wait(), FIRST_SECONDS)
        now = time.monotonic()
        self.heard = {name: word for name, word in self.heard.items() if now - word[0] < SILENT_SECONDS}
        told = summed([told for _moment, told in self.heard.values()])
        return Response(orjson.dumps(told), media_type="application/json")


def drawing(arguments: dict[str, Any]) -> Application:
    """The application that draws; `arguments` are those of `WorkerOptions`, such as `{"engine": "sketch"}`."""
    return Replica.bind(_options(arguments))


def status(_arguments: dict[str, Any]) -> Application:
    """The application beside it, which has to be called `easel-status`."""
    return Status.bind()


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
    telling: list[asyncio.Task[None]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def held(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                await _loaded(worker)
                telling.append(asyncio.create_task(_keep_telling(worker)))
            elif message["type"] == "lifespan.shutdown.complete":
                for task in telling:
                    task.cancel()
                await asyncio.wait(telling)
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


async def _keep_telling(worker: Worker) -> None:
    """Until cancelled. The status may be away for as long as it likes: it is told again."""
    replica = serve.get_replica_context().replica_id.unique_id
    status = serve.get_deployment_handle(STATUS, app_name=STATUS_APPLICATION)
    try:
        while True:
            await _tell(status, replica, orjson.dumps(status_of(worker.engine, worker.desk)))
            await asyncio.sleep(TELL_SECONDS)
    finally:
        await _tell(status, replica, b"")


async def _tell(status: DeploymentHandle[Any], replica: str, told: bytes) -> None:
    try:
        await asyncio.wait_for(status.hear.remote(replica, told), SILENT_SECONDS)
    except Exception as error:  # whatever Ray raises for a deployment that is not there, or dies
        log.debug("the status does not hear: %s", type(error).__name__)
