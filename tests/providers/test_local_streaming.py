"""A watched call is told its worker's every step and preview; a worker lost on the way is followed by the next one."""

import asyncio
import base64
import io
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import orjson
import pytest
import pytest_asyncio
from PIL import Image as PillowImage

from providers.abilities import Shows
from providers.account import Account
from providers.base import Call, Part
from providers.errors import Kind
from providers.local.adapter import Local
from tests.providers import failing
from tests.providers.forms import parts_of, texts_of
from tests.providers.upstream import Reply, Upstream
from tests.providers.watching import Seen
from tests.workers.serving import Served, serve
from tests.workers.stepwise import Stepwise
from workers.sketch.painter import Sketch

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
STREAM = {"content-type": "text/event-stream"}
PICTURE = base64.b64encode(b"\x89PNG" * 700).decode()

Make = Callable[..., Local]
failure = partial(failing.failure, provider="local", hidden=(PROMPT,))


def call(images: int = 1, partial_images: int = 0, **payload: Any) -> Call:
    body = {"prompt": PROMPT, "n": images, **payload}
    return Call("req_1.1", "sketch", "generate", body, images, "bytes", partial_images=partial_images)


def event(what: str, index: int, **fields: Any) -> bytes:
    told = {"type": f"image_generation.{what}", "image_index": index, **fields}
    return b"event: image_generation." + what.encode() + b"\ndata: " + orjson.dumps(told) + b"\n\n"


def step(number: int, steps: int = 4, index: int = 0) -> bytes:
    return event("progress", index, step=number, steps=steps)


def done(index: int, seed: int = 7) -> bytes:
    return event("completed", index, b64_json=PICTURE, seed=seed, size="64x96", output_format="png")


def size_of(text: bytes | memoryview | None) -> tuple[int, int]:
    return PillowImage.open(io.BytesIO(base64.b64decode(bytes(text or b"")))).size


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest_asyncio.fixture
async def make() -> AsyncGenerator[Make]:
    made: list[Local] = []

    def one(*workers: str, silence: float = 60.0, **settings: Any) -> Local:
        made.append(Local(Account("", **settings), workers, silence=silence, patience=0.05))
        return made[-1]

    yield one
    for adapter in made:
        await adapter.close()


@pytest_asyncio.fixture
async def stepwise() -> AsyncGenerator[tuple[Served, Stepwise]]:
    """A worker whose engine stands still until it is allowed to go on."""
    engine = Stepwise()
    async with serve(engine) as served:
        yield served, engine


async def test_a_real_sketch_worker_shows_what_it_does(make: Make, seen: Seen) -> None:
    async with serve(Sketch()) as served:
        local = make(served.url)
        asked = call(2, 3, size="64x96", num_inference_steps=8, seed=7, output_format="webp")
        watched, plain = await local.generate_watched(asked, seen), await local.generate(asked)
        await local.close()
    assert isinstance(local, Shows)
    assert seen.steps == [(number, 16) for number in range(1, 17)], "one picture after the other"
    assert [(told.place, told.number, told.format) for told in seen.previews] == [
        (place, number, "webp") for place in (0, 1) for number in (0, 1, 2)
    ]
    assert {size_of(told.base64) for told in seen.previews} == {(64, 96)}
    assert sorted(told.place for told in seen.all) == [0] * 12 + [1] * 11, "of the second no picture: it is the answer"
    assert watched.images == plain.images
    assert [(image.seed, image.width, image.content_type) for image in watched.images] == [
        (7, 64, "image/webp"),
        (8, 64, "image/webp"),
    ]


async def test_a_real_sketch_worker_shows_an_edit(make: Make, seen: Seen) -> None:
    out = io.BytesIO()
    PillowImage.new("RGB", (160, 96), "navy").save(out, "PNG")
    payload = {"prompt": PROMPT, "image": [Part(out.getvalue(), "image/png", "p.png")], "num_inference_steps": 4}
    async with serve(Sketch()) as served:
        local = make(served.url)
        asked = Call("req_1.1", "sketch", "edit", payload, 1, "bytes", partial_images=1)
        answer = await local.generate_watched(asked, seen)
        await local.close()
    assert seen.steps == [(number, 4) for number in range(1, 5)]
    assert [size_of(told.base64) for told in seen.previews] == [size_of(answer.images[0].base64)] == [(160, 96)]


async def test_what_a_worker_is_sent(upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.script = lambda asked: Reply(200, step(1) + done(0), STREAM)
    local = make(upstream.url, key="k")
    await local.generate_watched(call(partial_images=2, size="64x64"), seen)
    edit = Call(
        "req_1.2", "sketch", "edit", {"prompt": PROMPT, "image": [Part(b"fox", "image/png", "p.png")]}, 1, "bytes"
    )
    await local.generate_watched(edit, seen)
    drawn, edited = upstream.asked
    assert drawn.json == {
        "model": "sketch",
        "response_format": "b64_json",
        "prompt": PROMPT,
        "n": 1,
        "size": "64x64",
        "stream": True,
        "partial_images": 2,
    }
    assert (drawn.headers["x-request-id"], drawn.headers["authorization"]) == ("req_1.1", "Bearer k")
    texts = dict(texts_of(parts_of(edited.headers["content-type"], edited.body)))
    assert (edited.path, texts["stream"], texts["partial_images"]) == ("/v1/images/edits", "true", "0")


async def test_pictures_come_in_their_order_whenever_they_are_done(upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.replies = [Reply(200, done(1, seed=8) + done(0), STREAM)]
    answer = await make(upstream.url).generate_watched(call(2), seen)
    assert [image.seed for image in answer.images] == [7, 8]
    assert [(told.place, told.image) for told in seen.ready] == [(1, answer.images[1])], "the last one is the answer's"


@pytest.mark.parametrize(
    "odd",
    [
        step(5),
        step(-1),
        step(0, steps=0),
        event("progress", 0, step=True, steps=4),
        event("progress", 0, step="1", steps=4),
        event("progress", 0, step=1),
        event("progress", 0, step=1, steps=10**9),
        step(1, index=2),
        step(1, index=-1),
        event("progress", "0", step=1, steps=4),  # pyright: ignore[reportArgumentType] - what a worker should not send
    ],
)
async def test_steps_that_cannot_be_are_not_told(odd: bytes, upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.replies = [Reply(200, odd + step(4) + done(0), STREAM)]
    assert len((await make(upstream.url).generate_watched(call(), seen)).images) == 1
    assert seen.steps == [(4, 4)]


@pytest.mark.parametrize(
    "lost",
    [
        Reply(drop=True),
        Reply(200, step(1) + done(0), STREAM, cut=len(step(1)) + 40),
        Reply(200, step(1), STREAM),
        Reply(200, b"", STREAM),
    ],
)
async def test_a_worker_lost_in_the_middle_is_followed_by_the_next(
    lost: Reply, upstream: Upstream, second: Upstream, make: Make, seen: Seen
) -> None:
    upstream.script = lambda asked: lost
    second.script = lambda asked: Reply(200, step(1) + step(2) + done(0), STREAM)
    assert len((await make(upstream.url, second.url).generate_watched(call(), seen)).images) == 1
    begun = seen.steps[: len(seen.steps) - 2]
    assert (begun in ([], [(1, 4)]), seen.steps[-2:]) == (True, [(1, 4), (2, 4)]), "it begins anew"
    assert (len(upstream.asked), len(second.asked)) == (1, 1)


async def test_a_worker_that_falls_silent_is_lost(upstream: Upstream, second: Upstream, make: Make, seen: Seen) -> None:
    body = step(1) + done(0)
    upstream.script = lambda asked: Reply(200, body, STREAM, hold=asyncio.Event(), pause=len(step(1)))
    second.script = lambda asked: Reply(200, body, STREAM)
    assert (
        len((await make(upstream.url, second.url, silence=0.05, timeout=20).generate_watched(call(), seen)).images) == 1
    )
    assert (len(upstream.asked), len(second.asked)) == (1, 1)


async def test_two_lost_workers_are_enough(upstream: Upstream, second: Upstream, make: Make, seen: Seen) -> None:
    upstream.script = second.script = lambda asked: Reply(200, step(1), STREAM)
    third = Upstream()
    await third.start()
    error = await failure(make(upstream.url, second.url, third.url).generate_watched(call(), seen))
    await third.stop()
    assert (error.kind, third.asked) == (Kind.FAILED, [])


async def test_too_slow_is_a_timeout_and_is_not_tried_elsewhere(
    upstream: Upstream, second: Upstream, make: Make, seen: Seen
) -> None:
    body = step(1) + done(0)
    upstream.script = lambda asked: Reply(200, body, STREAM, hold=asyncio.Event(), pause=len(step(1)))
    error = await failure(make(upstream.url, second.url, timeout=0.1).generate_watched(call(), seen))
    assert (error.kind, second.asked) == (Kind.TIMEOUT, [])


async def test_a_full_worker_is_passed_over(upstream: Upstream, second: Upstream, make: Make, seen: Seen) -> None:
    full = {"error": {"message": "The queue is full.", "type": "x", "param": None, "code": "overloaded"}}
    upstream.script = lambda asked: Reply(503, full)
    second.script = lambda asked: Reply(200, done(0), STREAM)
    assert len((await make(upstream.url, second.url).generate_watched(call(), seen)).images) == 1


async def test_a_server_that_does_not_stream_answers_as_ever(upstream: Upstream, make: Make, seen: Seen) -> None:
    upstream.replies = [Reply(200, {"data": [{"b64_json": PICTURE}]})]
    assert len((await make(upstream.url).generate_watched(call(), seen)).images) == 1


async def test_an_engine_that_fails_is_the_workers_own_word(
    stepwise: tuple[Served, Stepwise], second: Upstream, make: Make, seen: Seen
) -> None:
    served, engine = stepwise
    engine.fails = True
    local = make(served.url, second.url)
    asked = Call("req_1.1", "stepwise", "generate", {"prompt": PROMPT}, 1, "bytes")
    error = await failure(local.generate_watched(asked, seen))
    await local.close()
    assert (error.kind, error.again, second.asked) == (Kind.FAILED, True, [])


async def test_a_job_cancelled_at_the_worker_is_cancelled(
    stepwise: tuple[Served, Stepwise], make: Make, seen: Seen
) -> None:
    served, engine = stepwise
    engine.allow()
    local = make(served.url)
    asked = Call("req_1.1", "stepwise", "generate", {"prompt": PROMPT}, 1, "bytes")
    asking = asyncio.create_task(local.generate_watched(asked, seen))
    await seen.first.wait()
    assert (await served.delete("req_1.1"))[0] == 200
    assert (await failure(asking)).kind is Kind.CANCELLED
    await local.close()


async def test_who_cancels_the_call_stops_the_worker(stepwise: tuple[Served, Stepwise], make: Make, seen: Seen) -> None:
    served, engine = stepwise
    local = make(served.url)
    asked = Call("req_1.1", "stepwise", "generate", {"prompt": "stopped", "n": 3}, 3, "bytes")
    asking = asyncio.create_task(local.generate_watched(asked, seen))
    engine.allow()
    await seen.first.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await served.until(lambda: all(job.over for job in served.worker.desk.running))
    engine.allow()
    await served.until(lambda: engine.seen[-1] == "drop stopped")
    await served.until(lambda: not served.worker.desk.running)
    assert len(engine.asked) == 1, "no picture more"
    assert engine.steps_taken <= 2, "none but the step that it was in"
    assert local.roster.workers[served.url].sent == []
    engine.allowed.set()
    assert len((await local.generate_watched(asked, seen)).images) == 3, "the same call can be made anew"
    await local.close()
