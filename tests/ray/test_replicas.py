"""Two workers as replicas of Ray Serve, one address to the gateway."""

import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx

from tests.gateway.running import RunningGateway
from tests.gateway.until import until
from tests.ray.serving import REPLICAS, Cluster

FOX = {"model": "sketch", "prompt": "a fox in the snow", "size": "256x256", "response_format": "b64_json"}
SLOW = {**FOX, "size": "1024x1024", "num_inference_steps": 50}
LONGER = {**FOX, "size": "2048x2048", "num_inference_steps": 100, "n": 4}  # seconds


def asked(gateway: RunningGateway, **more: Any) -> httpx.Response:
    return gateway.http.post("/v1/images/generations", json={**FOX, **more})


def straight(ray: Cluster, body: dict[str, Any]) -> httpx.Response:
    """Past the gateway, as another gateway would."""
    return httpx.post(f"{ray.url}/v1/images/generations", json=body, timeout=60)


def test_how_all_of_them_are_is_told_at_one_address(ray: Cluster) -> None:
    told = ray.status()
    assert told["replicas"] == REPLICAS
    assert told["ready"]
    assert told["engine"] == "sketch"
    assert [model["id"] for model in told["models"]] == ["sketch"]
    assert told["together"] == REPLICAS * told["models"][0].get("together", 1)
    assert told["running"] == told["waiting"] == 0


def test_ten_at_once_are_all_drawn(gateway: RunningGateway, ray: Cluster) -> None:
    before = ray.status()["drawn"]
    with ThreadPoolExecutor(10) as clients:
        drawing = [clients.submit(asked, gateway, seed=seed) for seed in range(10)]
        answers = [each.result() for each in drawing]
    assert [answer.status_code for answer in answers] == [200] * 10
    assert len({answer.json()["data"][0]["b64_json"] for answer in answers}) == 10
    until(lambda: ray.status()["drawn"] == before + 10)


def test_a_full_line_there_is_waited_for(gateway: RunningGateway, ray: Cluster) -> None:
    """Serve refuses with a text of its own: nothing was drawn, so that the gateway asks again."""
    with ThreadPoolExecutor(6) as clients:
        others = [clients.submit(straight, ray, {**SLOW, "seed": seed}) for seed in range(5)]
        until(lambda: any(each.done() for each in others))
        assert asked(gateway, seed=100).status_code == 200
        answers = [each.result() for each in others]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused, "it takes one for each replica and one in line"
    assert refused[0].headers["content-type"].startswith("text/plain")
    assert refused[0].headers["retry-after"] == "1"
    assert {answer.status_code for answer in answers} == {200, 503}


def test_a_stream_comes_through_as_it_is_drawn(gateway: RunningGateway) -> None:
    body = {**FOX, "seed": 200, "stream": True, "partial_images": 2}
    body.pop("response_format")
    with gateway.http.stream("POST", "/v1/images/generations", json=body) as stream:
        told = [line.removeprefix("event: ") for line in stream.iter_lines() if line.startswith("event: ")]
    assert told.count("image_generation.partial_image") == 2
    assert told[-1] == "image_generation.completed"


def test_who_hangs_up_stops_the_replica(ray: Cluster) -> None:
    before = ray.status()["drawn"]
    body = {**LONGER, "n": 10, "stream": True}
    with httpx.stream("POST", f"{ray.url}/v1/images/generations", json=body, timeout=60) as stream:
        lines = stream.iter_lines()  # kept: the connection goes with it
        next(lines)
        until(lambda: ray.status()["running"] == 1)
    until(lambda: ray.status()["running"] == 0)
    assert ray.status()["drawn"] < before + 10


def test_a_replica_that_dies_under_a_picture_is_made_up_for(gateway: RunningGateway, ray: Cluster) -> None:
    with ThreadPoolExecutor(2) as clients:
        drawing: list[Future[httpx.Response]] = [
            clients.submit(asked, gateway, **{**LONGER, "seed": 300 + 10 * number}) for number in range(2)
        ]
        until(lambda: ray.status().get("running") == 2)
        os.kill(ray.replicas()[0], signal.SIGKILL)
        answers = [each.result() for each in drawing]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [len(answer.json()["data"]) for answer in answers] == [4, 4]
    until(lambda: ray.status().get("replicas") == REPLICAS, 120)
