"""Secrets that must be read again lie in the database sealed: whoever reads the database alone learns none of them."""

import hashlib
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.store.secrets import sealing_key

FORMAT = b"\x01"  # AES-256-GCM, a random nonce of 12 bytes, then the text and its tag
NONCE_BYTES = 12


class SealingError(Exception):
    """What is sealed cannot be opened; the message says why, and holds nothing of it."""


class Seal:
    """Seals texts with a key of any length, and each for its owner: under another's name it cannot be opened.

    The key is random, or a word of the operator's choice that is as hard to guess.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"easel seal\0" + key).digest())

    @classmethod
    def of(cls, configured: str | None, data_dir: Path) -> "Seal":
        """With `[secrets] key`, else with one of `data_dir`, made on first use. Raises SecretsError."""
        return cls(configured.encode() if configured is not None else sealing_key(data_dir))

    def seal(self, text: str, owner: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return FORMAT + nonce + self._cipher.encrypt(nonce, text.encode(), owner.encode())

    def open(self, sealed: bytes, owner: str) -> str:
        """Raises SealingError: it was sealed with another key, for another owner, or is damaged."""
        nonce, text = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if sealed[:1] != FORMAT or len(nonce) < NONCE_BYTES:
                raise InvalidTag
            return self._cipher.decrypt(nonce, text, owner.encode()).decode()
        except InvalidTag:
            raise SealingError("a sealed secret cannot be opened: was secrets.key changed?") from None
