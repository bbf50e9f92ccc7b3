"""A job as its owner is told about it: the JSON of `GET /v1/jobs/{id}`, of webhooks, and of the last event."""

from collections.abc import Mapping
from typing import Any

from gateway.jobs.called import outcome_and_reason
from gateway.jobs.steps import Steps
from gateway.rows.address import shown_address
from gateway.rows.plans import in_dollars
from gateway.store.entries import CallRow
from gateway.store.job_details import JobDetails
from gateway.store.jobs import DeliveryRow

MAY_BE_PAID = "its answer was lost: it may have been paid, and it was not sent again"


def job_json(
    details: JobDetails,
    *,
    steps: Steps | None = None,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`result` is the images response, `error` the error object of a job that is over. Times are Unix seconds."""
    row = details.row
    if row.finished is not None:
        steps = None  # of another process' job the last word may come late
    webhook = next((each for each in details.deliveries if each.kind == "webhook"), None)
    return {
        "id": row.id,
        "object": "image.job",
        "status": row.status,
        "created": int(row.created),
        "started": whole(row.started),
        "finished": whole(row.finished),
        "model": row.model,
        "provider": row.provider or provider_of(details.calls),
        "progress": {
            "step": steps.step if steps else None,
            "steps": steps.steps if steps else None,
            "images_done": details.images_done,
            "images": row.images,
        },
        "result": result,
        "error": error,
        "attempts": [attempt(call) for call in details.calls],
        "cost": in_dollars(cost_of(details)),
        "cancelling": row.cancelling and row.finished is None,
        "webhook": delivery(webhook) if webhook else None,
        "uploads": [{"index": each.place, **delivery(each)} for each in details.deliveries if each.kind == "upload"],
    }


def cost_of(details: JobDetails) -> int | None:
    """Micro-dollars. Of a job that did not succeed, what its calls cost; a blocked picture may be charged."""
    row = details.row
    if row.cost_micros is not None or row.finished is None:
        return row.cost_micros
    known = [
        call.cost_micros for call in details.calls if call.cost_micros or outcome_and_reason(call)[0] != "moderated"
    ]
    return sum(filter(None, known)) if None not in known and len(known) == len(details.calls) else None


def whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


def provider_of(calls: tuple[CallRow, ...]) -> str | None:
    """The one that was asked last."""
    return calls[-1].provider if calls else None


def attempt(call: CallRow) -> dict[str, Any]:
    """In the words of `metadata.attempts`; `reason` only where there is one."""
    outcome, reason = outcome_and_reason(call)
    if call.state == "unknown":
        reason = MAY_BE_PAID
    told = {
        "provider": call.provider,
        "outcome": outcome,
        "images": call.images,
        "duration_ms": None if call.finished is None else round((call.finished - call.started) * 1000),
    }
    return {**told, "reason": reason} if reason else told


def delivery(row: DeliveryRow) -> dict[str, Any]:
    """Without the address's query, which may hold a key."""
    return {
        "id": row.id,
        "url": shown_address(row.url),
        "state": row.state,
        "tries": row.tries,
        "last_status": row.last_status,
        "last_error": row.last_error,
        "next_at": int(row.due) if row.state == "pending" else None,
    }
