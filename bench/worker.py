"""What our step loop costs beside the plain diffusers call, with the tiny model on one CPU thread.

It runs in a process of its own: nothing of torch is loaded here.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.scenarios import Figures
from workers.engines import lacking, packaged

TINY = "qwen-image-tiny"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def measure(rounds: int) -> Figures:
    """Raises OSError where the extra is not installed or the measuring ends with an error."""
    missing = lacking()
    if missing:
        raise OSError(f"it needs the extra: make worker ({', '.join(missing)} missing)")
    with tempfile.TemporaryDirectory(prefix="easel-bench-") as folder:
        model = packaged(TINY) or _untrained(Path(folder))
        told = _run(["-m", "bench.drawing.cpu", str(model), "--rounds", str(rounds)])
    return Figures("worker: 64x64, 20 steps with guidance, one CPU thread", json.loads(told))


def _untrained(folder: Path) -> Path:
    """As fast as the trained one."""
    _run(["-m", "workers.tiny.pipeline", str(folder)])
    return folder


def _run(arguments: list[str]) -> str:
    environment = {**os.environ, **OFFLINE}  # noqa: TID251 - a child's environment
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip()[-2000:])
    return done.stdout
