"""A multipart form, taken apart: RFC 7578, with all of it in memory."""

from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
from typing import Any

from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form."""

    filename: str
    content_type: str
    content: bytes

    def told(self) -> dict[str, str | int]:
        return {"filename": self.filename, "content_type": self.content_type, "bytes": len(self.content)}


@dataclass(frozen=True, slots=True)
class Form:
    """Fields and files by name, as they were spelled (`image[]` stays `image[]`), each in order."""

    fields: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    files: dict[str, list[Upload]] = field(default_factory=dict[str, list[Upload]])

    def told(self) -> dict[str, Any]:
        """One value as itself, several as a list."""
        every: dict[str, list[Any]] = {name: list(values) for name, values in self.fields.items()}
        for name, uploads in self.files.items():
            every.setdefault(name, []).extend(upload.told() for upload in uploads)
        return {name: values[0] if len(values) == 1 else values for name, values in every.items()}


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


def form_of(request: Request, raw: bytes) -> Form | None:
    """The form in `raw`; None when it is broken."""
    boundary = _parameters(f"Content-Type: {request.headers['content-type']}").get_boundary()
    if not boundary:
        return None
    first, *parts = (b"\r\n" + raw).split(b"\r\n--" + boundary.encode("latin-1"))
    if first.strip() or not parts or not parts.pop().startswith(b"--"):
        return None
    form = Form()
    for part in parts:
        head, gap, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        message = _parameters(head.decode("utf-8", "replace"))
        name = message.get_param("name", header="content-disposition")
        if not gap or not isinstance(name, str):
            return None
        filename = message.get_filename()
        if filename is None:
            form.fields.setdefault(name, []).append(content.decode("utf-8", "replace"))
        else:
            form.files.setdefault(name, []).append(Upload(filename, message.get_content_type(), content))
    return form


def _parameters(head: str) -> Message:
    return HeaderParser().parsestr(head)
