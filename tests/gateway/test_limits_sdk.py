"""OpenAI's own clients and limits: what they raise, when they come back, and the headers that they show."""

import time
from typing import Any

import openai
import pytest
import redis

from gateway.store.limits import SECOND, WINDOW, name_of
from simulators.running import Simulators
from tests.gateway.counted import counted
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import MadeKey, made_key, make_key
from tests.sdk.node import run_script

MODEL, FOX = "qwen-image", "a fox in the snow"


def fill(gateway: RunningGateway, key: MadeKey) -> None:
    """As if the key had asked for all that it may just now."""
    folder = gateway.app.settings.server.data_dir
    client: Any = redis.Redis(unix_socket_path=str(folder / "valkey" / "valkey.sock"))
    seconds, micros = client.time()
    client.set(name_of("requests", f"key:{key.id}"), seconds * SECOND + micros + WINDOW, px=60_000)
    client.close()


def client_of(gateway: RunningGateway, key: str, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, **options)


def test_a_client_comes_back_when_it_is_told(easel: RunningGateway, simulators: Simulators) -> None:
    """A place in 0.3 seconds: sooner it would be refused again, and its own back-off is longer."""
    key = made_key(easel, requests_per_minute=200)
    refused = counted(easel, "easel_requests_total", code="rate_limit_exceeded")
    with client_of(easel, key.text, max_retries=2) as client:
        fill(easel, key)
        before = time.monotonic()
        assert client.images.generate(model=MODEL, prompt=FOX, size="512x512").data
        assert time.monotonic() - before >= 0.25
    assert counted(easel, "easel_requests_total", code="rate_limit_exceeded") == refused + 1
    assert simulators.paid("fal") == 1


def test_a_client_that_does_not_come_back_has_the_error(easel: RunningGateway, simulators: Simulators) -> None:
    key = made_key(easel, requests_per_minute=2)
    fill(easel, key)
    with client_of(easel, key.text, max_retries=0) as client, pytest.raises(openai.RateLimitError) as raised:
        client.images.generate(model=MODEL, prompt=FOX)
    error = raised.value
    assert (error.code, error.type, error.param) == ("rate_limit_exceeded", "rate_limit_error", None)
    headers = error.response.headers
    assert 28 <= int(headers["retry-after"]) <= 30
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("2", "0")
    assert simulators.calls() == []


def test_what_never_fits_is_not_sent_again(easel: RunningGateway) -> None:
    asked = counted(easel, "easel_requests_total", route="generations")
    with client_of(easel, make_key(easel, images_per_minute=2), max_retries=2) as client:
        with pytest.raises(openai.BadRequestError) as raised:
            client.images.generate(model=MODEL, prompt=FOX, n=3)
        assert raised.value.param == "n"
        told = client.images.with_raw_response.generate(model=MODEL, prompt=FOX, n=2).headers
    assert (told["x-ratelimit-limit-images"], told["x-ratelimit-remaining-images"]) == ("2", "0")
    assert told["x-ratelimit-reset-images"] == "1m0s"
    assert counted(easel, "easel_requests_total", route="generations") == asked + 2


def test_node_sees_the_headers(easel: RunningGateway, simulators: Simulators) -> None:
    key = make_key(easel, requests_per_minute=30, megapixels_per_minute=12.5)
    answer = run_script("images.cjs", f"{easel.url}/v1", key, "headers")
    told = {name: text for name, text in answer["headers"].items() if name.startswith("x-ratelimit-")}
    assert told == {
        "x-ratelimit-limit-requests": "30",
        "x-ratelimit-remaining-requests": "29",
        "x-ratelimit-reset-requests": "2s",
        "x-ratelimit-limit-megapixels": "12.5",
        "x-ratelimit-remaining-megapixels": "12.25",
        "x-ratelimit-reset-megapixels": "2s",
    }
    assert simulators.paid("fal") == 1
