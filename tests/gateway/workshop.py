"""Workers on a loop of their own, for tests that are not asynchronous: their engines move when the test says so."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from tests.gateway.until import until
from tests.workers.qwen_models import QWEN
from tests.workers.serving import Served, serve
from tests.workers.stepwise import Stepwise
from workers.announce import Announcement

Result = TypeVar("Result")


@dataclass
class Painter:
    """A worker that draws `qwen-image`, at any size, as its engine is allowed to."""

    served: Served
    engine: Stepwise
    announcing: Announcement | None = None

    @property
    def prompts(self) -> list[str]:
        return [drawing.prompt for drawing in self.engine.asked]


class Workshop:
    """`with Workshop() as workshop: painter = workshop.painter()`."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._painters: list[tuple[Painter, asyncio.Event, asyncio.Task[None]]] = []
        return self

    def __exit__(self, *_error: object) -> None:
        self.run(self._close_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def painter(self, announce: str | None = None) -> Painter:
        """`announce` is the Redis that it tells of itself."""
        return self.painters(1, announce)[0]

    def painters(self, count: int, announce: str | None = None) -> list[Painter]:
        return self.run(self._open(count, announce))

    async def _open(self, count: int, announce: str | None) -> list[Painter]:
        return list(await asyncio.gather(*(self._open_one(announce) for _ in range(count))))

    async def _open_one(self, announce: str | None) -> Painter:
        opened: asyncio.Future[Painter] = self._loop.create_future()
        over = asyncio.Event()
        task = asyncio.create_task(self._serve(opened, over, announce))
        painter = await opened
        self._painters.append((painter, over, task))
        return painter

    async def _serve(self, opened: asyncio.Future[Painter], over: asyncio.Event, announce: str | None) -> None:
        engine = Stepwise(models=(QWEN,))
        async with AsyncExitStack() as stack:
            served = await stack.enter_async_context(serve(engine))
            painter = Painter(served, engine)
            if announce is not None:
                desk = served.worker.desk
                painter.announcing = Announcement(announce, served.url, lambda: not desk.draining)
                stack.push_async_callback(painter.announcing.close)
                stack.callback(asyncio.create_task(painter.announcing.keep()).cancel)
            opened.set_result(painter)
            await over.wait()
            engine.let_go()

    async def _close_all(self) -> None:
        for _painter, over, _task in self._painters:
            over.set()
        await asyncio.gather(*(task for _painter, _over, task in self._painters))


def settled(painters: Sequence[Painter]) -> None:
    """Nothing is left of what an earlier test has sent."""
    for painter in painters:
        painter.engine.allowed.set()
        until(lambda desk=painter.served.worker.desk: not desk.running and not desk.waiting)
        painter.engine.allowed.clear()
        painter.engine.asked.clear()
