"""How much a command logs, and where."""

import logging

import structlog

from gateway.logs import configure


def configure_logs() -> None:
    """Once, before anything is logged: to standard output, because standard error is for what a person is told."""
    configure()


def silence_logs() -> None:
    """For a command that tells in its own words what it finds."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
