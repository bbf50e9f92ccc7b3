"""Pictures in the form that was asked: a signed URL of ours, the provider's own, or base64."""

import time
from dataclasses import dataclass

import pybase64

from gateway.errors import NotFound
from gateway.flow.deps import Deps
from gateway.flow.order import Order
from gateway.flow.picture import Picture
from gateway.store.signing import sign
from normalizers.asked import ResponseFormat

FILES = "/v1/images/files"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A picture and how it goes out; `base64` is ASCII and may be a view into the provider's answer."""

    picture: Picture
    url: str | None = None
    base64: bytes | memoryview | None = None


async def deliver(picture: Picture, response_format: ResponseFormat, order: Order, at: Deps) -> Delivered:
    """`both` is for clients that read either."""
    url = None if response_format == "b64_json" else url_of(picture, order, at)
    base64 = None if response_format == "url" and url else await base64_of(picture, order, at)
    return Delivered(picture, url, base64)


def url_of(picture: Picture, order: Order, at: Deps) -> str | None:
    """The provider's URL, or one of ours that needs no key and ends in the picture's format; None without either."""
    if picture.hash is None:
        return picture.url
    return signed_url(picture.name, order.caller.team, order.base_url, at)


def signed_url(name: str, team: str, base_url: str, at: Deps) -> str:
    """Of a stored picture: it needs no key, and expires."""
    expires = int(time.time()) + at.settings.storage.url_ttl
    return f"{base_url}{FILES}/{name}?{sign(name, team, expires, at.signing_keys)}"


async def base64_of(picture: Picture, order: Order, at: Deps) -> bytes | memoryview:
    """As the provider sent it where that is at hand, so that megabytes are not decoded and encoded again."""
    if picture.base64 is not None:
        return picture.base64
    content = picture.content
    if content is None and picture.hash is not None:
        content = await at.pictures.get(order.caller.team, picture.name)
    if content is None:
        raise NotFound("the picture is no longer stored; send the request again with cache off")
    return pybase64.b64encode(content)
