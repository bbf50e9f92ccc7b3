"""A call's pictures, put into it in the form that its provider takes, right before it is sent."""

import asyncio
import ipaddress
import time
from dataclasses import replace
from typing import Literal
from urllib.parse import urlsplit

from pybase64 import b64encode_as_string

from gateway.flow.calling import NotSent, TooLate
from gateway.flow.deliver import FILES
from gateway.flow.deps import Deps
from gateway.flow.finish import CannotFinish
from gateway.flow.order import Order
from gateway.flow.picture_codec import NotAPicture
from gateway.flow.sent_pictures import choose_way
from gateway.store.pictures import PictureStoreError
from gateway.store.signing import sign
from normalizers.plan import Plan
from normalizers.source import Source, pictures_in, with_pictures
from providers.abilities import Uploads
from providers.addresses import is_loopback, is_public
from providers.base import Call, Part
from providers.errors import Kind, ProviderError

EXTENSIONS = {"jpeg": "jpg"}
ON_LOOP_BYTES = 4 * 1024 * 1024  # encoded in about a millisecond
LATE_SECONDS = 3600


async def with_wire_forms(call: Call, plan: Plan, order: Order, at: Deps) -> Call:
    """The call as it goes out, before the deadline. Raises ProviderError where a picture cannot be handed over; nothing
    is paid then.
    """
    if not len(order.sent):
        return call
    try:
        async with asyncio.timeout(order.deadline - time.monotonic()):
            forms = {source: await wire_form(source, plan, order, at) for source in set(pictures_in(call.payload))}
    except TimeoutError:
        raise TooLate(plan.offer.provider, "its pictures were not handed over before the deadline") from None
    except PictureStoreError as wrong:
        raise NotSent(plan.offer.provider, "its pictures could not be stored for it to fetch") from wrong
    return replace(call, payload=with_pictures(call.payload, forms)) if forms else call


async def wire_form(source: Source, plan: Plan, order: Order, at: Deps) -> str | Part:
    content = await prepared(source, order, at)
    format = "png" if source.prepare else source.format
    provider = plan.offer.provider
    access = order.reach[provider]
    adapter = access.adapter
    public = is_reachable(at.settings.server.public_url)
    way = choose_way(plan.offer.sources, len(content), uploads=isinstance(adapter, Uploads), public=public)
    content_type = f"image/{format}"
    match way:
        case "upload" if isinstance(adapter, Uploads):
            return await order.sent.once(access.account, source, lambda: adapter.upload(content, content_type))
        case "url":
            return await order.sent.once("url", source, lambda: our_url(content, format, order, at))
        case "part":
            return Part(content, content_type, f"picture.{EXTENSIONS.get(format, format)}")
        case "data_uri" | "base64":
            return await order.sent.once(way, source, lambda: inline(content, content_type, way))
        case _:
            message = "it takes pictures by URL alone; set server.public_url to the address that it can reach"
            raise ProviderError(Kind.BAD_REQUEST, message, provider=provider)


def is_reachable(address: str | None) -> bool:
    """Whether a provider can fetch from there. Without a configured one, `easel serve` puts in where it listens."""
    host = (urlsplit(address).hostname if address else None) or "localhost"
    try:
        return is_public(ipaddress.ip_address(host))
    except ValueError:
        return not is_loopback(host)  # a name is believed


async def prepared(source: Source, order: Order, at: Deps) -> bytes:
    """In another format, or repainted as the mask that the provider expects."""
    content = order.sent.content(source)
    if not source.prepare:
        return content
    try:
        return await order.sent.once("prepared", source, lambda: at.finisher.prepare(content, source.prepare))
    except (NotAPicture, CannotFinish) as wrong:
        raise ProviderError(Kind.BAD_REQUEST, f"a picture cannot be used: {wrong}", param="image") from wrong


async def inline(content: bytes, content_type: str, way: Literal["data_uri", "base64"]) -> str:
    """Base64, with or without the start of a data URI; many megabytes are encoded off the event loop."""
    large = len(content) > ON_LOOP_BYTES
    encoded = await asyncio.to_thread(b64encode_as_string, content) if large else b64encode_as_string(content)
    return f"data:{content_type};base64,{encoded}" if way == "data_uri" else encoded


async def our_url(content: bytes, format: str, order: Order, at: Deps) -> str:
    """Stored here and signed until well after the deadline: the provider may fetch it late."""
    stored = await at.pictures.put(order.caller.team, content, format)
    left = order.deadline - time.monotonic()
    expires = int(time.time() + max(0.0, left) + LATE_SECONDS)
    query = sign(stored.name, order.caller.team, expires, at.signing_keys)
    return f"{order.base_url}{FILES}/{stored.name}?{query}"
