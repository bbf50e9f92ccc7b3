"""No key reaches further than the one that made or changed it. Pure: rows in, names of fields out."""

from dataclasses import dataclass, field, replace

from gateway.store.bounds import Bounds
from gateway.store.keys import KeyRow
from gateway.tenancy.caller import Patterns, among

ROLES = ("user", "team_admin", "admin")
LIMITS = ("requests_per_minute", "images_per_minute", "megapixels_per_minute", "max_concurrent_images")


@dataclass(frozen=True, slots=True)
class Reach:
    """What a key may do, how much of it, and until when (Unix seconds)."""

    role: str = "user"
    expires: float | None = None
    bounds: Bounds = field(default_factory=Bounds)

    @classmethod
    def of(cls, key: KeyRow) -> "Reach":
        return cls(key.role, key.expires, key.bounds)


def wider(wanted: Reach, maker: Reach) -> tuple[str, ...]:
    """The fields, as callers name them, in which `wanted` reaches further than `maker`."""
    mine, its = maker.bounds, wanted.bounds
    found = [] if ROLES.index(wanted.role) <= ROLES.index(maker.role) else ["role"]
    found += [name for name in ("models", "providers") if not covers(getattr(mine, name), getattr(its, name))]
    found += [name for name in LIMITS if exceeds(getattr(its, name), getattr(mine, name))]
    if exceeds(its.budget_micros, mine.budget_micros):
        found.append("budget_usd")
    elif mine.budget_micros is not None and its.budget_period != mine.budget_period:
        found.append("budget_period")
    if exceeds(wanted.expires, maker.expires):
        found.append("expires_at")
    return tuple(found)


def inherited(maker: Reach) -> Bounds:
    """What bounds a new key where its maker says nothing else. How long things are kept is no right, and is not."""
    return replace(maker.bounds, job_ttl=None, image_ttl=None)


def covers(mine: Patterns, its: Patterns) -> bool:
    """Whether whatever `its` match, one of `mine` does.

    A pattern's own text stands for all that it matches: its star is a character that only a star matches.
    """
    if mine is None:
        return True
    return its is not None and all(among(mine, pattern) for pattern in its)


def exceeds(wanted: float | None, most: float | None) -> bool:
    return most is not None and (wanted is None or wanted > most)
