"""Whoever writes money at the same moment waits for the others, and never in a circle."""

import asyncio
import time
from dataclasses import replace

from sqlalchemy import Connection, select

from gateway.store import event_log, retention
from gateway.store.database import Database
from gateway.store.entries import Allowance, Hold, Lease
from gateway.store.journal import Journal
from gateway.store.journal_rows import FIRST_ATTEMPT
from gateway.store.processes import release
from gateway.store.spending import open_periods
from gateway.store.tables import jobs
from gateway.store.withdrawal import withdraw
from tests.store.lines import all_lines, spent
from tests.store.writing import TEAM, Told, ending, new_id, opening

KEY = "key_1"
PRICE = 20_000
BOTH = Hold(PRICE, (Allowance(KEY, "2026-11-21", 10**9), Allowance(TEAM, "total", 10**9)))
ROUNDS = 12


async def numbers(database: Database) -> dict[str, int]:
    """The last entry of each job."""

    def read(connection: Connection) -> dict[str, int]:
        return {row.id: row.written for row in connection.execute(select(jobs.c.id, jobs.c.written))}

    return await database.read(read)


async def draw(journal: Journal, owner: str, keys: str) -> None:
    """Requests from their first call to their end."""
    for number in range(ROUNDS):
        ids = [new_id() for _each in range(3)]
        openings = [replace(opening(id, owner=owner, key=f"{keys} {number} {id}"), hold=BOTH) for id in ids]
        await asyncio.gather(*map(journal.write, openings))
        await asyncio.gather(*(journal.write(ending(id, Lease(owner, FIRST_ATTEMPT))) for id in ids))


async def take_back(database: Database, journal: Journal) -> None:
    """Requests whose caller was told that they could not be accepted."""
    for number in range(ROUNDS):
        entries = [
            replace(opening(new_id(), owner="prc_withdrawing", key=f"back {number} {which}"), hold=BOTH)
            for which in range(3)
        ]
        await asyncio.gather(*map(journal.write, entries))
        known = await numbers(database)
        await database.write(event_log.wait_for_others)
        await database.write(withdraw, [(known[each.job], each.new) for each in entries if each.new is not None])


async def delete(database: Database, journal: Journal) -> None:
    """Jobs that nobody has."""
    for _each in range(ROUNDS):
        id = new_id()
        await journal.write(replace(opening(id, owner="prc_leaving"), hold=BOTH))
        await database.write(release, "prc_leaving", [id])
        await database.write(retention.mark, TEAM, id)
        await database.write(retention.remove_jobs, time.time(), 100)


async def open_more(database: Database) -> None:
    for day in range(1, ROUNDS):
        await database.write(open_periods, [Allowance(KEY, f"2026-10-{day:02}", PRICE), Allowance(TEAM, "total", 1)])


async def test_all_who_write_money_at_once_come_to_their_end(database: Database) -> None:
    journals = [Journal(database, Told()) for _each in range(4)]
    await asyncio.gather(
        draw(journals[0], "prc_one", "one"),
        draw(journals[1], "prc_two", "two"),
        take_back(database, journals[2]),
        delete(database, journals[3]),
        open_more(database),
    )
    assert {held for _spent, held in (await spent(database)).values()} == {0}
    lines = await all_lines(database)
    assert len(lines) == 2 * 3 * ROUNDS + ROUNDS
    total = sum(line.cost_micros or 0 for line in lines)
    assert (await spent(database))[TEAM, "total"] == (total, 0)
    for journal in journals:
        await journal.close()
