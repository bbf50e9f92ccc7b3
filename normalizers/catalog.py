"""Every offer there is, by public model id; and who knows which native field."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from normalizers.asked import Known
from normalizers.errors import NormalizerError
from normalizers.offer import ModelFacts, Offer, Operation
from normalizers.parameters import PARAMETERS


class UnknownModel(NormalizerError):
    """No such model; the reason names the nearest ids."""

    def __init__(self, model: str, near: Iterable[str]) -> None:
        names = ", ".join(near)
        shown = model if len(model) <= 100 else f"{model[:100]}…"
        instead = f"did you mean {names}?" if names else "GET /v1/models lists what there is"
        super().__init__("model", f"{shown!r} does not exist; {instead}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A public model: its facts, and its offers in the order in which they are asked."""

    facts: ModelFacts
    offers: tuple[Offer, ...]

    def offering(self, operation: Operation) -> tuple[Offer, ...]:
        return tuple(offer for offer in self.offers if offer.operation == operation)


@dataclass(frozen=True, slots=True)
class Found:
    """`offers` are of one operation. `forced`: the caller named the provider, and `entry` has its offers alone."""

    entry: Entry
    offers: tuple[Offer, ...]
    forced: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every public model by its id, and what all of their offers know together."""

    entries: Mapping[str, Entry]
    known: Known

    def find(self, model: str, operation: Operation) -> Found:
        """An exact public id wins over `provider/model`, which leaves no failover. Raises UnknownModel."""
        entry = self.entries.get(model)
        if entry is not None:
            return Found(entry, entry.offering(operation), forced=False)
        provider, slash, rest = model.partition("/")
        entry = self.entries.get(rest) if slash else None
        if entry is not None:
            theirs = tuple(offer for offer in entry.offers if offer.provider == provider)
            if theirs:
                forced = Entry(entry.facts, theirs)
                return Found(forced, forced.offering(operation), forced=True)
        raise UnknownModel(model, self.near(model))

    def near(self, model: str) -> list[str]:
        wanted = model.lower()[:100]
        close = difflib.get_close_matches(wanted, self.entries, n=3, cutoff=0.5)
        return close or difflib.get_close_matches(wanted.rpartition("/")[2], self.entries, n=3, cutoff=0.5)


def make_catalog(
    offers: Iterable[Offer], models: Mapping[str, ModelFacts], routes: Mapping[str, tuple[str, ...]]
) -> Catalog:
    """`offers` come in the order of the providers; a configured route replaces that order and leaves out others."""
    by_model: dict[str, list[Offer]] = {}
    fields: dict[str, list[str]] = {}
    slugs: set[str] = set()
    for offer in offers:
        by_model.setdefault(offer.model, []).append(offer)
        slugs.add(offer.provider)
        for name in offer.rules:
            if name not in PARAMETERS and offer.provider not in fields.setdefault(name, []):
                fields[name].append(offer.provider)
    entries: dict[str, Entry] = {}
    for model, theirs in by_model.items():
        facts = models.get(model) or ModelFacts(model, model, theirs[0].provider)
        entries[model] = Entry(facts, ordered(theirs, routes.get(model)))
    return Catalog(entries, Known({name: tuple(who) for name, who in fields.items()}, frozenset(slugs)))


def ordered(offers: list[Offer], route: tuple[str, ...] | None) -> tuple[Offer, ...]:
    if route is None:
        return tuple(offers)
    return tuple(offer for provider in route for offer in offers if offer.provider == provider)
