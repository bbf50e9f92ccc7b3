"""How a job stands for who has waited for it: it came to this, or it is not over yet."""

from gateway.api.job_route import no_such_job
from gateway.errors import DeadlinePassed, NotFound
from gateway.jobs.answers import Kept
from gateway.jobs.manner import Manner
from gateway.jobs.other_jobs import AsItEnded
from gateway.jobs.running import Ended
from gateway.store.database import Database
from gateway.store.jobs import read_job
from gateway.telemetry import Outcome


async def read_ended(id: str, database: Database) -> Kept | None:
    """None when it is not over. Raises the GatewayError that it ended in, NotFound, DatabaseError."""
    row = await database.read(read_job, id)
    if row is None:
        raise no_such_job(id)
    kept = Kept.of(row)
    if kept is not None and kept.error is not None:
        raise AsItEnded(kept.status, kept.headers, kept.error)
    return kept


def not_over_yet(id: str, manner: Manner) -> DeadlinePassed:
    joins = manner.sdk or manner.idempotency_key is not None
    again = "; the same request, sent again, waits for it" if joins else ""
    message = f"job {id} is not finished yet and goes on; GET /v1/jobs/{id} says what it comes to{again}"
    return DeadlinePassed(message, id, joins=joins)


def no_longer_kept(id: str) -> NotFound:
    again = "to have it drawn again, send the request without or under another Idempotency-Key"
    return NotFound(f"the pictures of job {id} are no longer kept; {again}")


def note(outcome: Outcome, ended: Ended) -> None:
    outcome.provider = ended.served.plan.offer.provider
    outcome.images = len(ended.served.pictures)
    outcome.cost = ended.served.drawn.cost
    outcome.cache = ended.served.cache
