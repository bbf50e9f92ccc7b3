"""Pictures of a job that failed stay with it, and the same request, sent again, draws only the rest: once."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway import written
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, each, failed, served
from tests.gateway.job_client import shown
from tests.gateway.leaving_caller import sdk
from tests.gateway.running import RunningGateway

Json = dict[str, Any]
# All calls are out before two of the answers are lost.
TWO_ARE_LOST = [
    {"provider": "fal", "on": "submit", "effect": "delay", "seconds": 0.2, "times": 4},
    {"provider": "fal", "on": "submit", "effect": "drop_after", "times": 2},
]


def four(**more: Any) -> Json:
    """Each picture is a call of its own, because of the seed; nothing is cached."""
    return {**asked(n=4, seed=100, cache="off"), "model": "fal/qwen-image", **more}


def half_done(gateway: RunningGateway, simulators: Simulators, body: Json, **headers: str) -> httpx.Response:
    """Two of four pictures are missing, and may have been paid."""
    simulators.set_faults(TWO_ARE_LOST)
    answer = gateway.generate(body, headers=headers)
    simulators.set_faults([])
    failed(answer, 502, "provider_error")
    return answer


def seeds(simulators: Simulators) -> list[int]:
    return [call["body"]["seed"] for call in simulators.calls("fal", "submit")]


def test_the_error_and_the_job_say_what_there_is(easel: RunningGateway, simulators: Simulators) -> None:
    answer = half_done(easel, simulators, four())
    id = answer.headers["x-request-id"]
    message = answer.json()["error"]["message"]
    assert message.startswith("2 of 4 pictures are missing")
    assert f"the 2 that were made stay with job {id}" in message
    assert "the same request, sent again, uses them" in message
    assert answer.headers["x-should-retry"] == "false"
    job = shown(easel, id)
    assert (job["status"], job["error"]) == ("failed", answer.json()["error"])
    assert [content_of(image)[:4] for image in job["result"]["data"]] == [b"\x89PNG"] * 2
    assert job["progress"]["images_done"] == 2
    assert sorted(call["state"] for call in written.calls(easel, id)) == ["done", "done", "unknown", "unknown"]
    assert written.job(easel, id)["leftover"] == 1


@pytest.mark.parametrize("response_format", ["url", "b64_json"])
def test_the_same_request_draws_the_rest_and_no_more_than_once(
    easel: RunningGateway, simulators: Simulators, response_format: str
) -> None:
    body = four(response_format=response_format)
    lost = half_done(easel, simulators, body).headers["x-request-id"]
    made = [content_of(image) for image in shown(easel, lost)["result"]["data"]]
    before = seeds(simulators)
    assert sorted(before) == [100, 101, 102, 103]
    answer = easel.generate(body)
    whole = served(answer)
    drawn = seeds(simulators)[4:]
    assert len(drawn) == 2
    pictures = {image["seed"]: content_of(image) for image in whole["data"]}
    assert list(pictures) == [100, 101, 102, 103]
    assert sorted(pictures[seed] for seed in pictures if seed not in drawn) == sorted(made)
    assert whole["metadata"]["cost"] == pytest.approx(0.04)
    heir = written.job(easel, answer.headers["x-request-id"])
    [left] = written.rows(easel, "SELECT leftover, heir FROM jobs WHERE id = ?", lost)
    assert left == {"leftover": 0, "heir": heir["id"]}
    assert len(shown(easel, lost)["result"]["data"]) == 2
    assert len(shown(easel, heir["id"])["result"]["data"]) == 4
    served(easel.generate(body))
    assert sorted(seeds(simulators)[6:]) == [100, 101, 102, 103]


def test_another_request_does_not_get_them(easel: RunningGateway, simulators: Simulators) -> None:
    body = four()
    half_done(easel, simulators, body)
    served(easel.generate({**body, "guidance_scale": 3}))
    served(easel.generate(body, headers={"x-easel-strict": "true"}))
    assert len(seeds(simulators)) == 12
    served(easel.generate(body))
    assert len(seeds(simulators)) == 14


def test_a_key_is_the_word_of_a_request_and_not_of_its_pictures(easel: RunningGateway, simulators: Simulators) -> None:
    body = four()
    first = half_done(easel, simulators, body, **{"idempotency-key": "left 1"})
    again = easel.generate(body, headers={"idempotency-key": "left 1"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (502, "true")
    assert again.json() == first.json()
    assert len(seeds(simulators)) == 4
    served(easel.generate(body, headers={"idempotency-key": "left 2"}))
    assert len(seeds(simulators)) == 6


def test_what_an_sdk_sends_again_by_itself_gets_the_error_first(easel: RunningGateway, simulators: Simulators) -> None:
    body = four()
    first = half_done(easel, simulators, body, **{"x-stainless-retry-count": "0"})
    again = sdk(easel, body, 1).answer()
    assert (again.status, again.body) == (502, first.json())
    assert len(seeds(simulators)) == 4
    assert sdk(easel, body).answer().status == 200
    assert len(seeds(simulators)) == 6


def test_what_fails_again_passes_all_of_it_on(easel: RunningGateway, simulators: Simulators) -> None:
    body = four()
    half_done(easel, simulators, body)
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "drop_after"}])
    second = easel.generate(body)
    message = failed(second, 502, "provider_error")
    made = len(shown(easel, second.headers["x-request-id"])["result"]["data"])
    assert f"the {made} that were made stay with job {second.headers['x-request-id']}" in message
    assert made >= 2
    simulators.set_faults([])
    before = len(seeds(simulators))
    assert each(served(easel.generate(body)), "seed") == [100, 101, 102, 103]
    assert len(seeds(simulators)) == before + 4 - made


def test_with_a_cache_they_are_hits(easel: RunningGateway, simulators: Simulators) -> None:
    body = four(cache="seeded", seed=62_000)
    half_done(easel, simulators, body)
    answer = easel.generate(body)
    assert answer.headers["x-easel-cache"] == "partial"
    assert sorted(each(served(answer), "cache")) == ["hit", "hit", "miss", "miss"]
    assert len(seeds(simulators)) == 6
    assert easel.generate(body).headers["x-easel-cache"] == "hit"


def test_one_that_was_deleted_meanwhile_is_drawn_again(easel: RunningGateway, simulators: Simulators) -> None:
    body = four()
    lost = half_done(easel, simulators, body).headers["x-request-id"]
    [name, _other] = written.rows(easel, "SELECT name FROM pictures WHERE job = ? ORDER BY place", lost)
    (easel.app.settings.server.data_dir / "images" / "default" / name["name"]).unlink()
    assert all(content_of(image) for image in served(easel.generate(body))["data"])
    assert len(seeds(simulators)) == 7


def test_with_its_job_they_are_gone(easel: RunningGateway, simulators: Simulators) -> None:
    body = four()
    lost = half_done(easel, simulators, body).headers["x-request-id"]
    easel.http.delete(f"/v1/jobs/{lost}").raise_for_status()
    served(easel.generate(body))
    assert len(seeds(simulators)) == 8


@pytest.mark.parametrize("response_format", ["url", "b64_json"])
def test_without_a_store_a_providers_url_is_used_as_long_as_it_serves(
    start: Start, simulators: Simulators, response_format: str
) -> None:
    gateway = start(storage={"keep": False})
    body = four(response_format=response_format)
    half_done(gateway, simulators, body)
    assert all(content_of(image) for image in served(gateway.generate(body))["data"])
    assert len(seeds(simulators)) == (6 if response_format == "url" else 8)


def test_another_gateway_uses_them_too(start: Start, simulators: Simulators, tmp_path: Path) -> None:
    one, other = (start(data_dir=tmp_path / "both") for _time in range(2))
    body = four()
    half_done(one, simulators, body)
    served(other.generate(body))
    assert len(seeds(simulators)) == 6
