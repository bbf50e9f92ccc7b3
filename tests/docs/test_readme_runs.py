"""What README tells a person to run is run, against the simulators."""

import base64
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from simulators.running import Simulators
from tests.docs.documents import blocks
from tests.gateway.conftest import simulated_settings
from tests.gateway.running import ADMIN_KEY, RunningGateway

ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with (
        Simulators() as simulators,
        RunningGateway(simulated_settings(simulators, tmp_path_factory.mktemp("readme"))) as running,
    ):
        yield running


def run(program: list[str], gateway: RunningGateway, folder: Path) -> list[str]:
    environment = {**os.environ, "EASEL_API_KEY": ADMIN_KEY}  # noqa: TID251 - a child's environment
    program = [word.replace(ADDRESS, gateway.url) for word in program]
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def examples() -> tuple[str, str]:
    """The one that draws from text, and the one that edits."""
    [drawing, editing] = blocks("README.md", "python")
    assert ADDRESS in drawing
    assert ADDRESS in editing
    return drawing, editing


def bodies() -> list[dict[str, Any]]:
    """What the curl examples send."""
    curls = [block for block in blocks("README.md", "sh") if block.startswith("curl")]
    return [json.loads(curl[curl.index("{") : curl.rindex("}") + 1]) for curl in curls]


def room(folder: Path) -> None:
    """The files that the examples name."""
    Image.new("RGB", (512, 384), "teal").save(folder / "room.png")
    Image.new("RGBA", (512, 384)).save(folder / "mask.png")


def test_the_python_example_prints_two_urls(gateway: RunningGateway, tmp_path: Path) -> None:
    urls = run([sys.executable, "-c", examples()[0]], gateway, tmp_path)
    assert len(urls) == 2
    assert all(gateway.http.get(url).headers["content-type"] == "image/png" for url in urls)


def test_the_example_of_an_edit_prints_a_url(gateway: RunningGateway, tmp_path: Path) -> None:
    room(tmp_path)
    [url] = run([sys.executable, "-c", examples()[1]], gateway, tmp_path)
    assert gateway.http.get(url).headers["content-type"] == "image/png"


def test_the_rows_shown_are_those_that_come(gateway: RunningGateway) -> None:
    """The request is the one in the first curl example."""
    shown = json.loads(next(block for block in blocks("README.md", "json") if block.startswith("[")))
    answer = gateway.generate(bodies()[0]).json()
    assert [row for row in answer["metadata"]["parameters"] if row["name"] != "prompt"] == shown


def test_an_edit_is_asked_for_in_json(gateway: RunningGateway, tmp_path: Path) -> None:
    """The addresses of the example are nobody's: what they would bring stands in their place."""
    room(tmp_path)
    [_drawing, editing] = bodies()
    picture = base64.b64encode((tmp_path / "room.png").read_bytes()).decode()
    editing["images"] = [{"image_url": f"data:image/png;base64,{picture}"} for _each in editing["images"]]
    answer = gateway.http.post("/v1/images/edits", json=editing).json()
    assert answer["size"] == "512x384", "an edit keeps the shape of its first picture"


def test_the_commands_that_draw_do(gateway: RunningGateway, tmp_path: Path) -> None:
    room(tmp_path)
    shell = next(block for block in blocks("README.md", "sh") if block.startswith("easel generate"))
    commands = [line for line in shell.splitlines() if line.startswith("easel generate")]
    for number, command in enumerate(commands, 1):
        program = [str(Path(sys.executable).with_name("easel")), *shlex.split(command)[1:], "--url", gateway.url]
        run(program, gateway, tmp_path)
        assert len(list((tmp_path / "pictures").iterdir())) == number + 1, "the first one draws two"


def test_a_key_is_handed_out_as_it_says(gateway: RunningGateway, tmp_path: Path) -> None:
    shell = next(block for block in blocks("README.md", "sh") if block.startswith("easel keys create"))
    easel = str(Path(sys.executable).with_name("easel"))
    told = [
        run([easel, *shlex.split(line)[1:], "--url", gateway.url], gateway, tmp_path) for line in shell.splitlines()
    ]
    [key] = told[0]
    answer = gateway.generate({"model": "qwen-image", "prompt": "a fox"}, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    refused = gateway.generate({"model": "flux-dev", "prompt": "a fox"}, headers={"authorization": f"Bearer {key}"})
    assert refused.status_code == 403
