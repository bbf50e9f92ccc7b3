"""A client of jobs and of their events, as a program of a caller's would be."""

import contextlib
import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from tests.gateway.running import FOX, RunningGateway

Json = dict[str, Any]
NOBODYS = f"req_{'0' * 24}"
OVER = {"succeeded", "failed", "cancelled"}


@dataclass(frozen=True)
class Told:
    """One server-sent event; `id` is empty for what is written nowhere."""

    id: str
    type: str
    data: Json


def begun(gateway: RunningGateway, body: Json | None = None, **more: Any) -> str:
    """A job that is not waited for."""
    answer = gateway.generate(body or FOX, headers={"prefer": "respond-async"}, **more)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["x-request-id"] == job["id"]
    return str(job["id"])


def shown(gateway: RunningGateway, id: str, **query: Any) -> Json:
    answer = gateway.http.get(f"/v1/jobs/{id}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(gateway: RunningGateway, id: str) -> Json:
    """The job, once it is over."""
    job = shown(gateway, id, wait=60)
    assert job["status"] in OVER, job
    return job


def drawn(gateway: RunningGateway, body: Json | None = None, **more: Any) -> str:
    """A job that is over."""
    answer = gateway.generate(body or FOX, **more)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"]


@contextlib.contextmanager
def streaming(gateway: RunningGateway, path: str, **headers: str) -> Generator[httpx.Response]:
    with gateway.http.stream("GET", path, headers=headers) as answer:
        yield answer


def events(answer: httpx.Response) -> Iterator[Told]:
    """Until the stream ends; comments and the hint for coming back are passed over."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        name, separator, value = line.partition(": ")
        if separator and name:
            fields[name] = value
        elif not line and "data" in fields:
            yield Told(fields.get("id", ""), fields["event"], json.loads(fields["data"]))
            fields = {}
        elif not line:
            fields = {}


def watched(gateway: RunningGateway, path: str, **headers: str) -> list[Told]:
    """All of a stream that ends by itself."""
    with streaming(gateway, path, **headers) as answer:
        assert answer.status_code == 200, answer.read()
        return list(events(answer))


def without_ids(text: str) -> str:
    return re.sub(r"req_[0-9a-f]{24}", "req_…", text)
