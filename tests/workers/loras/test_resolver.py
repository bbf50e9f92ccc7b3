"""LoRAs of the worker's own folder, and the shelf of those that were fetched."""

import os
import time
from pathlib import Path

import pytest

from tests.workers.loras.files import lora, safetensors
from workers.errors import Refusal
from workers.loras.resolver import AskedLora, Loras
from workers.loras.shelf import Shelf
from workers.loras.sources import Allowed

OLD = 1000.0  # seconds


async def test_files_of_the_folder_in_the_order_asked(tmp_path: Path) -> None:
    lora(tmp_path, "a.safetensors", 1)
    lora(tmp_path, "b.safetensors", 2)
    found = await Loras(Allowed(tmp_path)).resolve([AskedLora("b", 0.5), AskedLora("a.safetensors", -1.0)])
    assert [(each.name, each.file.name, each.weight) for each in found] == [
        ("b", "b.safetensors", 0.5),
        ("a.safetensors", "a.safetensors", -1.0),
    ]
    assert len({each.digest for each in found}) == 2


async def test_a_file_that_changes_is_another_one(tmp_path: Path) -> None:
    loras = Loras(Allowed(tmp_path))
    file = lora(tmp_path, "a.safetensors", 1)
    [first] = await loras.resolve([AskedLora("a", 1.0)])
    [same] = await loras.resolve([AskedLora("a", 1.0)])
    assert same.digest == first.digest
    file.write_bytes(safetensors(data=bytes([2]) * 16))
    os.utime(file, ns=(1, 1))
    [other] = await loras.resolve([AskedLora("a", 1.0)])
    assert other.digest != first.digest
    file.write_bytes(b"PK\x03\x04" + bytes(200))
    with pytest.raises(Refusal, match="zip") as caught:
        await loras.resolve([AskedLora("a", 1.0)])
    assert (caught.value.code, caught.value.param) == ("invalid_lora", "loras")


async def test_one_that_is_no_lora_names_itself(tmp_path: Path) -> None:
    (tmp_path / "evil.safetensors").write_bytes(b"\x80\x04\x95")
    with pytest.raises(Refusal, match=r"'evil' is a pickle"):
        await Loras(Allowed(tmp_path)).resolve([AskedLora("evil", 1.0)])


def test_none_is_written_into_a_repr() -> None:
    assert "secret" not in repr(AskedLora("https://models.example/a?token=secret", 1.0))


def kept(shelf: Shelf, name: str, digit: str, size: int = 100) -> Path:
    part = shelf.new()
    part.write_bytes(bytes(size))
    return shelf.put(name, part, digit * 64)


def aged(file: Path, seconds: float = OLD) -> None:
    then = time.time() - seconds
    os.utime(file, (then, then))


def test_the_shelf_lets_go_of_what_was_used_longest_ago(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, most_bytes=250)
    first, second = kept(shelf, "a", "a"), kept(shelf, "b", "b")
    aged(first)
    aged(second, 2 * OLD)
    third = kept(shelf, "c", "c")
    assert (first.exists(), second.exists(), third.exists()) == (True, False, True)
    assert shelf.find("b") is None
    assert shelf.find("a") == (first, "a" * 64)


def test_the_shelf_spares_what_a_picture_may_wait_for(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, most_bytes=250)
    first, second = kept(shelf, "a", "a"), kept(shelf, "b", "b")
    with pytest.raises(Refusal, match="no room") as caught:
        kept(shelf, "c", "c")
    assert (caught.value.status, first.exists(), second.exists()) == (503, True, True)


def test_use_is_remembered(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, most_bytes=250)
    first, second = kept(shelf, "a", "a"), kept(shelf, "b", "b")
    aged(first, 2 * OLD)
    aged(second)
    assert shelf.find("a") is not None
    kept(shelf, "c", "c")
    assert (first.exists(), second.exists()) == (True, False)


def test_parts_of_files_that_never_came_are_swept_away(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    stray = shelf.new()
    stray.write_bytes(b"half")
    kept(shelf, "a", "a")
    assert stray.exists()
    aged(stray, 2 * 3600)
    kept(shelf, "b", "b")
    assert not stray.exists()


def test_a_note_that_says_nonsense_is_none(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    kept(shelf, "a", "a")
    [note] = tmp_path.glob("*.source")
    for nonsense in ("../../etc/passwd", "", "x" * 64):
        note.write_text(nonsense)
        assert shelf.find("a") is None
    note.write_bytes(b"\xff")
    assert shelf.find("a") is None
