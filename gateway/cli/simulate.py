"""`easel simulate`: the stand-ins for the providers alone, for testing a client or a gateway without paying."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.terminal import fail
from simulators.faults import BadFaults
from simulators.running import run


def command(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 picks a free one.")] = 0,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    faults: Annotated[
        Path | None, typer.Option("--faults", help="A JSON list of {provider, on, times, effect, …}.")
    ] = None,
) -> None:
    """Run the stand-ins for the providers; the first line on stdout is their addresses and keys, as JSON."""
    try:
        run(port, host, faults)
    except BadFaults as wrong:
        fail(str(wrong).splitlines(), 2)
    except OSError as error:
        place = error.filename or f"{host}:{port}"
        fail([f"{place}: {error.strerror or error}"])
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
