"""A workflow as JSON, and its pictures at addresses that work from now on."""

from datetime import UTC, datetime
from typing import Any

from simulators.civitai.blobs import Blobs
from simulators.civitai.workflows import Workflow
from simulators.faults import flagged

BLOCKED = "The prompt or the picture was blocked by the content moderation."
FAILED = "The job failed for an unknown reason."


def told(workflow: Workflow, blobs: Blobs, origin: str) -> dict[str, Any]:
    """What every answer about a workflow holds. Times have seven digits of a second, as observed."""
    template = workflow.asked.template
    return {
        "id": workflow.id,
        "createdAt": _stamp(workflow.created),
        "startedAt": _stamp(workflow.created) if workflow.begun else None,
        "completedAt": _stamp(datetime.now(UTC)) if workflow.over else None,
        "status": workflow.status,
        "metadata": template.metadata,
        "tags": template.tags,
        "arguments": template.arguments,
        "callbacks": [],
        "currencies": template.currencies,
        "upgradeMode": template.upgradeMode,
        "forceRefunded": False,
        "tips": template.tips.model_dump(),
        "externalId": template.externalId,
        "cost": workflow.cost,
        "transactions": {"list": _transactions(workflow), "insufficientBuzz": False},
        "steps": [_step(workflow, blobs, origin)],
    }


def _transactions(workflow: Workflow) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = [{"type": "debit", "amount": workflow.cost["total"], "accountType": "blue"}]
    if workflow.over and not workflow.paid:
        listed.append({**listed[0], "type": "credit"})
    return [{**each, "id": f"{workflow.job}-{place}"} for place, each in enumerate(listed)]


def _step(workflow: Workflow, blobs: Blobs, origin: str) -> dict[str, Any]:
    template = workflow.asked.template.steps[0]
    step: dict[str, Any] = {
        "$type": template.type,
        "name": template.name or "$0",
        "status": workflow.status,
        "priority": template.priority,
        "metadata": template.metadata,
        "jobs": [_job(workflow)],
        "input": workflow.asked.input.model_dump(exclude_none=True),
    }
    if workflow.over:
        step["output"] = {"images": _images(workflow, blobs, origin), "errors": _errors(workflow)}
    return step


def _job(workflow: Workflow) -> dict[str, Any]:
    job: dict[str, Any] = {
        "id": workflow.job,
        "status": workflow.status,
        "queuePosition": {"support": "available", "precedingJobs": 0 if workflow.begun else 1},
        "cost": workflow.cost["total"],
    }
    if workflow.status == "failed" and workflow.effect == "moderated":
        job |= {"reason": "blocked", "blockedReason": BLOCKED}
    return job


def _errors(workflow: Workflow) -> list[str] | None:
    return [FAILED] if workflow.status == "failed" and workflow.effect == "failed" else None


def _images(workflow: Workflow, blobs: Blobs, origin: str) -> list[dict[str, Any]]:
    if workflow.effect == "empty":
        return []
    return [_image(workflow, place, blobs, origin) for place in range(len(workflow.pictures))]


def _image(workflow: Workflow, place: int, blobs: Blobs, origin: str) -> dict[str, Any]:
    picture = workflow.pictures[place]
    blob_id = workflow.blob_id(place)
    image: dict[str, Any] = {"type": "image", "id": blob_id, "jobId": workflow.job}
    if workflow.status != "succeeded":
        return image | {"available": False}
    if flagged(workflow.effect, place):
        return image | {"available": False, "nsfwLevel": "xxx", "blockedReason": BLOCKED}
    url, until = blobs.address(blob_id, origin)
    size = {"width": picture.width, "height": picture.height}
    preview = {"previewUrl": url, "previewUrlExpiresAt": until}
    return image | {"available": True, **size, "url": url, "urlExpiresAt": until, **preview, "nsfwLevel": "pg"}


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z"
