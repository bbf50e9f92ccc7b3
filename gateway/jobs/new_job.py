"""The row that a request becomes when it is written down; one that sends nothing never does."""

import time

from gateway.flow.order import Order
from gateway.jobs.manner import Manner
from gateway.jobs.stored_order import pack
from gateway.store.entries import NewJob


def accepted_at(order: Order) -> float:
    """The Unix moment at which a request came in."""
    return time.time() - (time.monotonic() - order.started)


def new_job(
    order: Order,
    manner: Manner,
    body: str,
    created: float,
    planned: int | None,
    *,
    owner: str | None,
    traceparent: str | None,
) -> NewJob:
    """`body` is the request's hash, `owner` the process that runs it, `planned` how many pictures, where that is known.

    A job that was accepted without a plan counts what it was asked for.
    """
    return NewJob(
        id=order.id,
        team=order.caller.team,
        caller=order.caller.key,
        operation=order.operation,
        model=order.found.entry.facts.id,
        body=body,
        request=pack(order, traceparent),
        images=images_asked(order) if planned is None else planned,
        created=created,
        owner=owner,
        status="queued" if owner is None else "running",
        idempotency_key=manner.idempotency_key,
    )


def images_asked(order: Order) -> int:
    """As far as it can be said without a plan."""
    n = order.asked.fields.get("n")
    return n if isinstance(n, int) and n > 0 else 1
