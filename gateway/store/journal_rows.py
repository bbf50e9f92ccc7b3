"""What the entries of one batch come to in the tables: a list of rows for each statement, few statements in all."""

from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Double, Table, bindparam, func, insert, literal_column, null, update
from sqlalchemy.sql.expression import UpdateBase

from gateway.store.entries import CallRow, Delivery, Entry, Finish, NewJob, PictureRow
from gateway.store.event_log import JobEvent
from gateway.store.prepared import INSERTS, Prepared
from gateway.store.tables import calls, deliveries, jobs, pictures

FIRST_ATTEMPT = 1


def upsert(table: Table, *keys: str, kept: str | None = None) -> Prepared:
    """Insert or replace, as each database says it; what is known of the column `kept` stays known."""

    def make(dialect: str) -> UpdateBase:
        statement = INSERTS[dialect](table)
        others: dict[str, Any] = {
            column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys
        }
        if kept is not None:
            others[kept] = func.coalesce(statement.excluded[kept], table.c[kept])
        return statement.on_conflict_do_update(index_elements=list(keys), set_=others)

    return Prepared(make)


# Of a new job.
NEVER_KNOWN = {"heir", "finished", "provider", "cost_micros", "result", "error"}
JOB_COLUMNS = [column.name for column in jobs.columns if column.name not in NEVER_KNOWN]
INSERT_JOBS = Prepared(lambda _dialect: insert(jobs).values({name: bindparam(name) for name in JOB_COLUMNS}))
UPSERT_CALLS = upsert(calls, "job", "number", kept="ticket")
UPSERT_PICTURES = upsert(pictures, "job", "role", "place")
DELIVERY_COLUMNS = [column.name for column in deliveries.columns if not column.name.startswith("last_")]
# A delivery that an earlier attempt at the job asked for stays as it is.
INSERT_DELIVERIES = Prepared(
    lambda dialect: (
        INSERTS[dialect](deliveries)
        .values({name: bindparam(name) for name in DELIVERY_COLUMNS})
        .on_conflict_do_nothing()
    )
)
CHANGE = update(jobs).where(jobs.c.id == bindparam("job"))
NOTED = CHANGE.values(written=bindparam("number"))
NOTE = Prepared(lambda _dialect: NOTED)
START = Prepared(
    lambda _dialect: NOTED.values(
        started=func.coalesce(jobs.c.started, bindparam("at", type_=Double)), status=literal_column("'running'")
    )
)
FINISH = Prepared(
    lambda _dialect: NOTED.values(
        status=bindparam("as_status"),
        finished=bindparam("at"),
        result=bindparam("as_result"),
        error=bindparam("as_error"),
        provider=bindparam("as_provider"),
        cost_micros=bindparam("as_cost"),
        leftover=bindparam("as_leftover"),
        request=null(),
        held_micros=literal_column("0"),
    )
)
HOLD = Prepared(lambda _dialect: CHANGE.values(held_micros=bindparam("as_held"), budgets=bindparam("as_budgets")))


@dataclass(slots=True)
class Rows:
    """Of calls and pictures the last word counts. `written` is the number of each job's last entry, `held` what is held
    for a job, and in which budgets.
    """

    now: float
    new: dict[str, NewJob] = field(default_factory=dict[str, NewJob])
    written: dict[str, int] = field(default_factory=dict[str, int])
    started: dict[str, float] = field(default_factory=dict[str, float])
    finished: dict[str, Finish] = field(default_factory=dict[str, Finish])
    calls: dict[tuple[str, int], CallRow] = field(default_factory=dict[tuple[str, int], CallRow])
    pictures: dict[tuple[str, str, int], dict[str, Any]] = field(
        default_factory=dict[tuple[str, str, int], dict[str, Any]]
    )
    deliveries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    events: list[JobEvent] = field(default_factory=list[JobEvent])
    held: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])

    def add(self, number: int, entry: Entry) -> None:
        job = entry.job
        self.written[job] = number
        if entry.new is not None:
            self.new[job] = entry.new
        if entry.started is not None:
            self.started.setdefault(job, entry.started)
        if entry.finish is not None:
            self.finished[job] = entry.finish
        for call in entry.calls:
            before = self.calls.get((job, call.number))
            ticket = call.ticket or (before.ticket if before is not None else None)
            self.calls[job, call.number] = replace(call, ticket=ticket)
        for picture in entry.pictures:
            self.pictures[job, picture.role, picture.place] = picture_row(entry, picture, self.now)
        self.deliveries += [delivery_row(entry, each, self.now) for each in entry.deliveries]
        self.events += [JobEvent(entry.team, job, event) for event in entry.events]

    def open(self, connection: Connection) -> None:
        """New jobs, which everything else refers to."""
        INSERT_JOBS.run(connection, [self.job_row(new) for new in self.new.values()])

    def write(self, connection: Connection) -> None:
        """All the rest, but the events: others wait for their lock."""
        started = {job: at for job, at in self.started.items() if job not in self.new}
        noted = [job for job in self.written if job not in self.new and job not in started and job not in self.finished]
        UPSERT_CALLS.run(connection, [call_row(job, call) for (job, _number), call in self.calls.items()])
        UPSERT_PICTURES.run(connection, list(self.pictures.values()))
        INSERT_DELIVERIES.run(connection, self.deliveries)
        NOTE.run(connection, [{"job": job, "number": self.written[job]} for job in noted])
        START.run(connection, [{"job": job, "number": self.written[job], "at": at} for job, at in started.items()])
        held = [(job, *held) for job, held in self.held.items() if job not in self.new]
        HOLD.run(connection, [{"job": job, "as_held": micros, "as_budgets": places} for job, micros, places in held])
        FINISH.run(connection, [finish_row(job, self.written[job], end) for job, end in self.finished.items()])

    def job_row(self, new: NewJob) -> dict[str, Any]:
        started = self.started.get(new.id)
        held, budgets = self.held.get(new.id, (0, None))
        return {
            "id": new.id,
            "team": new.team,
            "caller": new.caller,
            "operation": new.operation,
            "model": new.model,
            "status": new.status if started is None else "running",
            "owner": new.owner,
            "attempt": 0 if new.owner is None else FIRST_ATTEMPT,
            "deaths": 0,
            "written": self.written[new.id],
            "body": new.body,
            "request": new.request,
            "images": new.images,
            "gone": False,
            "found": 0,
            "leftover": False,
            "cancelling": False,
            "deleting": False,
            "created": new.created,
            "started": started,
            "held_micros": held,
            "budgets": budgets,
        }


def call_row(job: str, call: CallRow) -> dict[str, Any]:
    return {
        "job": job,
        "number": call.number,
        "provider": call.provider,
        "offer": call.offer,
        "call": call.call,
        "indexes": ",".join(map(str, call.indexes)),
        "state": call.state,
        "ticket": call.ticket,
        "images": call.images,
        "cost_micros": call.cost_micros,
        "cost_basis": call.cost_basis,
        "reason": call.reason,
        "started": call.started,
        "finished": call.finished,
        "pixels": call.pixels,
        "planned_micros": call.planned_micros,
        "price": call.price,
        "own_key": call.own_key,
    }


def picture_row(entry: Entry, picture: PictureRow, now: float) -> dict[str, Any]:
    return {
        "job": entry.job,
        "role": picture.role,
        "place": picture.place,
        "team": entry.team,
        "name": picture.name,
        "facts": picture.facts,
        "cache_key": picture.cache_key,
        "created": now,
    }


def delivery_row(entry: Entry, delivery: Delivery, now: float) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "job": entry.job,
        "team": entry.team,
        "kind": delivery.kind,
        "place": delivery.place,
        "url": delivery.url,
        "state": "pending",
        "tries": 0,
        "due": delivery.due,
        "created": now,
    }


def finish_row(job: str, number: int, end: Finish) -> dict[str, Any]:
    return {
        "job": job,
        "number": number,
        "at": end.at,
        "as_status": end.status,
        "as_result": end.result,
        "as_error": end.error,
        "as_provider": end.provider,
        "as_cost": end.cost_micros,
        "as_leftover": end.leftover,
    }
