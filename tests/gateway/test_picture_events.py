"""What events say where an answer has nothing, or something else, to say it with."""

from typing import Any

import orjson
import pytest

from gateway.api.picture_events import Asked, Finished, completed_event, error_event, partial_event, tokens
from gateway.errors import NotAsPlanned
from gateway.flow.picture_header import Header
from providers.base import Partial

ASKED = Asked("image_edit", n=2, quality="auto", background="auto", urls=False, strict=False, base_url="http://e")
ZERO = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
}


def data_of(pieces: list[Any]) -> dict[str, Any]:
    event = b"".join(pieces)
    name, data, *rest = event.split(b"\n")
    assert rest == [b"", b""]
    told: dict[str, Any] = orjson.loads(data.removeprefix(b"data: "))
    assert name == b"event: " + told.get("type", "error").encode()
    return told


@pytest.mark.parametrize(
    ("told", "whole"),
    [
        (None, ZERO),
        ({}, ZERO),
        ({"total_tokens": 5, "output_tokens": 5}, {**ZERO, "total_tokens": 5, "output_tokens": 5}),
        ({"input_tokens": {"a": 1}, "input_tokens_details": 7}, ZERO),
        (
            {"input_tokens_details": {"image_tokens": 3}, "output_tokens_details": {"image_tokens": 9}},
            {
                **ZERO,
                "input_tokens_details": {"text_tokens": 0, "image_tokens": 3},
                "output_tokens_details": {"image_tokens": 9},
            },
        ),
    ],
)
def test_usage_always_has_what_clients_require(told: Any, whole: dict[str, Any]) -> None:
    assert tokens(told) == whole


def test_the_base64_of_a_picture_is_handed_on_as_it_is() -> None:
    base64 = memoryview(b"aGFsZg==")
    fields = {"width": None, "height": None, "content_type": "image/avif", "seed": None}
    pieces = completed_event(ASKED, Finished(1, fields, base64, None), 1700000000)
    assert pieces[1] is base64
    assert data_of(pieces) == {
        "type": "image_edit.completed",
        "b64_json": "aGFsZg==",
        "created_at": 1700000000,
        "size": "auto",
        "quality": "auto",
        "background": "auto",
        "output_format": "avif",
        "usage": ZERO,
        "image_index": 1,
        "seed": None,
    }


def test_a_preview_says_what_it_is_itself() -> None:
    partial = Partial(b"aGFsZg==", "png", number=2)
    told = data_of(partial_event(ASKED, 0, partial, Header("webp", 320, 200), 1700000000))
    assert (told["output_format"], told["size"], told["partial_image_index"]) == ("webp", "320x200", 2)


def test_an_error_keeps_what_stands_beside_it() -> None:
    error = NotAsPlanned("picture 1 is too small", urls=["http://e/1.png"], cost=None)
    told = data_of(error_event(error, {0}))
    assert told["data"] == [{"url": "http://e/1.png"}]
    assert told["error"]["message"] == "picture 1 is too small (already delivered: picture 0)"
    assert data_of(error_event(error, ()))["error"]["message"] == "picture 1 is too small"
