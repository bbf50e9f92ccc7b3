"""Where a provider may say that a call is over, and who is waiting to hear it."""

import asyncio

from gateway.flow.record import SentCall


class HookDesk:
    """Nobody is asked to call: no address of ours is known to providers."""

    def url(self, sent: SentCall) -> str | None:
        return None

    def hint(self, sent: SentCall) -> asyncio.Event | None:
        return None

    def over(self, sent: SentCall) -> None:
        """Nobody waits for this call any more."""
