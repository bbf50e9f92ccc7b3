"""What a URL from somebody else must look like before anything is resolved or connected.

The `yarl.URL` that is returned is the one that is connected to: no second parser can read the text differently.
"""

import ipaddress
import re
from collections.abc import Callable, Container

from yarl import URL

from providers.addresses import Address, looks_numeric

MAX_URL = 16_384  # characters; signed URLs take a few thousand

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?")
_UNSAFE = re.compile(r"[\s\\\x00-\x1f\x7f]")


class RefusedURL(ValueError):
    """Why a URL is not fetched; the text holds nothing of the URL but its port."""


def origin_of(url: URL) -> str:
    """`https://host` or `https://host:8443`, in lower case, for comparison."""
    return str(url.origin()).lower()


def read_url(text: str) -> URL:
    """The URL behind a text; raises `RefusedURL` for what is not plain http(s) or holds a user."""
    if len(text) > MAX_URL or _UNSAFE.search(text):
        raise RefusedURL("it is not a plain URL")
    try:
        # A signed URL must arrive as it was signed; only an international name needs to be encoded.
        url = URL(text, encoded=text.isascii())
        host, port = url.raw_host, url.port
    except ValueError:
        raise RefusedURL("it is not a URL") from None
    if url.scheme not in ("http", "https") or not host or port is None:
        raise RefusedURL("it is not an http URL")
    if "@" in url.raw_authority:
        raise RefusedURL("it holds a user or a password")
    return url


def check_foreign(url: URL, *, ports: Container[int], permits: Callable[[Address], bool]) -> None:
    """Refuses what no stranger may point to: http, odd ports, addresses that are not public, however spelled."""
    if url.scheme != "https":
        raise RefusedURL("it is not https")
    if url.port is None or url.port not in ports:
        raise RefusedURL(f"its port {url.port} is not allowed")
    host = (url.raw_host or "").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if not _HOST.fullmatch(host.removesuffix(".")) or looks_numeric(host):
            raise RefusedURL("its host is no ordinary name") from None
        if f".{host.removesuffix('.')}".endswith(".localhost"):  # loopback wherever names are resolved (RFC 6761)
            raise RefusedURL("its address is not public") from None
        return
    if not permits(address):
        raise RefusedURL("its address is not public")
