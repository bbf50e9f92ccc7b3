"""The table of providers in README, made from the tables and adapters: what each can, in how many of its offers.

An offer is one model at one provider for one operation.
"""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence

from gateway.settings import KEY_VARIABLES
from normalizers.offer import Offer, Operation
from providers.base import Ticket
from providers.errors import ProviderError
from providers.registry import BUILT_IN, PROVIDER_NAMES, build_adapter
from tests.conformance.registered import OFFERS, OWN_SERVERS, STAND_INS, settings_of
from tests.providers.upstream import Reply, Upstream

OPERATIONS: dict[str, Operation] = {"generate": "generate", "image-to-image": "image_to_image", "edit": "edit"}
CURRENCIES = {"USD": "", "CNY": ", in yuan", "BUZZ": ", in Buzz"}
NO = "–"


def engines() -> dict[str, list[Offer]]:
    """The offers by row: Civitai's engines differ and have one each, a server of one's own has one by its dialect."""
    found: dict[str, list[Offer]] = {}
    for provider in (*(name for name in BUILT_IN if name != "local"), *OWN_SERVERS, "local"):
        for offer in OFFERS.values():
            if offer.provider == provider:
                found.setdefault(title(offer), []).append(offer)
    return found


def title(offer: Offer) -> str:
    if offer.provider in OWN_SERVERS:
        return f"own server, `{offer.provider}`"
    engine = offer.fixed.get("engine")
    return PROVIDER_NAMES[offer.provider] + (f", engine `{engine}`" if engine else "")


async def row(offers: Sequence[Offer]) -> dict[str, str]:
    """The cells of one row, by their columns' names."""
    [provider] = {offer.provider for offer in offers}
    return {
        "provider": title(offers[0]),
        "switched on by": switch(provider),
        **{column: number([each for each in offers if each.operation == name]) for column, name in OPERATIONS.items()},
        "upscale": number([offer for offer in offers if upscales(offer)]),
        "LoRA": share([works(offer, "loras") for offer in offers]),
        "seed": share([works(offer, "seed") for offer in offers]),
        "n": count(offers),
        "cancel": "✓" if await cancels(provider) else NO,
        "price": price(offers),
    }


def line(cells: Mapping[str, str]) -> str:
    """As it stands in the document."""
    return f"| {' | '.join(cells.values())} |"


def switch(provider: str) -> str:
    if provider in KEY_VARIABLES:
        return f"`{KEY_VARIABLES[provider]}`"
    return "nothing" if provider == "local" else "`[providers.NAME]`"


def number(offers: Sequence[Offer]) -> str:
    """`✓ 14`: that many models. A server of one's own serves those that one names. Only what has a stand-in is a ✓."""
    if not offers:
        return NO
    provider = offers[0].provider
    assert provider in STAND_INS or provider == "local", f"{provider} has no stand-in: nothing has tried its offers"
    return "✓" if provider in OWN_SERVERS else f"✓ {len(offers)}"


def upscales(offer: Offer) -> bool:
    """It makes its source larger, and there is nothing to tell it."""
    return offer.canvas.kind == "source" and not works(offer, "prompt")


def works(offer: Offer, parameter: str) -> bool:
    return parameter in offer.rules and offer.rules[parameter].works


def share(able: Sequence[bool]) -> str:
    """`✓` for all offers, `3 of 8` for some of them."""
    if not any(able):
        return NO
    return "✓" if all(able) else f"{sum(able)} of {len(able)}"


def count(offers: Sequence[Offer]) -> str:
    """`native 4–8; 3 emulated`: how many pictures a call draws, and how many offers draw one alone."""
    native = sorted({offer.count.max for offer in offers if offer.count.max > 1})
    alone = sum(offer.count.max == 1 for offer in offers)
    if not native:
        return "emulated"
    most = f"native {native[0]}" if len(native) == 1 else f"native {native[0]}–{native[-1]}"
    return f"{most}; {alone} emulated" if alone else most


def price(offers: Sequence[Offer]) -> str:
    """`published 4, at most 9, in yuan`: what is known before a picture is drawn, by the number of offers."""
    kinds = Counter(map(price_kind, offers))
    [currency] = {offer.price.own[0] for offer in offers}
    told = [f"{kind} {times}" for kind, times in kinds.most_common()] if len(kinds) > 1 else list(kinds)
    return ", ".join(told) + CURRENCIES[currency]


def price_kind(offer: Offer) -> str:
    known = offer.price
    if known.published and known.plain and not (known.per_image or known.per_megapixel):
        return "free"
    if known.basis == "estimated":
        return "estimate" if known.figures else "at most"
    return known.basis


async def cancels(provider: str) -> bool:
    """Whether the adapter asks the provider anything when a job is to be cancelled."""
    if provider == "local":
        return False  # a worker answers when it is done, and hands out no ticket
    upstream = Upstream()
    upstream.script = lambda asked: Reply(404, {})
    await upstream.start()
    address = {"base_url": upstream.url, "queue_url": upstream.url, "rest_url": upstream.url, "key": "none"}
    adapter = build_adapter(settings_of(provider, address))
    try:
        if not hasattr(adapter, "cancel"):
            return False
        ticket = Ticket("none", cancel_url=f"{upstream.url}/none/cancel")
        with contextlib.suppress(ProviderError):
            await adapter.cancel(ticket)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue] - looked for above
        return bool(upstream.asked)
    finally:
        await adapter.close()
        await upstream.stop()
