"""Limits as a caller meets them: what counts, what is told, and what costs nothing."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, update

from gateway.store.tables import jobs
from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start, simulated_settings
from tests.gateway.drawn import asked, failed, served
from tests.gateway.job_client import Json
from tests.gateway.leaving_caller import LeavingCaller
from tests.gateway.running import RunningGateway
from tests.gateway.stream_client import events, streamed
from tests.gateway.tenants import MadeKey, bearing, change_key, made_key, make_key, make_team
from tests.gateway.until import until

PREFIX = "x-ratelimit-"


def limits_of(answer: httpx.Response) -> dict[str, str]:
    return {name.removeprefix(PREFIX): text for name, text in answer.headers.items() if name.startswith(PREFIX)}


def draw(gateway: RunningGateway, key: str, body: Json | None = None, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return gateway.generate(body or asked(), headers={**bearing(key), **given})


def over(gateway: RunningGateway, answer: httpx.Response, key: str) -> str:
    """How the job of a promise ended."""
    job = gateway.http.get(answer.headers["location"], params={"wait": 60}, headers=bearing(key)).json()
    assert job["finished"], job
    return job["status"]


def refused(answer: httpx.Response) -> str:
    """The message of a 429 that says in whole how long to wait, a minute at most."""
    message = failed(answer, 429, "rate_limit_exceeded")
    assert answer.json()["error"]["type"] == "rate_limit_error"
    milliseconds = int(answer.headers["retry-after-ms"])
    assert 0 < milliseconds <= 60_000
    assert int(answer.headers["retry-after"]) == -(-milliseconds // 1000)
    assert "x-should-retry" not in answer.headers
    return message


def test_the_tightest_of_key_and_team_is_told(easel: RunningGateway) -> None:
    team = make_team(easel, requests_per_minute=60, images_per_minute=1000, megapixels_per_minute=10)["id"]
    key = make_key(easel, team, requests_per_minute=100, images_per_minute=10)
    answer = draw(easel, key, asked(n=2))
    assert limits_of(answer) == {
        "limit-requests": "60",
        "remaining-requests": "59",
        "reset-requests": "1s",
        "limit-images": "10",
        "remaining-images": "8",
        "reset-images": "12s",
        "limit-megapixels": "10",
        "remaining-megapixels": "9.992",
        "reset-megapixels": "47ms",
    }


def test_who_has_no_limits_is_told_none_and_redis_is_not_asked(easel: RunningGateway) -> None:
    assert limits_of(easel.generate(asked())) == {}
    assert limits_of(draw(easel, make_key(easel))) == {}


def test_a_request_too_many_is_refused_and_leaves_nothing_behind(easel: RunningGateway, simulators: Simulators) -> None:
    key = made_key(easel, requests_per_minute=2)
    for left in ("1", "0"):
        answer = draw(easel, key.text)
        assert (answer.status_code, limits_of(answer)["remaining-requests"]) == (200, left)
    again = draw(easel, key.text)
    message = refused(again)
    told = rf"key {key.id} may have 2 requests a minute, and 0 left; this request takes 1, for which there is"
    assert re.match(rf"{told} room in \d\d\.\d s", message)
    assert limits_of(again)["limit-requests"] == "2"
    assert 20_000 < int(again.headers["retry-after-ms"]) <= 30_000
    assert simulators.paid("fal") == 2
    jobs = easel.http.get("/v1/jobs", headers=key.headers).json()["data"]
    assert len(jobs) == 2, "nothing is written of a request that was refused"


@pytest.mark.parametrize("prefer", [{}, {"prefer": "respond-async"}], ids=["waits", "promised"])
def test_a_promise_counts_like_an_answer(easel: RunningGateway, prefer: dict[str, str]) -> None:
    key = make_key(easel, images_per_minute=3)
    first = draw(easel, key, asked(n=2), **prefer)
    assert first.status_code == (202 if prefer else 200)
    assert limits_of(first) == {"limit-images": "3", "remaining-images": "1", "reset-images": "40s"}
    assert "images a minute, and 1 left; this request takes 2" in refused(draw(easel, key, asked(n=2), **prefer))
    assert draw(easel, key, asked(n=1)).status_code == 200


def test_a_stream_begins_with_the_headers(easel: RunningGateway) -> None:
    key = make_key(easel, images_per_minute=3)
    with streamed(easel, asked(), headers=bearing(key)) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert limits_of(answer) == {"limit-images": "3", "remaining-images": "2", "reset-images": "20s"}
        assert [event.name for event in events(answer)][-1] == "image_generation.completed"
    refused(easel.generate(asked(n=3, stream=True), headers=bearing(key)))


def test_all_limits_or_none(easel: RunningGateway) -> None:
    """The key has room, its team has not: nothing is taken from the key."""
    team = make_team(easel, images_per_minute=2)["id"]
    full, key = make_key(easel, team), make_key(easel, team, requests_per_minute=2)
    assert draw(easel, full, asked(n=2)).status_code == 200
    for _each in range(3):
        assert f"team {team} may have 2 images" in refused(draw(easel, key))
    assert limits_of(draw(easel, key)) | {"reset-images": ""} == {
        "limit-requests": "2",
        "remaining-requests": "2",
        "reset-requests": "0s",
        "limit-images": "2",
        "remaining-images": "0",
        "reset-images": "",
    }


@pytest.mark.parametrize(
    ("limit", "body", "told"),
    [
        ({"images_per_minute": 3}, {"n": 4}, "may have 3 images a minute; ask for 3 at most"),
        ({"max_concurrent_images": 2}, {"n": 3}, "may have 2 images at once; ask for 2 at most"),
        ({"megapixels_per_minute": 0.5}, {"size": "2048x1024"}, "ask for a smaller one, such as 1024x512"),
        ({"megapixels_per_minute": 2.5}, {"size": "1024x1024", "n": 3}, "ask for 2 at most"),
        ({"megapixels_per_minute": 0.001}, {}, "one picture of this size has 0.004"),
    ],
    ids=["images", "at once", "size", "images of a size", "hopeless"],
)
def test_what_never_fits_is_no_429(
    easel: RunningGateway, simulators: Simulators, limit: Json, body: Json, told: str
) -> None:
    key = make_key(easel, requests_per_minute=1, **limit)
    answer = draw(easel, key, asked(**body))
    message = failed(answer, 400, "invalid_value")
    assert told in message
    param = "n" if "n" in body else "size"
    assert (answer.json()["error"]["param"], message.partition(":")[0]) == (param, param)
    assert limits_of(answer) == {}
    assert simulators.calls() == []
    assert draw(easel, key, asked(size="16x16")).status_code == 200 or limit == {"megapixels_per_minute": 0.001}


def test_what_draws_nothing_takes_nothing(easel: RunningGateway) -> None:
    key = make_key(easel, requests_per_minute=1, images_per_minute=1)
    with_key = bearing(key)
    for _each in range(2):
        assert easel.http.post("/v1/images/generations?dryRun=true", json=asked(), headers=with_key).status_code == 200
        assert easel.http.post("/v1/images/plan", json=asked(n=4), headers=with_key).status_code == 200
        assert easel.generate(asked(size="nonsense"), headers=with_key).status_code == 400
    assert draw(easel, key).status_code == 200


def test_a_hit_counts(easel: RunningGateway) -> None:
    key, body = make_key(easel, requests_per_minute=2), asked(seed=1)
    assert [draw(easel, key, body).headers["x-easel-cache"] for _each in range(2)] == ["miss", "hit"]
    refused(draw(easel, key, body))


@pytest.mark.parametrize("again", [{"idempotency_key": "one picture"}, {"x_stainless_retry_count": "1"}])
def test_joining_a_job_costs_nothing(easel: RunningGateway, simulators: Simulators, again: dict[str, str]) -> None:
    key, body = make_key(easel, requests_per_minute=1), asked()
    first = draw(easel, key, body, **(again if "idempotency_key" in again else {"x_stainless_retry_count": "0"}))
    for _each in range(2):
        joined = draw(easel, key, body, **again)
        assert joined.status_code == 200, joined.text
        assert joined.headers["x-request-id"] == first.headers["x-request-id"]
        assert limits_of(joined)["remaining-requests"] == "0"
    refused(draw(easel, key))
    assert simulators.paid("fal") == 1


def test_two_at_once_under_one_idempotency_key_count_as_one(easel: RunningGateway, simulators: Simulators) -> None:
    key, body = make_key(easel, requests_per_minute=5, max_concurrent_images=5), asked()
    with ThreadPoolExecutor(5) as threads:
        together = [threads.submit(draw, easel, key, body, idempotency_key="together") for _each in range(5)]
        assert len({served(each.result())["metadata"]["request_id"] for each in together}) == 1
    assert simulators.paid("fal") == 1
    remaining = int(limits_of(draw(easel, key))["remaining-requests"])
    assert remaining == 3


def test_a_limit_that_is_raised_holds_at_once(easel: RunningGateway) -> None:
    key = made_key(easel, requests_per_minute=1)
    assert draw(easel, key.text).status_code == 200
    refused(draw(easel, key.text))
    change_key(easel, key.id, requests_per_minute=None)
    assert draw(easel, key.text).status_code == 200


@pytest.fixture
def one_at_once(easel: RunningGateway) -> MadeKey:
    return made_key(easel, max_concurrent_images=1)


@pytest.fixture
def held(easel: RunningGateway, simulators: Simulators, go_on: GoOn, one_at_once: MadeKey) -> httpx.Response:
    """A job that has the only place, until `go_on`."""
    del go_on
    answer = draw(easel, one_at_once.text, prefer="respond-async")
    assert answer.status_code == 202, answer.text
    until(lambda: simulators.paid("fal") == 1)
    told = refused(draw(easel, one_at_once.text))
    assert f"key {one_at_once.id} may have 1 image drawn at once, and has 1; this request asks for 1 more" in told
    return answer


def test_a_place_is_free_when_the_job_has_succeeded(
    easel: RunningGateway, held: httpx.Response, one_at_once: MadeKey, go_on: GoOn
) -> None:
    go_on()
    assert over(easel, held, one_at_once.text) == "succeeded"
    for _each in range(3):
        assert draw(easel, one_at_once.text).status_code == 200


def test_a_place_is_free_when_the_job_was_cancelled(
    easel: RunningGateway, held: httpx.Response, one_at_once: MadeKey
) -> None:
    assert easel.http.post(f"{held.headers['location']}/cancel", headers=one_at_once.headers).status_code == 200
    assert over(easel, held, one_at_once.text) == "cancelled"
    assert draw(easel, one_at_once.text, asked(model="vllm-omni/qwen-image")).status_code == 200


def test_a_place_is_free_when_the_job_has_failed(
    easel: RunningGateway, simulators: Simulators, one_at_once: MadeKey
) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 400, "times": 2}])
    for _each in range(2):
        failed(draw(easel, one_at_once.text, asked(model="fal/qwen-image")), 400, "invalid_value")
    failed(draw(easel, one_at_once.text, asked(), x_easel_cache="only"), 404, "not_cached")
    assert draw(easel, one_at_once.text, asked(model="vllm-omni/qwen-image")).status_code == 200


@pytest.mark.usefixtures("go_on")
def test_a_place_is_free_when_the_client_has_gone_and_wanted_that(
    easel: RunningGateway, simulators: Simulators, one_at_once: MadeKey
) -> None:
    body = asked(cancel_on_disconnect=True)
    with LeavingCaller(easel, body, authorization=f"Bearer {one_at_once.text}"):
        until(lambda: simulators.paid("fal") == 1)
        refused(draw(easel, one_at_once.text))
    elsewhere: dict[str, Any] = asked(model="vllm-omni/qwen-image")
    until(lambda: draw(easel, one_at_once.text, elsewhere).status_code == 200)


@pytest.fixture(scope="module")
def limited_model(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("limited")
    route = {"qwen-image": {"route": ["fal"], "requests_per_minute": 2}}
    with RunningGateway(simulated_settings(all_simulators, folder, models=route)) as running:
        yield running


def test_a_model_has_limits_for_all_together(limited_model: RunningGateway, simulators: Simulators) -> None:
    assert not simulators.calls()
    keys = [make_key(limited_model) for _each in range(3)]
    assert [draw(limited_model, key).status_code for key in keys] == [200, 200, 429]
    assert "model qwen-image may have 2 requests a minute" in refused(limited_model.generate(asked()))
    assert limits_of(limited_model.generate(asked()))["limit-requests"] == "2"
    other = limited_model.generate(asked(model="gpt-image-1-mini", size="1024x1024"))
    assert limits_of(other) == {}


def test_a_job_that_waits_for_room_keeps_its_place(start: Start, simulators: Simulators, go_on: GoOn) -> None:
    gateway = start(jobs={"max_running": 1, "lease": 1})
    key = make_key(gateway, max_concurrent_images=2)
    first = draw(gateway, key, prefer="respond-async")
    until(lambda: simulators.paid("fal") == 1)
    second = draw(gateway, key, prefer="respond-async")
    assert second.status_code == 202
    refused(draw(gateway, key))
    go_on()
    for answer in (first, second):
        assert over(gateway, answer, key) == "succeeded"
    assert draw(gateway, key, asked(n=2)).status_code == 200


def test_a_job_that_nobody_can_go_on_with_keeps_no_place(start: Start, simulators: Simulators, go_on: GoOn) -> None:
    gateway = start(jobs={"max_running": 1, "lease": 1})
    assert gateway.app.jobs is not None
    key = make_key(gateway, max_concurrent_images=2)
    first = draw(gateway, key, prefer="respond-async")
    until(lambda: simulators.paid("fal") == 1)
    second = draw(gateway, key, prefer="respond-async")
    gateway.run(gateway.app.jobs.database.write(forget_request, second.headers["x-request-id"]))
    refused(draw(gateway, key))
    go_on()
    assert [over(gateway, answer, key) for answer in (first, second)] == ["succeeded", "failed"]
    until(lambda: draw(gateway, key, asked(n=2)).status_code == 200)


def forget_request(connection: Connection, job: str) -> None:
    connection.execute(update(jobs).where(jobs.c.id == job).values(request=None))
