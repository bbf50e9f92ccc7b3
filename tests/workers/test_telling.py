"""What a person sees while a model is loaded: a bar on a terminal, few lines in a log."""

import contextlib
import os
import pty
import subprocess
import sys

import pytest

from workers.telling import Telling

LOADS = """
from workers.telling import Telling
with Telling() as told:
    told("looking around", None)
    for part in range(11):
        told("loading the transformer", part / 10)
print("then this")
"""


def test_a_log_gets_a_line_for_each_quarter(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "easel.worker"), Telling() as told:
        told("looking around", None)
        for part in range(101):
            told("loading the transformer", part / 100)
    assert caplog.messages == [
        "looking around",
        "loading the transformer",
        "loading the transformer: 25 %",
        "loading the transformer: 50 %",
        "loading the transformer: 75 %",
        "loading the transformer: 100 %",
    ]


def test_a_terminal_gets_a_bar_that_is_full_at_the_end() -> None:
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}  # noqa: TID251 - a child's environment
    with subprocess.Popen(
        [sys.executable, "-c", LOADS], stdout=subprocess.PIPE, stderr=its, env=environment, text=True
    ) as process:
        os.close(its)
        seen = b""
        with contextlib.suppress(OSError):  # that is how a terminal ends
            while piece := os.read(ours, 65536):
                seen += piece
        os.close(ours)
        assert process.communicate()[0] == "then this\n"
    assert process.returncode == 0
    *_, last = (line for line in seen.decode().splitlines() if "loading the transformer" in line)
    assert "100%" in last
