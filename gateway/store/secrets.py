"""The secrets that a gateway makes for itself when none are configured: `data_dir/secrets.json`, readable by its owner.

Gateways that start at once on one `data_dir` end up with the same secrets: the file is written under a lock and
appears whole.
"""

import fcntl
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import orjson


class SecretsError(Exception):
    """The file of secrets cannot be used; the message says which and why, never what is in it."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """`signing_keys` sign picture URLs (the first signs, all verify); `admin_key_hash` is that of a generated key.

    `sealing_key` seals the secrets of teams, once there are any.
    """

    signing_keys: tuple[bytes, ...]
    admin_key_hash: str | None = None
    sealing_key: bytes | None = None

    def __repr__(self) -> str:
        return f"<Secrets {len(self.signing_keys)} signing keys, admin key {'set' if self.admin_key_hash else 'none'}>"


def load_or_create(data_dir: Path) -> Secrets:
    """The secrets of this data directory, made on first use; raises SecretsError."""
    with _locked(data_dir) as file:
        known = _read(file)
        if known is not None:
            return known
        made = Secrets(signing_keys=(secrets.token_bytes(32),))
        _write(file, made)
        return made


def set_admin_key_hash(data_dir: Path, admin_key_hash: str, *, only_if_none: bool = False) -> Secrets:
    """Keep the hash of a generated admin key; with `only_if_none` one that is there stays. Returns what now holds.

    Of several gateways that start at once only the one whose hash comes back has an admin key to print.
    """
    with _locked(data_dir) as file:
        known = _read(file) or Secrets(signing_keys=(secrets.token_bytes(32),))
        if only_if_none and known.admin_key_hash is not None:
            return known
        changed = replace(known, admin_key_hash=admin_key_hash)
        _write(file, changed)
        return changed


def sealing_key(data_dir: Path) -> bytes:
    """The key that seals the secrets of teams, made on first use; raises SecretsError."""
    with _locked(data_dir) as file:
        known = _read(file) or Secrets(signing_keys=(secrets.token_bytes(32),))
        if known.sealing_key is not None:
            return known.sealing_key
        made = secrets.token_bytes(32)
        _write(file, replace(known, sealing_key=made))
        return made


@contextmanager
def _locked(data_dir: Path) -> Generator[Path]:
    directory = data_dir.expanduser().resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(directory / "secrets.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield directory / "secrets.json"
        finally:
            os.close(lock)
    except OSError as error:
        raise SecretsError(f"{directory / 'secrets.json'} cannot be used: {error.strerror or error}") from error


def _read(file: Path) -> Secrets | None:
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return None
    try:
        kept = cast("dict[str, Any]", orjson.loads(text))
        keys = tuple(bytes.fromhex(key) for key in kept["signing_keys"])
        admin_key_hash = kept.get("admin_key_hash")
        sealing = bytes.fromhex(kept["sealing_key"]) if kept.get("sealing_key") is not None else None
    except (ValueError, KeyError, TypeError, AttributeError):
        keys, admin_key_hash, sealing = (), None, None
    secret = [*keys] if sealing is None else [*keys, sealing]
    if not keys or min(map(len, secret)) < 16 or not isinstance(admin_key_hash, str | None):
        # Making new ones would break every URL that was handed out, and lock the administrator out.
        raise SecretsError(f"{file} is damaged; restore it, or remove it to have new secrets made")
    return Secrets(keys, admin_key_hash, sealing)


def _write(file: Path, kept: Secrets) -> None:
    shown: dict[str, Any] = {
        "signing_keys": [key.hex() for key in kept.signing_keys],
        "admin_key_hash": kept.admin_key_hash,
    }
    if kept.sealing_key is not None:
        shown["sealing_key"] = kept.sealing_key.hex()
    text = orjson.dumps(shown)
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        output.write(text)
        output.flush()
        os.fsync(output.fileno())
    new.replace(file)
