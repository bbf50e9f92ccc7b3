"""Files are fetched from allowed hosts over https alone, from public addresses, within bounds of bytes and time.

A name is resolved once; unless every address that it has is public nothing is connected to, and otherwise the
connection goes to one of those that were looked at. Redirects are followed by hand, each checked like the first.
"""

import asyncio
import hashlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from workers.errors import Refusal
from workers.loras.addresses import Address, is_public
from workers.loras.sources import Allowed, OnWeb, not_allowed

log = logging.getLogger("easel.worker")

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

MOST_BYTES = 2 * 2**30  # of one file
SECONDS = 240.0  # for one file, whatever its server does
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 2**20
_PLAIN = {"accept-encoding": "identity", "user-agent": "easel-worker"}


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, as the system resolves it; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _family, _type, _proto, _name, address in found]


class Fetcher:
    """`resolver`, `permits` and `tls` are there for tests."""

    def __init__(
        self,
        allowed: Allowed,
        *,
        most_bytes: int = MOST_BYTES,
        seconds: float = SECONDS,
        resolver: Resolver = system_resolver,
        permits: Callable[[Address], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._names = _Checked(resolver, permits)
        self._tls = tls

    async def fetch(self, source: OnWeb, into: Path) -> str:
        """Writes the file; its sha256 in hex. Raises `Refusal`: nothing is left of the file then."""
        try:
            async with asyncio.timeout(self._seconds), self._session() as session:
                return await self._follow(session, source.url, into)
        except TimeoutError:
            raise _away("did not arrive in time") from None
        except (aiohttp.ClientError, OSError) as error:
            if _refused_address(error):
                raise not_allowed(self._allowed) from None
            raise _away("could not be fetched: its server cannot be reached") from None

    async def _follow(self, session: aiohttp.ClientSession, url: URL, into: Path) -> str:
        for hop in range(_MOST_REDIRECTS + 1):
            if url.scheme != "https" or _is_address(url) or not self._allowed.host(url, redirected=hop > 0):
                raise not_allowed(self._allowed)
            async with session.get(url, headers=_PLAIN, allow_redirects=False) as answer:
                if answer.status not in _REDIRECTS:
                    return await self._take(answer, into)
                try:
                    url = url.join(URL(answer.headers["location"], encoded=True))
                except (KeyError, ValueError):
                    raise _away("is redirected to something that is no URL") from None
        raise _away("is redirected too often")

    async def _take(self, answer: aiohttp.ClientResponse, into: Path) -> str:
        if answer.status >= 500 or answer.status == 429:
            raise _away(f"could not be fetched: its server answered {answer.status}")
        if answer.status != 200:
            message = f"The LoRA could not be fetched: its server answered {answer.status}."
            raise Refusal(message, param="loras", code="lora_not_found")
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refusal("The LoRA's server sends it compressed.", param="loras", code="invalid_lora")
        if (answer.content_length or 0) > self._most_bytes:
            raise self._too_large()
        return await self._write(answer, into)

    async def _write(self, answer: aiohttp.ClientResponse, into: Path) -> str:
        digest, size = hashlib.sha256(), 0
        async for chunk in answer.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > self._most_bytes:
                raise self._too_large()
            try:
                await asyncio.to_thread(_append, into, chunk)
            except OSError as error:
                log.error("a LoRA cannot be kept in %s: %s", into.parent, error.strerror)
                raise _away("cannot be kept: the worker's folder for them takes no more") from None
            digest.update(chunk)
        return digest.hexdigest()

    def _too_large(self) -> Refusal:
        message = f"A LoRA may have {self._most_bytes} bytes, and this one has more."
        return Refusal(message, param="loras", code="invalid_lora")

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[aiohttp.ClientSession]:
        """One for each file: no cookie, proxy or connection is shared between callers."""
        tls = self._tls or ssl.create_default_context()
        connector = aiohttp.TCPConnector(resolver=self._names, use_dns_cache=False, ssl=tls, force_close=True)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
        ) as session:
            yield session


class NotPublic(OSError):
    """An address that is not public. An OSError, so that aiohttp hands it on as the cause of its own error."""


class _Checked(AbstractResolver):
    """Resolves once, and hands on nothing unless every address is permitted."""

    def __init__(self, resolver: Resolver, permits: Callable[[Address], bool]) -> None:
        self._resolver = resolver
        self._permits = permits

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            addresses = [ipaddress.ip_address(text) for text in await self._resolver(host, port)]
        except ValueError:
            raise NotPublic("not an address") from None
        if not all(self._permits(address) for address in addresses):
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


def _append(file: Path, chunk: bytes) -> None:
    with file.open("ab") as open_file:
        open_file.write(chunk)


def _is_address(url: URL) -> bool:
    """Its host is a number, which no resolver would be asked for."""
    try:
        ipaddress.ip_address(url.host or "")
    except ValueError:
        return False
    return True


def _refused_address(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, NotPublic):
            return True
        error = error.__cause__ or error.__context__
    return False


def _away(what: str) -> Refusal:
    """503, so that whoever asked may try again: neither the caller nor the worker has done anything wrong."""
    return Refusal(
        f"The LoRA {what}.",
        status=503,
        kind="service_unavailable_error",
        param="loras",
        code="lora_unavailable",
        retry_after=5,
    )
