"""A bare HTTP client of the simulated Oxen: nothing is corrected on the way."""

import base64
import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
from PIL import Image

from simulators.running import Simulators
from tests.simulators.wire import WIRE

LAKE = "A beautiful landscape painting of a serene lake with mountains in the background"


class Oxen:
    """`WIRE` is for what its methods do not cover."""

    def __init__(self, simulators: Simulators) -> None:
        at = simulators.addresses["oxen"]
        self.base_url = at["base_url"]
        self.headers = {"Authorization": f"Bearer {at['key']}"}

    def post(self, path: str, **body: Any) -> httpx.Response:
        given = {"model": "qwen-image", "prompt": LAKE, **body}
        sent = {name: value for name, value in given.items() if value is not None}
        return WIRE.post(f"{self.base_url}/ai{path}", json=sent, headers=self.headers)

    def generate(self, **body: Any) -> httpx.Response:
        return self.post("/images/generate", **body)

    def edit(self, **body: Any) -> httpx.Response:
        return self.post("/images/edit", **body)

    def enqueue(self, **body: Any) -> list[str]:
        answer = self.post("/queue", **body)
        assert answer.status_code == 200, answer.text
        told = answer.json()["generations"]
        assert {each["status"] for each in told} == {"queued"}
        return [each["generation_id"] for each in told]

    def get(self, path: str, **query: str) -> httpx.Response:
        return WIRE.get(f"{self.base_url}{path}", params=query, headers=self.headers)

    def poll(self, generation_id: str) -> dict[str, Any]:
        answer = self.get(f"/ai/queue/{generation_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def finished(self, generation_id: str) -> dict[str, Any]:
        """Polled until it is over."""
        told = (self.poll(generation_id) for _look in itertools.count())
        return next(each for each in told if each["status"] in {"succeeded", "failed", "cancelled"})

    def cancel(self, generation_id: str) -> httpx.Response:
        return WIRE.delete(f"{self.base_url}/ai/queue/{generation_id}", headers=self.headers)

    def picture(self, url: str) -> Image.Image:
        answer = WIRE.get(url)
        assert answer.status_code == 200, answer.text
        return Image.open(io.BytesIO(answer.content))


def events(stream: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every event with its name and data; comments are passed over."""
    name = ""
    for line in stream.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def until(stream: httpx.Response, generation_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events up to the end of that generation."""
    for name, told in events(stream):
        yield name, told
        if name == "media_generation_completed" and told["generation_id"] == generation_id:
            return


def data_uri(width: int, height: int) -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
