"""An administrator knows better what a call came to: the ledger keeps both, and budgets count the difference once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.store.adjustments import Adjustment, NotAdjustable, adjust
from gateway.store.database import Database, open_database
from gateway.store.entries import Allowance
from gateway.store.ledger import LedgerRow, Lines
from gateway.store.spending import open_periods
from gateway.store.tenant_tables import spending
from gateway.store.usage import add_up
from tests.store.lines import DAY, NOON, all_lines, cached, line, put, spent, written

TODAY, MONTH = "2026-11-21", "2026-11"
LATER = NOON + 40 * DAY


async def adjusted(database: Database, id: int, micros: int, note: str | None = None) -> LedgerRow:
    row = await database.write(adjust, Adjustment(id, micros, "key_admin", LATER, note))
    assert row is not None
    return row


async def counted(database: Database) -> int:
    [whole] = await database.read(add_up, Lines())
    return whole.cost_micros


async def places(database: Database, *of: tuple[str, str]) -> None:
    await put(database, spending, *({"owner": who, "period": when, "spent": 100_000, "held": 7} for who, when in of))


async def test_the_difference_is_a_line_of_its_own(database: Database) -> None:
    given = line(assumed=True, outcome="unknown", cost_micros=40_000, own_key=True)
    [id] = await written(database, given)
    row = await adjusted(database, id, 0, "fal's invoice does not have it")
    assert (row.id, row.cost_micros, row.adjusted_micros, row.assumed) == (id, 40_000, 0, True)
    [before, after] = await all_lines(database)
    assert {name: getattr(before, name) for name in given} == given, "what was written stays"
    copied = ("job", "number", "team", "key", "model", "provider", "own_key", "at", "day")
    assert [getattr(after, name) for name in copied] == [given[name] for name in copied]
    assert (after.kind, after.cost_micros, after.adjusts, after.assumed) == ("adjustment", -40_000, id, False)
    assert (after.adjuster, after.adjusted) == ("key_admin", LATER)
    assert (after.images, after.pixels, after.note) == (0, 0, "fal's invoice does not have it")
    assert await counted(database) == 0


async def test_it_counts_in_every_period_in_which_the_line_lies(database: Database) -> None:
    [id] = await written(database, line(cost_micros=40_000))
    mine = [(who, when) for who in ("team_one", "key_one") for when in (TODAY, MONTH, "total")]
    others = [("team_two", "total"), ("key_two", TODAY), ("team_one", "2026-11-22"), ("key_one", "2026-10")]
    await places(database, *mine, *others)
    await adjusted(database, id, 90_000)
    assert await spent(database) == {
        **dict.fromkeys(mine, (150_000, 7)),
        **dict.fromkeys(others, (100_000, 7)),
    }


async def test_a_line_of_last_month_counts_there(database: Database) -> None:
    [id] = await written(database, line(at=NOON - 21 * DAY))
    await places(database, ("team_one", "2026-10"), ("team_one", MONTH), ("team_one", "2026-10-31"))
    await adjusted(database, id, 20_001)
    told = {when: total for (_who, when), (total, _held) in (await spent(database)).items()}
    assert told == {"2026-10": 100_001, MONTH: 100_000, "2026-10-31": 100_001}


async def test_who_has_no_budget_needs_no_place(database: Database) -> None:
    [id] = await written(database, line())
    await adjusted(database, id, 1)
    assert await spent(database) == {}
    assert await counted(database) == 1


async def test_again_and_again(database: Database) -> None:
    """Each time the difference to what it counts as then; the same cost once more is no change."""
    [id] = await written(database, line(cost_micros=20_000))
    await places(database, ("key_one", "total"))
    for micros in (20_000, 5, 5, 10**12, 10**12, 0):
        assert (await adjusted(database, id, micros)).cost_micros == 20_000
        assert await counted(database) == micros
        assert (await spent(database))["key_one", "total"] == (80_000 + micros, 7)
    assert [each.cost_micros for each in await all_lines(database)] == [20_000, -19_995, 10**12 - 5, -(10**12)]


@pytest.mark.parametrize("more", [{"assumed": True, "cost_micros": 20_000}, {"cost_micros": None}])
async def test_agreeing_with_a_guess_makes_it_certain(database: Database, more: dict[str, Any]) -> None:
    micros = more["cost_micros"] or 0
    [id] = await written(database, line(**more))
    for _twice in range(2):
        assert (await adjusted(database, id, micros)).adjusted_micros == micros
    assert [each.cost_micros for each in await all_lines(database)] == [more["cost_micros"], 0]
    [whole] = await database.read(add_up, Lines())
    assert (whole.cost_micros, whole.assumed_micros, whole.unpriced_images) == (micros, 0, 0)


async def test_only_calls_can_be_adjusted(database: Database) -> None:
    drawn, hit = await written(database, line(), cached())
    await adjusted(database, drawn, 1)
    adjustment = (await all_lines(database))[-1].id
    for id, kind in ((hit, "cached"), (adjustment, "adjustment")):
        with pytest.raises(NotAdjustable) as refused:
            await database.write(adjust, Adjustment(id, 5, "key_admin", LATER))
        assert refused.value.kind == kind
    assert await database.write(adjust, Adjustment(adjustment + 1, 5, "key_admin", LATER)) is None
    assert len(await all_lines(database)) == 3


async def test_many_at_once_give_one_difference(database: Database, database_url: str) -> None:
    """Of two processes' connections: whoever comes second finds what the first has written."""
    other = open_database(database_url, Path())
    ids = await written(database, *(line(cost_micros=20_000) for _each in range(5)))
    await places(database, ("key_one", "total"), ("team_one", MONTH))
    try:
        await asyncio.gather(
            *(
                each.write(adjust, Adjustment(id, 1_000, "key_admin", LATER))
                for id in ids
                for each in (database, other)
                for _twice in range(4)
            )
        )
    finally:
        await other.close()
    lines = await all_lines(database)
    assert [each.cost_micros for each in lines] == [20_000] * 5 + [-19_000] * 5
    assert {each.adjusts for each in lines[5:]} == set(ids)
    assert set((await spent(database)).values()) == {(100_000 - 5 * 19_000, 7)}


async def test_different_ones_at_once_end_at_one_of_them(database: Database, database_url: str) -> None:
    other = open_database(database_url, Path())
    [id] = await written(database, line(cost_micros=20_000))
    await places(database, ("key_one", "total"))
    wanted = [1_000, 2_000, 3_000, 4_000]
    try:
        await asyncio.gather(
            *(
                (database, other)[micros // 1_000 % 2].write(adjust, Adjustment(id, micros, "key_admin", LATER))
                for micros in wanted
                for _twice in range(3)
            )
        )
    finally:
        await other.close()
    final = await counted(database)
    assert final in wanted
    assert (await spent(database))["key_one", "total"] == (80_000 + final, 7)


async def test_a_period_that_is_opened_meanwhile_counts_the_difference_once(database: Database) -> None:
    """Its first sum is the ledger's, with the adjustment in it or before the adjustment changes it."""
    ids = await written(database, *(line(key=f"key_{each}", cost_micros=20_000) for each in range(8)))
    opening = [[Allowance(f"key_{each}", MONTH, 10**9)] for each in range(8)]
    await asyncio.gather(
        *(database.write(open_periods, each) for each in opening), *(adjusted(database, id, 1_000) for id in ids)
    )
    assert await spent(database) == {(f"key_{each}", MONTH): (1_000, 0) for each in range(8)}
