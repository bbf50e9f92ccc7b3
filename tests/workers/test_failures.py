"""What goes wrong on the device costs the picture that it belongs to, and the worker lives."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from tests.workers.serving import Served, serve
from tests.workers.stepwise import STEPWISE, Stepwise, Walking
from workers.engine import Drawing, Told, Unsupported, WrongAdapter


@pytest.fixture
def engine() -> Stepwise:
    """Four jobs at once, four pictures of 8x8 in one forward."""
    return Stepwise(together=4, most_under_way=8, token_budget=4)


@pytest_asyncio.fixture
async def served(engine: Stepwise) -> AsyncGenerator[Served]:
    async with serve(engine) as served:
        yield served


async def together(served: Served, engine: Stepwise, *prompts: str, **more: object) -> dict[str, tuple[int, Any]]:
    """Answers to requests that are all there when the device goes on."""
    asking = {prompt: asyncio.create_task(served.post({"prompt": prompt, **more})) for prompt in prompts}
    await served.until(lambda: len(served.worker.desk.running) == len(prompts))
    engine.allowed.set()
    return {prompt: await task for prompt, task in asking.items()}


async def test_a_group_that_does_not_fit_is_halved_and_that_is_remembered(served: Served, engine: Stepwise) -> None:
    engine.room = 2
    engine.allowed.set()
    asked = {"prompt": "p", "n": 4, "num_inference_steps": 2}
    assert (await served.post(asked))[0] == 200
    assert engine.steps() == ["p+p+p+p"] + ["p+p"] * 4
    assert (await served.post(asked))[0] == 200
    assert engine.steps() == ["p+p+p+p"] + ["p+p"] * 8
    assert "relieve" not in " ".join(engine.seen), "nothing has to go where a smaller group does"


async def test_a_picture_alone_climbs_the_ladder(served: Served, engine: Stepwise) -> None:
    engine.room, engine.rungs = 1, ["caches", "offload", "tiles"]
    engine.allowed.set()
    assert (await served.post({"prompt": "p", "size": "16x16", "num_inference_steps": 1}))[0] == 200
    assert engine.seen[:6] == ["begin p", "step p", "relieve caches", "step p", "relieve offload", "step p"]
    assert engine.rungs == ["tiles"], "no more than it takes"


async def test_at_the_end_of_the_ladder_only_this_picture_is_refused(served: Served, engine: Stepwise) -> None:
    engine.room, engine.rungs = 4, ["caches"]
    small = asyncio.create_task(served.post({"prompt": "small"}))
    await served.until(lambda: len(served.worker.desk.running) == 1)
    large = asyncio.create_task(served.post({"prompt": "large", "size": "64x64"}))
    await served.until(lambda: len(served.worker.desk.running) == 2)
    engine.allowed.set()
    status, answer = await large
    assert (status, answer["error"]["code"]) == (503, "out_of_memory")
    assert (await small)[0] == 200
    await served.until(lambda: engine.seen.count("drop large") == 1)
    assert (await served.post({"prompt": "next"}))[0] == 200


async def test_decoding_without_room_is_tried_again_with_more(served: Served, engine: Stepwise) -> None:
    engine.crammed, engine.rungs = 2, ["caches", "tiles"]
    engine.allowed.set()
    assert (await served.post({"prompt": "p"}))[0] == 200
    assert engine.seen.count("finish p") == 3
    engine.crammed = 1
    status, answer = await served.post({"prompt": "q"})
    assert (status, answer["error"]["code"]) == (503, "out_of_memory")
    assert (await served.post({"prompt": "r"}))[0] == 200
    await served.until(lambda: [f"drop {name}" in engine.seen for name in "pqr"] == [True] * 3)


async def test_who_cannot_be_begun_for_want_of_room_waits_for_another_to_leave(
    served: Served, engine: Stepwise
) -> None:
    engine.most_begun = 1
    answers = await together(served, engine, "a", "b", "c")
    assert [status for status, _ in answers.values()] == [200] * 3
    assert {name: engine.steps().count(name) for name in "abc"} == {"a": 4, "b": 4, "c": 4}


async def test_who_spoils_a_group_is_found_by_going_on_alone(served: Served, engine: Stepwise) -> None:
    answers = await together(served, engine, "a", "spoils", "b")
    assert {prompt: status for prompt, (status, _) in answers.items()} == {"a": 200, "spoils": 500, "b": 200}
    assert answers["spoils"][1]["error"]["code"] == "engine_failed"
    assert (await served.post({"prompt": "next"}))[0] == 200


async def test_who_fails_alone_leaves_the_group_alone(served: Served, engine: Stepwise) -> None:
    answers = await together(served, engine, "a", "poison", "b")
    assert {prompt: status for prompt, (status, _) in answers.items()} == {"a": 200, "poison": 500, "b": 200}
    assert sum("poison" in step for step in engine.steps()) == 1
    assert engine.seen.count("drop poison") == 1


async def test_a_job_that_fails_is_not_drawn_to_its_end(served: Served, engine: Stepwise) -> None:
    engine.token_budget = 4
    engine.allowed.set()
    status, _ = await served.post({"prompt": "poison", "n": 10, "num_inference_steps": 9})
    assert status == 500
    await served.until(lambda: engine.seen.count("drop poison") == engine.seen.count("begin poison"))
    assert len(engine.steps()) < 10


class Choosy(Stepwise):
    """Raises for the caller."""

    def begin(self, drawing: Drawing) -> Walking:
        if drawing.prompt == "adapter":
            raise WrongAdapter("'fox' is for another model.")
        if drawing.prompt == "long":
            raise Unsupported("'prompt' has 2000 tokens.", param="prompt")
        raise Unsupported("No LoRAs with this acceleration.")


async def test_what_an_engine_says_to_the_caller_is_a_400() -> None:
    async with serve(Choosy()) as served:
        status, answer = await served.post({"prompt": "adapter"})
        assert (status, answer["error"]["code"], answer["error"]["param"]) == (400, "invalid_lora", "loras")
        assert answer["error"]["message"] == "'fox' is for another model."
        status, answer = await served.post({"prompt": "p"})
        assert (status, answer["error"]["message"]) == (400, "No LoRAs with this acceleration.")
        status, answer = await served.post({"prompt": "long"})
        assert (status, answer["error"]["param"]) == (400, "prompt")


class Careless(Stepwise):
    """Fails where nobody should."""

    models = (STEPWISE,)

    def drop(self, picture: Walking) -> None:
        super().drop(picture)
        raise RuntimeError("cannot let go")

    def relieve(self) -> str | None:
        raise RuntimeError("cannot tidy up")


async def test_an_engine_that_fails_at_tidying_up_is_used_on() -> None:
    engine = Careless(room=1)
    engine.allowed.set()
    async with serve(engine) as served:
        assert (await served.post({"prompt": "large", "size": "64x64"}))[0] == 503
        assert (await served.post({"prompt": "small"}))[0] == 200
        assert (await served.post({"prompt": "small"}))[0] == 200


class Blind(Stepwise):
    """Knows its models when it is loaded; its pictures cannot be looked at before they are finished."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.models = ()

    def load(self, told: Told) -> None:
        super().load(told)
        self.models = (STEPWISE,)

    def begin(self, drawing: Drawing) -> Walking:
        return Unseen(drawing)


class Unseen(Walking):
    def preview(self) -> Image.Image:
        raise RuntimeError("dark in here")


async def test_a_stream_whose_previews_fail_goes_without() -> None:
    engine = Blind()
    engine.allowed.set()
    async with serve(engine) as served:
        await served.until(lambda: served.worker.desk.ready)
        told = await served.events({"prompt": "p", "num_inference_steps": 4, "partial_images": 3})
    assert [name.partition(".")[2] for name, _ in told] == ["progress"] * 4 + ["completed"]


async def test_before_its_models_are_known_nothing_is_taken() -> None:
    engine = Blind()
    engine.loads.clear()
    async with serve(engine) as served:
        status, answer = await served.post({"prompt": "p"})
        assert (status, answer["error"]["code"]) == (503, "overloaded")


class Muddled(Stepwise):
    """A picture of which nobody can tell what it goes with."""

    def begin(self, drawing: Drawing) -> Walking:
        walking = super().begin(drawing)
        if drawing.prompt == "muddle":
            walking.drawing = None  # pyright: ignore[reportAttributeAccessIssue] - a mistake in the engine
        return walking


async def test_a_picture_that_upsets_the_loop_itself_is_refused_and_the_loop_goes_on() -> None:
    engine = Muddled()
    engine.allowed.set()
    async with serve(engine) as served:
        assert (await served.post({"prompt": "muddle"}))[0] == 500
        assert (await served.post({"prompt": "p"}))[0] == 200


class Panic(BaseException):
    """As libraries in Rust raise it: no `Exception`."""


class Panicking(Stepwise):
    """Panics where the prompt says so."""

    def begin(self, drawing: Drawing) -> Walking:
        if drawing.prompt == "begin":
            raise Panic
        return super().begin(drawing)

    def step(self, together: Sequence[Walking]) -> None:
        super().step(together)
        if together[0].drawing.prompt == "step":
            raise Panic

    def finish(self, together: Sequence[Walking]) -> list[Image.Image]:
        if any(picture.drawing.prompt == "finish" for picture in together):
            raise Panic
        return super().finish(together)


async def test_pictures_without_room_to_be_decoded_together_are_one_by_one() -> None:
    engine = Stepwise(together=2, most_under_way=4, token_budget=4, crammed=1)
    engine.allowed.set()
    async with serve(engine) as served:
        status, answer = await served.post({"prompt": "p", "n": 2, "seed": 3})
        assert (status, [item["seed"] for item in answer["data"]]) == (200, [3, 4])
        assert [each for each in engine.seen if each.startswith("finish")] == ["finish p+p", "finish p", "finish p"]
        await served.until(lambda: engine.seen.count("drop p") == 2)


async def test_one_that_cannot_be_decoded_costs_the_others_nothing() -> None:
    engine = Panicking(together=2, most_under_way=4, token_budget=4)
    async with serve(engine) as served:
        asking = [asyncio.create_task(served.post({"prompt": name})) for name in ("finish", "fine")]
        await served.until(lambda: len(served.worker.desk.running) == 2)
        engine.allowed.set()
        assert sorted([(await task)[0] for task in asking]) == [200, 500]


@pytest.mark.parametrize("where", ["begin", "step", "finish"])
async def test_a_panic_costs_its_picture_and_the_threads_live(where: str) -> None:
    engine = Panicking()
    engine.allowed.set()
    async with serve(engine) as served:
        for _ in range(3):
            status, answer = await served.post({"prompt": where})
            assert (status, answer["error"]["code"]) == (500, "engine_failed")
        assert (await served.post({"prompt": "p"}))[0] == 200


async def test_a_panic_while_loading_ends_the_worker() -> None:
    class Unloadable(Stepwise):
        def load(self, told: Told) -> None:
            raise Panic

    async with serve(Unloadable()) as served:
        await served.until(served.worker.broken.is_set)
