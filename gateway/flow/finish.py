"""Finishing: a picture in the format, quality and size that was asked, made in processes of their own.

Nothing is decoded when nothing needs it. The processes are started with the first picture that does, are few, and
are replaced when one is lost: a picture that makes the kernel kill its process harms nobody else.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import structlog

from gateway.flow.picture_codec import Bounds, Finished, NotAPicture, check_pixels
from gateway.flow.picture_codec import finish as finish_in_this_process
from gateway.flow.picture_header import ENOUGH_BYTES, Header, sniff
from normalizers.finishing import Finishing

log = structlog.stdlib.get_logger()

TRIES = 2  # a picture is innocent once: another one may have broken the pool that it was in


class CannotFinish(Exception):
    """The finishing process was lost twice over this picture, or took too long: it was too much for this machine."""


def nothing_to_do(header: Header, wanted: Finishing) -> bool:
    """Whether a picture with this header can be passed on as it is."""
    same_quality = wanted.quality is None or wanted.format == "png"
    return header.format == wanted.format and same_quality and wanted.exact in (None, (header.width, header.height))


class Finisher:
    """`workers` processes that finish pictures; a picture waits while all are busy. `seconds` bounds one picture."""

    def __init__(self, workers: int | None = None, bounds: Bounds | None = None, seconds: float = 120) -> None:
        self.bounds = bounds or Bounds()
        self.workers = workers or max(1, min(4, (os.cpu_count() or 1) - 1))
        self._seconds = seconds
        self._pool: ProcessPoolExecutor | None = None
        # No more pictures are in the pool's pipes than keep it busy; the others wait where they are.
        self._places = asyncio.Semaphore(self.workers + 1)

    async def finish(self, content: bytes, wanted: Finishing) -> Finished:
        """The picture as wanted, untouched if it is so already.

        Raises NotAPicture for bytes that are none or exceed the bounds, CannotFinish when no process survives it.
        """
        if len(content) > self.bounds.max_bytes:
            raise NotAPicture(f"it has {len(content):,} bytes; at most {self.bounds.max_bytes:,} are taken")
        header = sniff(content[:ENOUGH_BYTES])
        if header is not None:
            check_pixels(header.width, header.height, self.bounds)
            if nothing_to_do(header, wanted):
                return Finished(content, header.format, header.width, header.height)
        async with self._places:
            return await self._in_pool(content, wanted)

    def close(self) -> None:
        """End the processes; pictures in the middle are lost."""
        pool, self._pool = self._pool, None
        if pool is not None:
            end(pool)

    async def _in_pool(self, content: bytes, wanted: Finishing) -> Finished:
        for left in reversed(range(TRIES)):
            pool = self._pool = self._pool or self._start()
            try:
                work = pool.submit(finish_in_this_process, content, wanted, self.bounds)
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
