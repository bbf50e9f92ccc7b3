"""Memory that runs out: who waits for room, who has it made, and that a budget which was lowered rises again."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
import pytest_asyncio
from PIL import Image

from tests.workers.serving import Served, serve
from tests.workers.stepwise import Stepwise, Walking
from workers.engine import OutOfMemory
from workers.turns import FORWARDS_BEFORE_MORE, Budgets


class Full(Stepwise):
    """The picture `large` takes no step while another is begun, nor is `vast` decoded then."""

    def step(self, together: Sequence[Walking]) -> None:
        super().step(together)
        if together[0].drawing.prompt == "large" and self._begun > 1:
            together[0].steps_done -= 1
            raise OutOfMemory

    def finish(self, together: Sequence[Walking]) -> list[Image.Image]:
        images = super().finish(together)
        if any(picture.drawing.prompt == "vast" for picture in together) and self._begun > 1:
            raise OutOfMemory
        return images


@pytest.fixture
def engine() -> Full:
    return Full(together=4, most_under_way=8, rungs=["offload"])


@pytest_asyncio.fixture
async def served(engine: Full) -> AsyncGenerator[Served]:
    async with serve(engine) as served:
        yield served


async def drawn(served: Served, engine: Full, *prompts: str) -> list[int]:
    asking: list[asyncio.Task[int]] = []

    async def status(prompt: str) -> int:
        return (await served.post({"prompt": prompt, "num_inference_steps": 3}))[0]

    for number, prompt in enumerate(prompts, start=1):
        asking.append(asyncio.create_task(status(prompt)))
        await served.until(lambda number=number: len(served.worker.desk.running) == number)
    engine.allowed.set()
    return [await task for task in asking]


@pytest.mark.parametrize("prompt", ["large", "vast"])
async def test_a_picture_without_room_waits_for_another_to_leave(served: Served, engine: Full, prompt: str) -> None:
    assert await drawn(served, engine, prompt, "small") == [200, 200]
    assert engine.rungs == ["offload"], "what would make every picture slower is not done for one that can wait"


async def test_nobody_is_begun_before_one_without_room_has_gone_on() -> None:
    engine = Full(together=2, most_under_way=8, rungs=["offload"])
    engine.finishes.clear()
    async with serve(engine) as served:
        asking = asyncio.create_task(drawn(served, engine, "large", "small"))
        await served.until(lambda: "finish small" in engine.seen)
        late = asyncio.create_task(served.post({"prompt": "late"}))
        await served.until(lambda: len(served.worker.desk.running) == 3)
        engine.finishes.set()
        assert await asking == [200, 200]
        assert (await late)[0] == 200
    assert engine.rungs == ["offload"]
    after = engine.seen[engine.seen.index("drop small") :]
    assert after.index("step large") < after.index("begin late")


async def test_two_that_both_lack_room_do_not_wait_for_each_other(served: Served, engine: Full) -> None:
    engine.rungs = []
    statuses = await drawn(served, engine, "large", "large")
    assert sorted(statuses) == [200, 503]
    assert (await served.post({"prompt": "next"}))[0] == 200


async def test_one_that_is_cancelled_while_it_waits_for_room_is_let_go(served: Served, engine: Full) -> None:
    large = asyncio.create_task(served.post({"prompt": "large", "job_id": "large"}))
    await served.until(lambda: bool(engine.steps()))
    small = asyncio.create_task(served.post({"prompt": "small"}))
    await served.until(lambda: len(served.worker.desk.running) == 2)
    engine.allow(2)
    await served.until(lambda: "step small" in engine.seen)
    await served.delete("large")
    engine.allowed.set()
    assert ((await large)[0], (await small)[0]) == (499, 200)
    await served.until(lambda: [engine.seen.count(f"drop {name}") for name in ("large", "small")] == [1, 1])


def test_a_budget_that_was_lowered_rises_after_many_forwards_that_fill_it() -> None:
    budgets = Budgets(8)
    budgets.halve("a", 8)
    budgets.halve("a", 4)
    budgets.halve("b", 8)
    assert (budgets.of("a"), budgets.of("b"), budgets.of("c")) == (2, 4, 8)
    for _ in range(FORWARDS_BEFORE_MORE - 1):
        budgets.fitted("a", 2)
        budgets.fitted("b", 2)
    assert budgets.of("a") == 2
    budgets.fitted("a", 2)
    budgets.fitted("b", 2)
    assert (budgets.of("a"), budgets.of("b")) == (4, 4), "half of it proves nothing of the whole"
    for _ in range(FORWARDS_BEFORE_MORE):
        budgets.fitted("a", 4)
    assert budgets.of("a") == 8
    budgets.halve("a", 8)
    assert budgets.of("a") == 4
