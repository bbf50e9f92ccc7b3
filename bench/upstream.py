"""A provider that costs next to nothing: OpenAI's images API with answers that lie ready.

    python -m bench.upstream [HELD]   prints `listening on http://127.0.0.1:PORT` on stderr

The model id chooses the answer. Every answer holds one picture, whatever `n` says, so this provider's native maximum
is 1; one of `bench-slow` takes it a second, one of `bench-held` as many as HELD says. `GET /count` says how many
pictures were asked for; `GET /picture/N.png` is what an answer's `url` points to.
"""

import asyncio
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import cast

import httptools
import uvloop

from bench.pictures import Picture

SLOW_SECONDS = 1.0
MODEL = re.compile(rb'"model"\s*:\s*"([^"]*)"')
JSON = b"application/json"


class Answers:
    """What lies ready, and how often it was asked for."""

    def __init__(self, port: int, held: float) -> None:
        """`held` is for how many seconds `bench-held` is drawn."""
        self.port = port
        self.seconds = {b"bench-slow": SLOW_SECONDS, b"bench-held": held}
        self.asked = 0
        self.megabyte = Picture(592)
        self.large = Picture(1414)
        self._by_model: dict[bytes, Callable[[int], list[bytes]]] = {
            b"bench": self._url,
            b"bench-slow": self._url,
            b"bench-held": self._url,
            b"bench-b64": partial(_base64, self.megabyte),
            b"bench-8mb": partial(_base64, self.large),
        }

    def generation(self, model: bytes) -> list[bytes]:
        answer = self._by_model.get(model)
        if answer is None:
            return _reply(
                b"404 Not Found", JSON, [b'{"error":{"message":"unknown model","type":"invalid_request_error"}}']
            )
        self.asked += 1
        return _reply(b"200 OK", JSON, answer(self.asked))

    def get(self, path: bytes) -> list[bytes]:
        if path == b"/count":
            return _reply(b"200 OK", JSON, [b'{"asked":%d}' % self.asked])
        if path.startswith(b"/picture/"):
            number = int(path.removeprefix(b"/picture/").removesuffix(b".png"))
            return _reply(b"200 OK", b"image/png", self.megabyte.content(number))
        return _reply(b"404 Not Found", JSON, [b"{}"])

    def _url(self, number: int) -> list[bytes]:
        return [
            b'{"created":1790000000,"data":[{"url":"http://127.0.0.1:%d/picture/%012d.png",' % (self.port, number),
            b'"revised_prompt":"A lighthouse on a cliff at dusk, seen from the sea, with a warm lamp, long soft '
            b'shadows, gulls over the rocks and a small boat coming home; painted in oil with a wide brush."}],'
            b'"output_format":"png","size":"1024x1024","usage":{"input_tokens":21,"output_tokens":1,"total_tokens":22}}',
        ]


def _base64(picture: Picture, number: int) -> list[bytes]:
    return [b'{"created":1790000000,"data":[{"b64_json":"', *picture.text(number), b'"}],"output_format":"png"}']


def _reply(status: bytes, content_type: bytes, body: list[bytes]) -> list[bytes]:
    length = sum(map(len, body))
    return [b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (status, content_type, length), *body]


class Connection(asyncio.Protocol):
    """One connection, kept alive until the other side closes it."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.WriteTransport | None = None
        self._path = b""
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        path, body = self._path, self._body
        self._path = self._body = b""
        if self._parser.get_method() != b"POST":
            self._write(self._answers.get(path))
            return
        named = MODEL.search(body)
        model = named[1] if named else b""
        answer = self._answers.generation(model)
        seconds = self._answers.seconds.get(model, 0.0)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: list[bytes]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.writelines(answer)


async def serve(held: float) -> None:
    answers = Answers(0, held)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answers), "127.0.0.1", 0, backlog=2048)
    answers.port = server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{answers.port}", file=sys.stderr, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1]) if len(sys.argv) > 1 else SLOW_SECONDS))
