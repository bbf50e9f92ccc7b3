"""What is to be sent to callers' addresses: claimed, sent by somebody, and what came of it.

A claim moves `due` ahead and counts a try; whoever holds it writes what came of it under that same `due`. So a claim
of a process that died comes due again, and a result that came too late, or after it was to be sent anew, changes
nothing. Each function is part of somebody's transaction; moments are Unix seconds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    or_,
    select,
    update,
)

from gateway.store.entries import DeliveryKind
from gateway.store.tables import deliveries, pictures

EACH = 4  # tries at once at one origin, so that one which is dead does not hold up the others


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is this process's to try until `due`; `tries` counts this one. See `tables.deliveries`."""

    id: str
    job: str
    team: str
    kind: DeliveryKind
    place: int
    url: str
    tries: int
    due: float

    def __repr__(self) -> str:
        return f"<Claim {self.kind} {self.id}, try {self.tries}>"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try, and when: it arrived without an `error`, which is in our words and nothing of the receiver's.

    `again` is when to try next; None with an error gives it up.
    """

    at: float
    status: int | None = None
    error: str | None = None
    again: float | None = None


CLAIM = [deliveries.c[field.name] for field in fields(Claim)]
PENDING = deliveries.c.state == "pending"
OVERDUE = and_(PENDING, deliveries.c.due <= bindparam("now"))
HELD = and_(PENDING, deliveries.c.id == bindparam("held"), deliveries.c.due == bindparam("until"))

# In lower case, and with a slash behind the origin whether a path, a query or nothing follows it.
ORIGIN_AND_MORE = func.lower(func.replace(deliveries.c.url, "?", "/")) + literal("/")

NEXT = select(func.min(deliveries.c.due)).where(PENDING, deliveries.c.due > bindparam("now"))
TRIED = (
    update(deliveries)
    .where(HELD)
    .values(
        state=bindparam("now_is"),
        due=bindparam("next"),
        url=bindparam("kept"),
        last_at=bindparam("at"),
        last_status=bindparam("answered"),
        last_error=bindparam("wrong"),
    )
)
BACK = update(deliveries).where(HELD).values(due=bindparam("now"), tries=deliveries.c.tries - 1)
ANEW = (
    update(deliveries)
    .where(deliveries.c.team == bindparam("of"), deliveries.c.job == bindparam("about"), deliveries.c.kind == "webhook")
    .values(state="pending", tries=0, due=bindparam("now"))
    .returning(deliveries.c.id)
)
PICTURE = select(pictures.c.name).where(
    pictures.c.job == bindparam("about"), pictures.c.role == "image", pictures.c.place == bindparam("at_place")
)


def origin_of(url: str) -> str:
    """`https://Example.com:8443/a?b` -> `https://example.com:8443`."""
    scheme, _colon, rest = url.lower().partition("://")
    return f"{scheme}://{rest.replace('?', '/').partition('/')[0]}"


def claim_due(
    connection: Connection,
    now: float,
    limit: int,
    hold: Mapping[DeliveryKind, float],
    busy: Mapping[str, int] | None = None,
) -> tuple[tuple[Claim, ...], float | None]:
    """Like `due`; with it the moment at which something comes due that is not due now."""
    return due(connection, now, limit, hold, busy), connection.execute(NEXT, {"now": now}).scalar_one()


def due(
    connection: Connection,
    now: float,
    limit: int,
    hold: Mapping[DeliveryKind, float],
    busy: Mapping[str, int] | None = None,
) -> tuple[Claim, ...]:
    """Claims what is due, the longest due first, each for as many seconds as `hold` has for its kind.

    At most `limit` deliveries, and so many to an origin that with those of `busy` it has no more than EACH.
    """
    chosen = choose(connection, now, limit, Counter(busy))
    if not chosen:
        return ()
    ours = select(deliveries.c.id).where(deliveries.c.id.in_(chosen), OVERDUE).with_for_update(skip_locked=True)
    until = case(*((deliveries.c.kind == kind, now + seconds) for kind, seconds in hold.items()))
    claimed = (
        update(deliveries)
        .where(deliveries.c.id.in_(ours))
        .values(due=until, tries=deliveries.c.tries + 1)
        .returning(*CLAIM)
    )
    return tuple(Claim(*row) for row in connection.execute(claimed, {"now": now}))


def choose(connection: Connection, now: float, limit: int, taken: Counter[str]) -> list[str]:
    """The ids of what may be claimed; a row of an origin that has enough is passed over, and then not read again."""
    chosen: list[str] = []
    while len(chosen) < limit:
        full = [origin for origin, tries in taken.items() if tries >= EACH]
        waiting = (
            select(deliveries.c.id, deliveries.c.url)
            .where(OVERDUE, deliveries.c.id.not_in(chosen), ~to_one_of(full))
            .order_by(deliveries.c.due)
            .limit(limit)
        )
        rows = connection.execute(waiting, {"now": now}).all()
        before = len(chosen)
        for id, url in rows:
            origin = origin_of(url)
            if taken[origin] < EACH and len(chosen) < limit:
                chosen.append(id)
                taken[origin] += 1
        if len(rows) < limit or len(chosen) == before:
            break
    return chosen


def to_one_of(origins: Sequence[str]) -> ColumnElement[bool]:
    """Whether a delivery goes to one of these origins."""
    starts = (func.substr(ORIGIN_AND_MORE, 1, len(origin) + 1) == f"{origin}/" for origin in origins)
    return or_(false(), *starts)


def settle(connection: Connection, claim: Claim, tried: Tried) -> bool:
    """Writes what came of it; False, and nothing is written, where the claim is no longer ours."""
    pending = tried.again is not None
    values = {
        "now_is": "delivered" if tried.error is None else "pending" if pending else "failed",
        "next": tried.again if pending else tried.at,
        "kept": claim.url if pending else url_to_keep(claim),
        "at": tried.at,
        "answered": tried.status,
        "wrong": tried.error,
    }
    return connection.execute(TRIED, held(claim) | values).rowcount == 1


def give_back(connection: Connection, claims: Sequence[Claim], now: float) -> None:
    """Nobody tries them any more: they are due at once, and the try does not count."""
    for claim in claims:
        connection.execute(BACK, {**held(claim), "now": now})


def redeliver(connection: Connection, team: str, job: str, now: float) -> str | None:
    """The webhook of a job is sent again at once, under its id and with all its tries; None for a job without one."""
    id: str | None = connection.execute(ANEW, {"of": team, "about": job, "now": now}).scalar_one_or_none()
    return id


def picture_name(connection: Connection, job: str, place: int) -> str | None:
    """The stored object of a job's picture; None where it is not stored, or the job is gone."""
    name: str | None = connection.execute(PICTURE, {"about": job, "at_place": place}).scalar_one_or_none()
    return name


def held(claim: Claim) -> dict[str, Any]:
    return {"held": claim.id, "until": claim.due}


def url_to_keep(claim: Claim) -> str:
    """A presigned address opens somebody's storage: its query is forgotten once the upload is over."""
    return claim.url.partition("?")[0] if claim.kind == "upload" else claim.url
