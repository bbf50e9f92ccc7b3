"""Is a file what it says? The header of a safetensors file, read by us before any library sees it.

Eight bytes with its length, then JSON: `{"name": {"dtype": "F16", "shape": [16, 64], "data_offsets": [0, 2048]}}`, then
the data, which the tensors cover without gap or overlap. Nothing in it is ever run, which is why nothing else is taken.
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import orjson

LONGEST_HEADER = 10_000_000  # bytes; that of a LoRA for every layer of a 60-block model has half a million
MOST_TENSORS = 50_000
LONGEST_NAME = 512  # characters
MOST_SIDES = 8  # of a tensor's shape
_LENGTH = 8  # bytes that say how long the header is
_LARGEST = 2**48  # of anything that is counted: no file here is near it, and no product of it takes long

# Bytes of one value.
_WIDTHS: Mapping[str, int] = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}
# How files begin that people take for LoRAs, and what they are.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive, as torch.save writes it, which can run code when it is opened"),
    (b"\x80", "a pickle, which can run code when it is opened"),
    (b"GGUF", "a GGUF file"),
    (b"\x1f\x8b", "compressed"),
    (b"<", "a web page"),
    (b"version https://git-lfs", "a pointer to a file in Git LFS, not the file"),
)


class NotALora(Exception):
    """The file is none, or damaged; the message is the rest of a sentence that begins with its name."""


def check(file: Path) -> None:
    """Raises `NotALora`, and OSError if it cannot be read."""
    with file.open("rb") as content:
        size = os.fstat(content.fileno()).st_size
        start = content.read(64)
        length = int.from_bytes(start[:_LENGTH], "little")
        if size < _LENGTH + 2 or length > size - _LENGTH or start[_LENGTH : _LENGTH + 1] != b"{":
            raise NotALora(_kind_of(start, size, length))
        if length > LONGEST_HEADER:
            raise NotALora(f"has a header of {length} bytes; at most {LONGEST_HEADER} are read")
        content.seek(_LENGTH)
        header = content.read(length)
    check_header(header, size - _LENGTH - length)


def check_header(header: bytes, data: int) -> None:
    """Of a file whose tensors have `data` bytes. Raises `NotALora`."""
    tensors = _tensors(header)
    places = sorted(_place(name, tensor) for name, tensor in tensors.items())
    end = 0
    for first, last in places:
        if first != end:
            raise NotALora("has tensors that overlap, or leave gaps")
        end = last
    if end != data:
        raise NotALora(f"has {data} bytes of data where its header tells of {end}: it is not whole")
    if not any("lora" in name.lower() for name in tensors):
        raise NotALora("is a safetensors file, but none of its tensors is named as a LoRA's are")


def _kind_of(start: bytes, size: int, length: int) -> str:
    found = next((what for magic, what in _OTHERS if start.startswith(magic)), None)
    if found is not None:
        return f"is {found}; only safetensors files are taken"
    if start[_LENGTH : _LENGTH + 1] == b"{":
        return f"is cut off: its header should have {length} bytes, and the file has {size}"
    return "is no safetensors file"


def _tensors(header: bytes) -> dict[str, Any]:
    try:
        read = orjson.loads(header)
    except orjson.JSONDecodeError:  # also NaN, lone surrogates, more than 1024 levels
        raise NotALora("has a header that is no JSON") from None
    tensors = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    told = tensors.pop("__metadata__", {})
    if not isinstance(told, dict) or not all(isinstance(text, str) for text in cast("dict[str, Any]", told).values()):
        raise NotALora("has metadata that is no table of texts")
    if not 1 <= len(tensors) <= MOST_TENSORS:
        raise NotALora(f"has {len(tensors)} tensors; it may have 1 to {MOST_TENSORS}")
    return tensors


def _place(name: str, tensor: Any) -> tuple[int, int]:
    """Where its data begins and ends, checked against its shape."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise NotALora("has a tensor without a name that can be shown")
    told = cast("dict[str, Any]", tensor) if isinstance(tensor, dict) else {}
    if set(told) != {"shape", "data_offsets", "dtype"}:
        raise NotALora("has a tensor whose type, shape or place is not told as it should be")
    shape, offsets = _counts(told["shape"]), _counts(told["data_offsets"])
    width = _WIDTHS.get(told["dtype"]) if isinstance(told["dtype"], str) else None
    if width is None or len(offsets) != 2:
        raise NotALora("has a tensor of a type that is not known, or without a beginning and an end")
    first, last = offsets
    if last - first != math.prod(shape) * width:
        raise NotALora("has a tensor whose shape and place are of different sizes")
    return first, last


def _counts(value: Any) -> list[int]:
    """A short list of whole numbers, none of them absurd."""
    entries = cast("list[Any]", value) if isinstance(value, list) else [value, None]
    counts = [entry for entry in entries if type(entry) is int and 0 <= entry <= _LARGEST]
    if len(entries) > MOST_SIDES or len(counts) < len(entries):
        raise NotALora("has a tensor whose shape or place is no list of whole numbers")
    return counts
