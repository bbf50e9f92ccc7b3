"""A gateway's writing, reduced to what two of them race for: run as a program with the database's URL and a name.

Each line on standard input is a race; what came of it goes to standard output, as JSON.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson

from gateway.store.database import Database, open_database
from gateway.store.entries import Lease
from gateway.store.journal import Journal
from gateway.store.processes import take_queued
from tests.store.writing import Told, event, note, opening

MANY = 30
WORKERS = 4


async def for_keys(_database: Database, journal: Journal, me: str) -> object:
    """Which job has each key, as this process is told."""
    asked = {f"key {number}": f"req_{me}_{number}" for number in range(MANY)}
    entries = [opening(id, owner=me, key=key, body=f"of {me}") for key, id in asked.items()]
    answers = await asyncio.gather(*map(journal.write, entries))
    return {
        key: (answer.existing or id, answer.existing_body or f"of {me}")
        for (key, id), answer in zip(asked.items(), answers, strict=True)
    }


async def for_leftovers(_database: Database, journal: Journal, me: str) -> object:
    """What this process was left, by which of its jobs."""
    ids = [f"req_{me}_left_{number}" for number in range(MANY)]
    found: dict[str, str] = {}
    for first in range(0, MANY, 5):
        some = ids[first : first + 5]
        answers = await asyncio.gather(*(journal.write(opening(id, owner=me, body="the same")) for id in some))
        found |= {id: answer.leftover.job for id, answer in zip(some, answers, strict=True) if answer.leftover}
    return found


async def for_queued_jobs(database: Database, _journal: Journal, me: str) -> object:
    """Which jobs this process took."""
    taken: list[str] = []
    while rows := await database.write(take_queued, me, 3):
        taken += [row.id for row in rows]
    return taken


async def for_places_among_events(database: Database, _journal: Journal, me: str) -> object:
    """How many events this process wrote, in many transactions, some of them at the same moment."""

    async def write(worker: int) -> int:
        journal = Journal(database, Told())
        id = f"req_{me}_events_{worker}"
        await journal.write(opening(id, owner=me))
        for _each in range(MANY):
            await journal.write(note(id, Lease(me, 1), events=(event("image", index=worker),)))
        await journal.close()
        return 2 + MANY

    return sum(await asyncio.gather(*map(write, range(WORKERS))))


RACES: dict[str, Callable[[Database, Journal, str], Awaitable[object]]] = {
    each.__name__: each for each in (for_keys, for_leftovers, for_queued_jobs, for_places_among_events)
}


async def main() -> None:
    url, me = sys.argv[1:]
    database = open_database(url, Path())
    journal = Journal(database, Told())
    while race := (await asyncio.to_thread(sys.stdin.readline)).strip():
        sys.stdout.buffer.write(orjson.dumps(await RACES[race](database, journal, me)) + b"\n")
        sys.stdout.buffer.flush()
    await journal.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
