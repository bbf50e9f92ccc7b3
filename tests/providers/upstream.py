"""A provider on a real socket: gives scripted answers, remembers what it was asked, and can fail as networks do."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """`body` is bytes or becomes JSON; `cut` sends so many bytes of it and breaks; `drop` breaks before any answer.

    `hold` is waited for before the answer, or after `pause` bytes of its body.
    """

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    cut: int | None = None
    drop: bool = False
    hold: asyncio.Event | None = None
    pause: int | None = None

    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


PIECE = 65_536  # bytes; so that a test of memory sees the client's, not ours
Script = Callable[[Asked], Reply]


class Upstream:
    """Answers with `replies` in order, or as `script` decides."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.replies: list[Reply] = []
        self.script: Script = lambda asked: self.replies.pop(0)
        self.asked: list[Asked] = []
        self.arrived = asyncio.Event()
        self.connections = 0
        self.url = ""
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                self.arrived.set()
                if not await self._answer(self.script(asked), writer):
                    break
        except ConnectionError:
            return
        finally:
            writer.transport.abort()

    async def _answer(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        if reply.hold is not None and reply.pause is None:
            await reply.hold.wait()
        if reply.drop:
            return False
        body = reply.payload()
        length = {} if "transfer-encoding" in reply.headers else {"content-length": str(len(body))}
        headers = {**length, **reply.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} X\r\n{head}\r\n".encode("latin-1"))
        whole = memoryview(body)[: reply.cut]
        if reply.hold is not None and reply.pause is not None:
            writer.write(whole[: reply.pause])
            await reply.hold.wait()
            whole = whole[reply.pause :]
        for start in range(0, len(whole), PIECE):
            writer.write(whole[start : start + PIECE])
            await writer.drain()
        if reply.cut is not None:
            writer.close()
        return reply.cut is None


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert "transfer-encoding" not in headers
    return Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
