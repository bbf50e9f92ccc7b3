"""What the tests of adapters against the simulators have in common."""

import asyncio
import time
from dataclasses import replace
from typing import Any

from providers.account import Account
from providers.base import Answer, Call, Download, Queued, Ticket
from providers.errors import Kind, ProviderError
from providers.guard import Guard
from providers.polling import follow
from simulators.running import Simulators
from tests.providers.failing import failure

ATTEMPTS = 3  # as the gateway tries a call whose failure cost nothing
SECONDS = 30.0  # more than any of these calls needs

# What an adapter gets over when the id of a call is ours: each picture is made, and paid once.
RECOVERED: list[dict[str, Any]] = [
    {"on": "submit", "effect": "drop_before"},
    {"on": "submit", "effect": "drop_after"},
    {"on": "submit", "effect": "html"},
    {"on": "submit", "effect": "status", "status": 502, "body": "<html>"},
    {"on": "submit", "effect": "status", "status": 504, "body": "<html>"},
    {"on": "submit", "effect": "status", "status": 500},
    {"on": "submit", "effect": "status", "status": 503},
    {"on": "submit", "effect": "status", "status": 429, "times": 2},
    {"on": "submit", "effect": "failed"},
    {"on": "submit", "effect": "failed", "times": 2},
    {"on": "status", "effect": "drop_before", "times": 2},
    {"on": "status", "effect": "drop_after", "times": 2},
    {"on": "status", "effect": "html", "times": 2},
    {"on": "status", "effect": "status", "status": 401},
    {"on": "status", "effect": "status", "status": 500, "times": 2},
    {"on": "status", "effect": "status", "status": 503, "times": 2},
    {"on": "status", "effect": "status", "status": 404},
    {"on": "result", "effect": "drop_before", "times": 2},
    {"on": "result", "effect": "drop_after", "times": 2},
    {"on": "result", "effect": "html", "times": 2},
    {"on": "result", "effect": "status", "status": 500, "times": 2},
    {"on": "result", "effect": "status", "status": 429},
]


def account_at(simulators: Simulators, provider: str, **changed: Any) -> Account:
    """The account that a simulator knows, or one that differs from it: `key="wrong"`."""
    told = simulators.addresses[provider]
    return replace(Account(told["base_url"], told["key"]), **changed)


async def followed(adapter: Queued, ticket: Ticket, call: Call, seconds: float = SECONDS) -> Answer:
    return await follow(adapter, ticket, call, time.monotonic() + seconds)


async def drawn(adapter: Queued, call: Call) -> Answer:
    """Submitted once and followed to its end."""
    receipt = await adapter.submit(call)
    return receipt if isinstance(receipt, Answer) else await followed(adapter, receipt, call)


async def drawn_in_the_end(adapter: Queued, call: Call) -> Answer:
    """Tried again as the gateway does."""
    for left in reversed(range(ATTEMPTS)):
        try:
            return await drawn(adapter, call)
        except ProviderError as error:
            if not left or not error.again or error.paid:
                raise
    raise AssertionError


async def refused_key(stranger: Queued, call: Call) -> None:
    """A key that the simulator does not know is told apart from everything else."""
    error = await failure(stranger.submit(call))
    await stranger.close()
    assert error.kind is Kind.KEY


async def downloaded(simulators: Simulators, answer: Answer) -> list[Download]:
    """The pictures behind the URLs of an answer, each fetched as the gateway does."""
    guard = Guard([simulators.origin])
    deadline = time.monotonic() + SECONDS
    pictures = [await guard.fetch(image.url or "", max_bytes=10_000_000, deadline=deadline) for image in answer.images]
    await guard.close()
    return pictures


async def abandoned(adapter: Queued, ticket: Ticket, call: Call) -> ProviderError:
    """How it ends when whoever follows the ticket is told to stop after the first look."""
    stop = asyncio.Event()
    deadline = time.monotonic() + SECONDS
    return await failure(follow(adapter, ticket, call, deadline, on_progress=lambda _seen: stop.set(), stop=stop))
