"""However a job ends, what was held for it is free again, once, and what it may have cost is in the ledger, once."""

import asyncio
import time
from dataclasses import replace

import pytest
from sqlalchemy import Connection, update

from gateway.store import retention
from gateway.store.database import Database
from gateway.store.database_errors import DatabaseError
from gateway.store.entries import Allowance, CallState, Hold, Lease, LeaseLost
from gateway.store.journal import Journal
from gateway.store.processes import claim, release, take_queued
from gateway.store.spending import open_periods
from gateway.store.tables import jobs
from tests.store.lines import all_lines, spent
from tests.store.unsteady import Unsteady
from tests.store.writing import ME, TEAM, Told, call, ending, new_id, note, opening, written

KEY = "key_1"
PRICE = 20_000
OF_KEY, OF_TEAM = Allowance(KEY, "total", 10 * PRICE), Allowance(TEAM, "2026-11", 10 * PRICE)
BOTH = Hold(PRICE, (OF_KEY, OF_TEAM))


def held_in_both(micros: int, *, spent: int = 0) -> dict[tuple[str, str], tuple[int, int]]:
    return {(KEY, "total"): (spent, micros), (TEAM, "2026-11"): (spent, micros)}


@pytest.mark.parametrize(
    ("state", "whose"),
    [
        ("sending", "nobody's"),
        ("accepted", "a dead process'"),
        ("done", "nobody's"),
        ("failed", "a dead process'"),
    ],
)
async def test_a_job_that_is_deleted_while_nobody_has_it_is_settled(
    database: Database, state: CallState, whose: str
) -> None:
    """It was handed over, or its process was killed; what it has sent may be paid all the same."""
    id = new_id()
    known = replace(call(0, state), planned_micros=PRICE, cost_micros=7_000 if state == "done" else None)
    await written(database, replace(opening(id), hold=BOTH), note(id, calls=(known,)))
    if whose == "nobody's":
        await database.write(release, ME.owner, [id])
    assert await database.write(retention.mark, TEAM, id)
    assert await database.write(retention.remove_job, id, time.time())
    costs = {"done": [(7_000, False)], "failed": []}.get(state, [(PRICE, True)])
    assert [(line.cost_micros, bool(line.assumed)) for line in await all_lines(database)] == costs
    assert await spent(database) == held_in_both(0, spent=sum(cost for cost, _assumed in costs))


async def test_a_sweep_settles_what_it_removes_and_what_has_ended_is_not_settled_again(database: Database) -> None:
    over, left = new_id(), new_id()
    for id in (over, left):
        await written(database, replace(opening(id), hold=BOTH), note(id, calls=(call(planned_micros=PRICE),)))
    await written(database, replace(ending(over), pictures=()))
    for id in (over, left):
        await database.write(retention.mark, TEAM, id)
    assert await database.write(retention.remove_jobs, time.time(), 100) == 2
    assert await spent(database) == held_in_both(0, spent=2 * PRICE)
    assert {line.job for line in await all_lines(database)} == {over, left}


@pytest.mark.parametrize("still", [(OF_KEY,), (OF_TEAM,), (Allowance(KEY, "2026-11-21", 10 * PRICE), OF_TEAM)])
async def test_a_budget_that_was_taken_away_or_changed_meanwhile_keeps_no_hold(
    database: Database, still: tuple[Allowance, ...]
) -> None:
    """More is held of what there still is; the end frees all of it, wherever it was held."""
    id = new_id()
    await written(database, replace(opening(id), hold=BOTH), note(id, calls=(call(1),), hold=Hold(5_000, still)))
    held = {place: amounts[1] for place, amounts in (await spent(database)).items()}
    assert all(held[each.owner, each.period] == PRICE + 5_000 for each in still if each in (OF_KEY, OF_TEAM))
    await written(database, ending(id))
    assert {amounts[1] for amounts in (await spent(database)).values()} == {0}


async def test_what_is_held_is_free_again_when_nobody_knows_whether_it_was_written(database: Database) -> None:
    line = Unsteady(database)
    journal = Journal(line, Told())
    await database.write(open_periods, BOTH.allowances)
    line.line = "breaks"
    with pytest.raises(DatabaseError):
        await journal.write(replace(opening(new_id()), hold=BOTH))
    assert await spent(database) == held_in_both(PRICE)
    line.line = "up"
    await journal.write(opening(new_id()))
    assert await spent(database) == held_in_both(0)
    await journal.close()


async def test_an_end_that_is_handed_over_again_and_again_counts_once(database: Database) -> None:
    """The line breaks after the commit; the journal tries again, and so does whoever waited for it."""
    line, id = Unsteady(database), new_id()
    journal = Journal(line, Told())
    await journal.write(replace(opening(id), hold=BOTH))
    end = ending(id)
    line.line = "breaks"
    with pytest.raises(DatabaseError):
        await journal.write(end)
    journal.later(end)
    line.line = "up"
    await journal.flush()
    await journal.write(end)
    assert await spent(database) == held_in_both(0, spent=PRICE)
    assert len(await all_lines(database)) == 1
    await journal.close()


async def test_of_two_processes_that_end_a_job_one_settles_it(database: Database) -> None:
    """The first was only slow: the second has taken its job."""
    id, slow, next_one = new_id(), Journal(database, Told()), Journal(database, Told())
    await slow.write(replace(opening(id), hold=BOTH))
    [taken] = await database.write(claim, "prc_next", time.time(), 1.0, 10)
    assert (taken.id, taken.held_micros) == (id, PRICE)
    lease = Lease("prc_next", taken.attempt)
    more = note(id, lease, calls=(call(1),), hold=BOTH)
    ends = await asyncio.gather(
        slow.write(note(id, calls=(call(1),), hold=BOTH)),
        slow.write(ending(id)),
        next_one.write(more),
        next_one.write(ending(id, lease)),
        return_exceptions=True,
    )
    assert [isinstance(each, LeaseLost) for each in ends] == [True, True, False, False]
    assert {amounts[1] for amounts in (await spent(database)).values()} == {0}
    assert sorted(line.number for line in await all_lines(database)) == [0, 1]
    for journal in (slow, next_one):
        await journal.close()


async def test_a_job_that_is_handed_over_keeps_its_hold(database: Database) -> None:
    id = new_id()
    await written(database, replace(opening(id), hold=BOTH))
    await database.write(release, ME.owner, [id])
    assert await spent(database) == held_in_both(PRICE)
    [taken] = await database.write(take_queued, "prc_next", 10)
    assert (taken.held_micros, taken.budgets) != (0, None)
    await written(database, ending(id, Lease("prc_next", taken.attempt)))
    assert await spent(database) == held_in_both(0, spent=PRICE)


async def test_it_counts_on_the_day_of_its_acceptance_whenever_it_ends(database: Database) -> None:
    """What is held across midnight is freed where it was held, and nothing is spent of the new day."""
    id, day = new_id(), Allowance(KEY, "2026-11-21", 10 * PRICE)
    tomorrow = Allowance(KEY, "2026-11-22", 10 * PRICE)
    other = new_id()
    await written(
        database,
        replace(opening(id), hold=Hold(PRICE, (day,))),
        replace(opening(other, created=1_795_320_000.0), hold=Hold(PRICE, (tomorrow,))),
    )
    end = ending(id)
    assert end.finish is not None
    await written(database, replace(end, finish=replace(end.finish, at=1_795_320_001.0)))
    assert await spent(database) == {(KEY, "2026-11-21"): (PRICE, 0), (KEY, "2026-11-22"): (0, PRICE)}


async def test_a_price_beyond_all_bounds_ends_its_job_all_the_same(database: Database) -> None:
    """Nothing that a provider says may keep a job, and what is held for it, open for ever."""
    id = new_id()
    await written(database, replace(opening(id), hold=BOTH))
    end = ending(id)
    with pytest.raises(DatabaseError):
        await written(database, replace(end, calls=(replace(end.calls[0], cost_micros=10**40),)))
    await written(database, end)
    assert await spent(database) == held_in_both(0, spent=PRICE)


@pytest.mark.parametrize(
    ("ticket", "upstream"),
    [
        ('["019-abc","","",""]', "019-abc"),
        ('["a\\u0000b\\n"]', "ab"),
        (f'["{"x" * 100_000}"]', "x" * 200),
        ('["\\ud800"]', None),
        ("[7]", None),
        ('{"id":"1"}', None),
        ("[]", None),
        ("no JSON", None),
    ],
)
async def test_whatever_a_provider_calls_a_call_its_job_ends(
    database: Database, ticket: str, upstream: str | None
) -> None:
    """Postgres takes no NUL in a text."""
    id = new_id()
    await written(database, replace(opening(id), hold=BOTH))
    end = ending(id)
    await written(database, replace(end, calls=(replace(end.calls[0], ticket=ticket),)))
    [line] = await all_lines(database)
    assert line.upstream == upstream
    assert await spent(database) == held_in_both(0, spent=PRICE)


async def test_what_is_missing_of_spending_is_no_obstacle(database: Database) -> None:
    """A job whose places nobody counts any more ends like any other."""

    def forget(connection: Connection) -> None:
        connection.execute(update(jobs).values(budgets='[["key_gone","total"]]', held_micros=PRICE))

    id = new_id()
    await written(database, replace(opening(id), hold=BOTH))
    await database.write(forget)
    await written(database, ending(id))
    assert len(await all_lines(database)) == 1
