"""`easel serve`: the gateway, with what accompanies it."""

import importlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from typing import Annotated, Any

import typer

from gateway import logs
from gateway.cli import options, supervisor
from gateway.cli.findings import of_mistakes
from gateway.cli.server import address_of, listen, serve
from gateway.cli.simulated import simulated_providers, simulated_routes
from gateway.cli.starting import Shift, started_app
from gateway.cli.terminal import fail
from gateway.companions import START_SECONDS, CompanionWorker
from gateway.keys import hash_key, make_key
from gateway.settings import ConfigurationError, Settings, read_settings
from gateway.settings_tables import Provider
from gateway.several import MOST
from gateway.store.embedded import EmbeddedStoreError
from gateway.store.secrets import SecretsError, set_admin_key_hash
from providers.addresses import is_loopback

SLOWEST_START = 120.0  # seconds until a worker of a model listens: libraries are imported before it does


def command(
    *,
    config: options.Config = None,
    host: Annotated[str, typer.Option("--host", help="0.0.0.0 for all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 picks a free one.")] = 8080,
    processes: Annotated[int, typer.Option("--processes", min=1, max=MOST)] = 1,
    simulate: Annotated[bool, typer.Option("--simulate", help="Stand-ins for all providers; costs nothing.")] = False,
    worker: Annotated[
        str | None,
        typer.Option(
            "--worker",
            metavar="MODEL",
            help="Draw with this model here: a folder, a hub id such as Qwen/Qwen-Image, or qwen-image-tiny.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the gateway."""
    logs.configure()
    if processes > 1:
        supervisor.prepare()
    with ExitStack() as companions:
        overrides = simulation(companions) if simulate else {}
        settings = checked_settings(config, overrides, host)
        if simulate:
            overrides |= {**kept_apart(settings), "models": simulated_routes(settings)}
            settings = checked_settings(config, overrides, host)
        beside = workers_beside(settings, worker, simulate=simulate)
        for each in beside:
            companions.enter_context(each)
        try:
            listener = companions.enter_context(listen(host, port))
        except OSError as error:
            fail([f"cannot listen on {host}:{port}: {error.strerror or error}; choose another with --port"])
        if settings.server.public_url is None:
            overrides.setdefault("server", {})["public_url"] = public_url(listener)
        shift = Shift(config, overrides, listener)
        if processes == 1:
            importlib.import_module("gateway.app")  # half a second that the worker's start hides
        add_workers(overrides, settings, beside)
        if settings.auth.admin_key is None:
            show_first_key(settings.server.data_dir)
        if simulate:
            typer.echo("providers are simulated: their pictures are placeholders, and nothing is paid", err=True)
        if processes == 1:
            run_one(shift)
        else:
            run_several(shift, settings, processes)


def run_one(shift: Shift) -> None:
    """Until a signal."""
    app, settings = started_app(shift)
    serve(app, shift.listener, deadline=settings.server.deadline)


def run_several(shift: Shift, settings: Settings, processes: int) -> None:
    """Until a signal."""
    try:
        status = supervisor.supervise(shift, settings, processes)
    except EmbeddedStoreError as wrong:
        fail([str(wrong)], 3)
    raise typer.Exit(status)


def simulation(companions: ExitStack) -> dict[str, Any]:
    """Stand-ins that run until the gateway ends, and the configuration that points to them."""
    from simulators.running import Simulators  # noqa: PLC0415 - not needed by a gateway in earnest

    return {"providers": simulated_providers(companions.enter_context(Simulators()).addresses)}


def kept_apart(settings: Settings) -> dict[str, Any]:
    """Stores of their own: a placeholder in the cache would later be handed out for a provider's real picture."""
    return {
        "server": {"data_dir": settings.server.data_dir / "simulated"},
        "redis": {"url": "embedded:"},
        "database": {"url": "sqlite"},
        "storage": {"url": "file"},
    }


def checked_settings(config: Path | None, overrides: dict[str, Any], host: str) -> Settings:
    """Ends the program with a line for each problem."""
    try:
        settings = read_settings(config, overrides)
    except ConfigurationError as wrong:
        fail(wrong.problems, 2)
    if not settings.auth.required and not is_loopback(host):
        fail([f"auth.required: false is accepted only on loopback (--host 127.0.0.1), not on {host}"], 2)
    wrong = [finding for finding in of_mistakes(settings) if finding.verdict == "wrong"]
    if wrong:
        fail([f"{finding.what}: {finding.told}" for finding in wrong], 2)
    return settings


def workers_beside(settings: Settings, model: str | None, *, simulate: bool) -> list[CompanionWorker]:
    """One for the model that was asked for; one that sketches where there would be none, and among stand-ins."""
    beside = [] if model is None else [CompanionWorker(model)]
    if not settings.providers.get("local", Provider()).workers and (simulate or model is None):
        beside.append(CompanionWorker())
    return beside


def add_workers(overrides: dict[str, Any], settings: Settings, beside: Sequence[CompanionWorker]) -> None:
    """Without one that only sketches the gateway still serves every other provider."""
    configured = settings.providers.get("local", Provider()).workers
    addresses: list[str] = []
    for worker in beside:
        address = worker.address(START_SECONDS if worker.model is None else SLOWEST_START)
        if address is not None:
            addresses.append(address)
        elif worker.model is None:
            typer.echo("easel: the sketch worker did not start; the model sketch is not available", err=True)
        else:
            fail([f"the worker for '{worker.model}' did not start; what it said stands above"])
    if addresses:
        overrides.setdefault("providers", {})["local"] = {"workers": [*configured, *addresses]}


def public_url(listener: socket) -> str:
    """The start of the URLs handed out, where none is configured."""
    url = address_of(listener, reachable=True)
    if url != address_of(listener):
        typer.echo(f"picture URLs start with {url}; set server.public_url to what callers can reach", err=True)
    return url


def show_first_key(data_dir: Path) -> None:
    """Make an admin key where this data directory has none. Of gateways that start at once, one shows one."""
    key = make_key()
    ours = hash_key(key)
    try:
        kept = set_admin_key_hash(data_dir, ours, only_if_none=True)
    except SecretsError as wrong:
        fail([str(wrong)], 2)
    if kept.admin_key_hash == ours:
        typer.echo(f"admin key: {key}", err=True)
        typer.echo("  made for this data directory and shown only now; use it as EASEL_API_KEY", err=True)
