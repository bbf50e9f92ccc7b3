"""A request and an offer become a plan: the calls, the work afterwards, the decision on every parameter, the price.

Pure: no I/O, no clock, no randomness. The same request gives the same plan and fingerprint, whatever its key order.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson

from normalizers.asked import Asked, Known, Options, ResponseFormat
from normalizers.draft import Draft, converted, one_parameter, put, put_at
from normalizers.errors import BadValue, Owned, Refused
from normalizers.finishing import Finishing
from normalizers.fit import Pixels
from normalizers.offer import Offer
from normalizers.output import choose_delivery, choose_output
from normalizers.price import Quote
from normalizers.price_facts import facts_of
from normalizers.resolve import Given, resolve
from normalizers.rules import Decision, Default
from normalizers.sizing import choose_size
from normalizers.split import seed_of, split

NOBODY = Known()


class PlannedCall(NamedTuple):
    """One request to the provider: which of the `n` pictures it draws, its seed, and its whole body."""

    indexes: tuple[int, ...]
    seed: int | None
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about serving a request with one offer, decided before anything is sent.

    `payload` is what every call has in common and what makes the picture; `aside` goes out too but changes nothing;
    `quote` is the price of a picture and what it rests on; `drawn` is the size that the provider draws, where
    that is known, and `pixels` that of the picture once the gateway has cut it. A call draws `per_call` pictures at
    most.
    """

    offer: Offer
    payload: Mapping[str, Any]
    aside: Mapping[str, Any]
    n: int
    per_call: int
    seed: int | None
    drawn: Pixels | None
    pixels: Pixels | None
    finishing: Finishing | None
    response_format: ResponseFormat
    way: Literal["url", "bytes"]
    cache: str | None
    quote: Quote
    fingerprint: str
    decisions: tuple[Decision, ...]
    defaults: tuple[Default, ...]

    @property
    def price(self) -> int | None:
        """Of one picture, in micro-dollars; None when nobody can say."""
        return self.quote.micros

    @property
    def cost(self) -> int | None:
        """Of all pictures, in micro-dollars; None when nobody can say."""
        return None if self.price is None else self.price * self.n

    def calls(self, wanted: Sequence[int] | None = None) -> tuple[PlannedCall, ...]:
        """The calls for these of the `n` pictures (all of them when None)."""
        offer = self.offer
        groups = split(
            range(self.n) if wanted is None else wanted,
            self.per_call,
            self.seed,
            offer.count.seeds,
            offer.seed_range,
        )
        return tuple(
            PlannedCall(group.indexes, group.seed, self.body(len(group.indexes), group.seed)) for group in groups
        )

    def body(self, images: int, seed: int | None) -> dict[str, Any]:
        """The JSON of one call."""
        offer = self.offer
        body = {**self.payload, **self.aside}
        if offer.count.to:
            put_at(body, offer.count.to, images)
        if seed is not None:
            put(body, offer.rules["seed"].to, seed)
        if offer.delivery.to:
            put_at(body, offer.delivery.to, offer.delivery.words[self.way])
        return body

    def seed_for(self, index: int) -> int | None:
        """The seed that picture `index` is drawn with; None when the provider picks one."""
        return None if self.seed is None else seed_of(self.seed, index, *self.offer.seed_range)

    def __repr__(self) -> str:
        emulated = sum(decision.behavior == "emulated" for decision in self.decisions)
        return f"<Plan {self.offer.id} n={self.n} in {len(self.calls())} calls, {emulated} emulated>"


def plan(asked: Asked, offer: Offer, options: Options, known: Known = NOBODY) -> Plan:
    """How this offer would serve the request. Raises BadValue, Refused or Owned."""
    found = resolve(asked, offer, known, strict=options.strict)
    check_needed(asked, offer, found.given, known)
    draft = Draft(offer, options, found.given, dict(offer.fixed))
    for row in found.decided:
        draft.decided[row.given_as] = row
    for name, entry in found.given.items():
        one_parameter(draft, name, entry)
    if found.open:
        send_on(draft, found.open)
    fitted, exact = choose_size(draft)
    finishing = choose_output(draft, exact)
    response_format, way = choose_delivery(draft, finishing)
    per_call = pictures_per_call(draft)
    n, seed = count_and_seed(draft, per_call)
    fill_in(draft, asked.filled)
    return Plan(
        offer=offer,
        payload=draft.payload,
        aside=draft.aside,
        n=n,
        per_call=per_call,
        seed=seed,
        drawn=fitted.pixels,
        pixels=finishing.exact if finishing and finishing.exact else fitted.pixels,
        finishing=finishing,
        response_format=response_format,
        way=way,
        cache=draft.value("cache"),
        quote=offer.price.one(facts_of(draft, fitted.pixels)),
        fingerprint=fingerprint(offer, draft.payload, finishing),
        decisions=in_order(asked, draft.decided),
        defaults=tuple(draft.defaults),
    )


def check_needed(asked: Asked, offer: Offer, given: Mapping[str, Given], known: Known) -> None:
    """What the offer cannot work without: a prompt where it reads one, and a picture unless it draws from text."""
    if "prompt" not in given and "prompt" not in asked.filled and offer.rules["prompt"].works:
        raise BadValue("prompt", "is required; describe the picture in words")
    if "image" not in given and offer.operation != "generate":
        required = "is required; send a picture as a file, a URL, a data URI or base64"
        # In another provider's own object there may be one, for when that serves.
        elsewhere = any(name in known.slugs for name in asked.fields)
        raise (Refused if elsewhere else BadValue)("image", required)
    for needed in offer.needs:
        names = needed.split(" or ")
        if not any(name in given for name in names):
            raise Refused(names[0], f"is missing, and {offer.id} cannot work without {needed}")


def send_on(draft: Draft, fields: Mapping[str, Any]) -> None:
    """Fields that nobody knows; none may change one that a known parameter has set."""
    place: Mapping[str, Any] = draft.payload
    for step in draft.offer.open_at:
        place = place.get(step, {})
    for name, value in fields.items():
        if name in place:
            raise Owned(name, "is set by the gateway itself and cannot be sent; leave it out")
        put(draft.payload, (*draft.offer.open_at, name), value)


def pictures_per_call(draft: Draft) -> int:
    """At most. Where previews of each picture are wanted, no more than the provider shows half done."""
    count, wanted = draft.offer.count, draft.value("partial_images")
    if not wanted or draft.value("stream") is not True:
        return count.max
    if not count.previews:
        draft.decide("partial_images", "emulated", note="the provider shows no picture half done; its steps are told")
        return count.max
    draft.sent("partial_images", "partial_images", wanted)
    return min(count.max, count.previews)


def count_and_seed(draft: Draft, per_call: int) -> tuple[int, int | None]:
    """How many pictures, and the first one's seed where the offer takes one."""
    offer = draft.offer
    n: int = draft.value("n") or 1
    rule = offer.rules["seed"]
    seed: int | None = draft.value("seed") if rule.works else None
    groups = split(range(n), per_call, seed, offer.count.seeds, offer.seed_range)
    if "n" in draft.given:
        sent = [len(group.indexes) for group in groups]
        if len(groups) > 1:
            draft.decide("n", "emulated", offer.count.to or None, sent, f"{len(groups)} calls in parallel")
        elif offer.count.to:
            draft.sent("n", offer.count.to, n)
        else:
            draft.decide("n", "emulated", note="the provider draws one picture a call")
    elif offer.count.to:
        draft.defaults.append(Default("n", offer.count.to, 1, "gateway"))
    if seed is not None:
        seeds = [group.seed for group in groups]
        note = None if len(seeds) == 1 else "one call a picture, each with the seed of its own"
        draft.sent("seed", rule.sent_as, seeds[0] if len(seeds) == 1 else seeds, note)
    return n, seed


def fill_in(draft: Draft, filled: Mapping[str, Any]) -> None:
    """What the caller left out: values that the gateway sends, and what the provider will do by itself."""
    for name, value in filled.items():
        rule = draft.offer.rules[name]
        if name not in draft.given and rule.works:
            sent = converted(draft.offer, Given(value, ((name, value),)), rule) if rule.convert else value
            put(draft.payload, rule.to, sent)
            draft.defaults.append(Default(name, rule.sent_as, sent, "gateway"))
    for default in draft.offer.sends:
        if default.name not in draft.given:
            put(draft.payload, draft.offer.rules[default.name].to, default.value)
            draft.defaults.append(default)
    for default in draft.offer.provider_defaults:
        field = ".".join(draft.offer.rules[default.name].to)
        if default.name not in draft.given and field not in draft.wire:  # one field may serve two parameters
            draft.defaults.append(default)


def fingerprint(offer: Offer, payload: Mapping[str, Any], finishing: Finishing | None) -> str:
    """Requests with one fingerprint and one seed get one picture: 32 hexadecimal digits."""
    done = finishing or Finishing(offer.output.default)
    identity = [offer.id, offer.operation, offer.upstream, payload, done.format, done.quality, done.exact]
    return hashlib.blake2b(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def in_order(asked: Asked, decided: Mapping[str, Decision]) -> tuple[Decision, ...]:
    """The rows in the order of the caller's fields; those of a provider's object right behind its own."""
    rows = [decided[name] for name in asked.fields if name in decided]
    if len(rows) == len(decided):
        return tuple(rows)
    order = [place for name, value in asked.fields.items() for place in (name, *fields_in(name, value))]
    return tuple(decided[place] for place in dict.fromkeys(order) if place in decided)


def fields_in(name: str, value: object) -> list[str]:
    """`fal.use_turbo` for the fields of `{"fal": {…}}`."""
    return [f"{name}.{inner}" for inner in value] if isinstance(value, dict) else []  # pyright: ignore[reportUnknownVariableType] - JSON
