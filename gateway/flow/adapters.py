"""Which adapter a team's request goes through: those of the configuration, and those under keys of its own."""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from gateway.errors import Overloaded
from gateway.flow.access import Access, Reach, Standing
from gateway.flow.health import Health
from gateway.flow.places import Places
from gateway.flow.retries import RetryBudget
from gateway.flow.routing import Routing, places_of
from gateway.store.database_errors import DatabaseError
from gateway.tenancy.own_keys import OwnKey, OwnKeys
from providers.abilities import Queues
from providers.registry import ProviderSettings, build_adapter

MOST_TEAMS = 256  # whose adapters are kept open
SEALED = "the team's own key there cannot be opened; give it again"


class Built(NamedTuple):
    """What was made of these keys."""

    keys: Mapping[str, OwnKey]
    own: Mapping[str, Access]
    reach: Reach


class Adapters:
    """`ours` are those of the configuration, and all that `everyone` reaches. A team's own are opened at their first
    use, and shared by its requests.

    The account of a team's own key fares for itself: what it meets keeps nobody else from the provider.
    """

    def __init__(self, providers: Mapping[str, ProviderSettings], routing: Routing, own_keys: OwnKeys) -> None:
        """Raises ValueError for an address that is not accepted."""
        self.own_keys = own_keys
        self._providers = providers
        self._routing = routing
        self._built: OrderedDict[str, Built] = OrderedDict()
        self._closing: set[asyncio.Future[None]] = set()
        standing = Standing(routing.health, routing.retries, routing.places)
        configured = (provider for provider in providers.values() if provider.configured)
        self.ours = {provider.name: Access(provider, standing) for provider in configured}
        self.everyone = Reach("", self.ours, {})
        for access in self.ours.values():
            _ = access.adapter, access.downloads  # now: a bad address stops the start

    @property
    def local(self) -> Queues | None:
        """Our own workers, where there are any."""
        access = self.ours.get("local")
        return access and access.line

    async def of(self, team: str) -> Reach:
        """As the team's keys are now. Raises Overloaded while nobody can say."""
        try:
            return await self.reach(team)
        except DatabaseError as away:
            raise Overloaded("the database does not answer; try again in a moment") from away

    async def reach(self, team: str) -> Reach:
        """As `of`, but raises DatabaseError."""
        keys = await self.own_keys.of(team)
        built = self._built.get(team)
        if built is not None and built.keys is keys:
            self._built.move_to_end(team)
            return built.reach
        return self._build(team, keys, built) if keys or built is not None else self.everyone

    async def now(self, reach: Reach, provider: str) -> Reach | None:
        """The same for one call more: under the team's newest key there; None where it has none any more.

        What began under our key goes on under it.
        """
        access = reach[provider]
        if not access.own:
            return reach
        try:
            newest = (await self.reach(reach.team)).of_call(provider, own_key=True)
        except DatabaseError:
            return reach  # a call that cannot be written down is not sent anyway
        if newest is None:
            return None
        return reach if newest is access else reach.through(newest)

    def knows(self, provider: str) -> bool:
        return provider in self._providers

    def why_no_key(self, provider: str) -> str | None:
        """Why a team cannot bring a key to this provider, of those that are known; None where it can."""
        settings = self._providers[provider]
        if not takes_keys(settings):
            return "takes no keys"
        try:
            build_adapter(replace(settings, api_key="key"))
        except ValueError as wrong:
            return f"cannot be asked: {wrong}"
        return None

    async def close(self) -> None:
        """When nobody uses them any more."""
        await self.own_keys.close()
        opened = [access for built in self._built.values() for access in built.own.values()]
        self._built.clear()
        for access in (*opened, *self.ours.values()):
            await access.close()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _build(self, team: str, keys: Mapping[str, OwnKey], before: Built | None) -> Reach:
        """With what there is of it; what the team has no key for any more is closed when its last call is over."""
        had: Mapping[str, OwnKey] = before.keys if before is not None else {}
        kept: Mapping[str, Access] = before.own if before is not None else {}
        own: dict[str, Access] = {}
        closed: dict[str, str] = {}
        for name, key in keys.items():
            if name in kept and had[name] == key:
                own[name] = kept[name]
            elif why := self._why_not(key):
                closed[name] = why
            else:
                own[name] = self._open(name, key)
        for name, access in kept.items():
            if own.get(name) is not access:
                access.drop()
        self._built.pop(team, None)
        if not keys:
            return self.everyone
        reach = Reach(team, self.ours, own, closed)
        self._built[team] = Built(keys, own, reach)
        if len(self._built) > MOST_TEAMS:
            _team, oldest = self._built.popitem(last=False)
            for access in oldest.own.values():
                access.drop()
        return reach

    def _why_not(self, key: OwnKey) -> str | None:
        """Why this key is of no use: since it was brought, the configuration may have changed."""
        if key.text is None:
            return SEALED
        why = self.why_no_key(key.provider) if self.knows(key.provider) else "is not known any more"
        return why and f"{why}; the team's own key there is of no use"

    def _open(self, provider: str, key: OwnKey) -> Access:
        settings, routing = replace(self._providers[provider], api_key=key.text), self._routing
        standing = Standing(
            Health(routing.now, whose="the team's own"),
            RetryBudget(routing.now),
            Places(places_of({provider: settings})),
        )
        return Access(settings, standing, own=True, since=key.given, later=self._close_later)

    def _close_later(self, closing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def takes_keys(settings: ProviderSettings) -> bool:
    """A server of the operator's own does where the configuration has one for it."""
    return settings.kind != "local" and (settings.kind != "openai_compatible" or settings.api_key is not None)
