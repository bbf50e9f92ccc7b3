"""Log lines: JSON, one object a line; in a terminal, lines for people.

What an exception says may quote a prompt or a key. So of an exception only its type and where it was raised is logged.
"""

import logging
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor

ROOT = Path(__file__).parents[1]
MOST = 500  # characters of a library's message


def configure(stream: TextIO | None = None) -> None:
    """Once, before anything is logged: our lines, and libraries' warnings, go to this stream.

    Standard output by default, because standard error is for what a person is told.
    """
    out = stream or sys.stdout
    people = out.isatty()
    render: Processor = structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer(orjson.dumps)
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_details,
    ]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(out) if people else structlog.BytesLoggerFactory(out.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(Formatter(shared, render))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of every body that is no form


def silence() -> None:
    """For a program that tells in its own words what it finds."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def without_details(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """`exc_info` becomes `trace`: `["KeyError", "gateway/flow/known.py:33 known"]`, its cause after it."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(error, BaseException):
        event["trace"] = trace(error)
    return event


def trace(error: BaseException) -> list[str]:
    """Types and places only, the error's own before those of its causes."""
    told: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        told.append(type(current).__name__)
        for frame in traceback.extract_tb(current.__traceback__):
            file = Path(frame.filename)
            told.append(f"{file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}:{frame.lineno} {frame.name}")
        current = current.__cause__ or current.__context__
    return told


class Formatter(logging.Formatter):
    """What libraries log, in the form of our own lines. A message's further lines quote what went wrong: left out."""

    def __init__(self, processors: list[Processor], render: Processor) -> None:
        super().__init__()
        self._processors = [*processors, render]

    def format(self, record: logging.LogRecord) -> str:
        event: Any = {
            "event": record.getMessage().partition("\n")[0][:MOST],
            "logger": record.name,
            "exc_info": record.exc_info,
        }
        for step in self._processors:
            event = step(record, record.levelname.lower(), event)
        return event.decode() if isinstance(event, bytes) else str(event)
