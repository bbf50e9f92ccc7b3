"""Converters into the one message of a conversation, in which text and pictures of a request stand together.

DashScope takes an edit so: the pictures in their order, then the text (Model Studio docs, "Qwen image editing API
reference", read 2026-11-21).
"""

from collections.abc import Mapping
from typing import Any

from normalizers.convert_pictures import pictures

Message = dict[str, Any]


def user_message(value: Any, _table: Mapping[str, Any]) -> list[Message]:
    """A prompt as the one message."""
    return [{"role": "user", "content": [{"text": value}]}]


def picture_message(value: Any, table: Mapping[str, Any]) -> list[Message]:
    """The caller's pictures as the one message, as many as `pictures` takes."""
    return [{"role": "user", "content": [{"image": source} for source in pictures(value, table)]}]


# What these give for several parameters is joined at their wire field, instead of the last one winning.
JOINED = frozenset({user_message, picture_message})


def join_messages(before: list[Message], more: list[Message]) -> list[Message]:
    """One message of both, its pictures before its text."""
    content = [part for message in (*before, *more) for part in message["content"]]
    return [{"role": "user", "content": sorted(content, key=lambda part: "text" in part)}]
