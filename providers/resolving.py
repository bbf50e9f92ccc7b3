"""Names are resolved once, and nothing is connected to unless every address that they have is permitted."""

import asyncio
import functools
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from providers.addresses import Address

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


class NotPublic(OSError):
    """An address that is not public. An OSError, so that aiohttp hands it on as the cause of its own error."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, as the system resolves it; raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _family, _type, _proto, _name, address in found]


def resolver_of_its_own(threads: int) -> Resolver:
    """Like `system_resolver`, with threads that nothing else waits for: a name that is slow to resolve holds up others.

    A look-up cannot be stopped; whoever no longer waits for it leaves its thread to it until the system gives up.
    """
    pool = ThreadPoolExecutor(threads, "name look-up")

    async def resolver(host: str, port: int) -> Sequence[str]:
        look_up = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(pool, look_up)
        return [str(address[0]) for _family, _type, _proto, _name, address in found]

    return resolver


class CheckedResolver(AbstractResolver):
    """Resolves once, and hands on nothing unless every address is permitted."""

    def __init__(self, resolver: Resolver, permits: Callable[[Address], bool] | None) -> None:
        self._resolver = resolver
        self._permits = permits

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            addresses = [ipaddress.ip_address(text) for text in await self._resolver(host, port)]
        except ValueError:
            raise NotPublic("not an address") from None
        if not addresses:
            raise OSError("no address")
        if self._permits is not None and not all(self._permits(address) for address in addresses):
            raise NotPublic("not public")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in dict.fromkeys(addresses)
        ]

    async def close(self) -> None:
        return
