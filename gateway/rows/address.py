"""Addresses that callers name for webhooks and uploads, as they are told again: without what opens them."""


def shown_address(url: str) -> str:
    """`https://user:password@host/path?token=x` -> `https://host/path`."""
    scheme, _separator, rest = url.partition("://")
    host, slash, path = rest.partition("#")[0].partition("?")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
