"""Where log lines go: JSON on standard output, one object a line; in a terminal, lines for people."""

import logging
import sys
from typing import Any

import orjson
import structlog


def configure_logs() -> None:
    """Once, before anything is logged. What libraries say goes to standard error, warnings and worse only."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="easel: %(message)s")
    before: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if sys.stdout.isatty():
        structlog.configure(processors=[*before, structlog.dev.ConsoleRenderer()], cache_logger_on_first_use=True)
        return
    structlog.configure(
        processors=[*before, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )


def silence_logs() -> None:
    """For a command that tells in its own words what it finds."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
