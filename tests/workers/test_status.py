"""What a worker says of itself: while it loads, while it draws, to who has its key; and how long a caller waits."""

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.workers.serving import Served, serve
from tests.workers.stepwise import Stepwise

SECRET = "a secret prompt"


async def metrics(served: Served) -> dict[str, float]:
    """`easel_worker_steps_total{model=stepwise}`: 4, and so on, without what has no value yet."""
    async with served.http.get("/metrics") as answer:
        text = await answer.text()
    assert SECRET not in text
    return {
        sample.name + "".join(f"{{{name}={value}}}" for name, value in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_while_it_loads_it_says_what_it_is_doing() -> None:
    engine = Stepwise()
    engine.loads.clear()
    engine.allowed.set()
    async with serve(engine) as served:
        await served.until(lambda: served.worker.desk.device.loading == ("looking for the brush", 0.5))
        _, status = await served.get("/v1/status")
        assert (status["ready"], status["loading"]) == (False, {"what": "looking for the brush", "share": 0.5})
        assert (status["device"], status["memory"]["total"]) == (None, 0), "nobody knows what it will have"
        assert [(await served.get(path))[0] for path in ("/livez", "/readyz")] == [200, 503]
        waiting = asyncio.create_task(served.post({"prompt": "p"}))
        await served.until(lambda: served.worker.desk.waiting == 1)
        engine.loads.set()
        assert (await waiting)[0] == 200, "who came early is drawn"
        _, status = await served.get("/v1/status")
        assert (status["ready"], status["loading"]) == (True, None)


async def test_queue_seconds_are_what_is_left_of_everything_taken(slow: Served, stepwise: Stepwise) -> None:
    """`stepwise` needs 0.01 s for a step."""
    asking = [asyncio.create_task(slow.post({"prompt": "a", "n": 2, "job_id": "a"}))]
    await slow.until(lambda: bool(stepwise.steps()))
    asking.append(asyncio.create_task(slow.post({"prompt": "b", "num_inference_steps": 10})))
    await slow.until(lambda: slow.worker.desk.waiting == 1)
    assert (await slow.get("/v1/status"))[1]["queue_seconds"] == pytest.approx(0.08 + 0.1)
    stepwise.allow()
    await slow.until(lambda: len(stepwise.steps()) == 2)
    await slow.until(lambda: slow.worker.desk.queue_seconds < 0.175)
    assert (await slow.get("/v1/status"))[1]["queue_seconds"] == pytest.approx(0.07 + 0.1)
    assert (await metrics(slow))["easel_worker_queue_seconds"] == pytest.approx(0.07 + 0.1)
    stepwise.allowed.set()
    assert [(await task)[0] for task in asking] == [200, 200]
    assert (await slow.get("/v1/status"))[1]["queue_seconds"] == 0


async def test_what_the_engine_holds(slow: Served) -> None:
    await slow.until(lambda: slow.worker.desk.ready)
    _, status = await slow.get("/v1/status")
    assert status["device"] == "cpu"
    assert status["memory"] == {"total": 100, "free": 60, "peak": 40}
    assert status["loras"] == [{"name": "paint", "digest": "f00d"}]
    assert status["models"][0]["pace"] == {"seconds_per_picture": 0.0, "seconds_per_megapixel_step": 0.01}


async def test_metrics_count_what_was_done() -> None:
    engine = Stepwise(together=2, most_under_way=4, token_budget=4, room=2)
    engine.allowed.set()
    async with serve(engine) as served:
        await served.post({"prompt": SECRET, "n": 3, "num_inference_steps": 2})
        await served.post({"prompt": SECRET, "size": "64x64"})
        await served.post({"prompt": ""})
        counted = await metrics(served)
    assert counted["easel_worker_pictures_total{model=stepwise}"] == 3
    assert counted["easel_worker_steps_total{model=stepwise}"] == 6
    assert counted["easel_worker_group_pictures_sum"] == 6
    assert counted["easel_worker_group_pictures_bucket{le=1.0}"] == counted["easel_worker_group_pictures_count"] - 0
    assert counted["easel_worker_device_seconds_total{model=stepwise}"] > 0
    assert counted["easel_worker_out_of_memory_total{what=group}"] == 1
    assert counted["easel_worker_out_of_memory_total{what=picture}"] == 1
    assert counted["easel_worker_refusals_total{code=out_of_memory}"] == 1
    assert counted["easel_worker_refusals_total{code=invalid_value}"] == 1
    assert counted["easel_worker_memory_bytes{kind=peak}"] == 40
    assert (counted["easel_worker_jobs{state=running}"], counted["easel_worker_jobs{state=waiting}"]) == (0, 0)


async def test_a_worker_with_a_key_is_for_those_who_show_it() -> None:
    engine = Stepwise()
    engine.allowed.set()
    async with serve(engine, key="s3cret") as served:
        for path in ("/v1/status", "/v1/models", "/metrics", "/v1/nothing"):
            status, answer = await served.get(path)
            assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
        assert (await served.delete("job"))[0] == 401
        for wrong in (
            {},
            {"authorization": "Bearer s3cre"},
            {"authorization": "s3cret"},
            {"authorization": "Bearer é"},
        ):
            assert (await served.post({"prompt": "p"}, wrong))[0] == 401
        assert engine.asked == []
        assert [(await served.get(path))[0] for path in ("/livez", "/readyz")] == [200, 200]
        assert (await served.post({"prompt": "p"}, {"authorization": "Bearer s3cret"}))[0] == 200


async def test_a_caller_waits_as_long_as_he_said(slow: Served, stepwise: Stepwise) -> None:
    status, answer = await slow.post({"prompt": "late"}, {"x-easel-deadline-ms": "80"})
    assert (status, answer["error"]["code"]) == (504, "deadline_exceeded")
    stepwise.allow()
    await slow.until(lambda: stepwise.seen == ["begin late", "step late", "drop late"])
    assert (await metrics(slow))["easel_worker_cancelled_total"] == 1


async def test_a_streams_deadline_is_its_last_event(slow: Served, stepwise: Stepwise) -> None:
    body = {"prompt": "late", "stream": True, "job_id": "shared"}
    patient = asyncio.create_task(slow.post({"prompt": "late", "job_id": "shared"}))
    await slow.until(lambda: bool(stepwise.steps()))
    async with slow.http.post("/v1/images/generations", json=body, headers={"x-easel-deadline-ms": "80"}) as answer:
        told = await answer.text()
    assert told.startswith("event: error\n")
    assert '"deadline_exceeded"' in told
    stepwise.allowed.set()
    assert (await patient)[0] == 200, "the job is drawn for who still waits"


@pytest.mark.parametrize("told", ["0", "-5", "1.5", "soon", "99999999999", "٣"])
async def test_a_deadline_that_is_none_is_refused(slow: Served, stepwise: Stepwise, told: str) -> None:
    answer: Any
    status, answer = await slow.post({"prompt": "p"}, {"x-easel-deadline-ms": told})
    assert (status, answer["error"]["param"]) == (400, "x-easel-deadline-ms")
    assert stepwise.asked == []
