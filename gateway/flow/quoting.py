"""What a provider itself says that a plan would cost: asked for a dry run, while plans go by their tables alone."""

import asyncio
from collections import Counter

from gateway.flow.cost import told_cost
from gateway.flow.deps import Deps
from gateway.flow.hand_over import with_wire_forms
from gateway.flow.order import Order
from gateway.flow.sending import make_call
from normalizers.plan import Plan, PlannedCall
from providers.abilities import Quotes
from providers.errors import ProviderError

QUOTED = "quoted"  # the word for what such a price rests on
QUOTE_SECONDS = 2.0  # how long a dry run waits for it; later it goes by the table


async def quoted(plan: Plan, order: Order, at: Deps) -> int | None:
    """Micro-dollars for all pictures; None where the table's price, or that of whoever runs the gateway, has to do."""
    with order.reach[plan.offer.provider] as access:
        if not isinstance(access.adapter, Quotes) or plan.quote.basis == "configured":
            return None
        return await in_time(plan, access.adapter, order, at)


async def in_time(plan: Plan, adapter: Quotes, order: Order, at: Deps) -> int | None:
    try:
        async with asyncio.timeout(QUOTE_SECONDS):
            return await in_sum(plan, adapter, order, at)
    except (ProviderError, TimeoutError):
        return None


async def in_sum(plan: Plan, adapter: Quotes, order: Order, at: Deps) -> int | None:
    """Calls for equally many pictures differ by their seed alone, and are asked about once."""
    calls = plan.calls()
    alike = Counter(len(call.indexes) for call in calls)
    total = 0
    for first in {len(call.indexes): call for call in calls}.values():
        price = await of_call(first, plan, adapter, order, at)
        if price is None:
            return None
        total += price * alike[len(first.indexes)]
    return total


async def of_call(planned: PlannedCall, plan: Plan, adapter: Quotes, order: Order, at: Deps) -> int | None:
    call = await with_wire_forms(make_call(planned, plan, order), plan, order, at)
    money = await adapter.quote(call)
    return told_cost(money.amount, money.currency, plan.offer.price)
