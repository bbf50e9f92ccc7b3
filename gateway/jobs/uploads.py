"""Pictures that go straight to the caller's own storage, by PUT to an address that it signed beforehand."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from gateway.errors import InvalidValue
from gateway.jobs.addresses import check_address, refused_for
from gateway.jobs.tries import Outcome, exchange
from gateway.store.database import Database
from gateway.store.deliveries import Claim, picture_name
from gateway.store.entries import Delivery
from gateway.store.pictures import Pictures, PictureStoreError
from providers.guard import Guard

PARAMETER = "upload_endpoint"
INDEX = "{index}"  # in an address: the place of the picture among the request's, from 0
SECONDS = 60.0  # of one try; a picture of 4096 x 4096 may have 60 MB
MINUTE = 60.0
AGAIN = frozenset({408, 425, 429})

# Azure takes no blob without its type (Azure Storage REST docs, Put Blob, read 2026-11-21).
AZURE = ".blob.core.windows.net"


async def check_endpoint(url: object, n: int, guard: Guard, *, keep: bool) -> None:
    """Raises InvalidValue for an address that nothing may be sent to, or that `n` pictures would share.

    `keep` is `[storage] keep`: without it there is nothing to send from.
    """
    if not keep:
        raise InvalidValue(
            f"{PARAMETER}: this gateway keeps no pictures to send there; leave it out, and fetch the "
            "pictures from the URLs in the answer",
            param=PARAMETER,
        )
    if n > 1 and isinstance(url, str) and INDEX not in url:
        raise InvalidValue(
            f"{PARAMETER}: {n} pictures would overwrite each other there; send n=1, or put {INDEX} into "
            "the URL, which is replaced by 0, 1, 2 …",
            param=PARAMETER,
        )
    await check_address(address_of(url, 0) if isinstance(url, str) else url, PARAMETER, guard)
    if isinstance(url, str) and INDEX in url.split("/", 3)[2]:
        raise refused_for(f"{INDEX} stands in its host", PARAMETER)


def uploads(url: str, places: Iterable[int], now: float) -> tuple[Delivery, ...]:
    """Of the pictures at these places, all to be sent at once."""
    return tuple(
        Delivery(f"upl_{secrets.token_hex(16)}", "upload", address_of(url, place), due=now, place=place)
        for place in places
    )


def address_of(url: str, place: int) -> str:
    return url.replace(INDEX, str(place))


class Uploads:
    """A storage that refuses is not asked again: its signature has expired. One that is busy is, for an hour."""

    delays: Sequence[float] = (5, 15, MINUTE, 5 * MINUTE, 15 * MINUTE, 40 * MINUTE)

    def __init__(self, guard: Guard, database: Database, pictures: Pictures) -> None:
        self._guard = guard
        self._database = database
        self._pictures = pictures

    async def send(self, claim: Claim) -> Outcome:
        """Raises DatabaseError."""
        try:
            return await self._send(claim)
        except PictureStoreError:
            return Outcome(error="the gateway's picture store did not answer")

    async def _send(self, claim: Claim) -> Outcome:
        name = await self._database.read(picture_name, claim.job, claim.place)
        size = await self._pictures.head(claim.team, name) if name is not None else None
        if name is None or size is None:
            return Outcome(error="the picture is no longer stored", over=True)
        pieces, headers = self._pictures.stream(claim.team, name), headers_of(name, size, claim.url)
        outcome = await exchange(self._guard, "PUT", claim.url, pieces, headers, seconds=SECONDS)
        return replace(outcome, over=is_final(outcome.status))


def headers_of(name: str, size: int, url: str) -> dict[str, str]:
    """Of a stored object that goes to this address."""
    headers = {"content-type": f"image/{name.rpartition('.')[2]}", "content-length": str(size), "accept": "*/*"}
    azure = (urlsplit(url).hostname or "").endswith(AZURE)
    return {**headers, "x-ms-blob-type": "BlockBlob"} if azure else headers


def is_final(status: int | None) -> bool:
    """Whether an answer that is no arrival will be the same the next time."""
    return status is not None and 300 <= status < 500 and status not in AGAIN
