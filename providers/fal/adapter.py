"""fal's queue: submit, follow the URLs of the reply, read the pictures (fal docs, Queue, read 2026-11-21)."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast
from urllib.parse import quote

import orjson

from providers import data_uri, pictures_in_json
from providers.abilities import Hook
from providers.account import Account
from providers.amounts import MOST_UNITS, amount_in
from providers.base import Answer, Call, Image, Json, Progress, Ticket
from providers.errors import ProviderError
from providers.fal.explain import explain
from providers.fal.hooks import Hooks
from providers.fal.storage import Storage
from providers.guard import Guard

QUEUE_SECONDS = 60.0  # no single question to the queue takes longer; the job itself may


class Fal:
    """Tickets of fal's queue, whose failures show when the result is asked for: its status knows no FAILED.

    The header `X-Fal-No-Retry` is not sent: fal's own retries happen inside one ticket, after faults of its runners
    that it does not bill (fal docs, Reliability, read 2026-11-21). Ours would need a second ticket.
    """

    name = "fal"

    def __init__(self, account: Account, *, queue_url: str, rest_url: str) -> None:
        opened = partial(account.open, self.name, scheme="Key", longest=QUEUE_SECONDS)
        self.http = opened(url=queue_url, origins=(account.base_url,))
        rest = opened(url=rest_url)
        self._storage = Storage(rest, Guard([rest_url]))
        self._hooks = Hooks(rest)

    async def submit(self, call: Call) -> Ticket:
        """Queues the call; from the reply on it may cost. Raises `ProviderError`, LOST when the reply never came."""
        hook = f"?fal_webhook={quote(call.webhook, safe='')}" if call.webhook else ""
        answer = await self.http.post(f"/{quote(call.upstream, safe='/:@')}{hook}", json=call.payload)
        if answer.status >= 300:
            raise explain(answer, call, "submission")
        reply = answer.json_object()
        urls = [self.http.follow(str(reply.get(name))) for name in ("status_url", "response_url", "cancel_url")]
        return Ticket(str(reply.get("request_id")), *urls)

    async def check(self, ticket: Ticket) -> Progress:
        """Where the job stands. A word that fal may add one day counts as done: the result then tells the truth."""
        answer = await self.http.get(ticket.check_url)
        if answer.status >= 300:
            raise explain(answer, None, "status")
        return _progress(answer.json_object())

    async def wait(self, ticket: Ticket, seconds: float) -> Progress:
        """The status stream, which ends with the job; one that does not come, or says nothing, is asked about."""
        try:
            answer = await self.http.get(f"{ticket.check_url}/stream", within=seconds)
        except ProviderError:
            return await self.check(ticket)
        events = [line[5:] for line in answer.content.splitlines() if line.startswith(b"data:")]
        try:
            return _progress(cast(Json, orjson.loads(events[-1])))
        except (IndexError, ValueError, AttributeError):
            return await self.check(ticket)

    async def result(self, ticket: Ticket, call: Call) -> Answer:
        """The pictures, or the error of a job that failed: fal reports both under the result's URL."""
        answer = await self.http.get(ticket.result_url)
        if answer.status >= 300:
            raise explain(answer, call, "result")
        output = answer.json_object(partial(pictures_in_json.loads, key="url"))  # megabytes, with `sync_mode`
        try:
            images = tuple(_images(output, call, self.http.base_url))
        except ValueError:
            images = ()
        if not images:
            raise answer.broken("fal answered without a picture")
        return Answer(images, units=amount_in(answer.headers.get("x-fal-billable-units"), MOST_UNITS))

    async def cancel(self, ticket: Ticket) -> None:
        """Asks fal to stop the job; done, unknown and too late are all fine, and not told apart reliably."""
        answer = await self.http.put(ticket.cancel_url)
        if answer.status >= 300 and answer.status not in (400, 404):
            raise explain(answer, None, "status")

    async def upload(self, content: bytes, content_type: str) -> str:
        """The URL of a picture in fal's storage."""
        return await self._storage.keep(content, content_type)

    async def read_hook(self, headers: Mapping[str, str], body: bytes, now: float) -> Hook:
        """Raises `HookRefused` unless one of fal's keys has signed it just now."""
        return await self._hooks.read(headers, body, now)

    def trace(self, hook: Hook, upstream: str) -> Ticket:
        """Its URLs have owner and alias only, whatever sub-path it was sent to (fal docs, Queue, read 2026-11-21)."""
        app = "/".join(upstream.split("/")[:2])
        request = f"{self.http.base_url}/{quote(app, safe='/:@')}/requests/{hook.ticket}"
        return Ticket(hook.ticket, f"{request}/status", request, f"{request}/cancel")

    async def close(self) -> None:
        await self.http.close()
        await self._storage.close()


def _progress(status: Json) -> Progress:
    position = status.get("queue_position")
    return Progress(
        done=status.get("status") not in ("IN_QUEUE", "IN_PROGRESS"),
        position=position if isinstance(position, int) else None,
    )


def _images(output: Json, call: Call, base_url: str) -> list[Image]:
    """The pictures under `images`, or the one under `image` (upscalers).

    One seed is reported for a whole batch, so it is told only where one picture was asked for.
    """
    listed: object = output.get("images") or [output.get("image")]
    flags: object = output.get("has_nsfw_concepts")
    flagged = cast(list[object], flags) if isinstance(flags, list) else []
    seed = output.get("seed")
    known_seed = seed if call.images == 1 and isinstance(seed, int) else None
    images: list[Image] = []
    for index, item in enumerate(cast(list[object], listed) if isinstance(listed, list) else []):
        if isinstance(item, dict):
            image = _image(cast(Mapping[str, Any], item), base_url)
            marked = index < len(flagged) and flagged[index] is True
            images.append(replace(image, seed=known_seed, flagged=marked))
    return images


def _image(item: Mapping[str, Any], base_url: str) -> Image:
    image = data_uri.from_url(item.get("url"), base_url)
    content_type, width, height = item.get("content_type"), item.get("width"), item.get("height")
    return replace(
        image,
        content_type=image.content_type or (content_type if isinstance(content_type, str) else None),
        width=width if isinstance(width, int) else None,
        height=height if isinstance(height, int) else None,
    )
