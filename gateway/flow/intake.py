"""From what a provider handed over to a picture of ours: fetched, checked, finished and stored, as far as needed.

A picture that was drawn is paid: it is downloaded again as often as it takes, and never drawn again for that.
"""

import asyncio
import time
from dataclasses import replace

import structlog

from gateway.flow.deps import Deps
from gateway.flow.finish import CannotFinish, nothing_to_do
from gateway.flow.order import Order
from gateway.flow.picture import Picture
from gateway.flow.picture_codec import NotAPicture, check_pixels
from gateway.flow.picture_header import ENOUGH_BYTES, Header, sniff, sniff_base64
from gateway.flow.truth import differences
from gateway.store.pictures import PictureStoreError
from normalizers.fit import Pixels
from normalizers.plan import Plan
from providers.base import Image
from providers.errors import Kind, ProviderError
from providers.polling import bearable

log = structlog.stdlib.get_logger()

FIRST_PAUSE = 0.05  # seconds before a download is tried again, doubled each time
LONGEST_PAUSE = 5.0
PAGES = 2  # that come instead of a picture and are not believed
URL_FORMATS = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "webp": "webp", "avif": "avif", "gif": "gif"}


async def take_in(image: Image, plan: Plan, seed: int | None, order: Order, at: Deps) -> Picture:
    """Raises ProviderError: MODERATED for a flagged picture, BROKEN for what is none, GONE for one that expired."""
    provider = plan.offer.provider
    if image.flagged:
        raise Flagged(provider)
    if image.url is not None and handed_on(plan, order):
        return as_found(picture_at(image, plan, seed), said_size(image), plan, at)
    try:
        picture = await in_our_hands(image, plan, seed, order, at)
        return await keep(picture, order, at) if order.options.keep else checked(picture)
    except (NotAPicture, CannotFinish) as wrong:
        raise ProviderError(Kind.BROKEN, f"the picture cannot be used: {wrong}", provider=provider) from wrong


class Flagged(ProviderError):
    """A picture that the provider's safety check marked: it is neither delivered nor kept, and may be charged."""

    def __init__(self, provider: str) -> None:
        super().__init__(Kind.MODERATED, "the provider's safety check flagged the picture", provider=provider)


def as_found(picture: Picture, came: Pixels | None, plan: Plan, at: Deps) -> Picture:
    """With what is otherwise than planned, which is counted; `came` is the size that the provider drew."""
    found = differences(picture, came, plan)
    for difference in found:
        at.telemetry.differed(plan.offer.provider, difference.what)
    return replace(picture, differences=found) if found else picture


def said_size(image: Image) -> Pixels | None:
    return (image.width, image.height) if image.width and image.height else None


def handed_on(plan: Plan, order: Order) -> bool:
    """The provider's URL goes to the caller as it is: nothing is stored, and nothing has to be done to the picture."""
    return plan.way == "url" and plan.response_format == "url" and not order.options.keep and not order.streamed


def picture_at(image: Image, plan: Plan, seed: int | None) -> Picture:
    """A picture that stays at its provider; nobody here has seen it, so format and size are what the provider says."""
    url = image.url or ""
    ending = url.partition("?")[0].rpartition(".")[2].lower()
    said = (image.content_type or "").removeprefix("image/")
    asked = plan.finishing.format if plan.finishing else plan.offer.output.default
    known = plan.pixels or (None, None)
    return Picture(
        format=URL_FORMATS.get(ending) or URL_FORMATS.get(said) or asked,
        width=image.width or known[0],
        height=image.height or known[1],
        provider=plan.offer.provider,
        offer=plan.offer.id,
        seed=image.seed if image.seed is not None else seed,
        url=url,
        revised_prompt=image.revised_prompt,
    )


async def in_our_hands(image: Image, plan: Plan, seed: int | None, order: Order, at: Deps) -> Picture:
    """The picture itself, undecoded unless something has to be done to it."""
    content, base64 = image.content, image.base64 and in_one_line(image.base64)
    if content is None and base64 is None:
        content = await download(image.url or "", plan.offer.provider, order, at)
    header = sniff(content[:ENOUGH_BYTES]) if content is not None else sniff_base64(base64 or b"")
    if header is None:
        raise NotAPicture("what came is not a picture in a format that is known")
    check_pixels(header.width, header.height, at.finisher.bounds)
    picture = Picture(
        format=header.format,
        width=header.width,
        height=header.height,
        provider=plan.offer.provider,
        offer=plan.offer.id,
        seed=image.seed if image.seed is not None else seed,
        url=image.url,
        content=content,
        base64=base64,
        revised_prompt=image.revised_prompt,
    )
    return as_found(await finished(picture, header, plan, at), (header.width, header.height), plan, at)


async def finished(picture: Picture, header: Header, plan: Plan, at: Deps) -> Picture:
    """In the format, quality and size that was asked; the bytes as they came when they are so already."""
    wanted = plan.finishing
    if wanted is None or nothing_to_do(header, wanted):
        return picture
    with at.telemetry.stage("finish"):
        done = await at.finisher.finish(decoded(picture), wanted)
    return replace(
        picture,
        format=done.format,
        width=done.width,
        height=done.height,
        content=done.content,
        base64=None,
        url=None,
    )


def in_one_line(base64: bytes | memoryview) -> bytes | memoryview:
    """Without the line breaks that some encoders make, after 76 characters at most: our answer has none."""
    return b"".join(bytes(base64).split()) if len(bytes(base64[:100]).split()) > 1 else base64


def checked(picture: Picture) -> Picture:
    """Its base64 goes out as it came, into a JSON string of ours: it must be base64 to its last character."""
    decoded(picture)
    return picture


def decoded(picture: Picture) -> bytes:
    """Raises NotAPicture for base64 that is none."""
    try:
        return picture.bytes() or b""
    except ValueError:
        raise NotAPicture("its base64 is damaged") from None


async def download(url: str, provider: str, order: Order, at: Deps) -> bytes:
    """Again and again until the deadline, as long as its server only happens to be away.

    What is no picture may be some proxy's page, so it is believed only when it comes repeatedly.
    """
    pause = FIRST_PAUSE
    pages = 0
    while True:
        try:
            with at.telemetry.stage("download"):
                most = at.finisher.bounds.max_bytes
                with order.reach[provider] as access:
                    got = await access.downloads.fetch(url, max_bytes=most, deadline=order.deadline)
            at.telemetry.downloaded(len(got.content))
            if sniff(got.content[:ENOUGH_BYTES]) is not None or pages == PAGES:
                return got.content
            pages += 1
            raise ProviderError(Kind.BUSY, "what came instead of the picture is none")
        except ProviderError as error:
            if error.kind is not Kind.BUSY:
                raise
            left = order.deadline - time.monotonic()
            if left <= 0:
                raise ProviderError(Kind.TIMEOUT, f"{error.message}, until the deadline") from error
            await asyncio.sleep(min(max(pause, bearable(error.retry_after, left)), left))
            pause = min(pause * 2, LONGEST_PAUSE)


async def keep(picture: Picture, order: Order, at: Deps) -> Picture:
    """Stored under its hash; still at hand too, so that base64 can be answered without reading it again.

    When it cannot be stored it is paid all the same: the caller gets it as base64, whatever form he asked for.
    """
    content = decoded(picture)
    try:
        with at.telemetry.stage("store"), at.telemetry.tracing.store("picture"):
            stored = await at.pictures.put(order.caller.team, content, picture.format)
    except PictureStoreError as wrong:
        log.warning("picture_not_stored", request_id=order.id, error=str(wrong))
        return replace(picture, url=None)
    return replace(picture, hash=stored.hash, url=None)
