"""multipart/form-data as it arrives: fed chunk by chunk, nothing is searched twice, and no part touches a disk.

RFC 7578 on RFC 2046 (read 2026-11-21), strictly: CRLF line ends, and a boundary that stays out of the content.
"""

import re
from dataclasses import dataclass

from gateway.errors import InvalidValue

MAX_PARTS = 256  # the most that a documented client sends are some forty
MAX_PART_HEAD = 8 * 1024  # bytes of a part's headers

_PARAMETER = re.compile(r';\s*([A-Za-z0-9!#$%&+.^_`|~*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]")
_AFTER_BOUNDARY = re.compile(rb"[ \t]*\r\n")
_IDENTITY = ("", "7bit", "8bit", "binary")


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form. `is_file`: it came with a file's name, which is of no further interest."""

    name: str
    is_file: bool
    content: bytes

    def __repr__(self) -> str:
        return f"<Part {self.name!r} {len(self.content)} bytes>"


class MultipartParser:
    """`feed` it everything, then ask `finish` for the parts. Both raise InvalidValue for what is no such form.

    Bytes that were fed are kept once; the caller bounds how many there are.
    """

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode()
        self._pending = bytearray(b"\r\n")  # so that the first boundary is found like all others
        self._content: list[bytes] = []
        self._head: tuple[str, bool] | None = None  # of the part that is being read; None before the first
        self._in_head = False
        self._ended = False
        self._parts: list[Part] = []

    def feed(self, chunk: bytes) -> None:
        if self._ended:  # what follows the last boundary means nothing
            return
        self._pending += chunk
        while self._read_head() if self._in_head else self._read_content():
            pass

    def finish(self) -> list[Part]:
        if not self._ended:
            raise bad("it ends before its last boundary")
        return self._parts

    def _read_content(self) -> bool:
        """Whether there may be more to read now."""
        at = self._pending.find(self._delimiter)
        if at < 0:
            settled = len(self._pending) - len(self._delimiter) + 1  # the rest may be the start of a boundary
            if settled > 0:
                self._take(settled)
            return False
        after = at + len(self._delimiter)
        if len(self._pending) < after + 2:
            return False
        if self._pending.startswith(b"--", after):
            self._end_part(at)
            self._ended = True
            return False
        line = _AFTER_BOUNDARY.match(self._pending, after)
        if line is None:
            if len(self._pending) - after > 100 or self._pending[after:].strip(b" \t\r"):
                raise bad("its boundary appears within its content, or is not followed by a line's end")
            return False
        self._end_part(at)
        if len(self._parts) == MAX_PARTS:
            raise bad(f"it has more than {MAX_PARTS} parts")
        del self._pending[: line.end() - at - 2]  # this line's end stays: without any headers it begins the empty line
        self._in_head = True
        return True

    def _take(self, length: int) -> None:
        if self._head is not None:
            self._content.append(bytes(memoryview(self._pending)[:length]))
        del self._pending[:length]

    def _end_part(self, at: int) -> None:
        self._take(at)
        if self._head is not None:
            self._parts.append(Part(*self._head, b"".join(self._content)))
        self._content = []

    def _read_head(self) -> bool:
        at = self._pending.find(b"\r\n\r\n", 0, MAX_PART_HEAD)
        if at < 0:
            if len(self._pending) > MAX_PART_HEAD:
                raise bad(f"the headers of a part have more than {MAX_PART_HEAD:,} bytes")
            return False
        self._head = read_head(bytes(memoryview(self._pending)[2:at]))
        self._in_head = False
        del self._pending[: at + 4]
        return True


def boundary_of(content_type: str) -> str:
    """`multipart/form-data; boundary=x` -> `x`. Raises InvalidValue without one, or with one that is not legal."""
    boundary = parameters(content_type).get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise bad("its content-type names no boundary of 1 to 70 legal characters")
    return boundary


def read_head(head: bytes) -> tuple[str, bool]:
    """A field's name, and whether it is a file, from the headers of its part."""
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError:
        raise bad("the headers of a part are not UTF-8") from None
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    disposition = headers.get("content-disposition", "")
    given = parameters(disposition)
    if disposition.partition(";")[0].strip().lower() != "form-data" or "name" not in given:
        raise bad('a part has no header such as content-disposition: form-data; name="prompt"')
    if headers.get("content-transfer-encoding", "").lower() not in _IDENTITY:
        raise bad("a part has a content-transfer-encoding; send its bytes as they are")
    # A browser sends a file field that was left empty with an empty file name.
    return given["name"], bool(given.get("filename") or given.get("filename*"))


def parameters(value: str) -> dict[str, str]:
    """What follows a header's first word: `form-data; name="a"; filename=b` -> name and filename."""
    found: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or bare)
    return found


def bad(why: str) -> InvalidValue:
    return InvalidValue(f"the body is not valid multipart/form-data: {why}", param="body")
