"""Files that callers have uploaded to a simulated provider: found again by their name, until they expire."""

import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field

MOST_BYTES = 512 * 1024 * 1024  # of all files together; the oldest go first


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """`until` is a moment of `time.monotonic`."""

    filename: str
    content_type: str
    content: bytes
    until: float
    name: str = field(default_factory=lambda: secrets.token_hex(12))


class Uploads:
    """The newest last. `seconds` is how long a file can be fetched."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[str, UploadedFile] = OrderedDict()
        self._bytes = 0

    def keep(self, content: bytes, content_type: str, filename: str) -> UploadedFile:
        file = UploadedFile(filename, content_type, content, time.monotonic() + self._seconds)
        self._kept[file.name] = file
        self._bytes += len(content)
        while self._bytes > MOST_BYTES:
            self.remove(next(iter(self._kept)))
        return file

    def find(self, name: str) -> UploadedFile | None:
        file = self._kept.get(name)
        return file if file is not None and time.monotonic() < file.until else None

    def remove(self, name: str) -> bool:
        """False when there was none."""
        file = self._kept.pop(name, None)
        self._bytes -= len(file.content) if file else 0
        return file is not None

    def newest_first(self) -> list[UploadedFile]:
        return [file for file in reversed(self._kept.values()) if time.monotonic() < file.until]
