"""URLs of stored pictures that need no key: signed for one picture of one team until one instant.

Pure: the clock is passed in. `?team=default&expires=1763700000&signature=…`, HMAC-SHA256 in hex.
"""

import hmac
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import urlencode


class Verdict(StrEnum):
    """What a signature turned out to be. EXPIRED was ours once; FORGED never was."""

    VALID = "valid"
    EXPIRED = "expired"
    FORGED = "forged"


def sign(name: str, team: str, expires: int, keys: Sequence[bytes]) -> str:
    """The query string that lets its bearer read this picture until `expires` (Unix seconds); the first key signs."""
    signature = _signature(name, team, str(expires), keys[0])
    return urlencode({"team": team, "expires": expires, "signature": signature})


def verify(name: str, *, team: str, expires: str, signature: str, keys: Sequence[bytes], now: float) -> Verdict:
    """Judge the parameters of a URL as they came; any of the keys may have signed them."""
    given = signature.encode(errors="surrogatepass")
    # All keys are tried, so that the time taken tells nothing about which of them fitted.
    fits = [hmac.compare_digest(_signature(name, team, expires, key).encode(), given) for key in keys]
    if not any(fits):
        return Verdict.FORGED
    return Verdict.VALID if int(expires) > now else Verdict.EXPIRED


def _signature(name: str, team: str, expires: str, key: bytes) -> str:
    # With each part's length in front, no two different triples sign the same bytes.
    parts = [part.encode(errors="surrogatepass") for part in ("easel picture", team, name, expires)]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(key, message, "sha256").hex()
