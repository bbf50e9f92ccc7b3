"""multipart/form-data as it arrives: python-multipart cuts it into parts, which are bounded here and touch no disk."""

import re
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser as Parser
from python_multipart.multipart import parse_options_header

from gateway.errors import InvalidValue

MAX_PARTS = 256  # the most that a documented client sends are some forty
MAX_HEADER = 8 * 1024  # bytes of one header of a part

_BOUNDARY = re.compile(rb"[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]")  # RFC 2046
_IDENTITY = {b"", b"7bit", b"8bit", b"binary"}


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

    def __init__(self, boundary: bytes) -> None:
        self._parts: list[Part] = []
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        self._content: list[bytes] = []
        self._ended = False
        self._parser = Parser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._more_field,
                "on_header_value": self._more_value,
                "on_header_end": self._end_header,
                "on_part_data": self._more_content,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
            max_header_size=MAX_HEADER,
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise bad("its boundaries or the headers of a part are not as they should be") from None

    def finish(self) -> list[Part]:
        if not self._ended:
            raise bad("it ends before its last boundary")
        return self._parts

    def _begin_part(self) -> None:
        if len(self._parts) == MAX_PARTS:
            raise bad(f"it has more than {MAX_PARTS} parts")
        self._headers, self._content = {}, []

    def _more_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _more_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._field.lower()] = self._value.strip()
        self._field = self._value = b""

    def _more_content(self, data: bytes, start: int, end: int) -> None:
        self._content.append(data[start:end])

    def _end_part(self) -> None:
        self._parts.append(Part(*read_head(self._headers), b"".join(self._content)))

    def _end(self) -> None:
        self._ended = True


def boundary_of(content_type: str) -> bytes:
    """`multipart/form-data; boundary=x` -> `x`. Raises InvalidValue without one, or with one that is not legal."""
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise bad("its content-type names no boundary of 1 to 70 legal characters")
    return boundary


def read_head(headers: dict[bytes, bytes]) -> tuple[str, bool]:
    """A field's name, and whether it is a file, from the headers of its part."""
    kind, given = parse_options_header(headers.get(b"content-disposition", b""))
    if kind != b"form-data" or b"name" not in given:
        raise bad('a part has no header such as content-disposition: form-data; name="prompt"')
    if headers.get(b"content-transfer-encoding", b"").lower() not in _IDENTITY:
        raise bad("a part has a content-transfer-encoding; send its bytes as they are")
    try:
        name = given[b"name"].decode()
    except UnicodeDecodeError:
        raise bad("the headers of a part are not UTF-8") from None
    # A browser sends a file field that was left empty with an empty file name.
    return name, bool(given.get(b"filename") or given.get(b"filename*"))


def bad(why: str) -> InvalidValue:
    return InvalidValue(f"the body is not valid multipart/form-data: {why}", param="body")
