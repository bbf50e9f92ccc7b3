"""From the rows of a key and its team to a caller: what both of them allow, and what bounds them."""

from typing import cast

from gateway.store.bounds import Bounds
from gateway.store.database import Database
from gateway.store.keys import Found, read_key
from gateway.store.teams import TeamRow, read_team
from gateway.tenancy.caller import Budget, Caller, Limits, Period, Rights, Role
from normalizers.asked import ResponseFormat


def caller_by(found: Found) -> Caller:
    """Whether the key is still valid is not asked here."""
    key, team = found.key, found.team
    owners = ((key.id, key.bounds), (team.id, team.bounds))
    return Caller(
        team=team.id,
        key=key.id,
        role=cast("Role", key.role),
        rights=rights_of(*owners),
        limits=limits_of(*owners),
        budgets=budgets_of(*owners),
        strict=key.strict,
        response_format=cast("ResponseFormat | None", key.response_format),
        joins_retries=key.join_retries,
        shares_cache=key.share_cache,
    )


def caller_of_team(team: TeamRow, key: str, role: Role = "user") -> Caller:
    """For a key that has no row: the configured one."""
    owner = (team.id, team.bounds)
    return Caller(team.id, key, role, rights_of(owner), limits_of(owner), budgets_of(owner))


async def caller_again(database: Database, team: str, key: str) -> Caller:
    """Who asked for a job that was accepted earlier, with what bounds the key today; it may have ended meanwhile.

    Raises DatabaseError.
    """
    found = await database.read(read_key, key)
    if found is not None and found.team.id == team:
        return caller_by(found)
    row = await database.read(read_team, team)
    return Caller(team, key) if row is None else caller_of_team(row, key)


def rights_of(*owners: tuple[str, Bounds]) -> tuple[Rights, ...]:
    every = [Rights(bounds.models, bounds.providers) for _owner, bounds in owners]
    return tuple(rights for rights in every if rights != Rights())


def limits_of(*owners: tuple[str, Bounds]) -> tuple[tuple[str, Limits], ...]:
    every = [
        (
            owner,
            Limits(
                bounds.requests_per_minute,
                bounds.images_per_minute,
                bounds.megapixels_per_minute,
                bounds.max_concurrent_images,
            ),
        )
        for owner, bounds in owners
    ]
    return tuple((owner, limits) for owner, limits in every if limits != Limits())


def budgets_of(*owners: tuple[str, Bounds]) -> tuple[Budget, ...]:
    return tuple(
        Budget(owner, bounds.budget_micros, cast("Period", bounds.budget_period))
        for owner, bounds in owners
        if bounds.budget_micros is not None
    )
