"""Finishing: a picture in the format, quality and size that was asked, made in processes of their own.

Nothing is decoded when nothing needs it. The processes are started with the first picture that does, are few, and
are replaced when one is lost: a picture that makes the kernel kill its process harms nobody else.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import structlog

from gateway.flow.picture_codec import Bounds, Finished, NotAPicture, check_pixels, on_white
from gateway.flow.picture_codec import finish as finish_in_this_process
from gateway.flow.picture_header import ENOUGH_BYTES, Header, sniff
from gateway.flow.picture_mask import repaint
from normalizers.finishing import Finishing
from normalizers.source import Prepare

log = structlog.stdlib.get_logger()

TRIES = 2  # a picture is innocent once: another one may have broken the pool that it was in
UPRIGHT_QUALITY = 95  # of a picture that is encoded once more only to be turned

Made = TypeVar("Made")


class CannotFinish(Exception):
    """The finishing process was lost twice over this picture, or took too long: it was too much for this machine."""


def nothing_to_do(header: Header, wanted: Finishing) -> bool:
    """Whether a picture with this header can be passed on as it is."""
    same_quality = wanted.quality is None or wanted.format == "png"
    return header.format == wanted.format and same_quality and wanted.exact in (None, (header.width, header.height))


class Finisher:
    """`workers` processes that finish pictures; a picture waits while all are busy. `seconds` bounds one picture.

    `beside`: how many finishers share this machine.
    """

    def __init__(
        self, workers: int | None = None, bounds: Bounds | None = None, seconds: float = 120, *, beside: int = 1
    ) -> None:
        self.bounds = bounds or Bounds()
        self.workers = workers or max(1, min(4, (os.cpu_count() or 1) - 1) // beside)
        self._seconds = seconds
        self._pool: ProcessPoolExecutor | None = None
        # No more pictures are in the pool's pipes than keep it busy; the others wait where they are.
        self._places = asyncio.Semaphore(self.workers + 1)

    async def finish(self, content: bytes, wanted: Finishing) -> Finished:
        """The picture as wanted, untouched if it is so already.

        Raises NotAPicture for bytes that are none or exceed the bounds, CannotFinish when no process survives it.
        """
        header = self._header(content)
        if header is not None and nothing_to_do(header, wanted):
            return Finished(content, header.format, header.width, header.height)
        return await self._work(finish_in_this_process, content, wanted, self.bounds)

    async def upright(self, content: bytes, format: str) -> Finished:
        """The first frame in this format, turned as its EXIF block says and without one. Raises as `finish` does."""
        self._header(content)
        return await self._work(finish_in_this_process, content, Finishing(format, UPRIGHT_QUALITY), self.bounds)

    async def prepare(self, content: bytes, work: Prepare) -> bytes:
        """A caller's picture as a plan wants it before it is sent. Raises as `finish` does."""
        if not work:
            return content
        if work == "png":
            return (await self.finish(content, Finishing("png"))).content
        self._header(content)
        if work == "opaque":
            return await self._work(on_white, content, self.bounds)
        return await self._work(repaint, content, work, self.bounds)

    def close(self) -> None:
        """End the processes; pictures in the middle are lost."""
        pool, self._pool = self._pool, None
        if pool is not None:
            end(pool)

    def _header(self, content: bytes) -> Header | None:
        """What its first bytes say; raises NotAPicture where that, or its size, exceeds the bounds."""
        if len(content) > self.bounds.max_bytes:
            raise NotAPicture(f"it has {len(content):,} bytes; at most {self.bounds.max_bytes:,} are taken")
        header = sniff(content[:ENOUGH_BYTES])
        if header is not None:
            check_pixels(header.width, header.height, self.bounds)
        return header

    async def _work(self, make: Callable[..., Made], *given: Any) -> Made:
        async with self._places:
            return await self._in_pool(make, *given)

    async def _in_pool(self, make: Callable[..., Made], *given: Any) -> Made:
        for left in reversed(range(TRIES)):
            pool = self._pool = self._pool or self._start()
            try:
                work = pool.submit(make, *given)
                async with asyncio.timeout(self._seconds):
                    return await asyncio.wrap_future(work)
            except BrokenProcessPool as error:
                self._replace(pool, "lost")
                if not left:
                    raise CannotFinish("the process that finished it was lost") from error
            except TimeoutError as error:
                self._replace(pool, "hung")
                raise CannotFinish(f"it took more than {self._seconds:g} seconds") from error
        raise AssertionError("the last try returns or raises")

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=prepare_process
        )

    def _replace(self, pool: ProcessPoolExecutor, why: str) -> None:
        """The next picture starts a new pool, unless another victim of this one has done so already."""
        if self._pool is pool:
            self._pool = None
            log.warning("finishing_process_" + why)
            end(pool)


def end(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())  # pyright: ignore[reportPrivateUsage] - 3.14 has kill_workers()
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()


def prepare_process() -> None:
    """Ctrl-C is for the gateway; and a gateway that is killed takes its processes along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=follow_parent, daemon=True, name="follow parent").start()


def follow_parent() -> None:
    # A pool's process holds both ends of its queue and so never learns from it that the parent is gone.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
