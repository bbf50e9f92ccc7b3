"""`easel …` in processes forked from one that has imported everything: a fresh Python takes a second for that.

As a program it runs a command for each line of JSON on its standard input, and answers with its process id, then with
its exit status unless it is one that goes on. It ends with its standard input.
"""

import atexit
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway.cli import COMMANDS, main
from tests.cli.running_command import RunningCommand
from tests.tables_read import read_all_tables

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 60


class Forker:
    """`environment` is that of what it imports; each command has one of its own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forking"],
            env=dict(environment),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self._process.communicate()

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, folder: Path
    ) -> RunningCommand:
        """One that goes on; `folder` is for its pipes."""
        for pipe in ("err", "status"):
            os.mkfifo(folder / pipe)
        pipes = {"out": os.devnull, "err": folder / "err", "status": folder / "status"}
        return RunningCommand(
            folder, self._ask({"arguments": arguments, "environment": environment, "cwd": cwd, **pipes})
        )

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        """To its end; one that takes too long is killed, and has failed."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            wanted = {"arguments": arguments, "environment": environment, "cwd": cwd, "out": out, "err": err}
            pid = self._ask(wanted)
            assert self._process.stdout is not None
            if not select.select([self._process.stdout], [], [], LONGEST_SECONDS)[0]:
                os.kill(pid, signal.SIGKILL)
            status = int(self._process.stdout.readline())
            told, complained = out.read_text("utf-8"), err.read_text("utf-8")
        return subprocess.CompletedProcess(["easel", *arguments], status, told, complained)

    def _ask(self, wanted: Mapping[str, Any]) -> int:
        """Its process id."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(wanted, default=str) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@cache
def forker(environment: tuple[tuple[str, str], ...]) -> Forker:
    """One for each test process."""
    made = Forker(dict(environment))
    atexit.register(made.close)
    return made


def serve_commands() -> None:
    for module in ("gateway.app", *(f"gateway.cli.{name}" for name in COMMANDS)):
        import_module(module)
    read_all_tables()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        wanted = json.loads(line)
        if "status" in wanted:
            start(wanted)
            continue
        pid = os.fork()
        if not pid:
            run(wanted)
        say(pid)
        _pid, status = os.waitpid(pid, 0)
        say(os.waitstatus_to_exitcode(status))


def start(wanted: Mapping[str, Any]) -> None:
    """Under a parent that waits for it and tells its status; that one is nobody's child, so nobody waits for it."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return
    if os.fork():
        os._exit(0)
    os.setsid()
    pid = os.fork()
    if not pid:
        run(wanted)
    say(pid)
    _pid, status = os.waitpid(pid, 0)
    Path(wanted["status"]).write_text(str(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def run(wanted: Mapping[str, Any]) -> None:
    """The command, to its end and with its streams."""
    os.chdir(wanted["cwd"])
    os.environ.clear()  # noqa: TID251 - a child's environment
    os.environ.update(wanted["environment"])  # noqa: TID251 - as above
    writing = os.O_WRONLY | os.O_CREAT
    for number, path, way in ((0, os.devnull, os.O_RDONLY), (1, wanted["out"], writing), (2, wanted["err"], writing)):
        file = os.open(path, way, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["easel", *wanted["arguments"]]
    status = 1
    try:
        main()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve_commands()
