"""Real PNGs whose bytes are new on every call and cost next to nothing to make.

A store that keeps equal pictures once must not find the same picture twice: a counter sits in a `tEXt` chunk of 30
bytes behind the 33 bytes of signature and IHDR. Both are multiples of three, so that the base64 text of the rest
stays as it is too.
"""

import base64
import hashlib
import io
import zlib

from PIL import Image

HEAD = 33
CHUNK = 30


class Picture:
    """A square of noise, `side` pixels wide: about 3 · side² bytes, as noise does not compress."""

    def __init__(self, side: int) -> None:
        noise = hashlib.shake_256(b"easel").digest(side * side * 3)
        buffer = io.BytesIO()
        Image.frombytes("RGB", (side, side), noise).save(buffer, "PNG", compress_level=1)
        png = buffer.getvalue()
        self._head, self._rest = png[:HEAD], png[HEAD:]
        self._head_text, self._rest_text = base64.b64encode(self._head), base64.b64encode(self._rest)
        self.length = len(png) + CHUNK
        self.text_length = len(self._head_text) + CHUNK // 3 * 4 + len(self._rest_text)

    def content(self, number: int) -> list[bytes]:
        return [self._head, _chunk(number), self._rest]

    def text(self, number: int) -> list[bytes]:
        """The same in base64."""
        return [self._head_text, base64.b64encode(_chunk(number)), self._rest_text]

    def is_mine(self, content: bytes) -> bool:
        return len(content) == self.length and content.startswith(self._head) and content.endswith(self._rest)


def _chunk(number: int) -> bytes:
    named = b"tEXtbench\0%012d" % number
    return (len(named) - 4).to_bytes(4) + named + zlib.crc32(named).to_bytes(4)
