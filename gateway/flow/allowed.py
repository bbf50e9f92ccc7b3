"""What a key may use, and the error for what it may not."""

from collections.abc import Iterable

from gateway.errors import NotAllowed
from gateway.tenancy.caller import Caller, Patterns
from normalizers.catalog import Entry
from normalizers.offer import Offer

MOST_NAMED = 20  # patterns of a list that an error tells


def check_allowed(caller: Caller, entry: Entry, asked: str) -> None:
    """Before anything is fetched or sent. `asked` is the model as the caller named it. Raises NotAllowed."""
    if not caller.may_use_any(entry.facts.id, [offer.provider for offer in entry.offers]):
        raise not_allowed(caller, asked, entry.offers)


def not_allowed(caller: Caller, asked: str, offers: Iterable[Offer]) -> NotAllowed:
    """None of the offers is for this key; it names what is."""
    ids = ", ".join(dict.fromkeys(offer.id for offer in offers))
    return NotAllowed(f"model: this key may not use {asked} ({ids}); it may use {told(caller)}", param="model")


def told(caller: Caller) -> str:
    """`models qwen-image, flux-* at providers fal; of those models fal/*`: the key's own list, then its team's."""
    return "; of those ".join(
        parts
        for rights in caller.rights
        if (parts := " at ".join(listed("models", rights.models) + listed("providers", rights.providers)))
    )


def listed(what: str, patterns: Patterns) -> list[str]:
    if patterns is None:
        return []
    more = f" and {len(patterns) - MOST_NAMED} more" if len(patterns) > MOST_NAMED else ""
    return [f"{what} {', '.join(patterns[:MOST_NAMED])}{more}" if patterns else f"no {what}"]
