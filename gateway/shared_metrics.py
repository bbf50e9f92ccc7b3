"""Metrics of several processes: each counts in files of its own, in one folder, and whoever is asked adds them up.

The files bear a process's number among the others and not its id. So the one that comes after a process that died goes
on counting where that one stopped, and there are never more files than processes.
"""

import os
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector


def count_in_files(folder: Path, number: int) -> None:
    """From here on, what this process counts can be read by the others. To be called before it has any metric."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # noqa: TID251 - where the library looks for it
    library: Any = values  # without types
    library.ValueClass = library.MultiProcessValue(lambda: number)


def counted_by_all(folder: Path) -> CollectorRegistry:
    """What all processes have counted, the ended ones too."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))
    return registry
