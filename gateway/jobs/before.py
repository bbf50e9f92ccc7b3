"""What an earlier attempt at a job left behind, read from its rows."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

import orjson

from gateway.flow.attempt import Attempt
from gateway.flow.cost import BASES, Cost, CostBasis
from gateway.flow.picture import Picture, from_record
from gateway.flow.record import Before, OpenCall, SentCall
from gateway.jobs.called import outcome_and_reason
from gateway.store.entries import CallRow, Leftover, PictureRow
from gateway.store.records import decode
from providers.base import Ticket

OPEN = ("sending", "accepted")


def before_of(calls: Sequence[CallRow], pictures: Sequence[PictureRow]) -> Before | None:
    """None for a job that had sent nothing and has nothing: it runs like a new one."""
    made = pictures_in(pictures)
    if not calls and not made:
        return None
    charges = Cost()
    for call in calls:
        if call.state == "done":
            charges = charges.plus(Cost(call.cost_micros, basis_of(call.cost_basis)))
    return Before(
        pictures=made,
        open=tuple(opened(call) for call in calls if call.state in OPEN),
        attempts=tuple(attempt(call) for call in calls if call.state not in OPEN),
        charges=charges,
        lost=tuple(call.provider for call in calls if is_lost(call, made)),
        calls=1 + max((call.number for call in calls), default=-1),
    )


def before_of_leftover(leftover: Leftover) -> Before:
    """The pictures were paid with the job that made them."""
    return Before(pictures=pictures_in(leftover.pictures))


def pictures_in(rows: Iterable[PictureRow]) -> dict[int, Picture]:
    """Without those that were not kept anywhere."""
    found = {row.place: decode(row.facts) for row in rows if row.facts is not None}
    return {place: replace(from_record(record), cache="miss") for place, record in found.items() if record is not None}


def is_lost(call: CallRow, made: dict[int, Picture]) -> bool:
    """It may have been paid, and not all that it was to bring is there."""
    return call.state == "unknown" or (call.state == "done" and any(index not in made for index in call.indexes))


def opened(call: CallRow) -> OpenCall:
    sent = SentCall(call.number, call.call, call.provider, call.offer, call.indexes, call.started)
    ticket = None if call.ticket is None else Ticket(*cast("list[str]", orjson.loads(call.ticket)))
    return OpenCall(sent, ticket)


def attempt(call: CallRow) -> Attempt:
    outcome, reason = outcome_and_reason(call)
    seconds = (call.finished or call.started) - call.started
    return Attempt(call.provider, outcome, call.images, round(seconds * 1000), reason)


def basis_of(word: str | None) -> CostBasis:
    known: dict[str, CostBasis] = dict(zip(BASES, BASES, strict=True))
    return known.get(word or "", "unknown")
