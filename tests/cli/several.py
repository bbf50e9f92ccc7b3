"""`easel serve --processes N` from outside: its processes, as the system knows them."""

import re
import subprocess
from pathlib import Path

import httpx

from tests.cli.running import Served


def family(pid: int) -> dict[int, tuple[int, str]]:
    """All descendants of a process: the parent and the command line of each."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [
        (int(own), int(parent), told) for own, parent, told in (row.split(None, 2) for row in listed.splitlines()[1:])
    ]
    found: dict[int, tuple[int, str]] = {}
    before = -1
    while len(found) > before:
        before = len(found)
        found |= {own: (parent, told) for own, parent, told in rows if parent in {pid, *found}}
    return found


def fork_server(running: Served) -> int:
    """The newest."""
    everyone = family(running.process.pid)
    return max(
        own for own, (parent, told) in everyone.items() if parent == running.process.pid and "forkserver" in told
    )


def servers(running: Served) -> list[int]:
    """Those that serve: the fork server's children."""
    everyone = family(running.process.pid)
    forkers = {
        own for own, (parent, told) in everyone.items() if parent == running.process.pid and "forkserver" in told
    }
    return sorted(own for own, (parent, _told) in everyone.items() if parent in forkers)


def companion(running: Served, program: str) -> int:
    """The process with that word on its command line."""
    [found] = [own for own, (_parent, told) in family(running.process.pid).items() if program in told]
    return found


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def open_sockets(pid: int) -> int:
    """Of those that serve; one may be closed meanwhile."""
    found = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += str(each.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def metric(running: Served, name: str, *labels: str) -> float:
    """The sum of all of that name with these labels (`status="200"`), whichever process answers."""
    told = httpx.get(f"{running.url}/metrics").text
    lines = [line for line in told.splitlines() if re.match(rf"{name}[ {{]", line)]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in labels))
