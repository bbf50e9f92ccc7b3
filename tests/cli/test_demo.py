"""`make demo` once more: the pictures, the contact sheet and the account of the parameters are there each time."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

from providers.registry import BUILT_IN
from tests.cli.running import ROOT, environment


def test_the_demo_draws_and_says_where(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "demo.py"
    script.parent.mkdir()
    for file in (ROOT / "scripts").glob("*.py"):
        (script.parent / file.name).write_bytes(file.read_bytes())
    output = tmp_path / "demo-output"
    output.mkdir()
    for left in ("01-fal-qwen-image-1.webp", "mask.png", "contact-sheet.png", "parameters.md"):
        (output / left).write_text("of the last time")
    said = run(script)
    pictures = sorted(file for file in output.iterdir() if file.name[0].isdigit())
    assert f"{len(pictures)} pictures are in {output}" in said
    drawn: dict[str, tuple[int, int]] = {}
    for file in pictures:
        with Image.open(file) as picture:
            assert picture.format is not None
            assert picture.format.lower() == file.suffix[1:]
            drawn[file.name] = picture.size
    assert drawn["01-fal-qwen-image-2.webp"] == (1365, 768)
    assert drawn["02-gpt-image-1.5-1.avif"] == (1536, 1024)
    assert drawn["03-lumenfall-qwen-image-1.png"] == (1254, 836)
    assert drawn["05-replicate-flux-schnell-1.jpeg"] == (1216, 832)
    assert drawn["06-runware-qwen-image-1.png"] == (1008, 1008)
    assert drawn["08-oxen-qwen-image-2-2.png"] == (1024, 1024)
    assert drawn["09-vllm-omni-qwen-image-1.jpeg"] == (768, 1024)
    assert drawn["10-sketch-1.webp"] == (1024, 768)
    assert drawn["11-fal-qwen-image-edit-1.png"] == (1024, 768), "an edit keeps the shape of its source"
    assert drawn["13-oxen-topaz-image-upscale-1.png"] == (2048, 1536)
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


def test_every_provider_that_is_built_in_draws_something() -> None:
    wishes = (ROOT / "scripts" / "demo_wishes.py").read_text("utf-8")
    others = {"local": '"sketch"', "openai": '"gpt-image-1.5"'}
    assert [name for name in BUILT_IN if others.get(name, f'"{name}/') not in wishes] == []
