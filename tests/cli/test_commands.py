"""The command itself: what `--help` lists, and that it stays quick."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gateway.cli import COMMANDS, build
from tests.cli.running import easel, environment


def test_help_lists_every_command() -> None:
    done = easel("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = CliRunner().invoke(build(name), [name, "--help"])
    assert done.exit_code == 0
    assert COMMANDS[name].split(";")[0].rstrip(".")[:30] in done.stdout


def test_help_loads_nothing_heavy() -> None:
    """Time is not asserted; what costs it is."""
    program = "import sys; from gateway.cli import build; build(''); print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"httpx", "uvicorn", "pydantic", "PIL", "redis", "starlette", "rich.table", "gateway.settings"}


def test_version() -> None:
    assert easel("--version").stdout == "easel 0.1.0\n"


def test_an_unknown_command_is_an_error() -> None:
    done = easel("genrate")
    assert done.returncode == 2
    assert "genrate" in done.stderr
