"""A try to deliver something: how it is made, what comes of it, and when the next one is due."""

import time
from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.store.deliveries import Claim
from providers.foreign_urls import RefusedURL
from providers.guard import Guard

LONGEST_WISH = 3600.0  # seconds that a receiver's `retry-after` may put off the next try
JITTER = 0.2  # of a delay, so that receivers that came back are not met by all deliveries in one moment


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try: it arrived if there is no `error`, which is in our words.

    `over`: further tries are of no use. `retry_after` is the receiver's wish in seconds.
    """

    status: int | None = None
    error: str | None = None
    over: bool = False
    retry_after: float | None = None


class Sender(Protocol):
    """Delivers one kind of thing; between its tries lie `delays` seconds, and after the last it is given up."""

    @property
    def delays(self) -> Sequence[float]: ...

    async def send(self, claim: Claim) -> Outcome: ...


async def exchange(
    guard: Guard,
    method: Literal["POST", "PUT"],
    url: str,
    content: bytes | AsyncIterable[bytes],
    headers: Mapping[str, str],
    *,
    seconds: float,
) -> Outcome:
    """Sends it; nothing but 2xx is an arrival."""
    try:
        sent = await guard.send(method, url, content, headers, deadline=time.monotonic() + seconds)
    except RefusedURL as refused:
        return Outcome(error=f"the address was refused: {refused}")
    except TimeoutError:
        return Outcome(error=f"there was no answer within {seconds:g} s")
    except ConnectionError as error:
        return Outcome(error=str(error))
    wrong = None if 200 <= sent.status < 300 else f"it answered {sent.status}"
    return Outcome(sent.status, wrong, retry_after=sent.retry_after)


def next_try(outcome: Outcome, tries: int, delays: Sequence[float], now: float, chance: float) -> float | None:
    """When to try again after so many tries; None when it is over. `chance` lies in 0–1."""
    if outcome.error is None or outcome.over or tries > len(delays):
        return None
    delay = delays[tries - 1] * (1 + JITTER * (chance - 0.5))
    return now + max(delay, min(outcome.retry_after or 0.0, LONGEST_WISH))
