"""The `easel` command: a file a command, or a group of commands, read only when it is the one that was asked for."""

import importlib
import importlib.metadata
import sys
from typing import Annotated

import typer

COMMANDS = {
    "serve": "Run the gateway.",
    "worker": "Run a worker that draws pictures for a gateway.",
    "simulate": "Run the stand-ins for the providers alone.",
    "generate": "Draw pictures through a running gateway, into files.",
    "explain": "Show what each provider would be asked; spends nothing.",
    "models": "List the models, or show one and what each provider does with its parameters.",
    "teams": "List, create, show and change teams.",
    "keys": "Hand out keys: list, create, show, change, rotate and revoke.",
    "usage": "Show what was spent: by team, key, model, provider, day.",
    "migrate": "Bring the database up to date, as a gateway that starts does.",
    "check": "Check the configuration and all that it points to, every problem in one go.",
}
GROUPS = {"teams", "keys"}  # with commands of their own


def main() -> None:
    """What the installed command runs; ends the process with its status."""
    build(sys.argv[1] if len(sys.argv) > 1 else "")(prog_name="easel")


def build(wanted: str) -> typer.Typer:
    """All commands, of which only the wanted one is really there: `easel --help` need not load a web server."""
    app = typer.Typer(
        name="easel",
        help="An OpenAI-compatible gateway for image generation.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(top)
    for name, summary in COMMANDS.items():
        if name != wanted:
            app.command(name, help=summary)(listed)
        elif name in GROUPS:
            app.add_typer(importlib.import_module(f"gateway.cli.{name}").commands, name=name, help=summary)
        else:
            app.command(name, help=summary)(importlib.import_module(f"gateway.cli.{name}").command)
    return app


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"easel {importlib.metadata.version('easel-gateway')}")
        raise typer.Exit


def top(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=show_version)
    ] = False,
) -> None:
    """What holds for every command."""
    del version  # its callback has printed it


def listed() -> None:
    """Stands for a command that was not asked for, in the list of `--help`."""
