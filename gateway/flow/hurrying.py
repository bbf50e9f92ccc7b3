"""A request that nobody waited for, until somebody did: in the line before our own workers it moves up."""

from gateway.flow.adapters import Adapters
from gateway.flow.order import Order


def hurry(order: Order, adapters: Adapters) -> None:
    """What it has in line, and what it sends from now on, comes before work that nobody waits for."""
    if order.record.waited_for:
        return
    order.record.waited_for = True
    if adapters.local is not None:
        adapters.local.hurry(order.id)
