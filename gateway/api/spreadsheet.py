"""Rows as CSV, which people open in a spreadsheet: no text of somebody else's becomes a formula there."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A line for the names of the columns, then one for each row; empty where a value is None."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([harmless(row[column]) for column in columns])
    return text.getvalue().encode()


def harmless(value: Any) -> Any:
    """An apostrophe before what a spreadsheet would calculate shows it as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value
