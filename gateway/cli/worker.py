"""`easel worker`: a worker that draws pictures for a gateway."""

from typing import Annotated

import typer

from gateway.cli.terminal import fail
from workers.run import UnknownEngine, run


def command(
    engine: Annotated[str, typer.Option("--engine", help="What draws; sketch needs no GPU.")] = "sketch",
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 picks a free one.")] = 8188,
    waiting: Annotated[int, typer.Option("--waiting", min=0, help="How many jobs may stand in line.")] = 16,
    follow_parent: Annotated[
        bool, typer.Option("--follow-parent", help="End when the process that started it does.")
    ] = False,
) -> None:
    """Run a worker that draws pictures for a gateway."""
    try:
        status = run(engine, host, port, follow_parent=follow_parent, waiting=waiting)
    except UnknownEngine as unknown:
        fail([str(unknown)], 2)
    except OSError as error:
        fail([f"cannot listen on {host}:{port}: {error.strerror or error}"])
    raise typer.Exit(status)
