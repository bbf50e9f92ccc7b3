"""No file that is not a whole safetensors file with a LoRA's tensors gets past, whatever it claims."""

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.loras.files import NAME, header, safetensors, tensor
from workers.loras.header import LONGEST_HEADER, MOST_TENSORS, NotALora, check, check_header


def refused(content: bytes, folder: Path) -> str:
    file = folder / "a.safetensors"
    file.write_bytes(content)
    with pytest.raises(NotALora) as caught:
        check(file)
    return str(caught.value)


def test_a_whole_one_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    for tensors, data in (
        ({NAME: tensor()}, 16),
        ({NAME: tensor(), "alpha": tensor(16, (), "F32", 4)}, 20),
        ({"b": tensor(16), NAME: tensor()}, 32),
        ({NAME: tensor(), "empty": tensor(16, (0, 7))}, 16),
    ):
        file.write_bytes(safetensors(tensors, bytes(data)))
        check(file)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({NAME: 1}))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (pickle.dumps({NAME: [0.0] * 50}), "pickle"),
        (zipped(), "zip"),
        (b"GGUF" + bytes(100), "GGUF"),
        (b"<!doctype html><title>404</title>" * 3, "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"", "no safetensors"),
        (b"\x10", "no safetensors"),
        (bytes(100), "no safetensors"),
        (b"\xff" * 100, "no safetensors"),
        (safetensors()[:60], "cut off"),
        (safetensors()[:-1], "not whole"),
        (safetensors() + b"\0", "not whole"),
        (struct.pack("<Q", 2**63) + b"{}", "cut off"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_it_is_instead_is_said(content: bytes, why: str, tmp_path: Path) -> None:
    assert why in refused(content, tmp_path)


def test_a_header_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    length = LONGEST_HEADER + 1
    file = tmp_path / "a.safetensors"
    with file.open("wb") as out:
        out.write(length.to_bytes(8, "little") + b"{")
        out.truncate(length + 8)  # a hole: it has the size, and takes no room
    with pytest.raises(NotALora, match="at most"):
        check(file)


def odd(**changes: Any) -> dict[str, Any]:
    return {NAME: {**tensor(), **changes}}


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {NAME: 1},
        {NAME: []},
        {NAME: {"dtype": "F16", "shape": [2, 4]}},
        odd(extra=1),
        odd(dtype="F17"),
        odd(dtype=["F16"]),
        odd(dtype="F32"),
        odd(shape=[2, -4]),
        odd(shape=[2.0, 4]),
        odd(shape=[True, 8]),
        odd(shape="2,4"),
        odd(shape=[2, 5]),
        odd(shape=[2**40, 2**40, 2**40]),
        odd(shape=[2**64]),
        odd(shape=[1] * 100_000),
        odd(data_offsets=[0]),
        odd(data_offsets=[16, 0]),
        odd(data_offsets=[-16, 0]),
        odd(data_offsets=[0, 16, 32]),
        odd(data_offsets=None),
        odd(data_offsets=[8, 24]),
        {NAME: tensor(), "b": tensor()},
        {NAME: tensor(), "b": tensor(8)},
        {NAME: tensor(), "b": tensor(24)},
        {"": tensor()},
        {"lora\nx": tensor()},
        {"lora" * 200: tensor()},
        {"a.weight": tensor()},
        {f"lora{number}": tensor(0, (0,)) for number in range(MOST_TENSORS + 1)},
        {"__metadata__": {"a": 1}, NAME: tensor()},
        {"__metadata__": [], NAME: tensor()},
    ],
    ids=lambda value: str(value)[:40],
)
def test_headers_that_are_wrong(tensors: dict[str, Any]) -> None:
    with pytest.raises(NotALora):
        check_header(json.dumps(tensors).encode(), 16)


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"{} x",
        b"{" + b'"a":{' * 2000 + b"}" * 2001,
        header({NAME: tensor()}).replace(b"[2, 4]", b"[NaN, 4]"),
        header({NAME: tensor()}).replace(b"[2, 4]", b"[Infinity, 4]"),
        header({NAME: tensor()}).replace(b"[2, 4]", b"[1e999, 4]"),
        header({NAME: tensor()}).replace(b"lora", b"\xff"),
        b'{"\\ud800": {}}',
    ],
    ids=lambda value: str(value)[:30],
)
def test_headers_that_are_no_json(text: bytes) -> None:
    with pytest.raises(NotALora):
        check_header(text, 16)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.text(max_size=6) | st.just(NAME),
        json_values
        | st.fixed_dictionaries({"dtype": json_values, "shape": json_values, "data_offsets": json_values})
        | st.fixed_dictionaries(
            {
                "dtype": st.sampled_from(["F16", "F32", "U8"]),
                "shape": st.lists(st.integers(-1, 9), max_size=4),
                "data_offsets": st.lists(st.integers(-1, 99), min_size=2, max_size=2),
            }
        ),
        max_size=5,
    ),
    st.integers(0, 100),
)
def test_any_header_is_taken_or_refused(tensors: dict[str, Any], data: int) -> None:
    try:
        check_header(json.dumps(tensors).encode(), data)
    except NotALora:
        return
    ends = [each["data_offsets"][1] for name, each in tensors.items() if name != "__metadata__"]
    assert max(ends) == data


@given(st.binary(max_size=80), st.integers(0, 200), st.booleans())
def test_any_file_is_taken_or_refused(noise: bytes, place: int, longer: bool) -> None:
    """A whole one with a few bytes overwritten: never another exception, and never more data than there is."""
    content = bytearray(safetensors())
    content[place : place + len(noise)] = noise
    file = io.BytesIO(bytes(content) + (b"\0" if longer else b""))
    length = int.from_bytes(file.read(8), "little")
    text = file.read(min(length, 10_000))
    try:
        check_header(text, len(file.read()))
    except NotALora:
        return
    assert json.loads(text)
