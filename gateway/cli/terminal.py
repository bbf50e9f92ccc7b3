"""What is printed for people: tables and lines in which nobody else's text can steer the terminal."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

LONGEST_CELL = 160  # characters; a prompt may have 32,000


def plain(value: object) -> str:
    """Text without control characters; anything else as JSON: `{"width": 1024}`."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(character if character.isprintable() else " " for character in text)


def cell(value: object, style: str = "") -> Text:
    """One cell of a table; a long value is cut with an ellipsis."""
    if isinstance(value, Text):
        return value
    text = plain(value)
    return Text(text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…", style)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A compact table; cells are text, never markup."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def out() -> Console:
    """Standard output. In a pipe it is as wide as its tables, so that no line breaks where a program reads on."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def say(text: str) -> None:
    """One line on standard output, as it is."""
    typer.echo(text)


def note(text: str) -> None:
    """One line on standard error, for the person, not for the program that reads standard output."""
    typer.echo(text, err=True)


def say_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def fail(lines: Sequence[str], status: int = 1) -> NoReturn:
    """Each line on standard error, then the end with that status."""
    for line in lines:
        typer.echo(f"easel: {line}", err=True)
    raise typer.Exit(status)
