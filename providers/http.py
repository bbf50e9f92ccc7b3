"""The one place that speaks HTTP to providers: explicit limits, bounded answers, and failures in our words.

An `httpx.Request` goes straight to the transport: `httpx.AsyncClient.send` around it adds cookies, redirects, proxies
and hooks that a provider's API never needs, and doubles the cost of a small call.
"""

import asyncio
import functools
import ssl
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, cast

import aiohttp
import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from providers.base_urls import UNSAFE_IN_URL, check_base_url, origin_of, parsed_url
from providers.errors import Kind, ProviderError
from providers.event_stream import Listener, listen
from providers.http_answer import HttpAnswer, with_content
from providers.http_body import LARGE_BYTES, Pieces

CONNECT_SECONDS = 5.0
POOL_SECONDS = 30.0  # a call may wait so long for one of `max_concurrency` connections
IDLE_SECONDS = 4.0  # shorter than the 5 s of uvicorn and node: a POST on a connection closing under it is LOST
CHUNK_BYTES = 256 * 1024
MAX_BYTES = 256 * 1024 * 1024  # of an answer: four pictures of 4096², hardly packed, in base64

_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})  # a PUT or DELETE here is a cancellation


@functools.cache
def tls_context() -> ssl.SSLContext:
    """One context for all providers: loading the certificate authorities takes tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)


class Http:
    """The client of one provider: its address, its headers (the key among them), its limits.

    The key goes to `base_url` and to `origins`, never elsewhere: a URL of a reply is followed only there. `timeout`
    bounds a whole call in seconds (`within` that of one call), `max_concurrency` its connections, `max_bytes` an
    answer, packed or not.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 300.0,
        max_concurrency: int = 64,
        max_bytes: int = MAX_BYTES,
        origins: Iterable[str] = (),
        allow_http: bool = False,
        provider: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.base_url = check_base_url(base_url, allow_http=allow_http)
        self.origins = {origin_of(check_base_url(url, allow_http=allow_http)) for url in (base_url, *origins)}
        self.timeout = timeout
        self.max_bytes = max_bytes
        self.provider = provider
        # Pictures are packed already, base64 is not worth the cycles: plain bodies are asked for.
        own = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "easel", **(headers or {})}
        self._headers = httpx.Headers(own)
        self._json_headers = httpx.Headers({**own, "content-type": "application/json"})
        self._max_concurrency = max_concurrency
        self._tls = tls
        self._transport: AiohttpTransport | None = None

    def __repr__(self) -> str:
        return f"<Http {self.provider or '?'} {self.base_url}>"

    async def get(
        self, path_or_url: str, *, headers: Mapping[str, str] | None = None, within: float | None = None
    ) -> HttpAnswer:
        """GET; failures on the way are of kind BUSY, since asking again costs nothing."""
        return await self._send("GET", path_or_url, None, headers, within)

    async def post(
        self,
        path_or_url: str,
        *,
        json: object,
        headers: Mapping[str, str] | None = None,
        within: float | None = None,
        listener: Listener | None = None,
    ) -> HttpAnswer:
        """POST; BUSY when nothing was sent, LOST when the answer never came, or not to its end.

        A LOST call that ran out of its time has a `TimeoutError` as its `__cause__`. An answer that is a stream of
        events is told to the listener, where there is one, as it comes; what the listener raises ends it.
        """
        try:
            body = orjson.dumps(json)
        except TypeError:
            raise self._error(Kind.BAD_REQUEST, "the request cannot be written as JSON") from None
        return await self._send("POST", path_or_url, body, headers, within, listener=listener)

    async def post_content(
        self,
        path_or_url: str,
        *,
        content: bytes,
        content_type: str,
        headers: Mapping[str, str] | None = None,
        within: float | None = None,
        listener: Listener | None = None,
    ) -> HttpAnswer:
        """POST of a body that is no JSON: a form, a file. It fails as `post` does, and tells a listener as much."""
        named = {**(headers or {}), "content-type": content_type}
        return await self._send("POST", path_or_url, content, named, within, listener=listener)

    async def put(
        self,
        path_or_url: str,
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        within: float | None = None,
    ) -> HttpAnswer:
        """PUT; failures on the way are of kind BUSY, as for GET."""
        return await self._send("PUT", path_or_url, orjson.dumps(json) if json is not None else b"", headers, within)

    async def delete(
        self, path_or_url: str, *, headers: Mapping[str, str] | None = None, within: float | None = None
    ) -> HttpAnswer:
        """DELETE; failures on the way are of kind BUSY, as for GET."""
        return await self._send("DELETE", path_or_url, None, headers, within)

    def follow(self, url: str) -> str:
        """The URL of a reply, checked: raises BROKEN unless it lies on an origin that is this provider's own."""
        try:
            ours = not UNSAFE_IN_URL.search(url) and origin_of(url) in self.origins
        except ValueError:
            ours = False
        if not ours:
            raise self._error(Kind.BROKEN, "the provider pointed to an address that is not its own")
        return url

    async def close(self) -> None:
        """Closes the connections; calls still running fail."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _send(
        self,
        method: str,
        path_or_url: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        within: float | None,
        *,
        listener: Listener | None = None,
    ) -> HttpAnswer:
        seconds = self.timeout if within is None else within
        request = self._request(method, path_or_url, body, headers, seconds)
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(request, listener)
        except TimeoutError as error:
            kind = Kind.BUSY if method in _REPEATABLE else Kind.LOST
            raise self._error(kind, f"the provider gave no answer within {seconds:g} s") from error
        except (httpx.TransportError, aiohttp.ClientError, OSError) as error:
            raise self._failure(method, error) from error
        except ProviderError as error:
            error.provider = self.provider
            raise

    def _request(
        self, method: str, path_or_url: str, body: bytes | None, headers: Mapping[str, str] | None, seconds: float
    ) -> httpx.Request:
        absolute = path_or_url.startswith(("http://", "https://"))
        url = self.follow(path_or_url) if absolute else f"{self.base_url}/{path_or_url.lstrip('/')}"
        common = self._json_headers if body else self._headers
        # aiohttp's `connect` covers the wait for a connection: kept below the whole, so that it, which means that
        # nothing was sent, fires first.
        patience = {"connect": min(CONNECT_SECONDS, seconds * 0.9), "pool": min(POOL_SECONDS, seconds * 0.9)}
        sent = httpx.Headers({**common, **headers}) if headers else common
        if body and len(body) > LARGE_BYTES:
            sent = httpx.Headers({**sent, "content-length": str(len(body))})
            stream = cast(httpx.AsyncByteStream, Pieces(body))
            return httpx.Request(method, parsed_url(url), headers=sent, stream=stream, extensions={"timeout": patience})
        request = httpx.Request(
            method,
            parsed_url(url),
            headers=sent,
            stream=httpx.ByteStream(body or b""),  # `content=` would work out a Host and a length that aiohttp knows
            extensions={"timeout": patience},
        )
        request.read()
        return request

    async def _exchange(self, request: httpx.Request, listener: Listener | None) -> HttpAnswer:
        if self._transport is None:
            self._transport = AiohttpTransport(verify=self._tls or tls_context(), client=self._session)
        response = await self._transport.handle_async_request(request)
        try:
            return await self._read(response, listener)
        finally:
            await response.aclose()

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._max_concurrency, keepalive_timeout=IDLE_SECONDS, ssl=self._tls or tls_context()
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=CHUNK_BYTES,
            max_field_size=16384,  # fal sends up to 16 KB of headers (fal docs, Platform Headers, read 2026-11-21)
        )

    async def _read(self, response: httpx.Response, listener: Listener | None) -> HttpAnswer:
        if 300 <= response.status_code < 400:
            raise self._error(Kind.BROKEN, "the provider's API answered with a redirect", response.status_code)
        head = HttpAnswer(response.status_code, response.headers, b"", self.provider)
        stream = cast(Any, response.stream)
        stream.CHUNK_SIZE = CHUNK_BYTES  # 16 KiB would make 500 rounds of 8 MB; what has come is given at once
        async with aclosing(cast(AsyncGenerator[bytes], stream.__aiter__())) as pieces:
            if listener is None or not head.streamed:
                return await with_content(head, pieces, self.max_bytes)
            await listen(pieces, listener, self.max_bytes)
        return head

    def _failure(self, method: str, error: Exception) -> ProviderError:
        # The transport calls a lost connection a ConnectTimeout too: only aiohttp's own error tells them apart.
        cause = error.__cause__ or error
        if isinstance(cause, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
            return self._error(Kind.BUSY, "the provider could not be reached")
        kind = Kind.BUSY if method in _REPEATABLE else Kind.LOST
        return self._error(kind, "the connection to the provider broke before its answer came")

    def _error(self, kind: Kind, message: str, status: int | None = None) -> ProviderError:
        return ProviderError(kind, message, provider=self.provider, status=status)
