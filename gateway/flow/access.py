"""A provider under one key, ours or a team's own: its adapter, its downloads, and what is known of that account."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from gateway.flow.health import Health
from gateway.flow.places import Places
from gateway.flow.retries import RetryBudget
from normalizers.offer import Offer
from providers.abilities import Queues
from providers.base import Adapter, Downloads
from providers.guard import Guard
from providers.registry import ProviderSettings, build_adapter, download_headers, own_origins

NOBODY: Mapping[str, str] = MappingProxyType({})


class Standing(NamedTuple):
    """How an account fares: its breakers, how much of its load may be repetition, and its places."""

    health: Health
    retries: RetryBudget
    places: Places


class Access:
    """`own`: under a key that a team has brought, `since` that moment (Unix seconds). What is open is used inside
    `with`, and stays open until it was dropped and nobody uses it any more. Who still has a dropped one may use it: it
    is open for as long.

    `later` runs what closes it.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        standing: Standing,
        *,
        own: bool = False,
        since: float = 0.0,
        later: Callable[[Coroutine[Any, Any, None]], object] = asyncio.ensure_future,
    ) -> None:
        self.provider = settings.name
        self.standing = standing
        self.own = own
        self.since = since
        self._settings = settings
        self._later = later
        self._users = 0
        self._dropped = False
        self._adapter: Adapter | None = None
        self._downloads: Guard | None = None

    def __repr__(self) -> str:
        return f"<Access {self.provider} {'own' if self.own else 'ours'}>"

    @property
    def account(self) -> str:
        """Other than that of every other one of the same team: what is uploaded to one is not there for the next."""
        return f"{self.provider} {self.since}" if self.own else self.provider

    @property
    def is_open(self) -> bool:
        return self._adapter is not None or self._downloads is not None

    @property
    def adapter(self) -> Adapter:
        """Raises ValueError for an address that is not accepted."""
        if self._adapter is None:
            self._adapter = build_adapter(self._settings)
        return self._adapter

    @property
    def line(self) -> Queues | None:
        """Where calls wait in a line of ours; None at every provider but our own workers."""
        adapter: Any = self.adapter
        return adapter if hasattr(adapter, "declines") else None

    @property
    def downloads(self) -> Downloads:
        """Fetches what the provider points to."""
        if self._downloads is None:
            self._downloads = Guard(own_origins(self._settings), headers=download_headers(self._settings))
        return self._downloads

    def __enter__(self) -> Self:
        self._users += 1
        return self

    def __exit__(self, *_raised: object) -> None:
        self._users -= 1
        self._close_unused()

    def drop(self) -> None:
        """Nobody new is given it."""
        self._dropped = True
        self._close_unused()

    async def close(self) -> None:
        adapter, downloads = self._adapter, self._downloads
        self._adapter = self._downloads = None
        if adapter is not None:
            await adapter.close()
        if downloads is not None:
            await downloads.close()

    def _close_unused(self) -> None:
        if self._dropped and not self._users and self.is_open:
            self._later(self.close())


class Reach(Mapping[str, Access]):
    """The providers that a team can ask, by name: each under its own key where it has brought one, else under ours.

    `closed` says why one is out of reach although it is configured. Where a team has a key of its own, ours is never
    used: it would pay for what the team's began.
    """

    def __init__(
        self,
        team: str,
        ours: Mapping[str, Access],
        own: Mapping[str, Access],
        closed: Mapping[str, str] = NOBODY,
    ) -> None:
        self.team = team
        self.closed = closed
        self._ours = ours
        self._own = own
        open_to_it = {**ours, **own}
        self._all = {name: access for name, access in open_to_it.items() if name not in closed}

    def __getitem__(self, provider: str) -> Access:
        return self._all[provider]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, provider: object) -> bool:
        return provider in self._all

    def __repr__(self) -> str:
        return f"<Reach of {self.team}: {', '.join(map(repr, self._all.values()))}>"

    def standing(self, offer: Offer) -> Standing:
        return self._all[offer.provider].standing

    def health(self, offer: Offer) -> Health:
        return self._all[offer.provider].standing.health

    def of_call(self, provider: str, *, own_key: bool) -> Access | None:
        """The account under which a call went out; None where there is none like that any more."""
        return self._own.get(provider) if own_key else self._ours.get(provider)

    def through(self, access: Access) -> "Reach":
        """The same, with this one for its provider."""
        own = {**self._own, access.provider: access} if access.own else without(self._own, access.provider)
        ours = self._ours if access.own else {**self._ours, access.provider: access}
        return Reach(self.team, ours, own, without(self.closed, access.provider))

    def without_ours(self, providers: Mapping[str, str]) -> "Reach":
        """Where the team has no key of its own there any more, nobody pays with ours; the reasons by provider."""
        closed = {name: why for name, why in providers.items() if name not in self._own}
        return Reach(self.team, self._ours, self._own, {**self.closed, **closed}) if closed else self


def without(mapping: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {key: value for key, value in mapping.items() if key != name}
