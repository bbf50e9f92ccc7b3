"""`make demo` twice: the pictures, the contact sheet and the account of the parameters are there each time."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.cli.running import ROOT, environment


def test_the_demo_draws_and_says_where(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "demo.py"
    script.parent.mkdir()
    script.write_bytes((ROOT / "scripts" / "demo.py").read_bytes())
    run(script)
    said = run(script)
    output = tmp_path / "demo-output"
    pictures = sorted(file for file in output.iterdir() if file.name[0].isdigit())
    assert f"{len(pictures)} pictures are in {output}" in said
    drawn: dict[str, tuple[int, int]] = {}
    for file in pictures:
        with Image.open(file) as picture:
            assert picture.format is not None
            assert picture.format.lower() == file.suffix[1:]
            drawn[file.name] = picture.size
    assert drawn["01-fal-qwen-image-2.webp"] == (1365, 768)
    assert drawn["02-vllm-omni-qwen-image-1.jpeg"] == (768, 1024)
    assert drawn["03-lumenfall-qwen-image-2.png"] == (1254, 836)
    assert drawn["04-gpt-image-1.5-1.avif"] == (1536, 1024)
    assert drawn["06-replicate-flux-schnell-1.jpeg"] == (1216, 832)
    assert drawn["07-runware-qwen-image-1.png"] == (1008, 1008)
    assert drawn["08-sketch-1.png"] == (1024, 768)
    with Image.open(output / "contact-sheet.png") as sheet:
        assert sheet.width > 1000
    told = (output / "parameters.md").read_text("utf-8")
    assert "| output_format | webp | emulated |" in told
    assert "400 unsupported_parameter: quality" in told


def run(script: Path) -> str:
    """What it prints."""
    done = subprocess.run(
        [sys.executable, str(script)], env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
