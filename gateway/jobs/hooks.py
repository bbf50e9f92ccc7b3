"""Where a provider may say that a call is over, and who is waiting to hear it.

Nothing that it says is believed: it only hastens the next look at the call's ticket. So a message that is lost costs
the time until a look that was due anyway, and one that comes before anybody waits costs nothing, because a ticket is
looked at as soon as it is there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from weakref import WeakValueDictionary

from gateway.flow.record import SentCall
from gateway.jobs.channel import Channel
from gateway.jobs.hook_tokens import HookedCall, call_of, token_of
from gateway.settings import Settings
from gateway.store.redis import RedisConnection
from gateway.store.seen import Seen
from providers.base import Adapter, Hook, Hooks
from providers.base_urls import check_base_url

PATH = "/v1/hooks"
CHANNEL = "easel:hooks"


class HookDesk:
    """`readers` are the providers that are asked to call, `base_url` is where; any of `keys` may have signed a token.

    Every gateway knows all tokens; what comes to another one than waits for it is passed on over Redis.
    """

    def __init__(
        self, readers: Mapping[str, Hooks], base_url: str, keys: Sequence[bytes], redis: RedisConnection
    ) -> None:
        self._readers = readers
        self._base_url = base_url
        self._keys = keys
        self._seen = Seen(redis)
        self._channel = Channel(redis, CHANNEL, self._heard)
        # Whoever follows a ticket holds its event: however that ends, the event is gone with it.
        self._waiting: WeakValueDictionary[HookedCall, asyncio.Event] = WeakValueDictionary()

    def start(self) -> None:
        if self._readers:
            self._channel.open()

    async def close(self) -> None:
        await self._channel.close()

    def url(self, job: str, sent: SentCall) -> str | None:
        """Where the provider of this call may say that it is over; None where it is not asked to."""
        if sent.provider not in self._readers:
            return None
        token = token_of(HookedCall(sent.provider, job, sent.number), self._keys)
        return f"{self._base_url}{PATH}/{sent.provider}/{token}"

    def hint(self, job: str, sent: SentCall) -> asyncio.Event | None:
        """Set by every message about the call, for as long as somebody holds it."""
        if sent.provider not in self._readers:
            return None
        call = HookedCall(sent.provider, job, sent.number)
        event = self._waiting.get(call) or asyncio.Event()
        self._waiting[call] = event
        return event

    def over(self, job: str, sent: SentCall) -> None:
        """Nobody waits for this call any more."""
        self._waiting.pop(HookedCall(sent.provider, job, sent.number), None)

    def call(self, provider: str, token: str) -> HookedCall | None:
        """The call that an address is about; None for an address that we never gave away."""
        return call_of(provider, token, self._keys) if provider in self._readers else None

    async def read(self, call: HookedCall, headers: Mapping[str, str], body: bytes, now: float) -> Hook:
        """A message about the call, verified. Raises HookRefused."""
        return await self._readers[call.provider].read_hook(headers, body, now)

    async def take(self, call: HookedCall, hook: Hook) -> bool:
        """Has the call looked at, wherever it is waited for; False for a message that came before."""
        if not await self._seen.is_new(f"{call.provider}:{hook.delivery}"):
            return False
        if not self._ring(call):
            self._channel.send(f"{call.provider} {token_of(call, self._keys)}".encode())
        return True

    def _heard(self, message: bytes) -> None:
        provider, _space, token = message.decode("ascii", "replace").partition(" ")
        call = self.call(provider, token)
        if call is not None:
            self._ring(call)

    def _ring(self, call: HookedCall) -> bool:
        event = self._waiting.get(call)
        if event is not None:
            event.set()
        return event is not None


def hook_desk(
    settings: Settings, adapters: Mapping[str, Adapter], keys: Sequence[bytes], redis: RedisConnection
) -> HookDesk:
    """For the providers that have `webhooks` on; for none where they could not reach us safely."""
    base_url = settings.server.public_url or ""
    wanted = {name for name, provider in settings.providers.items() if provider.webhooks and is_callable(base_url)}
    readers = {name: each for name, each in adapters.items() if name in wanted and isinstance(each, Hooks)}
    return HookDesk(readers, base_url, keys, redis)


def is_callable(public_url: str) -> bool:
    """https, or http on this machine alone: the path of an address is a secret."""
    try:
        check_base_url(public_url)
    except ValueError:
        return False
    return True
