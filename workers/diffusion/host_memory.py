"""How much memory a process may still take on a CPU: what the machine has, or its container's share of it."""

from pathlib import Path

import psutil

from workers.engine import Memory

_CGROUP = Path("/sys/fs/cgroup")  # in a container its own; on a machine itself it has no limit


def host_memory(cgroup: Path = _CGROUP) -> Memory:
    """`free` counts what holds copies of files: it is given up for whoever needs it. A limit of cgroups v2 counts."""
    machine = psutil.virtual_memory()
    limit, used = _limit(cgroup)
    if limit is None or limit >= machine.total:
        return Memory(total=machine.total, free=machine.available)
    return Memory(total=limit, free=max(0, min(machine.available, limit - used)))


def _limit(cgroup: Path) -> tuple[int | None, int]:
    """Of memory, in bytes, and how much of it is used but for copies of files; None if there is none."""
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        pairs = [line.split() for line in (cgroup / "memory.stat").read_text().splitlines()]
    except (OSError, ValueError):  # no such group, or its limit is "max"
        return None, 0
    copies = sum(int(count) for name, count in pairs if name in ("inactive_file", "active_file"))
    return limit, max(0, used - copies)
