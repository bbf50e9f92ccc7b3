"""How a job stands for who has waited for it: it came to this, or it is not over yet."""

from gateway.api.job_route import no_such_job
from gateway.errors import DeadlinePassed, GatewayError, NotFound
from gateway.jobs.answers import Kept
from gateway.jobs.manner import Manner
from gateway.jobs.other_jobs import AsItEnded
from gateway.jobs.running import Ended, Running
from gateway.store.database import Database
from gateway.store.jobs import read_job
from gateway.telemetry import Outcome

REPLAYED = {"idempotent-replayed": "true"}  # an answer that was given before under its Idempotency-Key


def outcome_of(running: Running, *, replayed: bool) -> Ended:
    """Of a job that is over. Raises the GatewayError that it ended in, TakenAway."""
    try:
        return running.outcome()
    except GatewayError as error:
        if not replayed:
            raise
        raise AsItEnded(error.status, {**error.headers, **REPLAYED}, error.body()) from error


async def read_ended(id: str, database: Database, *, replayed: bool) -> Kept | None:
    """None when it is not over. Raises the GatewayError that it ended in, NotFound, DatabaseError."""
    row = await database.read(read_job, id)
    if row is None:
        raise no_such_job(id)
    kept = Kept.of(row)
    if kept is not None and kept.error is not None:
        raise AsItEnded(kept.status, {**kept.headers, **(REPLAYED if replayed else {})}, kept.error)
    return kept


def not_over_yet(id: str, manner: Manner) -> DeadlinePassed:
    joins = manner.sdk or manner.idempotency_key is not None
    again = "; the same request, sent again, waits for it" if joins else ""
    message = f"job {id} is not finished yet and goes on; GET /v1/jobs/{id} says what it comes to{again}"
    return DeadlinePassed(message, id, joins=joins)


def no_longer_kept(id: str, *, replayed: bool) -> NotFound:
    key = "without or under another Idempotency-Key" if replayed else "once more"
    told = f"the pictures of job {id} are not kept here, or no longer; GET /v1/jobs/{id} has what is left of them"
    return NotFound(f"{told}. To have them drawn again, send the request {key}")


def note(outcome: Outcome, ended: Ended) -> None:
    outcome.provider = ended.served.plan.offer.provider
    outcome.images = len(ended.served.pictures)
    outcome.cost = ended.served.drawn.cost
    outcome.cache = ended.served.cache
