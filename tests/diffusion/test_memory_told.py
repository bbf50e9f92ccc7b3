"""How much room there is, and how much a model is going to need."""

from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import save_file

from workers.diffusion.host_memory import host_memory
from workers.diffusion.weights import bytes_in_use

MB = 2**20


def group(folder: Path, *, limit: str, used: int, copies: int) -> Path:
    """As the kernel shows a cgroup of version 2."""
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    stat = {"anon": used - copies, "file": copies, "active_file": copies // 4, "inactive_file": copies - copies // 4}
    (folder / "memory.stat").write_text("".join(f"{name} {count}\n" for name, count in stat.items()))
    return folder


def test_a_containers_limit_counts_and_its_copies_of_files_do_not(tmp_path: Path) -> None:
    told = host_memory(group(tmp_path, limit=str(64 * MB), used=48 * MB, copies=40 * MB))
    assert (told.total, told.free) == (64 * MB, 56 * MB)


@pytest.mark.parametrize("limit", ["max", str(2**60), "soon"])
def test_without_a_limit_it_is_the_machines(tmp_path: Path, limit: str) -> None:
    told = host_memory(group(tmp_path, limit=limit, used=48 * MB, copies=0))
    assert told.total == psutil.virtual_memory().total
    assert 0 < told.free <= told.total


def test_without_a_group_it_is_the_machines(tmp_path: Path) -> None:
    assert host_memory(tmp_path).total == psutil.virtual_memory().total


def test_weights_count_as_what_they_become(tmp_path: Path) -> None:
    save_file(
        {"a": torch.zeros(3, 5, dtype=torch.float16), "b": torch.zeros(7, dtype=torch.bfloat16)},
        tmp_path / "1.safetensors",
    )
    save_file({"c": torch.zeros(2, dtype=torch.float32)}, tmp_path / "2.safetensors")
    assert bytes_in_use(tmp_path, torch.float32) == 4 * (15 + 7 + 2)
    assert bytes_in_use(tmp_path, torch.bfloat16) == 2 * (15 + 7 + 2)


def test_what_cannot_be_read_counts_as_it_lies_there(tmp_path: Path) -> None:
    (tmp_path / "1.safetensors").write_bytes(b"\x80\x04 not safetensors")
    assert bytes_in_use(tmp_path, torch.float32) == len(b"\x80\x04 not safetensors")
