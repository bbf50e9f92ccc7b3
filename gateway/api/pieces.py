"""An answer in pieces, sent at the client's pace."""

from starlette.types import Send

from gateway.api.answer import Buffer

CHUNK = 256 * 1024  # bytes handed to the socket at a time, so that a slow client holds no second copy of a picture


async def send_pieces(pieces: list[Buffer], headers: list[tuple[bytes, bytes]], send: Send) -> None:
    """The body piece by piece; the client's pace decides when the next one is handed over.

    What is handed over are views: a picture in base64 goes out of the buffer in which the provider's answer came.
    """
    length = str(sum(map(len, pieces))).encode()
    fixed = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": [*fixed, *headers]})
    if len(pieces) <= 3 or sum(map(len, pieces)) <= CHUNK:
        await send({"type": "http.response.body", "body": b"".join(pieces)})
        return
    await send_chunks(pieces, send)
    await send({"type": "http.response.body", "body": b""})


async def send_chunks(pieces: list[Buffer], send: Send) -> None:
    """Part of a body; each piece is let go as soon as it was handed over."""
    if sum(map(len, pieces)) <= CHUNK:
        await send({"type": "http.response.body", "body": b"".join(pieces), "more_body": True})
        return
    pieces.reverse()
    while pieces:
        piece = memoryview(pieces.pop())
        for start in range(0, len(piece), CHUNK):
            await send({"type": "http.response.body", "body": piece[start : start + CHUNK], "more_body": True})
