"""The secret part of an address at which a provider tells us that one call is over.

`req_0123456789abcdef01234567.2.` and 43 characters: an HMAC-SHA256 over provider, job and number, which every gateway
with the same signing keys verifies, and nobody else can make. Pure.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from typing import NamedTuple

from providers.base_urls import check_base_url

_TOKEN = re.compile(r"(req_[0-9a-f]{24})\.(0|[1-9][0-9]{0,5})\.([A-Za-z0-9_-]{43})", re.ASCII)


class HookedCall(NamedTuple):
    """A call that a provider may tell us about; `number` counts the calls of its job."""

    provider: str
    job: str
    number: int


def token_of(call: HookedCall, keys: Sequence[bytes]) -> str:
    """The first key signs."""
    return f"{call.job}.{call.number}.{_proof(call, keys[0])}"


def call_of(provider: str, token: str, keys: Sequence[bytes]) -> HookedCall | None:
    """Any of the keys may have signed it; None for what none of them has, for this provider."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        return None
    call = HookedCall(provider, found[1], int(found[2]))
    # All keys are tried, so that the time taken tells nothing about which of them fitted.
    fits = [hmac.compare_digest(_proof(call, key), found[3]) for key in keys]
    return call if any(fits) else None


def _proof(call: HookedCall, key: bytes) -> str:
    # The same keys sign pictures' URLs, whose first part is another one. With each part's length in front, no two
    # different calls sign the same bytes.
    parts = [part.encode() for part in ("easel hook", call.provider, call.job, str(call.number))]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return base64.urlsafe_b64encode(hmac.digest(key, message, "sha256")).rstrip(b"=").decode()


def is_callable(public_url: str) -> bool:
    """https, or http on this machine alone: the path of an address is a secret."""
    try:
        check_base_url(public_url)
    except ValueError:
        return False
    return True
