"""Pictures that somebody else points to are fetched here, and only from the public internet.

A name is resolved once; if any of its addresses is not public the URL is refused, otherwise one of the checked
addresses is connected to, under the right Host and SNI. The socket's own address is checked once more as it is made,
so no way of spelling an address gets past. A provider's own configured hosts are excepted.
"""

import asyncio
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import aiohttp
from yarl import URL

from providers import data_uri
from providers.addresses import Address, is_public
from providers.base import Download
from providers.compression import Unreadable, unpack
from providers.errors import Kind, ProviderError
from providers.foreign_urls import RefusedURL, check_foreign, origin_of, read_url
from providers.refusals import retry_after
from providers.resolving import CheckedResolver, NotPublic, Resolver, system_resolver

CONNECT_SECONDS = 5.0
MAX_REDIRECTS = 5
PORTS = frozenset({443, 8443})
CHUNK_BYTES = 256 * 1024

_HEADERS = {"accept": "image/*,*/*;q=0.5", "accept-encoding": "identity", "user-agent": "easel"}


class Guard:
    """Fetches pictures by URL. No cookie or proxy is ever involved, and no key but at its owner's.

    `trusted_origins` (`http://127.0.0.1:8188`) are the providers' own configured hosts: fetched whatever their
    address, port and scheme. `headers` go along to these origins alone, each its own. `resolver`, `permits`, `ports`
    and `tls` are there for tests.
    """

    def __init__(
        self,
        trusted_origins: Iterable[str] = (),
        *,
        headers: Mapping[str, Mapping[str, str]] | None = None,
        resolver: Resolver = system_resolver,
        permits: Callable[[Address], bool] = is_public,
        ports: Container[int] = PORTS,
        tls: ssl.SSLContext | None = None,
        max_connections: int = 64,
    ) -> None:
        self.trusted = frozenset(origin_of(URL(origin)) for origin in trusted_origins)
        self._headers = {origin_of(URL(origin)): dict(own) for origin, own in (headers or {}).items()}
        self.permits = permits
        self.ports = ports
        self._resolver = resolver
        self._tls = tls
        self._max_connections = max_connections
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def fetch(self, url: str, *, max_bytes: int, deadline: float) -> Download:
        """The picture behind a URL or in a `data:` URI.

        `deadline` is a moment of `time.monotonic`. Raises `ProviderError`: GONE when it is no longer there, BROKEN when
        it is refused or too large, BUSY when it may work later, TIMEOUT past the deadline.
        """
        if url[:5].lower() == "data:":
            return _inline(url, max_bytes)
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                return await self._follow(self._checked(url), max_bytes)
        except TimeoutError:
            raise ProviderError(Kind.TIMEOUT, "the picture could not be fetched in time") from None

    async def put(self, url: str, content: bytes, content_type: str, *, deadline: float) -> None:
        """Sends a file to the address that a provider signed for it: without a key, and after no redirect.

        `deadline` as in `fetch`. Raises `ProviderError`: BROKEN when it is refused, BUSY when it may work later,
        TIMEOUT past the deadline.
        """
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await self._put(self._checked(url), content, content_type)
        except TimeoutError:
            raise ProviderError(Kind.TIMEOUT, "the picture could not be sent in time") from None

    async def close(self) -> None:
        """Closes the connections; downloads still running fail."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _follow(self, url: URL, max_bytes: int) -> Download:
        """Redirects by hand: each target is checked like a first URL, and no way back leads into trust."""
        trusted, own = self._is_trusted(url), self._headers.get(origin_of(url))
        for _hop in range(MAX_REDIRECTS + 1):
            answer = await self._get(url, max_bytes, own, trusted=trusted)
            if isinstance(answer, Download):
                return answer
            target = self._checked(answer, trust=trusted)
            if url.scheme == "https" and target.scheme != "https":
                raise _refused("it redirects from https to http")
            if origin_of(target) != origin_of(url):
                own = None
            url, trusted = target, trusted and self._is_trusted(target)
        raise _refused("it redirects too often")

    def _is_trusted(self, url: URL) -> bool:
        return origin_of(url) in self.trusted

    def _checked(self, text: str, *, trust: bool = True) -> URL:
        try:
            url = read_url(text)
            if not (trust and self._is_trusted(url)):
                check_foreign(url, ports=self.ports, permits=self.permits)
        except RefusedURL as error:
            raise _refused(str(error)) from None
        return url

    async def _get(self, url: URL, max_bytes: int, own: Mapping[str, str] | None, *, trusted: bool) -> Download | str:
        """One hop: the picture, or where the server points to."""
        try:
            async with self._session(trusted=trusted).get(url, headers=own, allow_redirects=False) as response:
                if response.status in (301, 302, 303, 307, 308):
                    return str(url.join(URL(response.headers["location"], encoded=True)))
                if response.status != 200:
                    raise _not_there(response)
                return await _read(response, max_bytes)
        except (aiohttp.ClientError, OSError) as error:
            if _cause(error, NotPublic):
                raise _refused("its address is not public") from None
            raise ProviderError(Kind.BUSY, "the picture's server could not be reached") from error
        except (KeyError, ValueError):
            raise _refused("it redirects to something that is not a URL") from None

    async def _put(self, url: URL, content: bytes, content_type: str) -> None:
        session, headers = self._session(trusted=self._is_trusted(url)), {"content-type": content_type}
        try:
            async with session.put(url, data=io.BytesIO(content), headers=headers, allow_redirects=False) as response:
                if response.status >= 300:
                    raise _not_taken(response)
        except (aiohttp.ClientError, OSError) as error:
            if _cause(error, NotPublic):
                raise _refused("its address is not public") from None
            raise ProviderError(Kind.BUSY, "the server that takes pictures could not be reached") from error

    def _session(self, *, trusted: bool) -> aiohttp.ClientSession:
        """A session, and so a pool of connections, for each of the two: a trusted connection is never reused."""
        if trusted not in self._sessions:
            connector = aiohttp.TCPConnector(
                limit=self._max_connections,
                resolver=CheckedResolver(self._resolver, None if trusted else self.permits),
                socket_factory=None if trusted else self._socket,
                ssl=self._tls or True,
                use_dns_cache=False,
                keepalive_timeout=4.0,
            )
            self._sessions[trusted] = aiohttp.ClientSession(
                connector=connector,
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                read_bufsize=CHUNK_BYTES,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            )
        return self._sessions[trusted]

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _name, address = info
        if not self.permits(ipaddress.ip_address(address[0])):
            raise NotPublic("not public")
        return socket.socket(family, kind, protocol)


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> Download:
    if (response.content_length or 0) > max_bytes:
        raise _refused(f"it is larger than {max_bytes} bytes")
    collected = io.BytesIO()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        collected.write(chunk)
        if collected.tell() > max_bytes:
            raise _refused(f"it is larger than {max_bytes} bytes")
    try:
        content = unpack(collected.getvalue(), response.headers.get("content-encoding", ""), max_bytes)
    except Unreadable as error:
        raise _refused(str(error)) from None
    claimed = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Download(content, claimed or None)


def _inline(uri: str, max_bytes: int) -> Download:
    try:
        inline = data_uri.split(uri)
        return Download(data_uri.decode(inline, max_bytes), inline.content_type)
    except ValueError:
        raise _refused("its data: URI is damaged or too large") from None


def _not_there(response: aiohttp.ClientResponse) -> ProviderError:
    status = response.status
    message = f"the picture's server answered {status}"
    if status in (401, 403, 404, 410):  # an expired signature is answered with 403
        return ProviderError(Kind.GONE, message, status=status)
    if status in (408, 425, 429) or status >= 500:
        return ProviderError(Kind.BUSY, message, status=status, retry_after=retry_after(response.headers))
    return ProviderError(Kind.BROKEN, message, status=status)


def _not_taken(response: aiohttp.ClientResponse) -> ProviderError:
    status = response.status
    again = status in (408, 425, 429) or status >= 500
    kind = Kind.BUSY if again else Kind.BROKEN
    message = f"the server that takes pictures answered {status}"
    return ProviderError(kind, message, status=status, retry_after=retry_after(response.headers))


def _refused(why: str) -> ProviderError:
    return ProviderError(Kind.BROKEN, f"a picture's URL was refused: {why}")


def _cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an error of that kind lies in the chain of causes, or in a group of connection attempts."""
    while error is not None:
        if isinstance(error, kind) or isinstance(getattr(error, "os_error", None), kind):
            return True
        error = error.__cause__ or error.__context__
    return False
