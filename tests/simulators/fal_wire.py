"""A bare HTTP client of the simulated fal: nothing is corrected on the way."""

import base64
import io
from typing import Any

import httpx
from PIL import Image

from simulators.running import Simulators
from tests.simulators.wire import WIRE


class Fal:
    """`run` is a direct call, `submit` one through the queue; `WIRE` is for what they do not cover."""

    def __init__(self, simulators: Simulators) -> None:
        self.at = simulators.addresses["fal"]
        self.headers = {"Authorization": f"Key {self.at['key']}"}

    def run(self, endpoint: str, body: object) -> httpx.Response:
        return WIRE.post(f"{self.at['base_url']}/{endpoint}", json=body, headers=self.headers)

    def submit(self, endpoint: str, body: object, **more: Any) -> httpx.Response:
        headers = self.headers | more.pop("headers", {})
        return WIRE.post(f"{self.at['queue_url']}/{endpoint}", json=body, headers=headers, **more)

    def get(self, url: str) -> httpx.Response:
        return WIRE.get(url, headers=self.headers)

    def finish(self, told: dict[str, Any]) -> httpx.Response:
        """What the queue has for a submission in the end."""
        while self.get(told["status_url"]).status_code != 200:
            pass
        return self.get(told["response_url"])

    def images(self, endpoint: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        return self.run(endpoint, {"prompt": "x", **body}).json()["images"]

    def size(self, endpoint: str, body: dict[str, Any]) -> tuple[int, int]:
        """Of the first picture that comes back."""
        [first, *_more] = self.images(endpoint, body)
        return Image.open(io.BytesIO(WIRE.get(first["url"]).content)).size

    def complaint(self, endpoint: str, body: dict[str, Any]) -> tuple[int, str, list[Any]]:
        """The status of a refusal, and the first entry's type and place."""
        answer = self.run(endpoint, {"prompt": "x", **body})
        entry = answer.json()["detail"][0]
        return answer.status_code, entry["type"], entry["loc"][1:]

    def initiate(self, content_type: str = "image/png") -> dict[str, str]:
        answer = WIRE.post(
            f"{self.at['rest_url']}/storage/upload/initiate?storage_type=fal-cdn-v3",
            json={"file_name": "a.png", "content_type": content_type},
            headers=self.headers,
        )
        return answer.json()


def picture(width: int, height: int, kind: str = "PNG", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, kind)
    return out.getvalue()


def data_uri(width: int, height: int, kind: str = "PNG", mode: str = "RGB") -> str:
    content = base64.b64encode(picture(width, height, kind, mode)).decode()
    return f"data:image/{kind.lower()};base64,{content}"
