"""A bare HTTP client of the simulated Replicate: nothing is corrected on the way."""

import base64
import io
from typing import Any

import httpx
from PIL import Image

from simulators.running import Simulators
from tests.simulators.wire import WIRE

QWEN = "qwen/qwen-image"


class Replicate:
    """Its methods take paths and inputs; `WIRE` is for what they do not cover."""

    def __init__(self, simulators: Simulators) -> None:
        at = simulators.addresses["replicate"]
        self.base_url = at["base_url"]
        self.headers = {"Authorization": f"Bearer {at['key']}"}

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        return WIRE.post(f"{self.base_url}{path}", json=body, headers=sent)

    def create(self, model: str, given: dict[str, Any], **headers: str) -> httpx.Response:
        return self.post(f"/models/{model}/predictions", {"input": {"prompt": "x", **given}}, **headers)

    def get(self, url: str) -> httpx.Response:
        return WIRE.get(url, headers=self.headers)

    def draw(self, model: str, given: dict[str, Any]) -> list[Image.Image]:
        output = self.create(model, given, Prefer="wait").json()["output"]
        urls = [output] if isinstance(output, str) else output
        return [Image.open(io.BytesIO(WIRE.get(url).content)) for url in urls]


def data_uri(width: int, height: int) -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
