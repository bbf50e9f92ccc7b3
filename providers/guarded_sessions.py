"""The connections of the guarded fetcher: to checked addresses, or, apart from these, to hosts that are trusted."""

import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp

from providers.addresses import Address
from providers.resolving import CheckedResolver, NotPublic, Resolver

CONNECT_SECONDS = 5.0
CHUNK_BYTES = 256 * 1024

_HEADERS = {"accept": "image/*,*/*;q=0.5", "accept-encoding": "identity", "user-agent": "easel"}


class Sessions:
    """A session, and so a pool of connections, for each of the two: a trusted connection is never reused.

    Without `trusted` a name is resolved to nothing unless `permits` every address of it, and each socket is checked.
    """

    def __init__(
        self,
        resolver: Resolver,
        permits: Callable[[Address], bool],
        *,
        tls: ssl.SSLContext | None,
        max_connections: int,
    ) -> None:
        self._resolver = resolver
        self._permits = permits
        self._tls = tls
        self._max_connections = max_connections
        self._open: dict[bool, aiohttp.ClientSession] = {}

    def session(self, *, trusted: bool) -> aiohttp.ClientSession:
        if trusted not in self._open:
            connector = aiohttp.TCPConnector(
                limit=self._max_connections,
                resolver=CheckedResolver(self._resolver, None if trusted else self._permits),
                socket_factory=None if trusted else self._socket,
                ssl=self._tls or True,
                use_dns_cache=False,
                keepalive_timeout=4.0,
            )
            self._open[trusted] = aiohttp.ClientSession(
                connector=connector,
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                read_bufsize=CHUNK_BYTES,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            )
        return self._open[trusted]

    async def close(self) -> None:
        """Closes the connections; exchanges still running fail."""
        for session in self._open.values():
            await session.close()
        self._open.clear()

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _name, address = info
        if not self._permits(ipaddress.ip_address(address[0])):
            raise NotPublic("not public")
        return socket.socket(family, kind, protocol)


def refused_address(error: BaseException | None) -> bool:
    """Whether an address that is not public lies in the chain of causes, or in a group of connection attempts."""
    while error is not None:
        if isinstance(error, NotPublic) or isinstance(getattr(error, "os_error", None), NotPublic):
            return True
        error = error.__cause__ or error.__context__
    return False


def no_answer(error: Exception) -> str:
    """Why there was none, without a word of the other side's."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "its host name could not be resolved"
        case aiohttp.ClientSSLError():
            return "no TLS connection could be made; is its certificate valid?"
        case aiohttp.ClientConnectorError() | aiohttp.ServerTimeoutError():
            return "it could not be reached"
        case _:
            return "the connection broke before it answered"
