"""Noticing that a client has left, which ASGI tells only to whom asks for it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

from starlette.types import Receive


@contextlib.contextmanager
def watched(receive: Receive, gone: Callable[[], object]) -> Generator[None]:
    """Inside, `gone` is called when the client has left."""

    def tell(_watching: asyncio.Task[None]) -> None:
        gone()

    watching = asyncio.ensure_future(disconnected(receive))
    watching.add_done_callback(tell)
    try:
        yield
    finally:
        watching.remove_done_callback(tell)
        watching.cancel()


async def still_there(receive: Receive, work: Awaitable[None]) -> bool:
    """Whether the client still waits when the work is done; when it leaves, the work is stopped."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as limit:
            with watched(receive, lambda: limit.reschedule(loop.time())):
                await work
    except TimeoutError:
        return False
    return True


async def arrives(receive: Receive, sending: Coroutine[Any, Any, None]) -> bool:
    """Whether the client was still there when the last of the answer was handed to its connection."""
    watching = asyncio.ensure_future(disconnected(receive))
    try:
        await asyncio.sleep(0)  # one that has left before is noticed now: after the answer, all look as if they had
        await sending
        return not watching.done()
    finally:
        watching.cancel()


async def disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
