"""Several pictures under way: equal ones go through the device together, others take turns, each can be cancelled."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from tests.workers.serving import Served, serve
from tests.workers.stepwise import Stepwise
from workers.engine import DeviceLost, Drawing
from workers.job import Job
from workers.meters import Meters
from workers.piece import Piece
from workers.step_loop import StepLoop
from workers.wire import Commission


@pytest.fixture
def engine() -> Stepwise:
    """Four jobs at once, four pictures of 8x8 in one forward."""
    return Stepwise(together=4, most_under_way=8, token_budget=4)


@pytest_asyncio.fixture
async def served(engine: Stepwise) -> AsyncGenerator[Served]:
    async with serve(engine) as served:
        yield served


async def ask(served: Served, engine: Stepwise, prompt: str, **more: object) -> "asyncio.Task[tuple[int, Any]]":
    """Asks, and returns once the worker has taken it."""
    before = len(served.worker.desk.running)
    task = asyncio.create_task(served.post({"prompt": prompt, "job_id": prompt, **more}))
    await served.until(lambda: len(served.worker.desk.running) > before)
    if not engine.seen:
        await served.until(lambda: bool(engine.steps()))
    return task


async def test_equal_pictures_go_together_even_if_begun_at_different_times(served: Served, engine: Stepwise) -> None:
    first = await ask(served, engine, "a")
    second = await ask(served, engine, "b")
    engine.allowed.set()
    assert [(await first)[0], (await second)[0]] == [200, 200]
    assert engine.steps() == ["a", "a+b", "a+b", "a+b", "b"]


async def test_jobs_that_come_at_one_moment_begin_together(served: Served, engine: Stepwise) -> None:
    engine.allowed.set()
    drawings = [Drawing("stepwise", prompt, 8, 8, 1, 4) for prompt in "ab"]
    jobs = [served.worker.desk.take(commission_of(drawing)) for drawing in drawings]
    await asyncio.gather(*(job.done() for job in jobs))
    assert engine.steps() == ["a+b"] * 4
    assert [each for each in engine.seen if each.startswith("finish")] == ["finish a+b"]


async def test_the_pictures_of_a_job_go_together_within_the_budget(served: Served, engine: Stepwise) -> None:
    engine.token_budget = 4
    engine.allowed.set()
    status, answer = await served.post({"prompt": "p", "n": 6, "seed": 3, "num_inference_steps": 2})
    assert (status, [item["seed"] for item in answer["data"]]) == (200, [3, 4, 5, 6, 7, 8])
    assert engine.steps() == ["p+p+p+p"] * 2 + ["p+p"] * 2


async def test_pictures_of_other_sizes_take_turns(served: Served, engine: Stepwise) -> None:
    asking = [await ask(served, engine, "a"), await ask(served, engine, "b", size="16x16")]
    engine.allowed.set()
    assert [(await task)[0] for task in asking] == [200, 200]
    assert Counter(engine.steps()) == {"a": 4, "b": 4}
    assert "a+b" not in engine.steps()


async def test_more_jobs_than_may_be_together_stand_in_line(served: Served, engine: Stepwise) -> None:
    asking = [await ask(served, engine, name) for name in "abcd"]
    fifth = asyncio.create_task(served.post({"prompt": "e"}))
    await served.until(lambda: served.worker.desk.waiting == 1)
    _, status = await served.get("/v1/status")
    assert (status["running"], status["waiting"], status["together"], status["capacity"]) == (4, 1, 4, 20)
    engine.allowed.set()
    assert [(await task)[0] for task in (*asking, fifth)] == [200] * 5


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
async def test_a_client_that_vanishes_at_any_step_costs_at_most_one_forward(
    served: Served, engine: Stepwise, steps: int
) -> None:
    async with served.http.post("/v1/images/generations", json={"prompt": "a", "stream": True}) as answer:
        for _ in range(steps):
            engine.allow()
            assert await answer.content.readline() == b"event: image_generation.progress\n"
            assert await answer.content.readuntil(b"\n\n")
        await served.until(lambda: len(engine.steps()) == steps + 1)
        [job] = served.worker.desk.running
    await served.until(lambda: job.over)
    other = await ask(served, engine, "b")
    engine.allowed.set()
    assert (await other)[0] == 200
    assert engine.steps() == ["a"] * (steps + 1) + ["b"] * 4
    assert engine.seen.count("drop a") == 1
    assert "finish a" not in engine.seen


async def test_who_is_cancelled_leaves_the_group_and_the_others_go_on(served: Served, engine: Stepwise) -> None:
    asking = {name: await ask(served, engine, name) for name in "abc"}
    engine.allow(2)
    await served.until(lambda: engine.steps() == ["a", "a+b+c", "a+b+c"])
    assert (await served.delete("b"))[1]["status"] == "cancelled"
    engine.allowed.set()
    assert {name: (await task)[0] for name, task in asking.items()} == {"a": 200, "b": 499, "c": 200}
    assert engine.steps() == ["a", "a+b+c", "a+b+c", "a+c", "c"]
    assert [each for each in engine.seen if each in {"drop b", "finish b"}] == ["drop b"]


async def test_a_job_that_comes_later_need_not_wait_for_all_pictures_of_another(
    served: Served, engine: Stepwise
) -> None:
    engine.most_under_way, engine.token_budget = 1, 1
    first = await ask(served, engine, "a", n=3)
    second = await ask(served, engine, "b", n=3)
    engine.allowed.set()
    assert [(await task)[0] for task in (first, second)] == [200, 200]
    begun = [each for each in engine.seen if each.startswith("begin")]
    assert begun[:2] == ["begin a", "begin b"]
    assert Counter(begun) == {"begin a": 3, "begin b": 3}


async def test_who_is_cancelled_while_decoded_is_let_go(served: Served, engine: Stepwise) -> None:
    engine.finishes.clear()
    engine.allowed.set()
    asking = [await ask(served, engine, "a"), await ask(served, engine, "b")]
    await served.until(lambda: engine.steps().count("a") + engine.steps().count("a+b") == 4)
    await served.until(lambda: "finish a" in engine.seen)
    await served.delete("a")
    engine.finishes.set()
    assert [(await task)[0] for task in asking] == [499, 200]
    await served.until(lambda: engine.seen.count("drop a") == 1)
    assert served.worker.desk.drawn == 1


async def test_those_that_take_their_last_step_together_are_decoded_together(served: Served, engine: Stepwise) -> None:
    engine.allowed.set()
    status, answer = await served.post({"prompt": "p", "n": 2, "seed": 3})
    assert (status, [item["seed"] for item in answer["data"]]) == (200, [3, 4])
    assert [each for each in engine.seen if each.startswith("finish")] == ["finish p+p"]


async def test_who_is_cancelled_is_not_decoded_with_the_others(served: Served, engine: Stepwise) -> None:
    engine.finishes.clear()
    first = await ask(served, engine, "a", num_inference_steps=1)
    engine.allow()
    await served.until(lambda: "finish a" in engine.seen)
    asking = [first, await ask(served, engine, "b", num_inference_steps=3)]
    await served.until(lambda: engine.steps() == ["a", "b"])
    asking.append(await ask(served, engine, "c", num_inference_steps=2))
    engine.allowed.set()
    await served.until(lambda: engine.steps() == ["a", "b", "b+c", "b+c"])
    await served.delete("b")
    engine.finishes.set()
    assert [(await task)[0] for task in asking] == [200, 499, 200]
    assert [each for each in engine.seen if each.startswith("finish")] == ["finish a", "finish c"]
    await served.until(lambda: engine.seen.count("drop b") == 1)


async def test_a_picture_is_decoded_beside_the_steps_of_the_next(served: Served, engine: Stepwise) -> None:
    engine.most_under_way = 1
    engine.finishes.clear()
    engine.allowed.set()
    asking = asyncio.create_task(served.post({"prompt": "p", "n": 5}))
    await served.until(lambda: len(engine.steps()) == 8)
    assert engine.seen.count("finish p") == 1, "it is still at the first one"
    assert engine.seen.count("begin p") == 2, "a third would only hold memory"
    assert served.worker.desk.drawn == 0
    engine.finishes.set()
    status, answer = await asking
    assert (status, len(answer["data"]), served.worker.desk.drawn) == (200, 5, 5)
    await served.until(lambda: engine.seen.count("drop p") == 5)


async def test_the_next_job_begins_while_the_last_picture_is_decoded(slow: Served, stepwise: Stepwise) -> None:
    """`slow` has one job at a time take steps."""
    stepwise.finishes.clear()
    stepwise.allowed.set()
    asking = [asyncio.create_task(slow.post({"prompt": "a"}))]
    await slow.until(lambda: "finish a" in stepwise.seen)
    asking.append(asyncio.create_task(slow.post({"prompt": "b"})))
    await slow.until(lambda: stepwise.steps() == ["a"] * 4 + ["b"] * 4)
    assert len(slow.worker.desk.running) == 2
    stepwise.finishes.set()
    assert [(await task)[0] for task in asking] == [200, 200]


async def test_steps_and_partial_pictures_of_several_at_once(served: Served, engine: Stepwise) -> None:
    engine.allowed.set()
    told = await served.events({"prompt": "p", "n": 2, "seed": 5, "num_inference_steps": 4, "partial_images": 1})
    kinds = [(name.partition(".")[2], data["image_index"]) for name, data in told]
    for index in (0, 1):
        mine = [kind for kind, place in kinds if place == index]
        assert Counter(mine) == {"progress": 4, "partial_image": 1, "completed": 1}
        assert mine.index("partial_image") < mine.index("completed")
    assert engine.steps() == ["p+p"] * 4


class Audience:
    """Ends the loop when `pictures` have left the device."""

    def __init__(self, pictures: int) -> None:
        self.pictures = pictures
        self.loop: StepLoop | None = None

    def left(self, piece: Piece) -> None:
        self.pictures -= 1
        if self.pictures == 0 and self.loop is not None:
            self.loop.stop()

    def stepped(self, piece: Piece, step: int, steps: int) -> None:
        return

    def previewed(self, piece: Piece, image: Image.Image, number: int) -> None:
        return

    def finished(self, piece: Piece, image: Image.Image) -> None:
        return

    def failed(self, piece: Piece, error: BaseException) -> None:
        raise AssertionError(error)

    def lost_device(self, error: DeviceLost) -> None:
        raise AssertionError(error)


def piece(prompt: str, *, side: int, steps: int) -> Piece:
    drawing = Drawing("stepwise", prompt, side, side, 1, steps)
    return Piece(Job(prompt, commission_of(drawing), [1]), 0, drawing)


def commission_of(drawing: Drawing) -> Commission:
    return Commission(drawing, 1, True, "png", 100, False, 0, None)


def drawn(*pieces: Piece) -> list[str]:
    """Who took each forward, on a device that needs a second for 8x8 pixels and lets one picture through at a time."""
    engine = Stepwise(together=9, most_under_way=9)
    engine.allowed.set()
    audience = Audience(len(pieces))
    finished: Mapping[str, object] = {}
    audience.loop = loop = StepLoop(engine, audience, lambda work: finished, Meters(), lambda: engine.time)
    loop.call(lambda: loop.add(pieces))
    loop.run()
    return engine.steps()


def test_device_seconds_are_shared_alike() -> None:
    """A step of `big` takes four seconds, one of `small` a second."""
    steps = drawn(piece("big", side=16, steps=4), piece("small", side=8, steps=10))
    assert steps == ["big"] + ["small"] * 4 + ["big"] + ["small"] * 4 + ["big"] + ["small"] * 2 + ["big"]


def test_equal_pictures_that_do_not_fit_together_take_turns() -> None:
    assert drawn(*(piece(name, side=8, steps=3) for name in "abc")) == ["a", "b", "c"] * 3
