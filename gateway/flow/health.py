"""Who is left alone for a while: by circuit breakers of providers and offers, and by pauses that providers ask for.

Kept in the memory of one process, from what its own calls met.
"""

import math
import time
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from gateway.flow.breaker import COUNTED, REFUSED, Breaker, State
from normalizers.offer import Offer
from providers.errors import Kind

OFFER_FAILURES = 5
# More than an offer's: one broken model closes itself and not its provider, because its failures no longer count
# there once its own breaker is open.
PROVIDER_FAILURES = 10
ACCOUNT = frozenset({Kind.KEY, Kind.CREDIT})  # is wrong with all offers of a provider, and with none in particular
LONGEST_WISH = 600.0  # seconds; a provider that asks for more is tried again after so long

Admission = Literal["yes", "probe", "no"]

_MEANING = {
    Kind.KEY: "it does not accept {whose} key",
    Kind.NOT_ALLOWED: "{whose} key may not use this model",
    Kind.CREDIT: "{whose} account there has no credit",
    Kind.BUSY: "it cannot be reached or is overloaded",
    Kind.FAILED: "its calls fail",
    Kind.TIMEOUT: "it does not finish in time",
    Kind.BROKEN: "its answers are of no use",
    Kind.LOST: "its answers are lost",
    Kind.RATE: "it has too many requests",
}


class Trouble(NamedTuple):
    """Why an offer is passed over as long as another one can serve; `until` is a moment of the clock.

    `word` is for metrics: `open`, `probing` or `paused`.
    """

    word: Literal["open", "probing", "paused"]
    reason: str
    until: float
    refused: bool = False


class Health:
    """What is known of the providers and their offers, for `whose` account. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, whose: str = "our") -> None:
        self._clock = clock
        self._whose = whose
        self._providers: dict[str, Breaker] = {}
        self._offers: dict[str, Breaker] = {}
        self._probes: dict[str, list[Breaker]] = {}
        self._paused: dict[str, float] = {}

    def admit(self, offer: Offer) -> Admission:
        """Whether to send calls there. `probe`: one call first, and `release` when it is over, however it ended."""
        if self.trouble(offer) is not None:
            return "no"
        probes = [breaker for breaker in self._breakers(offer) if breaker.opened is not None]
        if not probes:
            return "yes"
        for breaker in probes:
            breaker.probing = True
        self._probes[offer.id] = probes
        return "probe"

    def release(self, offer: Offer) -> None:
        """What its probe took, and not what another offer of its provider may be finding out meanwhile."""
        for breaker in self._probes.pop(offer.id, ()):
            breaker.probing = False

    def trouble(self, offer: Offer) -> Trouble | None:
        """Why it is passed over; None when nothing is known against it, or a probe may find out."""
        provider, own = self._breakers(offer)
        if provider.opened is None and own.opened is None and offer.provider not in self._paused:
            return None
        now = self._clock()
        return min(self._troubles(offer, now), key=lambda found: (-found.refused, -found.until), default=None)

    def badness(self, offer: Offer) -> tuple[bool, float]:
        """Sorts those that are in trouble, the least bad first: a refused key last, else by the end of the pause."""
        found = self.trouble(offer)
        return (False, 0.0) if found is None else (found.refused, found.until)

    def succeeded(self, offer: Offer, started: float) -> None:
        """A call that began at `started` brought its answer."""
        now = self._clock()
        for breaker in self._breakers(offer):
            breaker.succeeded(started, now)

    def failed(self, offer: Offer, kind: Kind, started: float, retry_after: float | None = None) -> None:
        """A call that began at `started` met this; `retry_after` is the provider's wish in seconds."""
        now = self._clock()
        provider, own = self._breakers(offer)
        if retry_after and kind in (Kind.RATE, Kind.BUSY):
            until = now + min(retry_after, LONGEST_WISH)
            self._paused[offer.provider] = max(until, self._paused.get(offer.provider, 0.0))
        if kind not in COUNTED:
            return
        counts_there = own.opened is None or provider.probing
        if kind not in ACCOUNT:
            own.failed(kind, started, now)
        if kind in ACCOUNT or (counts_there and kind is not Kind.NOT_ALLOWED):
            provider.failed(kind, started, now)

    def trip(self, offer: Offer, kind: Kind) -> None:
        """Open the offer's breaker: more of its calls fail than may be repeated."""
        _provider, own = self._breakers(offer)
        if own.opened is None:
            own.open(kind, self._clock())

    def states(self) -> Iterator[tuple[str, str, State]]:
        """Provider, model and state of every breaker; of a provider's own the model is empty."""
        now = self._clock()
        for name, breaker in self._providers.items():
            yield name, "", breaker.state(now)
        for id, breaker in self._offers.items():
            provider, _slash, model = id.partition("/")
            yield provider, model, breaker.state(now)

    def forget(self) -> None:
        """Start anew."""
        self._providers.clear()
        self._offers.clear()
        self._probes.clear()
        self._paused.clear()

    def _breakers(self, offer: Offer) -> tuple[Breaker, Breaker]:
        provider = self._providers.get(offer.provider)
        if provider is None:
            provider = self._providers[offer.provider] = Breaker(PROVIDER_FAILURES)
        own = self._offers.get(offer.id)
        if own is None:
            own = self._offers[offer.id] = Breaker(OFFER_FAILURES)
        return provider, own

    def _troubles(self, offer: Offer, now: float) -> Iterator[Trouble]:
        until = self._paused.get(offer.provider, 0.0)
        if until > now:
            yield Trouble("paused", f"{offer.provider} asked for a pause of another {seconds(until - now)}", until)
        elif until:
            del self._paused[offer.provider]
        for breaker, who in zip(self._breakers(offer), (offer.provider, offer.id), strict=True):
            state, refused = breaker.state(now), breaker.kind in REFUSED
            if state == "open":
                meaning = _MEANING[breaker.kind].format(whose=self._whose)
                why = f"{who} is left alone for another {seconds(breaker.until - now)}: {meaning}"
                yield Trouble("open", why, breaker.until, refused)
            elif state == "half_open" and breaker.probing:
                yield Trouble("probing", f"another request is finding out whether {who} works again", now, refused)


def seconds(time_left: float) -> str:
    return f"{math.ceil(time_left)} s"
