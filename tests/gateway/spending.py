"""Teams that have spent something, without anything being drawn."""

import itertools
from dataclasses import dataclass
from typing import Any

from tests.gateway.running import RunningGateway
from tests.gateway.tenants import MadeKey, made_key, make_team
from tests.store.lines import cached, line, written

numbers = itertools.count(1)


@dataclass(frozen=True)
class Spender:
    """A team with its admin's and a user's key; `lines` are those of the ledger about it."""

    team: str
    name: str
    admin: MadeKey
    user: MadeKey
    lines: list[int]


def new_spender(gateway: RunningGateway) -> Spender:
    """It has drawn two pictures with two keys, had one from the cache, and one attempt of which nobody knows."""
    name = f"Spenders {next(numbers)}"
    team = make_team(gateway, name=name)["id"]
    admin, user = made_key(gateway, team, name="boss", role="team_admin"), made_key(gateway, team, name="ada")
    more: dict[str, Any] = {"team": team, "key": user.id}
    lines = record(
        gateway,
        line(**more),
        line(**more | {"key": admin.id, "model": "flux-dev", "provider": "runware", "cost_micros": 3_000}),
        line(**more, outcome="unknown", assumed=True, images=0, pixels=0, cost_micros=40_000),
        cached(**more),
    )
    return Spender(team, name, admin, user, lines)


def record(gateway: RunningGateway, *lines: dict[str, Any]) -> list[int]:
    """Their ids."""
    assert gateway.app.jobs is not None
    return gateway.run(written(gateway.app.jobs.database, *lines))
