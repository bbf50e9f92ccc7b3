"""What an earlier attempt at a job left behind, read from its rows."""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from gateway.flow.attempt import Attempt
from gateway.flow.cost import BASES, Cost, CostBasis
from gateway.flow.picture import Picture, from_record
from gateway.flow.record import Before, OpenCall, SentCall
from gateway.jobs.called import outcome_and_reason
from gateway.jobs.tickets import unpacked
from gateway.store.entries import CallRow, Leftover, PictureRow
from gateway.store.records import decode

OPEN = ("sending", "accepted")


def before_of(calls: Sequence[CallRow], pictures: Sequence[PictureRow]) -> Before | None:
    """None for a job that had sent nothing and has nothing: it runs like a new one."""
    made = pictures_in(pictures, {index for call in calls if call.state != "failed" for index in call.indexes})
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
        own=frozenset(call.provider for call in calls if call.own_key),
    )


def before_of_leftover(leftover: Leftover, url_seconds: int) -> Before | None:
    """The pictures were paid with the job that made them; None where there is none left.

    A provider's URL is taken to lead to its picture for `url_seconds`.
    """
    left = pictures_in(leftover.pictures, not_before=time.time() - url_seconds)
    return Before(pictures=left) if left else None


def pictures_in(rows: Iterable[PictureRow], own: Collection[int] = (), *, not_before: float = 0) -> dict[int, Picture]:
    """Without those that are no longer anywhere; `own` are the places of what the job drew itself."""
    found: dict[int, Picture] = {}
    for row in rows:
        record = decode(row.facts) if row.facts is not None else None
        if record is None or (row.name is None and (record.url is None or record.created < not_before)):
            continue
        found[row.place] = replace(from_record(record), cache="miss" if row.place in own else "shared")
    return found


def is_lost(call: CallRow, made: dict[int, Picture]) -> bool:
    """It may have been paid, and not all that it was to bring is there."""
    return call.state == "unknown" or (call.state == "done" and any(index not in made for index in call.indexes))


def opened(call: CallRow) -> OpenCall:
    sent = SentCall(
        call.number,
        call.call,
        call.provider,
        call.offer,
        call.indexes,
        call.started,
        pixels=call.pixels,
        planned=call.planned_micros,
        price=call.price,
        own_key=call.own_key,
    )
    return OpenCall(sent, None if call.ticket is None else unpacked(call.ticket))


def attempt(call: CallRow) -> Attempt:
    outcome, reason = outcome_and_reason(call)
    seconds = (call.finished or call.started) - call.started
    return Attempt(call.provider, outcome, call.images, round(seconds * 1000), reason)


def basis_of(word: str | None) -> CostBasis:
    known: dict[str, CostBasis] = dict(zip(BASES, BASES, strict=True))
    return known.get(word or "", "unknown")
