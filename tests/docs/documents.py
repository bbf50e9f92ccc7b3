"""The documents as tests read them: their tables, links, and commands."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE_LINE = re.compile(r"^\|(.+)\|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def rows(name: str, first: str) -> list[dict[str, str]]:
    """The rows of every table in the document whose first column is called `first`, by their columns' names."""
    found: list[dict[str, str]] = []
    columns: list[str] = []
    for line in text(name).splitlines():
        match = TABLE_LINE.match(line)
        cells = [cell.strip() for cell in match[1].split("|")] if match else []
        if not cells:
            columns = []
        elif not columns:
            columns = [cell.strip() for cell in cells]
        elif columns[0] == first and not set(cells[0]) <= set("-|"):
            found.append(dict(zip(columns, cells, strict=True)))
    return found


def code(cell: str) -> list[str]:
    """What stands in backticks: "`a`, `b`" → ["a", "b"]."""
    return CODE.findall(cell)


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)
