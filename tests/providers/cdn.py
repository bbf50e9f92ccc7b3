"""A server that stands for one on the public internet: TLS, a name of its own, and an address that is permitted."""

import ssl
from collections.abc import Callable, Sequence
from typing import Any

from providers.addresses import Address
from providers.guard import Guard
from tests.providers.upstream import Upstream


def names(**addresses: Sequence[str]) -> Callable[[str, int], Any]:
    async def resolver(host: str, _port: int) -> Sequence[str]:
        if host not in table:
            raise OSError("unknown host")
        return table[host]

    table = {name.replace("_", "."): list(each) for name, each in addresses.items()}
    return resolver


def only_127_0_0_1(address: Address) -> bool:
    """Stands for the public internet, since a test has no other."""
    return str(address) == "127.0.0.1"


class Cdn:
    """A picture server with TLS under the names of a private authority."""

    def __init__(self, upstream: Upstream, trust: ssl.SSLContext) -> None:
        self.upstream = upstream
        self.trust = trust

    def guard(self, resolver: Callable[[str, int], Any], **more: Any) -> Guard:
        settings: dict[str, Any] = {"permits": only_127_0_0_1, "ports": {self.upstream.port}, "tls": self.trust, **more}
        return Guard(resolver=resolver, **settings)

    def url(self, host: str, path: str = "/a.png") -> str:
        return f"https://{host}:{self.upstream.port}{path}"
