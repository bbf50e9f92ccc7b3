"""Addresses that callers name for webhooks and uploads: refused before anything is spent if nothing may go there."""

import asyncio
from collections.abc import Iterable

from gateway.errors import InvalidValue
from providers.foreign_urls import RefusedURL
from providers.guard import Guard
from providers.resolving import resolver_of_its_own

LONGEST = 8192  # characters; presigned addresses take a few thousand
LOOK_UP_SECONDS = 4.0
LOOK_UPS = 8  # at once; a caller's slow name must not hold up anything but webhooks and uploads
CONNECTIONS = 64

EXAMPLES = {
    "webhook_url": "https://hooks.example.com/easel",
    "upload_endpoint": "https://bucket.s3.amazonaws.com/picture.png?X-Amz-Signature=…",
}


def delivery_guard(own_origins: Iterable[str]) -> Guard:
    """What webhooks and uploads go out through; `own_origins` are those of `[delivery]`."""
    return Guard(own_origins, resolver=resolver_of_its_own(LOOK_UPS), max_connections=CONNECTIONS)


async def check_address(url: object, parameter: str, guard: Guard) -> None:
    """Raises InvalidValue for what is not https on a usual port, or leads to an address that is not public.

    A name that cannot be resolved at this moment passes: it is resolved and checked again at every delivery.
    """
    if not isinstance(url, str):
        raise refused_for("it is no text", parameter)
    if len(url) > LONGEST:
        raise refused_for(f"it has {len(url):,} characters, more than {LONGEST:,}", parameter)
    try:
        guard.check(url)
        async with asyncio.timeout(LOOK_UP_SECONDS):
            await guard.look_up(url)
    except RefusedURL as refused:
        raise refused_for(str(refused), parameter) from None
    except OSError:  # a TimeoutError is one, too
        return


def refused_for(why: str, parameter: str) -> InvalidValue:
    message = f"{parameter}: {why}; give a public https address, such as {EXAMPLES[parameter]}"
    return InvalidValue(message, param=parameter)
