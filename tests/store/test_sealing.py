"""What is sealed is opened with the same key and for the same owner, and otherwise not at all."""

from pathlib import Path

import pytest

from gateway.store.sealing import Seal, SealingError

TEXT = "whsec_c2VjcmV0"


def test_it_is_opened_by_who_has_the_key() -> None:
    sealed = Seal(b"one").seal(TEXT, "whs_1")
    assert Seal(b"one").open(sealed, "whs_1") == TEXT
    assert TEXT.encode() not in sealed
    assert Seal(b"one").seal(TEXT, "whs_1") != sealed


@pytest.mark.parametrize(("key", "owner"), [(b"two", "whs_1"), (b"one", "whs_2"), (b"", "")])
def test_not_with_another_key_or_for_another_owner(key: bytes, owner: str) -> None:
    sealed = Seal(b"one").seal(TEXT, "whs_1")
    with pytest.raises(SealingError) as caught:
        Seal(key).open(sealed, owner)
    assert TEXT not in str(caught.value)


def test_damaged_is_not_opened() -> None:
    sealed = Seal(b"one").seal(TEXT, "whs_1")
    damaged = [sealed[:-1] + bytes([sealed[-1] ^ 1]), b"\x02" + sealed[1:], sealed[:13], sealed[:1], b"", sealed + b"x"]
    for each in damaged:
        with pytest.raises(SealingError):
            Seal(b"one").open(each, "whs_1")


def test_the_configured_key_or_one_that_the_data_directory_keeps(tmp_path: Path) -> None:
    sealed = Seal.of(None, tmp_path).seal(TEXT, "whs_1")
    assert Seal.of(None, tmp_path).open(sealed, "whs_1") == TEXT
    with pytest.raises(SealingError):
        Seal.of("a key", tmp_path).open(sealed, "whs_1")
    with pytest.raises(SealingError):
        Seal.of(None, tmp_path / "other").open(sealed, "whs_1")
    sealed = Seal.of("a key", tmp_path).seal(TEXT, "whs_1")
    assert Seal.of("a key", tmp_path / "other").open(sealed, "whs_1") == TEXT
