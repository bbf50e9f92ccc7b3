"""The application as `easel serve` builds it, in whichever process."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.terminal import fail
from gateway.settings import ConfigurationError, Settings, read_settings
from gateway.several import Several
from gateway.store.secrets import SecretsError
from normalizers.errors import TableError

if TYPE_CHECKING:
    from gateway.app import App


@dataclass(frozen=True, slots=True)
class Shift:
    """What a process that serves is started with; `overrides` are laid over the configuration."""

    config: Path | None
    overrides: dict[str, Any]
    listener: socket.socket


def started_app(shift: Shift, several: Several | None = None) -> tuple["App", Settings]:
    """Ends the program with a line for each problem."""
    from gateway.app import create_app  # noqa: PLC0415 - half a second, which serve.py spends while the worker starts

    try:
        settings = read_settings(shift.config, shift.overrides)
        return create_app(settings, several), settings
    except ConfigurationError as wrong:
        fail(wrong.problems, 2)
    except (TableError, SecretsError, ValueError) as wrong:
        fail(str(wrong).splitlines(), 2)
