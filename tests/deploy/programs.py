"""The programs that check what is deployed: from wheels, or fetched by `make`. One that is missing fails its tests."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def program(name: str) -> str:
    """Its path: beside this Python, or on PATH."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert found, f"{name} is not installed; `make .venv/.dev` brings it, or where it cannot, install it yourself"
    return found


def passes(name: str, *arguments: str | Path, cwd: Path = ROOT) -> str:
    """What it said; fails the test unless it ends well."""
    told = subprocess.run(
        [program(name), *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    said = told.stdout + told.stderr
    assert told.returncode == 0, said
    return said
