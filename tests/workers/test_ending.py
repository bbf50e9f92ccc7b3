"""A worker that ends: what is begun is finished, the rest is handed back, and nobody waits for nothing."""

import asyncio
import signal

import pytest

from tests.workers.serving import Served, serve
from tests.workers.stepwise import Stepwise
from tests.workers.test_run import generation, read_until, worker
from workers.engine import CannotLoad


async def test_draining_finishes_what_is_begun_and_hands_back_the_line(slow: Served, stepwise: Stepwise) -> None:
    begun = asyncio.create_task(slow.post({"prompt": "begun"}))
    await slow.until(lambda: bool(stepwise.steps()))
    waiting = asyncio.create_task(slow.post({"prompt": "waiting"}))
    streamed = asyncio.create_task(slow.events({"prompt": "waiting"}))
    await slow.until(lambda: slow.worker.desk.waiting == 2)
    slow.worker.desk.drain()
    status, answer = await waiting
    assert (status, answer["error"]["code"]) == (503, "draining")
    [(name, told)] = await streamed
    assert (name, told["error"]["code"]) == ("error", "draining")
    status, answer = await slow.post({"prompt": "late"})
    assert (status, answer["error"]["code"]) == (503, "draining")
    stepwise.allowed.set()
    assert (await begun)[0] == 200
    assert {drawing.prompt for drawing in stepwise.asked} == {"begun"}


async def test_when_the_time_is_over_what_is_begun_is_handed_back_too(slow: Served, stepwise: Stepwise) -> None:
    begun = asyncio.create_task(slow.post({"prompt": "begun", "job_id": "kept"}))
    await slow.until(lambda: bool(stepwise.steps()))
    slow.worker.desk.hand_back()
    status, answer = await begun
    assert (status, answer["error"]["code"]) == (503, "draining")
    stepwise.allow()
    await slow.until(lambda: stepwise.seen == ["begin begun", "step begun", "drop begun"])


def test_sigterm_hands_back_what_is_not_finished_in_time() -> None:
    body = {"prompt": "the sea", "size": "768x768", "n": 10, "num_inference_steps": 100, "stream": True}
    with worker("--drain-seconds", "0") as (process, _, port), generation(port, body) as connection:
        begun = read_until(connection, b"image_generation.progress")
        process.send_signal(signal.SIGTERM)
        told = begun + read_until(connection, b"\r\n0\r\n\r\n")
        assert told.count(b"event: error") == 1
        assert b'"code":"draining"' in told
        assert process.wait(30) == 0


@pytest.mark.parametrize("error", [CannotLoad("there is no GPU here"), RuntimeError("a driver of another age")])
async def test_an_engine_that_cannot_be_loaded_ends_the_worker(error: Exception) -> None:
    engine = Stepwise(fails_to_load=error)
    engine.loads.clear()
    async with serve(engine) as served:
        waiting = asyncio.create_task(served.post({"prompt": "p"}))
        await served.until(lambda: served.worker.desk.waiting == 1)
        engine.loads.set()
        status, answer = await waiting
        assert (status, answer["error"]["code"]) == (503, "draining")
        assert served.worker.broken.is_set()
        assert (await served.get("/readyz"))[0] == 503


async def test_a_lost_device_ends_the_worker_and_everything_is_handed_back() -> None:
    engine = Stepwise(together=2, most_under_way=2)
    async with serve(engine) as served:
        asking = [asyncio.create_task(served.post({"prompt": prompt})) for prompt in ("lost", "other", "waiting")]
        await served.until(lambda: (len(served.worker.desk.running), served.worker.desk.waiting) == (2, 1))
        engine.allowed.set()
        assert [(await task)[1]["error"]["code"] for task in asking] == ["draining"] * 3
        assert served.worker.broken.is_set()
