"""The secrets file is made once, whole, for its owner's eyes."""

import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from gateway.store.secrets import Secrets, SecretsError, load_or_create, sealing_key, set_admin_key_hash


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    made = load_or_create(tmp_path / "new")
    assert load_or_create(tmp_path / "new") == made
    assert [len(key) for key in made.signing_keys] == [32]
    assert made.admin_key_hash is None
    assert stat.S_IMODE((tmp_path / "new" / "secrets.json").stat().st_mode) == 0o600


def test_many_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(load_or_create, [tmp_path] * 32))
    assert len(set(made)) == 1


def test_of_many_admin_keys_one_is_kept(tmp_path: Path) -> None:
    hashes = [f"hash{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(partial(set_admin_key_hash, tmp_path, only_if_none=True), hashes))
    assert len(set(made)) == 1
    assert made[0].admin_key_hash in hashes
    assert load_or_create(tmp_path) == made[0]


def test_an_admin_key_is_replaced_and_the_signing_keys_stay(tmp_path: Path) -> None:
    before = load_or_create(tmp_path)
    assert set_admin_key_hash(tmp_path, "one") == Secrets(before.signing_keys, "one")
    assert set_admin_key_hash(tmp_path, "two") == Secrets(before.signing_keys, "two")
    assert load_or_create(tmp_path).admin_key_hash == "two"


def test_a_sealing_key_is_made_once_beside_what_is_there(tmp_path: Path) -> None:
    before = set_admin_key_hash(tmp_path, "one")
    with ThreadPoolExecutor(8) as threads:
        [made] = set(threads.map(sealing_key, [tmp_path] * 16))
    assert len(made) == 32
    assert load_or_create(tmp_path) == Secrets(before.signing_keys, "one", made)
    assert set_admin_key_hash(tmp_path, "two") == Secrets(before.signing_keys, "two", made)
    assert made.hex() not in repr(load_or_create(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"signing_keys": []}',
        '{"signing_keys": ["00"]}',
        '{"signing_keys": ["zz"]}',
        '{"signing_keys": ["' + "00" * 32 + '"], "sealing_key": "00"}',
        '{"signing_keys": ["' + "00" * 32 + '"], "sealing_key": 7}',
    ],
)
def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets.json").write_text(text)
    with pytest.raises(SecretsError, match="is damaged"):
        load_or_create(tmp_path)
    assert (tmp_path / "secrets.json").read_text() == text


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SecretsError, match="cannot be used"):
        load_or_create(tmp_path / "file")


def test_nothing_secret_in_its_repr(tmp_path: Path) -> None:
    made = load_or_create(tmp_path)
    assert made.signing_keys[0].hex() not in repr(made)
    assert repr(made.signing_keys[0]) not in repr(made)
