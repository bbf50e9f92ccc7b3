"""What docs/streaming.md tells callers is so: its example runs, its tables are those of real streams."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.flow.picture_header import sniff
from gateway.settings import read_settings
from tests.docs.documents import blocks, code, rows
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.stream_client import whole
from tests.workers.test_run import worker

PAGE = "docs/streaming.md"
ADDED = {"seed", "url", "metadata"}  # beside OpenAI's, as the page says below its table


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with worker("--follow-parent") as (_process, url, _port):
        tables: dict[str, Any] = {
            "server": {"data_dir": tmp_path_factory.mktemp("streaming")},
            "auth": {"admin_key": ADMIN_KEY},
            "providers": {"local": {"workers": [url]}},
        }
        with RunningGateway(read_settings(None, tables)) as running:
            yield running


def test_the_example_prints_previews_and_writes_pictures(gateway: RunningGateway, tmp_path: Path) -> None:
    [example] = blocks(PAGE, "python")
    example = example.replace("http://127.0.0.1:8080", gateway.url).replace('"qwen-image"', '"sketch"')
    environment = {**os.environ, "EASEL_API_KEY": ADMIN_KEY}  # noqa: TID251 - a child's environment
    ran = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=environment, stdout=-1, timeout=60, check=True, text=True
    )
    assert ran.stdout.splitlines() == ["a preview of 1024x1024"] * 4
    headers = [sniff((tmp_path / f"{index}.png").read_bytes()) for index in (0, 1)]
    assert [(header.format, header.width) for header in headers if header] == [("png", 1024)] * 2


def test_every_event_has_the_fields_of_its_row(gateway: RunningGateway) -> None:
    body = {"model": "sketch", "prompt": "a fox", "size": "64x64", "num_inference_steps": 4}
    told = {event.name: set(event.data) - ADDED for event in whole(gateway, body, partial_images=1)}
    listed = {code(row["event"])[0]: {*code(row["fields"])} for row in rows(PAGE, "event")}
    assert listed.pop("error") == {"error", "message", "type", "param", "code"}
    assert told == {name: fields | {"type"} for name, fields in listed.items()}
