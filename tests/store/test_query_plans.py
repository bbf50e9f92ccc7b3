"""What is asked often is found by an index, however many jobs there are: SQLite says which it takes."""

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.expression import ClauseElement

from gateway.store import (
    idempotency,
    jobs,
    journal_transaction,
    keys,
    leftovers,
    processes,
    provider_keys,
    retention,
    withdrawal,
)
from gateway.store.prepared import Prepared
from gateway.store.tables import metadata

FOUND_BY: dict[str, tuple[ClauseElement | Prepared, str]] = {
    "a team's own keys": (provider_keys.OF_TEAM, "sqlite_autoindex_provider_keys_1 (team=?)"),
    "the jobs of a batch": (journal_transaction.STANDING, "sqlite_autoindex_jobs_1 (id=?)"),
    "what failures left": (leftovers.FAILED, "jobs_leftover (body=?)"),
    "what is left again": (withdrawal.RESTORE_LEFTOVER, "jobs_by_body (team=? AND body=?)"),
    "whose a key is": (idempotency.HOLDER, "sqlite_autoindex_idempotency_1 (team=? AND key=?)"),
    "a key by its hash": (keys.FIND, "sqlite_autoindex_key_hashes_1 (hash=?)"),
    "the key of a hash": (keys.FIND, "sqlite_autoindex_keys_1 (id=?)"),
    "the team of a key": (keys.FIND, "sqlite_autoindex_teams_1 (id=?)"),
    "a key's old jobs": (retention.OLD_JOBS_OF_KEY, "jobs_by_caller (caller=? AND created<?)"),
    "a request cut off": (jobs.FORSAKEN, "jobs_by_body (team=? AND body=?)"),
    "a request sent again": (jobs.NEWEST, "jobs_by_body (team=? AND body=?)"),
    "orphans": (processes.ORPHANS, "jobs_open (owner>?)"),
    "the queue": (processes.QUEUED, "jobs_open (owner=?)"),
    "its length": (processes.QUEUE, "jobs_open (owner=?)"),
    "what is to be cancelled": (processes.CANCELLED, "jobs_open (owner=?)"),
}


@pytest.mark.parametrize("what", FOUND_BY)
def test_what_is_asked_often_is_found_by_an_index(what: str) -> None:
    statement, index = FOUND_BY[what]
    sql = statement.text_for("sqlite") if isinstance(statement, Prepared) else compiled(statement)
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        steps = plan(connection, sql)
    engine.dispose()
    assert any(step.endswith(index) for step in steps), steps
    assert not [step for step in steps if step.startswith("SCAN") and "json_each" not in step], steps


def compiled(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True}))


def plan(connection: Connection, sql: str) -> list[str]:
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", ("[]",) * sql.count("?"))
    return [row.detail for row in rows]
