"""A body that is large, such as one with pictures in it, is written in pieces: other calls go on in between."""

from collections.abc import AsyncIterator

PIECE_BYTES = 256 * 1024
LARGE_BYTES = 1024 * 1024  # aiohttp warns of a larger one in a single write


class Pieces:
    """What an HTTP client iterates over; it starts anew each time."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), PIECE_BYTES):
            yield self.body[start : start + PIECE_BYTES]
