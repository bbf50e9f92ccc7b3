"""A job is cancelled when nobody wants it, joined by its id, remembered for a while; the line is bounded."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from tests.workers.serving import Served
from tests.workers.stepwise import Stepwise
from workers.wire import commission

PLAIN: dict[str, object] = {"prompt": "p", "seed": 1}


async def begin(slow: Served, stepwise: Stepwise, body: Mapping[str, object]) -> "asyncio.Task[tuple[int, Any]]":
    """Asks, and returns once the device draws it."""
    before = len(stepwise.asked)
    task = asyncio.create_task(slow.post(body))
    await slow.until(lambda: len(stepwise.asked) > before)
    return task


async def test_delete_cancels_at_the_next_step(slow: Served, stepwise: Stepwise) -> None:
    asking = await begin(slow, stepwise, {**PLAIN, "job_id": "one"})
    assert (await slow.delete("one"))[1]["status"] == "cancelled"
    status, answer = await asking
    assert (status, answer["error"]["code"]) == (499, "job_cancelled")
    stepwise.allow()
    await slow.until(lambda: stepwise.seen == ["begin p", "step p", "drop p"])
    assert (await slow.delete("one"))[1]["status"] == "cancelled"
    stepwise.allowed.set()
    assert (await slow.post({**PLAIN, "job_id": "one"}))[0] == 200, "a cancelled id may be drawn anew"


async def test_delete_of_what_is_not_there(slow: Served) -> None:
    status, answer = await slow.delete("nothing")
    assert (status, answer["error"]["code"]) == (404, "not_found")


async def test_a_client_that_leaves_cancels_its_job(slow: Served, stepwise: Stepwise) -> None:
    asking = await begin(slow, stepwise, {**PLAIN, "prompt": "left", "n": 3})
    asking.cancel()
    await slow.until(lambda: all(job.over for job in slow.worker.desk.running))
    stepwise.allow()
    await slow.until(lambda: stepwise.seen == ["begin left", "step left", "drop left"])
    assert len(stepwise.asked) == 1, "the second and third picture are not begun"


async def test_a_client_that_leaves_a_stream_cancels_its_job(slow: Served, stepwise: Stepwise) -> None:
    stepwise.allow()
    async with slow.http.post("/v1/images/generations", json={**PLAIN, "stream": True}) as answer:
        assert await answer.content.readline() == b"event: image_generation.progress\n"
    await slow.until(lambda: all(job.over for job in slow.worker.desk.running))
    stepwise.allow()
    await slow.until(lambda: stepwise.seen[-1] == "drop p")
    assert stepwise.steps_taken == 2, "the one that was told, and the one that it was in"


async def test_a_client_that_leaves_with_its_last_picture_cancels_nothing(slow: Served, stepwise: Stepwise) -> None:
    stepwise.allowed.set()
    body = {**PLAIN, "n": 2, "stream": True, "partial_images": 1, "job_id": "read"}
    job = slow.worker.desk.take(commission(orjson.dumps(body), stepwise.models, None))
    async with slow.worker.desk.following(job):
        async for event in job.follow():
            if event["type"].endswith("completed") and event["image_index"] == 1:
                break
    await slow.until(lambda: job.over)
    assert (job.status, slow.worker.desk.drawn) == ("succeeded", 2)
    _, again = await slow.post({**PLAIN, "n": 2, "job_id": "read"})
    assert (len(again["data"]), len(stepwise.asked)) == (2, 2), "it is remembered"


async def test_a_client_that_leaves_the_line_is_not_drawn(slow: Served, stepwise: Stepwise) -> None:
    first = await begin(slow, stepwise, PLAIN)
    second = asyncio.create_task(slow.post({**PLAIN, "prompt": "second"}))
    await slow.until(lambda: slow.worker.desk.waiting == 1)
    second.cancel()
    await slow.until(lambda: slow.worker.desk.waiting == 0)
    stepwise.allowed.set()
    assert (await first)[0] == 200
    assert [drawing.prompt for drawing in stepwise.asked] == ["p"]


async def test_the_same_id_joins_a_running_job(slow: Served, stepwise: Stepwise) -> None:
    first = await begin(slow, stepwise, {**PLAIN, "job_id": "shared"})
    second = asyncio.create_task(slow.post(PLAIN, {"x-request-id": "shared"}))
    streamed = asyncio.create_task(slow.events({**PLAIN, "job_id": "shared"}))
    await slow.until(lambda: [job.followers for job in slow.worker.desk.running] == [3])
    first.cancel()
    await slow.until(lambda: [job.followers for job in slow.worker.desk.running] == [2])
    stepwise.allowed.set()
    status, answer = await second
    events = await streamed
    assert status == 200
    assert [name.partition(".")[2] for name, _ in events] == ["progress"] * 4 + ["completed"]
    assert events[-1][1]["b64_json"] == answer["data"][0]["b64_json"]
    assert len(stepwise.asked) == 1


async def test_a_finished_job_answers_again(slow: Served, stepwise: Stepwise) -> None:
    stepwise.allowed.set()
    asked = {"prompt": "p", "job_id": "kept", "n": 2}
    _, first = await slow.post(asked)
    assert (await slow.post(asked))[1] == first, "also the random seeds are the same"
    completed = [data for name, data in await slow.events(asked) if name.endswith("completed")]
    assert [data["b64_json"] for data in completed] == [item["b64_json"] for item in first["data"]]
    assert len(stepwise.asked) == 2
    assert (await slow.delete("kept"))[1]["status"] == "succeeded"


async def test_an_id_used_for_something_else_is_refused(slow: Served, stepwise: Stepwise) -> None:
    stepwise.allowed.set()
    await slow.post({**PLAIN, "job_id": "kept"})
    status, answer = await slow.post({**PLAIN, "prompt": "q", "job_id": "kept"})
    assert (status, answer["error"]["code"]) == (422, "idempotency_mismatch")


async def test_the_line_is_bounded(slow: Served, stepwise: Stepwise) -> None:
    tasks = [await begin(slow, stepwise, PLAIN)]
    for number in (1, 2):
        tasks.append(asyncio.create_task(slow.post({**PLAIN, "seed": number})))
        await slow.until(lambda number=number: slow.worker.desk.waiting == number)
    async with slow.http.post("/v1/images/generations", json=PLAIN) as answer:
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert (await answer.json())["error"]["code"] == "overloaded"
    _, status = await slow.get("/v1/status")
    assert (status["running"], status["waiting"], status["capacity"]) == (1, 2, 3)
    stepwise.allowed.set()
    assert [(await task)[0] for task in tasks] == [200, 200, 200]
    assert [drawing.seed for drawing in stepwise.asked] == [1, 1, 2], "in the order they came"


async def test_a_draining_worker_takes_nothing_new_and_finishes_the_old(slow: Served, stepwise: Stepwise) -> None:
    first = await begin(slow, stepwise, {**PLAIN, "job_id": "old"})
    slow.worker.desk.draining = True
    assert (await slow.post(PLAIN))[0] == 503
    assert (await slow.get("/readyz"))[0] == 503
    assert (await slow.get("/livez"))[0] == 200
    joined = asyncio.create_task(slow.post({**PLAIN, "job_id": "old"}))
    await slow.until(lambda: [job.followers for job in slow.worker.desk.running] == [2])
    stepwise.allowed.set()
    assert [(await first)[0], (await joined)[0]] == [200, 200]
