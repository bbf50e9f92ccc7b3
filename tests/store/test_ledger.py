"""The lines of the ledger, page by page."""

from typing import Any

import pytest

from gateway.store.database import Database
from gateway.store.ledger import Lines, NoSuchLine, list_lines, read_line
from tests.store.lines import DAY, NOON, cached, line, written


async def listed(database: Database, *, after: int | None = None, limit: int = 100, **lines: Any) -> list[int]:
    return [each.id for each in await database.read(list_lines, Lines(**lines), after=after, limit=limit)]


async def test_a_line_is_read_as_it_was_written(database: Database) -> None:
    given = line(note="as told", own_key=True)
    [id] = await written(database, given)
    row = await database.read(read_line, id)
    assert row is not None
    assert {name: getattr(row, name) for name in given if name != "day"} == {
        name: value for name, value in given.items() if name != "day"
    }
    assert row.adjusted_micros is None
    assert await database.read(read_line, id + 1) is None


async def test_pages_are_newest_first_and_hold_each_line_once(database: Database) -> None:
    """Many of the same moment among them."""
    ids = await written(database, *(line(at=NOON + number // 3) for number in range(10)))
    seen: list[int] = []
    while page := await listed(database, after=seen[-1] if seen else None, limit=3):
        seen += page
    assert seen == ids[::-1]


async def test_a_page_begins_only_behind_a_line_that_may_be_seen(database: Database) -> None:
    mine, other = await written(database, line(), line(team="team_two"))
    assert await listed(database, after=other) == [mine]
    for after in (other, other + 1):
        with pytest.raises(NoSuchLine):
            await listed(database, after=after, team="team_one")


async def test_filters(database: Database) -> None:
    old = line(at=NOON - DAY)
    assumed = line(assumed=True, outcome="unknown", key="key_two")
    other = line(team="team_two", model="flux-dev", provider="runware")
    hit = cached(job=other["job"])
    first, second, third, fourth = await written(database, old, assumed, other, hit)
    adjustment = {"kind": "adjustment", "adjusts": third, "images": 0, "pixels": 0}
    [fifth] = await written(database, other | adjustment | {"cost_micros": -1})
    newest_first = [fifth, fourth, third, second, first]
    assert await listed(database) == newest_first
    expected: list[tuple[dict[str, Any], set[int]]] = [
        ({"assumed": True}, {second}),
        ({"assumed": False}, {first, third, fourth, fifth}),
        ({"job": other["job"]}, {third, fourth, fifth}),
        ({"job": other["job"], "team": "team_one"}, {fourth}),
        ({"job": "req_none"}, set()),
        ({"until": NOON}, {first}),
        ({"key": "key_two"}, {second}),
        ({"provider": "runware", "model": "flux-dev"}, {third, fifth}),
    ]
    for wanted, ids in expected:
        assert await listed(database, **wanted) == [id for id in newest_first if id in ids], wanted


async def test_what_was_adjusted_is_no_longer_assumed(database: Database) -> None:
    given = line(assumed=True, cost_micros=40_000)
    [id] = await written(database, given)
    assert await listed(database, assumed=True) == [id]
    more = {"kind": "adjustment", "adjusts": id, "assumed": False}
    adjusting = await written(database, *(given | more | {"cost_micros": each} for each in (-30_000, 5_000)))
    row = await database.read(read_line, id)
    assert row is not None
    assert (row.cost_micros, row.assumed, row.adjusted_micros) == (40_000, True, 15_000)
    assert await listed(database, assumed=True) == []
    assert await listed(database, assumed=False) == [*adjusting[::-1], id]
