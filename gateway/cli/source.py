"""Where `explain` and `models` ask: the running gateway, or the tables of this installation."""

from collections.abc import Callable
from typing import TypeVar

import typer

from gateway.cli.client import Gateway, GatewayFailed
from gateway.cli.offline import Tables
from gateway.cli.terminal import fail, plain

Answer = TypeVar("Answer")


def ask(question: Callable[[Gateway | Tables], Answer], url: str | None, key: str | None, *, offline: bool) -> Answer:
    """The answer of the gateway; of the tables when asked for, or when no address is named and nothing answers."""
    try:
        if offline:
            return question(Tables.read())
        try:
            with Gateway(url, key) as gateway:
                return question(gateway)
        except GatewayFailed as failed:
            if failed.answered or url is not None:
                raise
            tables = Tables.read()
            typer.echo("easel: no gateway is running; this is what the tables of this installation say", err=True)
            return question(tables)
    except GatewayFailed as failed:
        fail([plain(line) for line in str(failed).splitlines()])
