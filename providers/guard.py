"""What somebody else points to is fetched from and sent to here, and only on the public internet.

A name is resolved once; if any of its addresses is not public the URL is refused, otherwise one of the checked
addresses is connected to, under the right Host and SNI. The socket's own address is checked once more as it is made,
so no way of spelling an address gets past. A provider's own configured hosts are excepted.
"""

import asyncio
import io
import ssl
import time
from collections.abc import AsyncIterable, Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import aiohttp
from yarl import URL

from providers import data_uri
from providers.addresses import Address, is_address, is_public
from providers.base import Download
from providers.compression import Unreadable, unpack
from providers.errors import Kind, ProviderError
from providers.foreign_urls import RefusedURL, check_foreign, origin_of, read_url
from providers.guarded_sessions import CHUNK_BYTES, Sessions, no_answer, refused_address
from providers.refusals import retry_after
from providers.resolving import CheckedResolver, NotPublic, Resolver, system_resolver

MAX_REDIRECTS = 5
PORTS = frozenset({443, 8443})


@dataclass(frozen=True, slots=True)
class Sent:
    """What a server said to what it was sent: a status, and for how many seconds it wishes to be left alone."""

    status: int
    retry_after: float | None = None


class Guard:
    """Fetches pictures by URL, and sends to URLs. No cookie or proxy is ever involved, no key but at its owner's.

    `trusted_origins` (`http://127.0.0.1:8188`) are the providers' or the operator's own configured hosts: connected to
    whatever their address, port and scheme. `headers` go along to these origins alone, each its own. `permits`, `ports`
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
        self._sessions = Sessions(resolver, permits, tls=tls, max_connections=max_connections)

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
            sent = await self.send("PUT", url, content, {"content-type": content_type}, deadline=deadline)
        except RefusedURL as error:
            raise _refused(str(error)) from None
        except TimeoutError:
            raise ProviderError(Kind.TIMEOUT, "the picture could not be sent in time") from None
        except ConnectionError as error:
            raise ProviderError(Kind.BUSY, "the server that takes pictures could not be reached") from error
        if sent.status >= 300:
            raise _not_taken(sent)

    async def send(
        self,
        method: Literal["POST", "PUT"],
        url: str,
        content: bytes | AsyncIterable[bytes],
        headers: Mapping[str, str],
        *,
        deadline: float,
    ) -> Sent:
        """Sends a body to an address that somebody named. No redirect is followed, no body of an answer is read.

        Content that comes in pieces needs its `content-length` among the headers. Raises RefusedURL, which says why
        nothing was connected to; ConnectionError, in words of ours, when there was no answer; TimeoutError past the
        deadline, a moment of `time.monotonic`.
        """
        target = self._permitted(url)
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            return await self._send(method, target, content, headers)

    def check(self, url: str) -> None:
        """Raises RefusedURL for a URL that would be neither fetched from nor sent to, as far as its text tells."""
        self._permitted(url)

    async def look_up(self, url: str) -> None:
        """Resolves the host of a URL as a connection would: RefusedURL for an address that is not public, else OSError.

        The answer holds for this moment only: every connection resolves and checks anew.
        """
        target = self._permitted(url)
        host = target.raw_host or ""
        if self._is_trusted(target) or is_address(host):
            return
        try:
            await CheckedResolver(self._resolver, self.permits).resolve(host, target.port or 0)
        except NotPublic:
            raise RefusedURL("its host has an address that is not public") from None

    async def close(self) -> None:
        """Closes the connections; downloads still running fail."""
        await self._sessions.close()

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
            return self._permitted(text, trust=trust)
        except RefusedURL as error:
            raise _refused(str(error)) from None

    def _permitted(self, text: str, *, trust: bool = True) -> URL:
        url = read_url(text)
        if not (trust and self._is_trusted(url)):
            check_foreign(url, ports=self.ports, permits=self.permits)
        return url

    async def _get(self, url: URL, max_bytes: int, own: Mapping[str, str] | None, *, trusted: bool) -> Download | str:
        """One hop: the picture, or where the server points to."""
        try:
            async with self._sessions.session(trusted=trusted).get(url, headers=own, allow_redirects=False) as response:
                if response.status in (301, 302, 303, 307, 308):
                    return str(url.join(URL(response.headers["location"], encoded=True)))
                if response.status != 200:
                    raise _not_there(response)
                return await _read(response, max_bytes)
        except (aiohttp.ClientError, OSError) as error:
            if refused_address(error):
                raise _refused("its address is not public") from None
            raise ProviderError(Kind.BUSY, "the picture's server could not be reached") from error
        except (KeyError, ValueError):
            raise _refused("it redirects to something that is not a URL") from None

    async def _send(
        self, method: str, url: URL, content: bytes | AsyncIterable[bytes], headers: Mapping[str, str]
    ) -> Sent:
        session = self._sessions.session(trusted=self._is_trusted(url))
        body = io.BytesIO(content) if isinstance(content, bytes) else content
        try:
            async with session.request(method, url, data=body, headers=headers, allow_redirects=False) as response:
                return Sent(response.status, retry_after(response.headers))
        except (aiohttp.ClientError, OSError) as error:
            if refused_address(error):
                raise RefusedURL("its address is not public") from None
            raise ConnectionError(no_answer(error)) from error


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


def _not_taken(sent: Sent) -> ProviderError:
    again = sent.status in (408, 425, 429) or sent.status >= 500
    kind = Kind.BUSY if again else Kind.BROKEN
    message = f"the server that takes pictures answered {sent.status}"
    return ProviderError(kind, message, status=sent.status, retry_after=sent.retry_after)


def _refused(why: str) -> ProviderError:
    return ProviderError(Kind.BROKEN, f"a picture's URL was refused: {why}")
