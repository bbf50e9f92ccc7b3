"""How long finished jobs and their pictures are kept: as the configuration says, a team, or a key for its own.

The shorter of team and key holds. In seconds.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from gateway.store.tenant_tables import keys, teams


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says; a team may say otherwise for itself, and a key less than its team."""

    job_ttl: int
    image_ttl: int


@dataclass(frozen=True, slots=True)
class Owned:
    """What a team made, or one of its keys where `key` is not None; `policy` is what holds for it."""

    team: str
    key: str | None
    policy: Policy


TEAMS = select(teams.c.id, teams.c.job_ttl, teams.c.image_ttl)
KEYS = select(keys.c.team, keys.c.id, keys.c.job_ttl, keys.c.image_ttl).where(
    or_(keys.c.job_ttl.is_not(None), keys.c.image_ttl.is_not(None))
)


def owned(connection: Connection, policy: Policy) -> list[Owned]:
    """Every team; and the keys that say less than their teams."""
    told = {
        id: Policy(policy.job_ttl if jobs is None else jobs, policy.image_ttl if images is None else images)
        for id, jobs, images in connection.execute(TEAMS)
    }
    found = [Owned(team, None, its) for team, its in told.items()]
    for team, key, jobs, images in connection.execute(KEYS):
        its = told.get(team, policy)  # it may have been made just now
        shorter = Policy(min(its.job_ttl, jobs or its.job_ttl), min(its.image_ttl, images or its.image_ttl))
        if shorter != its:
            found.append(Owned(team, key, shorter))
    return found
