"""Nobody holds more than a budget allows, whoever asks at the same moment; and what is held is let go again."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from gateway.store.database import Database, open_database
from gateway.store.entries import Allowance, CallState, Hold, HoldRefused, Lease, Written
from gateway.store.journal import Journal
from gateway.store.journal_rows import FIRST_ATTEMPT
from gateway.store.periods import bounds, period_name
from gateway.store.tables import jobs
from gateway.store.withdrawal import withdraw
from tests.store.lines import all_lines, spent
from tests.store.lines import line as ledger_line
from tests.store.lines import written as put_in_ledger
from tests.store.writing import AT, Told, call, ending, new_id, note, opening, totals, written

KEY, TEAM = "key_1", "default"
DAY, MONTH = "2026-11-21", "2026-11"
PRICE = 20_000


def hold(*allowances: Allowance, micros: int = PRICE) -> Hold:
    return Hold(micros, allowances)


def of_key(limit: int, period: str = "total") -> Allowance:
    return Allowance(KEY, period, limit)


def of_team(limit: int, period: str = MONTH) -> Allowance:
    return Allowance(TEAM, period, limit)


async def held(database: Database, job: str) -> int:
    def read(connection: Connection) -> int:
        return connection.scalar(select(jobs.c.held_micros).where(jobs.c.id == job)) or 0

    return await database.read(read)


async def test_what_is_held_is_settled_with_the_end(database: Database) -> None:
    id = new_id()
    await written(database, replace(opening(id), hold=hold(of_key(50_000), of_team(50_000))))
    assert await spent(database) == {(KEY, "total"): (0, PRICE), (TEAM, MONTH): (0, PRICE)}
    assert await held(database, id) == PRICE
    await written(database, ending(id))
    assert await spent(database) == {(KEY, "total"): (PRICE, 0), (TEAM, MONTH): (PRICE, 0)}
    assert await held(database, id) == 0
    [line] = await all_lines(database)
    assert (line.job, line.kind, line.team, line.key, line.cost_micros, line.assumed) == (
        id,
        "drawn",
        TEAM,
        KEY,
        PRICE,
        0,
    )
    assert (line.model, line.provider, line.images, line.at, line.day) == ("qwen-image", "fal", 1, AT, DAY)


async def test_what_does_not_fit_into_one_budget_is_held_in_none_and_not_written(database: Database) -> None:
    id = new_id()
    with pytest.raises(HoldRefused) as refused:
        await written(database, replace(opening(id), hold=hold(of_key(50_000), of_team(PRICE - 1))))
    assert refused.value.shortage == (TEAM, MONTH, PRICE, PRICE - 1)
    assert await spent(database) == {(KEY, "total"): (0, 0), (TEAM, MONTH): (0, 0)}
    assert await held(database, id) == 0
    await written(database, opening(id))
    assert await held(database, id) == 0


async def test_more_is_held_for_what_is_dearer(database: Database) -> None:
    id = new_id()
    more = note(id, calls=(call(0, "failed"), call(1)), hold=hold(of_key(50_000), micros=10_000))
    await written(database, replace(opening(id), hold=hold(of_key(50_000))), more)
    assert await spent(database) == {(KEY, "total"): (0, 30_000)}
    too_much = note(id, calls=(call(2),), hold=hold(of_key(50_000), micros=20_001))
    with pytest.raises(HoldRefused):
        await written(database, too_much)
    assert await spent(database) == {(KEY, "total"): (0, 30_000)}
    end = ending(id)
    await written(database, replace(end, calls=(replace(end.calls[0], number=1),)))
    assert await spent(database) == {(KEY, "total"): (PRICE, 0)}


async def test_of_many_at_once_as_many_as_fit(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two gateways, each with a journal of its own."""
    two = [open_database(database_url, tmp_path_factory.mktemp("none")) for _each in range(2)]
    journals = [Journal(each, Told()) for each in two]
    ids = [new_id() for _each in range(60)]

    async def try_one(place: int, id: str) -> bool:
        lease = f"prc_{place % 2}"
        try:
            await journals[place % 2].write(
                replace(opening(id, owner=lease), hold=hold(of_key(10 * PRICE), of_team(30 * PRICE)))
            )
        except HoldRefused:
            return False
        return True

    admitted = await asyncio.gather(*(try_one(place, id) for place, id in enumerate(ids)))
    assert sum(admitted) == 10
    assert await spent(two[0]) == {(KEY, "total"): (0, 10 * PRICE), (TEAM, MONTH): (0, 10 * PRICE)}
    ends = [
        journals[place % 2].write(ending(id, Lease(f"prc_{place % 2}", FIRST_ATTEMPT)))
        for place, (id, is_in) in enumerate(zip(ids, admitted, strict=True))
        if is_in
    ]
    await asyncio.gather(*ends)
    assert await spent(two[0]) == {(KEY, "total"): (10 * PRICE, 0), (TEAM, MONTH): (10 * PRICE, 0)}
    for journal, opened in zip(journals, two, strict=True):
        await journal.close()
        await opened.close()


async def test_an_entry_that_is_written_twice_holds_once(database: Database) -> None:
    id, journal = new_id(), Journal(database, Told())
    first = replace(opening(id), hold=hold(of_key(100_000)))
    assert await journal.write(first) == Written()
    again = [journal.write(ending(id)) for _each in range(2)]
    await asyncio.gather(*again, return_exceptions=True)
    assert await spent(database) == {(KEY, "total"): (PRICE, 0)}
    assert len(await all_lines(database)) == 1
    await journal.close()


async def test_a_job_that_is_taken_back_holds_nothing(database: Database) -> None:
    entry = replace(opening(new_id()), hold=hold(of_key(50_000), of_team(50_000)))
    assert entry.new is not None
    await written(database, entry)

    def number(connection: Connection) -> int:
        return connection.scalar(select(jobs.c.written)) or 0

    await database.write(withdraw, [(await database.read(number), entry.new)])
    assert await spent(database) == {(KEY, "total"): (0, 0), (TEAM, MONTH): (0, 0)}


async def test_a_new_budget_counts_what_was_spent_before(database: Database) -> None:
    mine = {"team": TEAM, "key": KEY, "cost_micros": 5_000}
    await put_in_ledger(
        database,
        ledger_line(**mine, at=AT),
        ledger_line(**mine, at=AT - 40 * 86_400),
        ledger_line(**{**mine, "key": "key_2"}, at=AT),
    )
    allowances = (of_key(100_000, DAY), of_team(100_000, "total"))
    await written(database, replace(opening(new_id()), hold=hold(*allowances)))
    assert await spent(database) == {(KEY, DAY): (5_000, PRICE), (TEAM, "total"): (15_000, PRICE)}


async def test_who_has_no_budget_yet_spends_from_the_one_that_comes(database: Database) -> None:
    before, after = new_id(), new_id()
    await written(database, opening(before), replace(opening(after), hold=hold(of_key(100_000, DAY))))
    await written(database, ending(before))
    assert await spent(database) == {(KEY, DAY): (PRICE, PRICE)}


@pytest.mark.parametrize(
    ("state", "outcome"), [("unknown", "unknown"), ("cancelled", "cancelled"), ("accepted", "unknown")]
)
async def test_what_may_be_paid_is_assumed_to_be(database: Database, state: CallState, outcome: str) -> None:
    id = new_id()
    await written(database, replace(opening(id), hold=hold(of_key(50_000))))
    await written(database, replace(ending(id), calls=(call(0, state, planned_micros=7_000, pixels=2 * 1_048_576),)))
    [line] = await all_lines(database)
    assert (line.outcome, line.cost_micros, bool(line.assumed)) == (outcome, 7_000, True)
    assert await spent(database) == {(KEY, "total"): (7_000, 0)}


async def test_what_cost_nothing_leaves_no_line(database: Database) -> None:
    id = new_id()
    await written(database, replace(opening(id), hold=hold(of_key(50_000))))
    end = ending(id)
    await written(database, replace(end, calls=(call(0, "failed", reason="busy: overloaded", planned_micros=7_000),)))
    assert await all_lines(database) == []
    assert await spent(database) == {(KEY, "total"): (0, 0)}


@given(st.integers(0, 4_000_000_000))
def test_a_moment_lies_in_the_periods_that_are_named_after_it(moment: int) -> None:
    for period in ("day", "month", "total"):
        start, end = bounds(period_name(period, moment))
        assert start <= moment < end
        assert period_name(period, start) == period_name(period, end - 1) or period == "total"


async def test_what_was_left_by_a_failure_makes_room_for_less(database: Database) -> None:
    """The job is in and has the pictures, and nothing is sent or held yet; without any left, nothing is written."""
    failed, again, other = new_id(), new_id(), new_id()
    await written(database, opening(failed, body="the same"), ending(failed, leftover=True))
    journal = Journal(database, Told())
    answer = await journal.write(replace(opening(again, body="the same"), hold=hold(of_key(2 * PRICE - 1))))
    assert answer.refused is not None and (answer.refused.owner, answer.refused.left) == (KEY, PRICE - 1)
    assert answer.leftover is not None and answer.leftover.job == failed
    assert (await held(database, again), await totals(database)) == (0, (2, 1, 2, 5))
    with pytest.raises(HoldRefused):
        await journal.write(replace(opening(other, body="the same"), hold=hold(of_key(2 * PRICE - 1))))
    await journal.close()
