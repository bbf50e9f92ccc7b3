"""Civitai's workflows as it tells them: how far one is, what it drew, what it cost, and why it drew nothing.

Source: Civitai developer docs, Results & webhooks and Errors & retries, the orchestrator's OpenAPI document and answers
that its users published; read 2026-11-21.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from providers import data_uri
from providers.amounts import amount
from providers.base import Image, Json, Progress
from providers.errors import Kind, ProviderError

_OVER = frozenset({"succeeded", "failed", "expired", "canceled"})
MOST_BUZZ = 10_000_000.0  # of one call


def is_over(workflow: Json) -> bool:
    """Also with a word that Civitai may add one day: what is over has the time of its end."""
    return workflow.get("status") in _OVER or workflow.get("completedAt") is not None


def progress_of(workflow: Json) -> Progress:
    """`position` is the place in the queue, where a worker tells it."""
    places = [queue.get("precedingJobs") for job in _jobs(workflow) for queue in _objects([job.get("queuePosition")])]
    known = [place for place in places if isinstance(place, int)]
    return Progress(done=is_over(workflow), position=max(known, default=None))


def images_of(workflow: Json, base_url: str, *, single: bool) -> list[Image]:
    """What can be had, and for each picture that was blocked a flagged one without content.

    A seed is told for the whole batch, and therefore known only where a `single` picture was asked for.
    """
    images: list[Image] = []
    for step in _objects(workflow.get("steps")):
        seed = next((given.get("seed") for given in _objects([step.get("input")])), None)
        known = seed if single and isinstance(seed, int) else None
        for item in _pictures(step):
            image = _image(item, base_url)
            if image is not None:
                images.append(replace(image, seed=known))
    return images


def _image(item: Json, base_url: str) -> Image | None:
    if item.get("available") is False or item.get("url") is None:
        return Image(content=b"", flagged=True) if item.get("blockedReason") else None
    try:
        image = data_uri.from_url(item.get("url"), base_url)
    except ValueError:
        return None
    width, height = item.get("width"), item.get("height")
    return replace(
        image,
        width=width if isinstance(width, int) else None,
        height=height if isinstance(height, int) else None,
        flagged=bool(item.get("blockedReason")),
    )


def address_of(blob: Json, base_url: str) -> str:
    """Where an uploaded picture can be had. Raises `ProviderError`: MODERATED for one that was blocked."""
    image = _image(blob, base_url)
    if image is not None and image.flagged:
        raise ProviderError(Kind.MODERATED, "Civitai's content moderation blocked a picture", provider="civitai")
    if image is None or image.url is None:
        raise ProviderError(Kind.BROKEN, "Civitai took a picture and gave no address for it", provider="civitai")
    return image.url


def buzz_of(workflow: Json) -> float | None:
    """What was charged and not given back; before there are transactions, what the workflow costs."""
    for listed in _objects([workflow.get("transactions")]):
        moved = [(each.get("type"), amount(each.get("amount"), MOST_BUZZ)) for each in _objects(listed.get("list"))]
        known = [buzz if kind == "debit" else -buzz for kind, buzz in moved if buzz is not None]
        if known and len(known) == len(moved):
            return max(0.0, sum(known))
    return next((amount(cost.get("total"), MOST_BUZZ) for cost in _objects([workflow.get("cost")])), None)


def reasons(workflow: Json) -> list[str]:
    """The words that say why it failed: `blocked`, `timeout`, `no_provider_available`, …"""
    found = [each.get("reason") for each in (*_objects(workflow.get("steps")), *_jobs(workflow))]
    blocked = any(each.get("blockedReason") for each in (*_jobs(workflow), *_every_picture(workflow)))
    return [reason for reason in found if isinstance(reason, str)] + ["blocked"] * blocked


def complaint(workflow: Json) -> object:
    """What is said about the failure in a sentence."""
    for step in _objects(workflow.get("steps")):
        for output in _objects([step.get("output")]):
            errors = output.get("errors")
            if isinstance(errors, list) and errors:
                return cast("list[object]", errors)[0]
    return None


def _jobs(workflow: Json) -> Iterator[Json]:
    for step in _objects(workflow.get("steps")):
        yield from _objects(step.get("jobs"))


def _every_picture(workflow: Json) -> Iterator[Json]:
    for step in _objects(workflow.get("steps")):
        yield from _pictures(step)


def _pictures(step: Json) -> Iterator[Json]:
    for output in _objects([step.get("output")]):
        yield from _objects(output.get("images"))


def _objects(listed: object) -> list[Json]:
    every = cast("list[object]", listed) if isinstance(listed, list) else []
    return [cast(Json, item) for item in every if isinstance(item, dict)]
