"""The addresses of providers as the configuration names them, and the origins to which a provider's key may go."""

import functools
import re

import httpx

from providers.addresses import is_loopback

UNSAFE_IN_URL = re.compile(r"[\s\\\x00-\x1f\x7f]")


def check_base_url(url: str, *, allow_http: bool = False) -> str:
    """A provider's address as settings may hold it, without a slash at its end.

    Raises `ValueError` for anything but https, or http on loopback or with `allow_http`.
    """
    if UNSAFE_IN_URL.search(url):
        raise ValueError("a base URL holds no spaces, backslashes or control characters")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("this is not a URL") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("a base URL starts with https:// and names a host")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ValueError("a base URL holds no user, query or fragment")
    if parsed.scheme == "http" and not allow_http and not is_loopback(parsed.host):
        raise ValueError("http:// would send the key in the clear: use https://, or set allow_http = true")
    return url.rstrip("/")


def origin_of(url: str) -> str:
    """`https://queue.fal.run:443` of `https://queue.fal.run/x`; raises `ValueError` where there is none."""
    try:
        parsed = parsed_url(url)
    except httpx.InvalidURL:
        raise ValueError("this is not a URL") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise ValueError("this URL has no origin that can be followed")
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    return f"{parsed.scheme}://{parsed.host.lower()}:{port}"


@functools.lru_cache(maxsize=512)
def parsed_url(url: str) -> httpx.URL:
    """The same few URLs are asked again and again. Raises `httpx.InvalidURL`."""
    return httpx.URL(url)
