"""LoRAs that were fetched, by their sha256, in a folder that holds so many bytes and lets go of the oldest."""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from workers.errors import busy

MOST_BYTES = 10 * 2**30
_SPARED = 600.0  # seconds: what was asked for so recently may still be waited for by a picture
_ABANDONED = 3600.0  # seconds: no file takes so long to arrive
_MOST_NOTES = 10_000  # URLs that are remembered; the same file may be behind many


class _Kept(NamedTuple):
    used: float  # Unix time
    size: int
    file: Path


class Shelf:
    """Several workers of a machine may share the folder: a file is complete as soon as it has its name.

    A URL stands for what it held when it was fetched, for as long as that is here. Plain calls that touch a disk: not
    for the event loop.
    """

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def find(self, source: str) -> tuple[Path, str] | None:
        """The file that a URL stands for, and its sha256; from now on it was used last."""
        note = self._note(source)
        try:
            digest = note.read_text("ascii")
            file = self._file(digest)
            for used in (file, note):
                os.utime(used)
        except (OSError, ValueError):
            return None
        return file, digest

    def new(self) -> Path:
        """Where a file may be written before it is put here; whether it can be shows when it is."""
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder / f"{os.urandom(16).hex()}.part"

    def put(self, source: str, written: Path, digest: str) -> Path:
        """The file under its sha256, and the URL that it came from remembered.

        Raises `Refusal` (503) where there is no room beside what pictures under way may need."""
        file, note = self._file(digest), self.new()
        try:
            self._make_room(written.stat().st_size)
            written.replace(file)
            note.write_text(digest, "ascii")
            note.replace(self._note(source))
        except OSError:
            raise busy("The LoRA cannot be kept here now.", retry_after=30) from None
        return file

    def _make_room(self, size: int) -> None:
        for stray in (*self._oldest("*.source")[:-_MOST_NOTES], *self._oldest("*.part")):
            if stray.file.suffix == ".source" or time.time() - stray.used > _ABANDONED:
                stray.file.unlink(missing_ok=True)
        kept = self._oldest("*.safetensors")
        held = sum(each.size for each in kept)
        for each in kept:
            if held + size <= self._most_bytes:
                return
            if time.time() - each.used < _SPARED:
                break
            each.file.unlink(missing_ok=True)
            held -= each.size
        if held + size > self._most_bytes:
            raise busy("There is no room for another LoRA now.", retry_after=30)

    def _oldest(self, pattern: str) -> list[_Kept]:
        """First."""
        return sorted(_kept(file) for file in self._folder.glob(pattern))

    def _file(self, digest: str) -> Path:
        if len(digest) != 64 or not digest.isalnum():
            raise ValueError("no sha256")
        return self._folder / f"{digest}.safetensors"

    def _note(self, source: str) -> Path:
        """The URL itself may hold a token; its hash tells nothing."""
        return self._folder / f"{hashlib.sha256(source.encode()).hexdigest()}.source"


def _kept(file: Path) -> _Kept:
    try:
        found = file.stat()
    except OSError:  # another worker has let go of it
        return _Kept(0.0, 0, file)
    return _Kept(found.st_mtime, found.st_size, file)
