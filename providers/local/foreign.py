"""Servers of another make in a worker's place: which calls they can honour, and how each is written for them.

Nothing is changed quietly: a call that a server has no words for is not for it.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from normalizers.draft import put_at
from normalizers.offer import Offer, Operation
from providers.base import Call, Json
from providers.local.foreign_dialects import Dialect, dialects
from providers.placing import extras_in_prompt

SEEDS = 2**32  # of our own workers: after the last one they begin anew

Usual = Mapping[tuple[str, Operation], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Foreign:
    """One server: its address (without /v1), and the models that it draws, ours (`Call.upstream`) to its own name.

    `key` is its own, never that of our workers. It is sent no more than `together` calls at once. `usual` is what a
    worker of ours would do where a call leaves a field out, by model and operation: here it has to be said.
    """

    url: str
    dialect: str
    models: Mapping[str, str]
    key: str | None = field(default=None, repr=False)
    together: int = 1
    usual: Usual = field(default_factory=dict[tuple[str, Operation], Mapping[str, Any]])

    @property
    def health(self) -> str:
        """The path that answers 200 while it lives."""
        return dialects()[self.dialect].health


@dataclass(frozen=True, slots=True)
class Asking:
    """One request to a foreign server: `images` pictures, the first of which has `place` among those of the call.

    `seed` is that of the picture, where it is one and has one.
    """

    path: str
    body: Json
    images: int
    place: int
    seed: int | None


class CannotHonour(Exception):
    """The server has no words for this call; the message says for which part of it, without the caller's text."""


class _Batch(NamedTuple):
    place: int
    images: int
    seed: int | None


def cannot(foreign: Foreign, call: Call) -> str | None:
    """Why the call is not for this server: `sd-server takes no …`. None where it is."""
    try:
        askings(foreign, call)
    except CannotHonour as refusal:
        return str(refusal)
    return None


def askings(foreign: Foreign, call: Call) -> tuple[Asking, ...]:
    """The requests that the call becomes, to be sent one after the other. Raises `CannotHonour`."""
    dialect = dialects()[foreign.dialect]
    if call.upstream not in foreign.models:
        raise CannotHonour(f"the {dialect.name} server does not draw this model")
    if call.operation not in dialect.operations:
        raise CannotHonour(f"{dialect.name} has no route for {call.operation} requests")
    given = {**foreign.usual.get((call.upstream, call.operation), {}), **call.payload}
    batches = _batches(given.pop("seed", None), call.images, dialect)
    given.pop("n", None)
    common: Json = {"model": foreign.models[call.upstream]} if dialect.names_model else {}
    for name, value in given.items():
        _place(common, name, value, dialect, call.operation)
    return tuple(_asking(batch, common, dialect, call.operation) for batch in batches)


def usual_of(offers: Iterable[Offer]) -> Usual:
    """What the table of our own workers says that they do with fields which are left out."""
    return {(offer.upstream, offer.operation): _defaults(offer) for offer in offers}


def _defaults(offer: Offer) -> Mapping[str, Any]:
    defaults = {".".join(offer.rules[each.name].to): each.value for each in offer.provider_defaults}
    canvas = offer.canvas
    size = canvas.provider_default or (f"{canvas.default[0]}x{canvas.default[1]}" if canvas.default else None)
    return {**defaults, canvas.to[0]: size} if size else defaults


def _batches(seed: object, images: int, dialect: Dialect) -> Iterator[_Batch]:
    """With seeds each picture is a request: no document says what a seed does to the second picture of a batch."""
    if seed is not None:
        seeds = [seed + place for place in range(images)] if isinstance(seed, int) else cast("list[int]", seed)
        yield from (_Batch(place, 1, each % SEEDS) for place, each in enumerate(seeds))
        return
    for place in range(0, images, dialect.most):
        yield _Batch(place, min(dialect.most, images - place), None)


def _asking(batch: _Batch, common: Json, dialect: Dialect, operation: Operation) -> Asking:
    body: Json = {**common, "n": batch.images}
    seed = secrets.randbelow(SEEDS) if batch.seed is None and dialect.seeded else batch.seed
    _place(body, "seed", seed, dialect, operation)
    if dialect.in_prompt:
        body = extras_in_prompt(body)
    own = seed if batch.images == 1 else None
    return Asking(dialect.operations[operation], body, batch.images, batch.place, own)


def _place(body: Json, name: str, value: Any, dialect: Dialect, operation: Operation) -> None:
    """Puts one field of ours where the server reads it. Raises `CannotHonour`."""
    row = dialect.row(name, operation)
    if row is None:
        raise CannotHonour(f"{dialect.name} has no {name} in {operation} requests")
    if value is None or value in row.neutral:
        return
    if row.because:
        raise CannotHonour(f"{dialect.name} {row.because}")
    if not dialect.takes(name, value, row):
        raise CannotHonour(f"{dialect.name} does not take this {name}")
    put_at(body, row.to, row.words[value] if row.words else value)
