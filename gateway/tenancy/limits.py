"""What a request takes from the limits that apply to it, what would never fit, and how they are told. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, assert_never

from gateway.errors import InvalidValue
from gateway.store.limits import SECOND, WINDOW, Places, Rate, Taken, name_of
from gateway.tenancy.caller import Caller, Limits
from normalizers.price import MEGAPIXEL

Counted = Literal["requests", "images", "megapixels"]
Pixels = tuple[int, int]

COUNTED: tuple[Counted, ...] = ("requests", "images", "megapixels")
CONCURRENT = "concurrent"
STEP = 16  # pixels; sizes that are proposed are multiples of it


class Owner(NamedTuple):
    """Whose limits they are; `id` is that of a key, team or model, or the name of a provider."""

    kind: Literal["key", "team", "model", "provider"]
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


Owned = tuple[Owner, Limits]


class Use(NamedTuple):
    """What is asked for: so many pictures of these pixels, None where nobody can know; in so many requests."""

    images: int
    pixels: Pixels | None = None
    requests: int = 1

    @property
    def each(self) -> float:
        """Megapixels of a picture; one where nobody knows."""
        return 1.0 if self.pixels is None else self.pixels[0] * self.pixels[1] / MEGAPIXEL

    def of(self, what: Counted) -> float:
        match what:
            case "requests":
                return self.requests
            case "images":
                return self.images
            case "megapixels":
                return self.images * self.each
            case _:
                assert_never(what)


@dataclass(slots=True)
class Asked:
    """Everything that one request takes. `whose` has the owners of `rates`, then those of `places`."""

    use: Use
    rates: list[Rate] = field(default_factory=list[Rate])
    places: list[Places] = field(default_factory=list[Places])
    whose: list[tuple[Owner, str]] = field(default_factory=list[tuple[Owner, str]])

    def __bool__(self) -> bool:
        return bool(self.rates or self.places)


def owned_by(caller: Caller) -> list[Owned]:
    """The limits of the caller's key and team."""
    return [(Owner("team" if owner == caller.team else "key", owner), limits) for owner, limits in caller.limits]


def asked(owned: Sequence[Owned], use: Use, *, counts: Sequence[Counted] = COUNTED, places: bool = True) -> Asked:
    """What `use` takes from these limits: from the rates of what `counts`, and from the `places`."""
    taken = Asked(use)
    for owner, limits in owned:
        for what in counts:
            most = rate_of(limits, what)
            if most is not None:
                taken.rates.append(Rate(name_of(what, f"{owner.kind}:{owner.id}"), use.of(what), most))
                taken.whose.append((owner, what))
    for owner, limits in owned if places else ():
        if limits.max_concurrent_images is not None:
            taken.places.append(Places(places_name(owner), limits.max_concurrent_images))
            taken.whose.append((owner, CONCURRENT))
    return taken


def places_name(owner: Owner) -> str:
    return name_of(CONCURRENT, f"{owner.kind}:{owner.id}")


def only_looked_at(taken: Asked) -> Asked:
    """The same rates, for nothing: how they stand."""
    return Asked(taken.use, [rate._replace(cost=0) for rate in taken.rates], [], taken.whose[: len(taken.rates)])


def given_back(rates: Iterable[Rate]) -> list[Rate]:
    return [rate._replace(cost=-rate.cost) for rate in rates]


def rate_of(limits: Limits, what: Counted) -> float | None:
    match what:
        case "requests":
            return limits.requests_per_minute
        case "images":
            return limits.images_per_minute
        case "megapixels":
            return limits.megapixels_per_minute
        case _:
            assert_never(what)


def never_fits(owned: Sequence[Owned], use: Use) -> InvalidValue | None:
    """Why no wait makes room for such a request, naming a value that would fit; None where one may."""
    for owner, limits in owned:
        most_images = limits.images_per_minute
        if most_images is not None and use.images > most_images:
            return too_many(owner, most_images, f"{quantity(most_images, 'images')} a minute")
        most_at_once = limits.max_concurrent_images
        if most_at_once is not None and use.images > most_at_once:
            return too_many(owner, most_at_once, f"{quantity(most_at_once, 'images')} at once")
        megapixels = limits.megapixels_per_minute
        if megapixels is not None and use.each > megapixels:
            return too_large(owner, megapixels, use)
        if megapixels is not None and use.of("megapixels") > megapixels:
            told = f"{quantity(megapixels, 'megapixels')} a minute, and one picture has {number(use.each)}"
            return too_many(owner, math.floor(megapixels / use.each), told)
    return None


def too_many(owner: Owner, most: int, what: str) -> InvalidValue:
    return InvalidValue(f"n: {owner} may have {what}; ask for {most} at most", param="n")


def too_large(owner: Owner, most: float, use: Use) -> InvalidValue:
    fitting = fitting_size(most, use.pixels or (1, 1))
    proposed = f", such as {fitting[0]}x{fitting[1]}" if min(fitting) > 0 else ""
    told = (
        f"{owner} may have {quantity(most, 'megapixels')} a minute, and one picture of this size has {number(use.each)}"
    )
    return InvalidValue(f"size: {told}; ask for a smaller one{proposed}", param="size")


def fitting_size(megapixels: float, pixels: Pixels) -> Pixels:
    """The largest of that shape: `fitting_size(0.5, (2048, 1024))` is `(1024, 512)`. A side may come out as 0."""
    scale = math.sqrt(megapixels * MEGAPIXEL / (pixels[0] * pixels[1]))
    return floored(pixels[0] * scale), floored(pixels[1] * scale)


def floored(side: float) -> int:
    return math.floor(side / STEP) * STEP


def left_of(rate: Rate, what: str, owed: int) -> float:
    """How much of the rate could be taken at once now: whole requests and images, thousandths of a megapixel."""
    left = max(0.0, (WINDOW - owed) * rate.most / WINDOW) + 1e-6  # what is owed was rounded down
    return math.floor(left * 1000) / 1000 if what == "megapixels" else math.floor(left)


def refusal(taken: Asked, answer: Taken) -> str:
    """Whose limit has no room, which, what is left of it, and when it fits."""
    place = answer.refused or 0
    owner, what = taken.whose[place]
    wait = f"{max(0.1, answer.wait / SECOND):.1f} s"
    if what == CONCURRENT:
        most = taken.places[place - len(taken.rates)].most
        told = f"{owner} may have {quantity(most, 'images')} drawn at once, and has {answer.used[place]}"
        return f"{told}; this request asks for {taken.use.images} more, so try again when one is done"
    rate = taken.rates[place]
    left = number(left_of(rate, what, answer.used[place]))
    told = f"{owner} may have {quantity(rate.most, what)} a minute, and {left} left"
    return f"{told}; this request takes {number(rate.cost)}, for which there is room in {wait}"


def headers_of(taken: Asked, answer: Taken) -> dict[str, str]:
    """OpenAI's `x-ratelimit-*`: for requests, images and megapixels, the limit of which the least is left."""
    headers: dict[str, str] = {}
    states = list(zip(taken.rates, taken.whose, answer.used, strict=False))
    for what in COUNTED:
        of_it = [(left_of(rate, what, owed), rate.most, owed) for rate, (_owner, of), owed in states if of == what]
        if not of_it:
            continue
        left, most, owed = min(of_it)
        headers[f"x-ratelimit-limit-{what}"] = number(most)
        headers[f"x-ratelimit-remaining-{what}"] = number(left)
        headers[f"x-ratelimit-reset-{what}"] = duration(owed)
    return headers


def number(value: float) -> str:
    """`12`, `0.5`, `1000000`: never with an exponent."""
    return str(int(value)) if value == int(value) else f"{value:.3f}".rstrip("0").rstrip(".")


def quantity(count: float, what: str) -> str:
    """`1 request`, `2 requests`."""
    return f"{number(count)} {what[:-1] if count == 1 else what}"


def duration(microseconds: int) -> str:
    """As OpenAI writes it: `0s`, `120ms`, `6s`, `1m0s`; rounded up."""
    milliseconds = math.ceil(max(0, microseconds) / 1000)
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    seconds = math.ceil(milliseconds / 1000)
    return f"{seconds}s" if seconds < 60 else f"{seconds // 60}m{seconds % 60}s"
