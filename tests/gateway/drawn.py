"""What a request brought, read the way a client does, for tests of a picture's life."""

import io
import itertools
from typing import Any

import httpx
import pybase64
from PIL import Image

from tests.gateway.running import FOX

SMALL = "64x64"
_numbers = itertools.count(1)


def asked(**more: Any) -> dict[str, Any]:
    """A small picture that no other test has asked for; the gateway that tests share caches between them."""
    return {**FOX, "prompt": f"fox number {next(_numbers)}", "size": SMALL, **more}


def served(answer: httpx.Response) -> dict[str, Any]:
    """The body of an answer that must be a success."""
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def failed(answer: httpx.Response, status: int, code: str) -> str:
    """The message of an error that must be this one."""
    assert answer.status_code == status, answer.text
    error: dict[str, str] = answer.json()["error"]
    assert error["code"] == code, error
    return error["message"]


def content_of(image: dict[str, Any]) -> bytes:
    """A delivered picture's bytes, by its URL or from its base64."""
    if "url" in image:
        got = httpx.get(image["url"])
        assert got.status_code == 200, got.text
        return got.content
    return pybase64.b64decode(image["b64_json"], validate=True)


def opened(content: bytes) -> Image.Image:
    """Decoded to its last pixel."""
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def each(body: dict[str, Any], name: str) -> list[Any]:
    """One property of every picture, in order."""
    return [image[name] for image in body["data"]]
