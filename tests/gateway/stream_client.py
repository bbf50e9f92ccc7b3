"""A client of streamed pictures that sees every byte; OpenAI's own clients are in test_stream_sdk.py."""

import contextlib
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from tests.gateway.running import RunningGateway

Json = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """One event: the word of its `event:` line, and its data."""

    name: str
    data: Json


@contextlib.contextmanager
def streamed(
    gateway: RunningGateway, body: Json, *, headers: dict[str, str] | None = None, **more: Any
) -> Generator[httpx.Response]:
    """An open answer to a generation; `more` are further body fields."""
    fields = {**body, "stream": True, **more}
    with gateway.http.stream("POST", "/v1/images/generations", json=fields, headers=headers) as answer:
        yield answer


def events(answer: httpx.Response) -> Iterator[Told]:
    """As they come; comments are passed over. Every event must have the form that OpenAI's have."""
    block: list[str] = []
    for line in answer.iter_lines():
        if line:
            block.append(line)
            continue
        told = [each for each in block if not each.startswith(":")]
        block = []
        if told:
            name, data = told
            assert name.startswith("event: ")
            assert data.startswith("data: ")
            yield Told(name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
    assert not block, "the body ends with an empty line"


def whole(gateway: RunningGateway, body: Json, **more: Any) -> list[Told]:
    """All events of a stream that ends as it should: each is named like its `type`."""
    with streamed(gateway, body, **more) as answer:
        assert answer.status_code == 200, answer.read()
        told = list(events(answer))
    for event in told:
        assert event.name == event.data.get("type"), event
    return told
