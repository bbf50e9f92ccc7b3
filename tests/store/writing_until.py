"""Gateways that write until they are killed: run as a program with the database's URL.

For each line on standard input one more begins, in a process of its own, and its id goes to standard output. It says
`written` there after each of its transactions.
"""

import asyncio
import os
import sys
from pathlib import Path

from gateway.store.database import open_database
from gateway.store.entries import Delivery
from gateway.store.journal import Journal
from tests.store.writing import Told, ending, note, opening, picture

TOGETHER = 8


async def write_for_ever(url: str) -> None:
    database = open_database(url, Path())
    journal = Journal(database, Told())
    me = os.getpid()
    for number in range(1_000_000):
        ids = [f"req_{me}_{number}_{each}" for each in range(TOGETHER)]
        await asyncio.gather(*(journal.write(opening(id, key=f"key of {id}")) for id in ids))
        hooks = {id: Delivery(f"msg_{id}", "webhook", "https://hooks.example", due=0) for id in ids}
        for id in ids:
            journal.later(note(id, pictures=(picture(1),), deliveries=(hooks[id],)))
        await asyncio.gather(*(journal.write(ending(id)) for id in ids))
        sys.stdout.write("written\n")
        sys.stdout.flush()


def main() -> None:
    for _line in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(write_for_ever(sys.argv[1]))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)
        sys.stdout.write("over\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
