"""`easel serve --worker MODEL`: where it cannot draw, the gateway says so and does not start."""

import subprocess
import sys
from pathlib import Path

EASEL = Path(sys.executable).with_name("easel")


def test_a_worker_that_cannot_draw_ends_the_command_with_its_reason(tmp_path: Path) -> None:
    ended = subprocess.run(
        [EASEL, "serve", "--port", "0", "--worker", ""],
        env={"EASEL_SERVER__DATA_DIR": str(tmp_path), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    first, *_, last = ended.stderr.splitlines()
    assert first.startswith("worker: easel: the engine 'diffusers' has to be told a model: --model Qwen/Qwen-Image")
    assert last == "easel: the worker for '' did not start; what it said stands above"
