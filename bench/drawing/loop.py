"""The step loop in this process, as a worker runs it, but without a socket: jobs are timed from asking to files."""

import asyncio
import base64
import io
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from PIL import Image

from workers.engine import Engine
from workers.job import Job
from workers.server import Worker
from workers.wire import commission


class Loop:
    """A worker's desk with the engine loaded."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.model = worker.engine.models[0].id

    def put_in(self, **fields: Any) -> Job:
        """A job; `fields` are those of a request. It is drawn whether anybody waits or not."""
        asked = {"model": self.model, "response_format": "b64_json", **fields}
        return self.worker.desk.take(commission(json.dumps(asked).encode(), self.worker.engine.models, None))

    async def draw(self, **fields: Any) -> tuple[float, list[np.ndarray[Any, Any]]]:
        """The seconds from the asking to the files, and the pictures."""
        began = time.perf_counter()
        job = self.put_in(**fields)
        await job.done()
        return time.perf_counter() - began, pictures_of(job)

    def steps(self) -> float:
        """Taken so far, of each picture."""
        rows = self.worker.meters.text().decode().splitlines()
        return sum(float(row.rpartition(" ")[2]) for row in rows if row.startswith("easel_worker_steps_total{"))


@asynccontextmanager
async def looping(engine: Engine) -> AsyncGenerator[Loop]:
    """Loads the engine on a device thread of its own; it draws until the end of the block."""
    worker = Worker(engine)
    await worker.desk.open()
    try:
        yield Loop(worker)
    finally:
        worker.desk.hand_back()
        await asyncio.to_thread(worker.desk.device.close)


def pictures_of(job: Job) -> list[np.ndarray[Any, Any]]:
    """Rows of pixels, in the order of the pictures."""
    found: list[np.ndarray[Any, Any]] = []
    for picture in sorted(job.pictures, key=lambda each: each.index):
        with Image.open(io.BytesIO(base64.b64decode(picture.base64))) as image:
            found.append(np.asarray(image.convert("RGB")))
    return found
