"""Keys of the gateway's own callers: made, hashed, compared. Only hashes are ever kept."""

import hashlib
import hmac
import secrets

PREFIX = "ek_"


def make_key() -> str:
    """A new key, to be shown once: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    """Keys are random, so a fast hash gives nothing away that could be guessed."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def same_hash(one: str, other: str) -> bool:
    """Constant-time."""
    return hmac.compare_digest(one, other)
