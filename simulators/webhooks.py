"""What providers post by themselves when a job is over: tried again until it is taken, and spoilt as the script says.

| fault on `webhook` | what becomes of one message |
|---|---|
| `lost` | it never comes |
| `altered` | at every try, its body is not the one that was signed |
| `twice` | each try of it comes a second time, byte for byte |
| `delay` | it comes so many seconds later |

Only addresses on this machine are posted to, over http too: the simulators call nobody else. The providers themselves
do it the other way round, and want https.
"""

import asyncio
import ipaddress
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from simulators.stage import Posted, Stage

FIRST_LOOK, LONGEST_LOOK = 0.005, 1.0  # seconds between two looks at a job that is not over
PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before each further try: Runware's; others do not tell theirs


class Webhooks:
    """The outgoing mail of one provider. A receiver has `seconds` to answer, and `tries` chances."""

    def __init__(self, slug: str, stage: Stage, *, seconds: float, tries: int = len(PAUSES) + 1) -> None:
        self._slug = slug
        self._stage = stage
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._pauses = (0.0, *PAUSES)[:tries]
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio keeps only weak references to tasks

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Does it beside the requests; it ends with the server at the latest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def deliver(self, url: str, message: object, sign: Callable[[bytes], Mapping[str, str]]) -> None:
        """Posts it until it is taken. `sign` gives the headers of each try; a redirect ends it, unfollowed."""
        due = self._stage.script.take(self._slug, ("webhook",))
        await asyncio.sleep(due.seconds)
        effect = due.fault.effect if due.fault else None
        if effect == "lost" or not is_here(url):
            return
        signed = json.dumps(message).encode()
        body = signed[:-1] + b', "altered": true}' if effect == "altered" else signed
        for pause in self._pauses:
            await asyncio.sleep(pause)
            headers = {"content-type": "application/json", **sign(signed)}
            statuses = [await self._post(url, headers, body) for _copy in range(2 if effect == "twice" else 1)]
            if any(status is not None and status < 400 for status in statuses):
                return

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int | None:
        status = await self._status(url, headers, body)
        self._stage.posted.append(Posted(self._slug, url, dict(headers), body.decode(), status))
        return status

    async def _status(self, url: str, headers: Mapping[str, str], body: bytes) -> int | None:
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None


async def until(over: Callable[[], bool], left: Callable[[], float]) -> None:
    """Returns when it is over; `left` is how many seconds that takes by the pace of now, 0 where nobody knows."""
    pause = FIRST_LOOK
    while not over():
        await asyncio.sleep(min(max(left(), pause), LONGEST_LOOK))
        pause *= 1.2


def is_here(url: str) -> bool:
    """Whether it is an address on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme in ("http", "https") and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
