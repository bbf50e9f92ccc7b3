"""What was spent is added up to the micro-dollar, on both databases."""

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import usage
from gateway.store.database import Database
from gateway.store.ledger import Lines
from gateway.store.usage import GROUPS, TooManyGroups, Usage, add_up
from tests.store.lines import DAY, NOON, cached, line, named, numbers, written

NOTHING = Usage((), (), 0, 0, 0, 0, 0, 0, 0, 0)


async def sums(database: Database, *group_by: str, **lines: Any) -> dict[tuple[str, ...], Usage]:
    found = await database.read(add_up, Lines(**lines), group_by)
    assert [each.group for each in found] == sorted({each.group for each in found}), "each group once, in their order"
    return {each.group: each for each in found}


async def test_nothing_spent_is_a_line_of_zeros(database: Database) -> None:
    assert await sums(database) == {(): NOTHING}
    assert await sums(database, "day", "team") == {}


async def test_everything_is_told(database: Database) -> None:
    drawn = line(images=3, pixels=3_000_000, cost_micros=60_001)
    await written(
        database,
        drawn,
        line(job=drawn["job"], number=1, images=0, pixels=0, cost_micros=40_000, assumed=True, outcome="unknown"),
        line(cost_micros=None, images=2, pixels=7),
        line(cost_micros=5, own_key=True, pixels=0),
        cached(images=4, pixels=11),
    )
    assert (await sums(database))[()] == Usage(
        group=(),
        names=(),
        requests=4,
        images=10,
        cached_images=4,
        unpriced_images=2,
        pixels=3_000_018,
        cost_micros=100_006,
        assumed_micros=40_000,
        own_key_micros=5,
    )


async def test_an_adjustment_changes_the_cost_and_ends_what_was_assumed_or_unpriced(database: Database) -> None:
    first = line(cost_micros=40_000, assumed=True, own_key=True)
    unpriced = line(cost_micros=None)
    ids = await written(database, first, unpriced)
    for of, id, difference in ((first, ids[0], -40_000), (unpriced, ids[1], 7)):
        more = {"kind": "adjustment", "images": 0, "pixels": 0, "assumed": False, "adjusts": id}
        await written(database, of | more | {"cost_micros": difference})
    found = (await sums(database))[()]
    assert (found.requests, found.images, found.unpriced_images) == (2, 2, 0)
    assert (found.cost_micros, found.assumed_micros, found.own_key_micros) == (7, 0, 0)


async def test_groups_have_the_order_in_which_they_were_asked_for(database: Database) -> None:
    await named(database)
    await written(
        database,
        line(at=NOON - 21 * DAY, cost_micros=1),
        line(cost_micros=2),
        line(cost_micros=4, model="flux-dev", provider="runware"),
        line(cost_micros=8, team="team_two", key="key_two"),
        line(cost_micros=16, team="team_gone", key="key_gone"),
    )
    costs = {group: each.cost_micros for group, each in (await sums(database, "month", "model")).items()}
    assert costs == {("2026-10", "qwen-image"): 1, ("2026-11", "flux-dev"): 4, ("2026-11", "qwen-image"): 26}
    days = await sums(database, "provider", "day")
    assert list(days) == [("fal", "2026-10-31"), ("fal", "2026-11-21"), ("runware", "2026-11-21")]
    teams = await sums(database, "key", "provider", "team")
    one, two = ("ci", "Team one"), ("ci", "Team two")
    assert [each.names for each in teams.values()] == [(None, None), one, one, two]
    assert next(iter(teams)) == ("key_gone", "fal", "team_gone")


@pytest.mark.parametrize(
    ("lines", "cost"),
    [
        ({"since": NOON}, 14),
        ({"until": NOON}, 1),
        ({"since": NOON, "until": NOON + 1}, 14),
        ({"since": NOON + 0.5}, 0),
        ({"team": "team_one"}, 7),
        ({"team": "team_one", "key": "key_two"}, 0),
        ({"key": "key_two"}, 8),
        ({"model": "flux-dev"}, 4),
        ({"provider": "fal", "team": "team_one", "since": NOON}, 2),
        ({"model": "qwen-image'; DROP TABLE ledger; --"}, 0),
    ],
)
async def test_filters(database: Database, lines: dict[str, Any], cost: int) -> None:
    await written(
        database,
        line(at=NOON - DAY, cost_micros=1),
        line(cost_micros=2),
        line(cost_micros=4, model="flux-dev", provider="runware"),
        line(cost_micros=8, team="team_two", key="key_two"),
    )
    assert (await sums(database, **lines))[()].cost_micros == cost


async def test_sums_are_exact_however_large(database: Database) -> None:
    await written(database, *(line(cost_micros=2**52 + 1, pixels=2**52 + 1) for _each in range(9)))
    found = (await sums(database))[()]
    assert (found.cost_micros, found.pixels) == (9 * (2**52 + 1), 9 * (2**52 + 1))
    assert {type(value) for name, value in asdict(found).items() if name not in {"group", "names"}} == {int}


async def test_more_groups_than_anybody_reads_are_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_GROUPS", 3)
    await written(database, *(line(model=f"model {number}") for number in range(3)))
    assert len(await sums(database, "model")) == 3
    await written(database, line(model="one more"))
    with pytest.raises(TooManyGroups):
        await sums(database, "model")


entries = st.fixed_dictionaries(
    {
        "team": st.sampled_from(["team_one", "team_two"]),
        "model": st.sampled_from(["a", "b"]),
        "provider": st.sampled_from(["fal", "local"]),
        "job": st.sampled_from(["req_1", "req_2", "req_3"]),
        "images": st.integers(0, 10),
        "cost_micros": st.none() | st.integers(0, 10**9),
        "assumed": st.booleans(),
        "own_key": st.booleans(),
        "at": st.sampled_from([NOON - DAY, NOON, NOON + 20 * DAY]),
    }
)


@given(some=st.lists(entries, max_size=12), group_by=st.lists(st.sampled_from(list(GROUPS)), unique=True))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_groups_add_up_to_the_whole(database: Database, some: list[dict[str, Any]], group_by: list[str]) -> None:
    """Each example has a key of its own."""
    mine = f"key {next(numbers)}"
    lines: list[dict[str, Any]] = [
        {**each, "key": mine, "job": f"{each['job']} of {mine}", "number": at} for at, each in enumerate(some)
    ]
    await written(database, *(line(**each) for each in lines))
    groups = await sums(database, *group_by, key=mine)
    whole = (await sums(database, key=mine))[()]
    for name in ("images", "pixels", "cost_micros", "assumed_micros", "own_key_micros", "unpriced_images"):
        assert sum(getattr(each, name) for each in groups.values()) == getattr(whole, name)
    assert whole.requests == len({each["job"] for each in lines})
    assert whole.cost_micros == sum(each["cost_micros"] or 0 for each in lines)
    assert whole.assumed_micros == sum(each["cost_micros"] or 0 for each in lines if each["assumed"])
