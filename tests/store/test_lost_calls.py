"""A lost call is given its ticket while its job is open, once, and never in place of what is known of it."""

import pytest

from gateway.store.database import Database
from gateway.store.entries import CallState, Entry, Finish
from gateway.store.journal import Journal
from gateway.store.lost_calls import LostCall, find_lost, give_ticket, ticket_of
from tests.store.writing import AT, ME, TEAM, call, new_id, new_job

GIVEN = '["ticket","","",""]'


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database, lambda _events: None)


async def begun(journal: Journal, state: CallState = "sending", ticket: str | None = None) -> str:
    """A job with a call in that state, and another one beside it."""
    id = new_id()
    calls = (call(3, state, ticket=ticket), call(4, "sending"))
    await journal.write(Entry(id, TEAM, new=new_job(id), calls=calls))
    return id


async def test_a_lost_call_is_given_its_ticket_once(database: Database, journal: Journal) -> None:
    id = await begun(journal)
    assert await database.read(find_lost, id, 3) == LostCall("qwen-image", "generate")
    assert await database.read(ticket_of, id, 3) is None
    assert await database.write(give_ticket, id, 3, GIVEN)
    assert await database.read(ticket_of, id, 3) == GIVEN
    assert await database.read(find_lost, id, 3) is None
    assert not await database.write(give_ticket, id, 3, '["another","","",""]')
    assert await database.read(ticket_of, id, 3) == GIVEN
    assert await database.read(ticket_of, id, 4) is None


@pytest.mark.parametrize("state", ["done", "failed", "unknown", "cancelled"])
async def test_a_call_that_has_ended_is_not_lost(database: Database, journal: Journal, state: CallState) -> None:
    id = await begun(journal, state)
    assert await database.read(find_lost, id, 3) is None
    assert not await database.write(give_ticket, id, 3, GIVEN)
    assert await database.read(ticket_of, id, 3) is None


async def test_a_call_with_a_ticket_keeps_it(database: Database, journal: Journal) -> None:
    id = await begun(journal, "accepted", '["its own","","",""]')
    assert await database.read(find_lost, id, 3) is None
    assert not await database.write(give_ticket, id, 3, GIVEN)
    assert await database.read(ticket_of, id, 3) == '["its own","","",""]'


async def test_a_job_that_is_over_has_lost_nothing(database: Database, journal: Journal) -> None:
    id = await begun(journal)
    await journal.write(Entry(id, TEAM, lease=ME, finish=Finish("failed", AT)))
    assert await database.read(find_lost, id, 3) is None
    assert not await database.write(give_ticket, id, 3, GIVEN)


async def test_what_is_not_there_is_not_lost(database: Database, journal: Journal) -> None:
    id = await begun(journal)
    for job, number in ((new_id(), 3), (id, 5)):
        assert await database.read(find_lost, job, number) is None
        assert not await database.write(give_ticket, job, number, GIVEN)
        assert await database.read(ticket_of, job, number) is None


async def test_the_owner_has_the_last_word(database: Database, journal: Journal) -> None:
    """Its own receipt may come a moment after the message that names it."""
    id = await begun(journal)
    assert await database.write(give_ticket, id, 3, GIVEN)
    own = call(3, "accepted", ticket='["its own","","",""]')
    await journal.write(Entry(id, TEAM, lease=ME, calls=(own,)))
    assert await database.read(ticket_of, id, 3) == '["its own","","",""]'
