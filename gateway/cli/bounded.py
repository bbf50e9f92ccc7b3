"""The head of a request is bounded: it is read before anybody has shown a key."""

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024  # bytes of request line and headers; a browser with many cookies sends a tenth of it
MESSAGE = f"the request line and headers have more than {MAX_HEAD} bytes"
ENVELOPE = orjson.dumps(
    {"error": {"message": MESSAGE, "type": "invalid_request_error", "param": None, "code": "request_too_large"}}
)
REFUSAL = b"".join(
    (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
        b"content-type: application/json\r\n",
        b"content-length: %d\r\n" % len(ENVELOPE),
        b"connection: close\r\n\r\n",
        ENVELOPE,
    )
)


class BoundedHeads(HttpToolsProtocol):
    """Uvicorn's protocol, which by itself keeps reading headers for as long as they come."""

    in_head = True
    head = 0

    def data_received(self, data: bytes) -> None:
        if self.head > MAX_HEAD:
            self.transport.write(REFUSAL)
            self.transport.close()
            return
        if self.in_head:
            self.head += len(data)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self.in_head, self.head = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.in_head, self.head = True, 0
        super().on_message_complete()
