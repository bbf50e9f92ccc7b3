"""Where a provider may say that a call is over, and who is waiting to hear it.

What it says of the call is not believed: it only hastens the next look at the call's ticket. So a message that is lost
costs the time until a look that was due anyway, and one that comes before anybody waits costs nothing, because a ticket
is looked at as soon as it is there. Only a call whose ticket nobody has is followed by the one that a signed message
names (`lost_calls.py`).
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from weakref import WeakValueDictionary

from gateway.flow.deps import Deps
from gateway.flow.record import SentCall
from gateway.flow.stop import Stop
from gateway.jobs.channel import Channel
from gateway.jobs.hook_tokens import HookedCall, call_of, is_callable, token_of
from gateway.jobs.lost_calls import LostCalls
from gateway.store.database import Database, DatabaseError
from gateway.store.redis import RedisConnection
from gateway.store.seen import Seen
from providers.abilities import Hook, Hooks, Traces
from providers.base import Ticket

PATH = "/v1/hooks"
CHANNEL = "easel:hooks"
SEEK_SECONDS = 60.0  # for a message about a call whose receipt was lost: most pictures are drawn in less
LOOK_SECONDS = 2.0  # between two looks for what other gateways have heard, if Redis does not pass it on

Bells = WeakValueDictionary[HookedCall, asyncio.Event]


class HookDesk:
    """`readers` are the providers that are asked to call, `base_url` is where; any of `keys` may have signed a token.

    Every gateway knows all tokens; what comes to another one than waits for it is passed on over Redis.
    """

    def __init__(
        self,
        readers: Mapping[str, Hooks],
        lost: LostCalls,
        base_url: str,
        keys: Sequence[bytes],
        redis: RedisConnection,
    ) -> None:
        self._readers = readers
        self._lost = lost
        self._base_url = base_url
        self._keys = keys
        self._seen = Seen(redis)
        self._channel = Channel(redis, CHANNEL, self._heard)
        # Whoever follows a ticket, or seeks one, holds its event: however that ends, the event is gone with it.
        self._followed: Bells = WeakValueDictionary()
        self._sought: Bells = WeakValueDictionary()

    def start(self) -> None:
        if self._readers:
            self._channel.open()

    async def close(self) -> None:
        await self._channel.close()

    def url(self, job: str, sent: SentCall) -> str | None:
        """Where the provider of this call may say that it is over; None where it is not asked to.

        Messages are signed for an account, and only ours is known to `readers`: a call under a team's own key is
        looked at as often as without webhooks.
        """
        if sent.provider not in self._readers or sent.own_key:
            return None
        token = token_of(HookedCall(sent.provider, job, sent.number), self._keys)
        return f"{self._base_url}{PATH}/{sent.provider}/{token}"

    def hint(self, job: str, sent: SentCall) -> asyncio.Event | None:
        """Set by every message about the call, for as long as somebody holds it."""
        if sent.provider not in self._readers or sent.own_key:
            return None
        return bell_of(self._followed, HookedCall(sent.provider, job, sent.number))

    async def found(self, job: str, sent: SentCall, stop: Stop, seconds: float) -> Ticket | None:
        """The ticket of a call whose receipt was lost, by a message that has come or comes within that time.

        It is not waited for once the job is to stop.
        """
        if not self._lost.can_find(sent.provider) or sent.own_key:
            return None
        call = HookedCall(sent.provider, job, sent.number)
        until = time.monotonic() + min(seconds, SEEK_SECONDS)
        event = bell_of(self._sought, call)
        while True:
            event.clear()
            ticket = await self._ticket(call)
            left = until - time.monotonic()
            if ticket is not None or left <= 0 or stop.given:
                return ticket
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    await event.wait()

    def over(self, job: str, sent: SentCall) -> None:
        """Nobody waits for this call any more."""
        self._followed.pop(HookedCall(sent.provider, job, sent.number), None)

    def call(self, provider: str, token: str) -> HookedCall | None:
        """The call that an address is about; None for an address that we never gave away."""
        return call_of(provider, token, self._keys) if provider in self._readers else None

    async def read(self, call: HookedCall, headers: Mapping[str, str], body: bytes, now: float) -> Hook:
        """A message about the call, verified. Raises HookRefused."""
        return await self._readers[call.provider].read_hook(headers, body, now)

    async def take(self, call: HookedCall, hook: Hook) -> bool:
        """Has the call looked at, wherever it is waited for; False for a message that came before.

        Raises DatabaseError, after which it may come again.
        """
        delivery = f"{call.provider}:{hook.delivery}"
        if not await self._seen.is_new(delivery):
            return False
        if self._hasten(call):
            return True
        try:
            await self._lost.found(call, hook)
        except DatabaseError:
            await self._seen.forget(delivery)
            raise
        finally:
            self._channel.send(f"{call.provider} {token_of(call, self._keys)}".encode())
            self._ring(call)
        return True

    async def _ticket(self, call: HookedCall) -> Ticket | None:
        try:
            return await self._lost.ticket(call)
        except DatabaseError:
            return None  # it is asked again

    def _heard(self, message: bytes) -> None:
        provider, _space, token = message.decode("ascii", "replace").partition(" ")
        call = self.call(provider, token)
        if call is not None:
            self._ring(call)

    def _hasten(self, call: HookedCall) -> bool:
        """False where nobody here follows it."""
        event = self._followed.get(call)
        if event is not None:
            event.set()
        return event is not None

    def _ring(self, call: HookedCall) -> None:
        for event in (self._followed.get(call), self._sought.get(call)):
            if event is not None:
                event.set()


def bell_of(bells: Bells, call: HookedCall) -> asyncio.Event:
    """The same for all who wait for one call."""
    event = bells.get(call) or asyncio.Event()
    bells[call] = event
    return event


def hook_desk(at: Deps, database: Database, redis: RedisConnection) -> HookDesk:
    """For the providers that have `webhooks` on; for none where they could not reach us safely."""
    base_url = at.settings.server.public_url or ""
    providers = at.settings.providers.items() if is_callable(base_url) else ()
    wanted = {name for name, provider in providers if provider.webhooks}
    ours = {name: access.adapter for name, access in at.adapters.ours.items() if name in wanted}
    readers = {name: adapter for name, adapter in ours.items() if isinstance(adapter, Hooks)}
    tracers = {name: each for name, each in readers.items() if isinstance(each, Traces)}
    return HookDesk(readers, LostCalls(database, tracers, at.catalog), base_url, at.signing_keys, redis)
