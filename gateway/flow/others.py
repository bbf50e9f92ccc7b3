"""Jobs that this process does not run itself."""

from typing import Protocol

from gateway.flow.order import Order


class Others(Protocol):
    async def ended(self, job: str, order: Order) -> None:
        """Returns when the job is over or was cancelled, or was never written down.

        Raises the GatewayError that it ended in if it may have been paid, DeadlinePassed at the order's deadline.
        """
        ...
