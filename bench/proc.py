"""CPU time and memory of a process with all its descendants, read from Linux's /proc, and pinning to a core."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """The process and every descendant that lives now."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, []))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the family, with what its ended children used."""
    return TICK * sum(sum(int(ticks) for ticks in _stat(member)[11:15]) for member in family(pid))


def resident_bytes(pid: int) -> int:
    return sum(_memory(member, "VmRSS") for member in family(pid))


def peak_bytes(pid: int) -> int:
    """The sum of each member's own peak since `forget_peak`: never less than the family's peak."""
    return sum(_memory(member, "VmHWM") for member in family(pid))


def forget_peak(pid: int) -> None:
    """Sets each member's peak to what it holds now (proc(5), clear_refs, value 5)."""
    for member in family(pid):
        (PROC / str(member) / "clear_refs").write_text("5")


@contextmanager
def pinned(core: int) -> Generator[None]:
    """Processes started inside run on this core, and so do their children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def two_cores() -> tuple[int, int]:
    """One for the server, one for the upstream and the load. A machine with a single core shares it."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[min(1, len(cores) - 1)]


def _stat(pid: int) -> list[str]:
    """The fields from `state` on: [1] is the parent, [11:15] the four times. Nothing for an ended process."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _memory(pid: int, field: str) -> int:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)
