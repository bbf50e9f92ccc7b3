"""Calls are pushed to the worker with the least work; one that cannot take a call is passed over."""

import asyncio
import io
import time
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image as PillowImage

from normalizers.offer import Operation
from providers.account import Account
from providers.base import Call, Part
from providers.errors import Kind
from providers.local.adapter import Local
from providers.local.casualties import MAX_REFUSALS
from providers.local.worker import REST_SECONDS
from tests.providers import failing
from tests.providers.forms import files_of, parts_of, texts_of
from tests.providers.upstream import Reply, Upstream
from tests.workers.serving import serve
from workers.sketch.painter import Sketch

PROMPT = "a lighthouse in a storm, oil on canvas, very detailed"
ANSWER = {"created": 1, "data": [{"b64_json": "AAAA"}]}
FULL = {"error": {"message": "The queue is full.", "type": "x", "param": None, "code": "overloaded"}}

Make = Callable[..., Local]
failure = partial(failing.failure, provider="local", hidden=(PROMPT,))


def call(images: int = 1, **payload: Any) -> Call:
    return Call("req_1.1", "sketch", "generate", {"prompt": PROMPT, **payload}, images, "bytes")


@pytest_asyncio.fixture
async def make() -> AsyncGenerator[Make]:
    made: list[Local] = []

    def one(*workers: str, clock: Callable[[], float] = time.monotonic, **settings: Any) -> Local:
        made.append(Local(Account("", **settings), workers, clock=clock, patience=0.05))
        return made[-1]

    yield one
    for adapter in made:
        await adapter.close()


async def test_what_a_worker_is_sent(upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, ANSWER)]
    answer = await make(upstream.url, key="k").generate(call(size="64x64"))
    assert answer.images[0].base64 == b"AAAA"
    asked = upstream.asked[0]
    assert (asked.method, asked.path) == ("POST", "/v1/images/generations")
    assert asked.json == {"model": "sketch", "response_format": "b64_json", "prompt": PROMPT, "size": "64x64"}
    assert asked.headers["x-request-id"] == "req_1.1"
    assert asked.headers["authorization"] == "Bearer k"


async def test_the_least_work_outstanding_comes_first(upstream: Upstream, second: Upstream, make: Make) -> None:
    go = asyncio.Event()
    upstream.script = second.script = lambda asked: Reply(200, ANSWER, hold=go)
    local = make(upstream.url, second.url)
    large = asyncio.create_task(local.generate(call(size="2048x2048")))
    await upstream.arrived.wait()
    small = [asyncio.create_task(local.generate(call(size="512x512"))) for _ in range(3)]
    await second.arrived.wait()
    assert [len(worker.sent) for worker in local.roster.workers.values()] == [1, 3]
    go.set()
    await asyncio.gather(large, *small)
    assert (len(upstream.asked), len(second.asked)) == (1, 3)
    assert [worker.sent for worker in local.roster.workers.values()] == [[], []]


async def test_a_worker_that_refuses_the_connection_rests(second: Upstream, make: Make) -> None:
    gone = Upstream()
    await gone.start()
    await gone.stop()
    second.script = lambda asked: Reply(200, ANSWER)
    local = make(gone.url, second.url, clock=lambda: 0.0)
    await local.generate(call())
    dead, alive = local.roster.workers.values()
    assert (dead.room(0.0), dead.room(REST_SECONDS)) == (0, 3), "it is not asked for a while"
    assert (alive.room(0.0), len(second.asked)) == (3, 1)


@pytest.mark.parametrize("status", [503, 429])
async def test_a_full_worker_is_passed_over(status: int, upstream: Upstream, second: Upstream, make: Make) -> None:
    upstream.script = lambda asked: Reply(status, FULL, {"retry-after": "9"})
    second.script = lambda asked: Reply(200, ANSWER)
    local = make(upstream.url, second.url, clock=lambda: 0.0)
    for _ in range(3):
        await local.generate(call())
    assert (len(upstream.asked), len(second.asked)) == (1, 3)


async def test_who_is_refused_again_and_again_is_told_so(upstream: Upstream, make: Make) -> None:
    upstream.script = lambda asked: Reply(503, FULL, {"retry-after": "0"})
    error = await failure(make(upstream.url).generate(call()))
    assert (error.kind, error.retry_after, error.again, error.paid) == (Kind.BUSY, 0.0, True, False)
    assert len(upstream.asked) == MAX_REFUSALS


async def test_a_call_whose_worker_dies_goes_to_the_next(upstream: Upstream, second: Upstream, make: Make) -> None:
    upstream.script = lambda asked: Reply(drop=True)
    second.script = lambda asked: Reply(200, ANSWER)
    assert len((await make(upstream.url, second.url).generate(call())).images) == 1


async def test_a_call_that_kills_workers_is_not_given_to_a_third(
    upstream: Upstream, second: Upstream, make: Make
) -> None:
    upstream.script = second.script = lambda asked: Reply(drop=True)
    third = Upstream()
    await third.start()
    error = await failure(make(upstream.url, second.url, third.url).generate(call()))
    await third.stop()
    assert (error.kind, error.paid) == (Kind.FAILED, False)
    assert not third.asked


async def test_what_a_call_brings_down_counts_over_all_of_its_tries(upstream: Upstream, make: Make) -> None:
    full = [Reply(503, FULL, {"retry-after": "0"})] * MAX_REFUSALS
    upstream.replies = [Reply(drop=True), *full, Reply(drop=True), Reply(200, ANSWER)]
    local = make(upstream.url)
    local.dispatch.patience = 5
    first = await failure(local.generate(call()))
    assert (first.kind, first.again) == (Kind.BUSY, True)
    second = await failure(local.generate(call()))
    assert (second.kind, second.again, second.elsewhere, second.paid) == (Kind.FAILED, False, True, False)
    assert len(upstream.replies) == 1, "it is not asked a third time"


async def test_a_picture_too_large_for_two_workers_is_not_tried_on_a_third(
    upstream: Upstream, second: Upstream, make: Make
) -> None:
    error = {"message": "not enough memory", "type": "service_unavailable_error", "param": None}
    upstream.script = second.script = lambda asked: Reply(503, {"error": {**error, "code": "out_of_memory"}})
    local = make(upstream.url, second.url, "http://127.0.0.1:9")
    told = await failure(local.generate(call()))
    assert (told.kind, told.again, told.elsewhere, told.message) == (Kind.BUSY, False, True, "not enough memory")
    assert (len(upstream.asked), len(second.asked), local.roster.losses) == (1, 1, 0)


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_fault_without_words_comes_from_before_a_worker_that_is_gone(
    status: int, upstream: Upstream, second: Upstream, make: Make
) -> None:
    upstream.script = lambda asked: Reply(status, b"Internal Server Error", {"content-type": "text/plain"})
    second.script = lambda asked: Reply(200, ANSWER)
    local = make(upstream.url, second.url)
    assert len((await local.generate(call())).images) == 1
    assert local.roster.losses == 1


async def test_a_worker_whose_time_is_over_is_not_paid(upstream: Upstream, make: Make) -> None:
    error = {"message": "The time is over.", "type": "server_error", "param": None, "code": "deadline_exceeded"}
    upstream.replies = [Reply(504, {"error": error})]
    assert (await failure(make(upstream.url).generate(call()))).kind is Kind.TIMEOUT


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Kind.BAD_REQUEST), (404, Kind.BAD_REQUEST), (500, Kind.FAILED), (499, Kind.CANCELLED)]
)
async def test_a_workers_word_on_the_request_is_final(  # the next worker would say the same
    status: int, kind: Kind, upstream: Upstream, second: Upstream, make: Make
) -> None:
    error = {"message": f"bad size for {PROMPT}", "type": "x", "param": "size", "code": "invalid_value"}
    upstream.replies = [Reply(status, {"error": error})]
    told = await failure(make(upstream.url, second.url).generate(call()))
    assert (told.kind, told.param) == (kind, "size" if kind is Kind.BAD_REQUEST else None)
    assert not second.asked


async def test_too_slow_is_a_timeout_and_is_not_tried_elsewhere(
    upstream: Upstream, second: Upstream, make: Make
) -> None:
    upstream.script = lambda asked: Reply(200, ANSWER, hold=asyncio.Event())
    assert (await failure(make(upstream.url, second.url, timeout=0.1).generate(call()))).kind is Kind.TIMEOUT
    assert not second.asked


def test_there_must_be_a_worker() -> None:
    with pytest.raises(ValueError, match="no worker"):
        Local(Account(""))


async def test_a_real_sketch_worker_draws(make: Make) -> None:
    async with serve(Sketch()) as served:
        local = make(served.url)
        answer = await local.generate(call(2, n=2, size="256x256", seed=7, num_inference_steps=2))
        refused = await failure(local.generate(call(size="1x1")))
        await local.close()
    assert [(image.width, image.height, image.seed) for image in answer.images] == [(256, 256, 7), (256, 256, 8)]
    assert all(image.base64 and bytes(image.base64[:6]) == b"iVBORw" for image in answer.images)
    assert (refused.kind, refused.param) == (Kind.BAD_REQUEST, "size")


def picture(colour: str, width: int = 160, height: int = 96) -> Part:
    out = io.BytesIO()
    PillowImage.new("RGBA", (width, height), colour).save(out, "PNG")
    return Part(out.getvalue(), "image/png", "picture.png")


@pytest.mark.parametrize("operation", ["edit", "image_to_image"])
async def test_what_a_worker_is_sent_for_an_edit(operation: Operation, upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, ANSWER)]
    fox, owl = picture("red"), picture("navy")
    payload = {"prompt": PROMPT, "image": [fox, owl], "mask": fox, "strength": 0.5, "n": 2, "size": "64x64"}
    await make(upstream.url, key="k").generate(Call("req_1.1", "sketch", operation, payload, 2, "bytes"))
    asked = upstream.asked[0]
    assert (asked.method, asked.path) == ("POST", "/v1/images/edits")
    assert (asked.headers["x-request-id"], asked.headers["authorization"]) == ("req_1.1", "Bearer k")
    parts = parts_of(asked.headers["content-type"], asked.body)
    sent = {"response_format": "b64_json", "model": "sketch", "prompt": PROMPT, "n": "2", "size": "64x64"}
    assert dict(texts_of(parts)) == {**sent, "strength": "0.5"}
    assert [(name, content) for name, _file, _type, content in files_of(parts)] == [
        ("image[]", fox.content),
        ("image[]", owl.content),
        ("mask", fox.content),
    ]


async def test_a_real_sketch_worker_edits(make: Make) -> None:
    async with serve(Sketch()) as served:
        local = make(served.url)
        payload = {"prompt": PROMPT, "image": [picture("red"), picture("navy")], "num_inference_steps": 2, "seed": 7}
        answer = await local.generate(Call("req_1.1", "sketch", "edit", payload, 1, "bytes"))
        unfit = {**payload, "mask": picture("red", 64, 64)}
        refused = await failure(local.generate(Call("req_1.2", "sketch", "edit", unfit, 1, "bytes")))
        await local.close()
    assert [(image.width, image.height, image.seed) for image in answer.images] == [(160, 96, 7)]
    assert (refused.kind, refused.param) == (Kind.BAD_REQUEST, "mask")
