"""The device thread: the one thread that an engine lives on, and next to it one that encodes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from PIL import Image

from workers.encoding import Picture, encoded
from workers.engine import Engine
from workers.job import Cancelled, Job

_PICTURES_IN_HAND = 2  # one is drawn while the one before is encoded; more would only hold memory


def partial_steps(steps: int, wanted: int) -> list[int]:
    """After which steps a partial picture is shown: `partial_steps(20, 3) == [5, 10, 15]`; never after the last."""
    return sorted({step for number in range(1, wanted + 1) if 0 < (step := steps * number // (wanted + 1)) < steps})


class Device:
    """Draws the pictures of a job, one after the other."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._drawing = ThreadPoolExecutor(1, thread_name_prefix="device")
        self._encoding = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        self._in_hand = asyncio.Semaphore(_PICTURES_IN_HAND)

    async def load(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._drawing, self.engine.load, self._told)

    async def draw(self, job: Job, index: int) -> "asyncio.Future[None]":
        """Draws picture `index`; what it returns is done when the picture is encoded and in the job.

        Raises `Cancelled`, and whatever the engine raises."""
        loop = asyncio.get_running_loop()
        await self._in_hand.acquire()
        try:
            image = await loop.run_in_executor(self._drawing, self._draw, job, index, loop)
        except BaseException:
            self._in_hand.release()
            raise
        return asyncio.ensure_future(self._finish(job, index, image))

    def close(self) -> None:
        """Waits for the step in hand."""
        self._drawing.shutdown(cancel_futures=True)
        self._encoding.shutdown(cancel_futures=True)

    def _draw(self, job: Job, index: int, loop: asyncio.AbstractEventLoop) -> Image.Image:
        drawing = replace(job.asked.drawing, seed=job.seeds[index])
        shown = partial_steps(drawing.steps, job.asked.partial_images)

        picture = self.engine.begin(drawing)
        try:
            while not picture.denoised:
                if job.token.cancelled:
                    raise Cancelled
                self.engine.step([picture])
                step = picture.steps_done
                event = {
                    "type": f"{job.asked.kind}.progress",
                    "step": step,
                    "steps": picture.steps,
                    "image_index": index,
                }
                loop.call_soon_threadsafe(job.tell, event)
                if step in shown and not job.token.cancelled:
                    # One encoding thread keeps the order: every partial picture before its completed one.
                    shown_at = shown.index(step)
                    self._encoding.submit(_tell_partial, job, picture.preview(), index, shown_at, loop)
            return self.engine.finish(picture)
        finally:
            self.engine.drop(picture)

    def _told(self, what: str, share: float | None) -> None:
        return

    async def _finish(self, job: Job, index: int, image: Image.Image) -> None:
        try:
            work = partial(encoded, image, job.asked.output_format, job.asked.quality)
            base64 = await asyncio.get_running_loop().run_in_executor(self._encoding, work)
        finally:
            self._in_hand.release()
        job.add(Picture(index, job.seeds[index], base64))


def _tell_partial(job: Job, image: Image.Image, index: int, number: int, loop: asyncio.AbstractEventLoop) -> None:
    base64 = encoded(image, job.asked.output_format, job.asked.quality)
    loop.call_soon_threadsafe(partial(job.add_partial, base64, index=index, number=number))
