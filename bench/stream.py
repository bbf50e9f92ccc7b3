"""Streams of events as the load generator hears them: read to the end of each event, told apart, counted."""

import asyncio
import json
import re
from typing import cast

EVENT = re.compile(rb"(?:^|\n)id: (\d+)\nevent: (\w+)\ndata: (.*)$")
LAST_CHUNK = b"0\r\n\r\n"


class Stream(asyncio.Protocol):
    """`begun` is done at the head of the answer, `ended` when the stream is over or lost.

    `events` are those with an id, `last` is the newest one's; `disordered` counts those that came out of order.
    """

    def __init__(self, path: str, key: str) -> None:
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.status = 0
        self.events = self.last = self.disordered = 0
        self._head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n\r\n".encode()
        self._transport: asyncio.WriteTransport | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by inheritance
        self._transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if not self.status:
            head, gap, rest = self._rest.partition(b"\r\n\r\n")
            if not gap:
                return
            self.status, self._rest = int(head[9:12]), rest
            done(self.begun)
        whole, _gap, self._rest = self._rest.rpartition(b"\n\n")
        for event in whole.split(b"\n\n"):
            found = EVENT.search(event)
            if found:
                self.events += 1
                id = int(found[1])
                self.told(id, found[2], found[3])
                self.last = id
        if self._rest.endswith(LAST_CHUNK):
            self.close()

    def told(self, id: int, type: bytes, data: bytes) -> None:
        raise NotImplementedError

    def connection_lost(self, exc: Exception | None) -> None:
        done(self.begun)
        done(self.ended)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class JobStream(Stream):
    """What one job's stream told; `result` is the job as its last event has it."""

    def __init__(self, path: str, key: str) -> None:
        super().__init__(path, key)
        self.types: list[str] = []
        self.result: object = None

    def told(self, id: int, type: bytes, data: bytes) -> None:
        self.disordered += id <= self.last
        self.types.append(type.decode())
        if type == b"finished":
            self.result = json.loads(data)["data"]


class TeamStream(Stream):
    """Every event of the only team there is: each id follows upon the last one."""

    def told(self, id: int, type: bytes, data: bytes) -> None:
        self.disordered += bool(self.last) and id != self.last + 1


def done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
