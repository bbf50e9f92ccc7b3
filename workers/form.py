"""multipart/form-data, taken apart in memory: RFC 7578 as OpenAI's clients write it."""

import re
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser

from workers.errors import Refusal

MOST_PARTS = 64
_LONGEST_HEAD = 8192  # bytes of a part's headers
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]")


@dataclass(frozen=True, slots=True)
class Form:
    """Texts and files by the names they came under, each in order."""

    texts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    files: dict[str, list[bytes]] = field(default_factory=dict[str, list[bytes]])


def form(content_type: str, body: bytes) -> Form:
    """Raises `Refusal` for what is no form."""
    boundary = _headers(f"Content-Type: {content_type}").get_boundary("")
    if not _BOUNDARY.fullmatch(boundary):
        raise _broken("its content-type names no boundary")
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("ascii"), MOST_PARTS + 2)
    if first or not parts or not parts[-1].startswith(b"--"):
        raise _broken(f"it does not end as it should, or has more than {MOST_PARTS} parts")
    read = Form()
    for part in parts[:-1]:
        _add(part, read)
    return read


def _add(part: bytes, to: Form) -> None:
    line, _, rest = part.partition(b"\r\n")
    head, gap, content = rest.partition(b"\r\n\r\n")
    if line.strip() or not gap or len(head) > _LONGEST_HEAD:
        raise _broken("a part has no headers")
    try:
        message = _headers(head.decode())
    except UnicodeDecodeError:
        raise _broken("a part's headers are not UTF-8") from None
    name = message.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise _broken("a part has no name")
    if message.get_filename() is not None:
        to.files.setdefault(name, []).append(content)
        return
    try:
        to.texts.setdefault(name, []).append(content.decode())
    except UnicodeDecodeError:
        raise Refusal(f"'{name[:64]}' is not UTF-8.", param=name[:64]) from None


def _headers(text: str) -> Message:
    return HeaderParser().parsestr(text)


def _broken(why: str) -> Refusal:
    return Refusal(f"The body is not valid multipart/form-data: {why}.", code="invalid_form")
