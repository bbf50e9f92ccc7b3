"""Undoing an answer's content-encoding without letting a small body become a large one."""

import zlib

_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # zlib's words for the gzip and the zlib wrapper


class Unreadable(ValueError):
    """The body cannot be unpacked: an encoding we do not speak, damaged data, or more bytes than allowed."""


def unpack(content: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body behind a `content-encoding` header: `""`, `identity`, `gzip` or `deflate`.

    Stops at `max_bytes` of output, so a bomb costs no more than an honest body; raises `Unreadable`.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return content
    if name not in _WINDOW:
        raise Unreadable("it is compressed in a way that was not asked for")
    unpacker = zlib.decompressobj(_WINDOW[name])
    try:
        plain = unpacker.decompress(content, max_bytes + 1)
    except zlib.error:
        raise Unreadable("its compressed body is damaged") from None
    if len(plain) > max_bytes:
        raise Unreadable(f"it is larger than {max_bytes} bytes")
    if not unpacker.eof:
        raise Unreadable("its compressed body is cut short")
    return plain
