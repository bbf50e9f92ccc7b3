"""A device as the event loop sees it: jobs go in, and what becomes of their pictures comes back as calls on the loop.

Behind it are three threads: the device's own, on which an engine lives, one that decodes and one that writes files.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Protocol

from PIL import Image

from workers.encoding import Picture, encoded
from workers.engine import DeviceLost, Engine
from workers.job import Job
from workers.meters import Meters
from workers.outbox import Outbox
from workers.piece import Piece
from workers.step_loop import StepLoop
from workers.telling import Telling

log = logging.getLogger("easel.worker")

_LAST_FORWARD = 30.0  # seconds that the end of the worker waits for the forward that the device is in
_LOOK_EVERY = 0.1  # seconds between two looks at whether it has to


class Client(Protocol):
    """Whose jobs are drawn; called on the event loop."""

    def left(self, job: Job) -> None:
        """One of its pictures takes no step any more."""
        ...

    def finished(self, job: Job, picture: Picture) -> None: ...
    def failed(self, job: Job, error: BaseException) -> None: ...


class _Ended(Exception):
    """The worker ends while its engine is being loaded."""


class Device:
    """Draws the pictures of jobs for one `Client`."""

    def __init__(self, engine: Engine, meters: Meters) -> None:
        self.engine = engine
        self.loading: tuple[str, float | None] | None = None  # what is being done, and the share that is done
        self.lost = asyncio.Event()
        self.abandoned = False  # nobody waits for what it is at
        self._decoding = ThreadPoolExecutor(1, thread_name_prefix="decoder")
        self._encoding = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        self._steps = StepLoop(engine, self, self._decoding.submit, meters)
        self._thread = threading.Thread(target=self._steps.run, name="device", daemon=True)
        self._outbox: Outbox | None = None
        self._client: Client | None = None
        self._coming: list[Piece] = []

    @property
    def seconds_at_it(self) -> float:
        """How long it has been at the same forward, decoding or beginning of a picture; 0 when it is idle."""
        return self._steps.at_work.seconds()

    async def load(self, client: Client) -> None:
        """Starts the device thread and loads the engine there; raises what that raises."""
        loop = asyncio.get_running_loop()
        self._outbox = Outbox(loop)
        self._client = client
        self.loading = ("starting", None)
        done: asyncio.Future[None] = loop.create_future()
        self._thread.start()
        self._steps.call(partial(self._load, done))
        await done
        self.loading = None

    def draw(self, job: Job) -> None:
        """Puts all its pictures in, together with those of other jobs that came at the same moment, so that they begin
        together; how soon each is begun is up to the step loop."""
        drawings = [replace(job.asked.drawing, seed=seed) for seed in job.seeds]
        if not self._coming:
            asyncio.get_running_loop().call_soon(self._put_in)
        self._coming += [Piece(job, index, drawing) for index, drawing in enumerate(drawings)]

    def _put_in(self) -> None:
        pieces, self._coming = self._coming, []
        self._steps.call(partial(self._steps.add, pieces))

    def look_up(self) -> None:
        """Some job is cancelled: what it holds is given back after the forward that the device is in."""
        self._steps.call(_nothing)

    def close(self) -> None:
        """Waits for the forward that the device is in, and for the picture that is being decoded, unless it is
        `abandoned`, or is meanwhile. Not for the event loop."""
        self._steps.stop()
        until = time.monotonic() + _LAST_FORWARD
        while self._thread.is_alive() and not self.abandoned and time.monotonic() < until:
            self._thread.join(_LOOK_EVERY)
        for pool in (self._decoding, self._encoding):
            pool.shutdown(wait=not self.abandoned, cancel_futures=True)

    def _load(self, done: "asyncio.Future[None]") -> None:
        def told(what: str, share: float | None) -> None:
            if self._steps.ended:
                raise _Ended
            self.loading = (what, share)
            shown(what, share)

        try:
            with Telling() as shown:
                self.engine.load(told)
        except BaseException as error:  # whatever it is, nothing can be drawn
            self._on_loop(partial(_settle, done, error))
        else:
            self._on_loop(partial(_settle, done, None))

    def stepped(self, piece: Piece, step: int, steps: int) -> None:
        job = piece.job
        job.stepped(piece.index, step, steps)
        if job.watched and self._outbox is not None:
            self._outbox.mention(partial(job.tell_step, piece.index, step, steps))

    def previewed(self, piece: Piece, image: Image.Image, number: int) -> None:
        # One encoding thread keeps the order: every partial picture before its completed one.
        self._encoding.submit(self._write_partial, piece, image, number)

    def left(self, piece: Piece) -> None:
        self._to_client(lambda client: client.left(piece.job))

    def finished(self, piece: Piece, image: Image.Image) -> None:
        self._encoding.submit(self._write, piece, image)

    def failed(self, piece: Piece, error: BaseException) -> None:
        if piece.wanted:
            log.error("%r failed", piece.drawing, exc_info=error)
        self._to_client(lambda client: client.failed(piece.job, error))

    def lost_device(self, error: DeviceLost) -> None:
        log.critical("the device is lost; this worker ends", exc_info=error)
        self._on_loop(self.lost.set)

    def _write_partial(self, piece: Piece, image: Image.Image, number: int) -> None:
        if piece.wanted:
            base64 = encoded(image, piece.job.asked.output_format, piece.job.asked.quality)
            self._on_loop(partial(piece.job.add_partial, base64, index=piece.index, number=number))

    def _write(self, piece: Piece, image: Image.Image) -> None:
        job = piece.job
        try:
            base64 = encoded(image, job.asked.output_format, job.asked.quality) if piece.wanted else ""
        except BaseException as error:
            self.failed(piece, error)
        else:
            picture = Picture(piece.index, piece.drawing.seed, base64)
            self._to_client(lambda client: client.finished(job, picture))
        finally:
            self._steps.call(partial(self._steps.written, piece))

    def _to_client(self, call: Callable[[Client], None]) -> None:
        client = self._client
        if client is not None:
            self._on_loop(partial(call, client))

    def _on_loop(self, call: Callable[[], object]) -> None:
        if self._outbox is not None:
            self._outbox.tell(call)


def _settle(done: "asyncio.Future[None]", error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    elif isinstance(error, Exception):
        done.set_exception(error)
    else:  # asyncio would end the whole program for some of these
        done.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))


def _nothing() -> None:
    return
