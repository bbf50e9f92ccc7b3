"""Rows in words for people."""

from typing import Any

import pytest

from gateway.rows.words import pictured

PICTURE = {"hash": "0f", "format": "png", "width": 1024, "height": 768, "size": 4023, "prepare": ""}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (PICTURE, "png 1024x768"),
        ([PICTURE, PICTURE], ["png 1024x768", "png 1024x768"]),
        ([{"model": "runware:36@1", "image": PICTURE}], [{"model": "runware:36@1", "image": "png 1024x768"}]),
        ({"width": 1365, "height": 768}, {"width": 1365, "height": 768}),
        ("16:9", "16:9"),
        (None, None),
    ],
)
def test_a_picture_is_told_by_its_format_and_size(value: Any, shown: Any) -> None:
    assert pictured(value) == shown
