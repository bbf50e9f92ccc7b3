"""A form taken apart by Python's own mail parser, which shares nothing with the encoder under test."""

from email import policy
from email.parser import BytesParser
from typing import NamedTuple


class FormPart(NamedTuple):
    """One part: its field's name, its bytes, and of a file its name and content type."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


def parts_of(content_type: str, body: bytes) -> list[FormPart]:
    """Every part in order; AssertionError for what is no multipart/form-data."""
    head = b"Content-Type: " + content_type.encode() + b"\r\nMIME-Version: 1.0\r\n\r\n"
    message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    assert message.get_content_type() == "multipart/form-data"
    assert not message.defects
    parts: list[FormPart] = []
    for part in message.iter_parts():
        assert part.get_content_disposition() == "form-data"
        name, filename = part.get_param("name", header="content-disposition"), part.get_filename()
        content = part.get_payload(decode=True)
        assert isinstance(name, str)
        assert isinstance(content, bytes)
        parts.append(FormPart(name, content, filename, part.get_content_type() if filename is not None else None))
    return parts


def texts_of(parts: list[FormPart]) -> list[tuple[str, str]]:
    return [(part.name, part.content.decode()) for part in parts if part.filename is None]


def files_of(parts: list[FormPart]) -> list[tuple[str, str | None, str | None, bytes]]:
    return [(part.name, part.filename, part.content_type, part.content) for part in parts if part.filename is not None]
