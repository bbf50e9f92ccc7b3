"""Nothing is sent that is known to be in vain, and what is paid is neither lost nor kept back."""

import io
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pybase64
import pytest
import redis
from PIL import Image

from gateway.store.runs import RELEASED
from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start, everyone, simulated_providers
from tests.gateway.drawn import asked, each, failed, served
from tests.gateway.photos import photo
from tests.gateway.running import RunningGateway
from tests.gateway.until import until


@pytest.fixture
def stored(start: Start, tmp_path: Path) -> Iterator[tuple[RunningGateway, Any]]:
    """A gateway, and a client of its store; redis-py leaves too much untyped."""
    gateway = start(data_dir=tmp_path / "own", server={"deadline": 20})
    client: Any = redis.Redis(unix_socket_path=str(tmp_path / "own" / "valkey" / "valkey.sock"))
    yield gateway, client
    client.close()


@pytest.mark.parametrize("garbage", [b"written by another version", b""])
def test_a_record_that_cannot_be_read_is_drawn_anew(
    stored: tuple[RunningGateway, Any], simulators: Simulators, garbage: bytes
) -> None:
    gateway, store = stored
    body = asked(seed=1, n=2)
    served(gateway.generate(body))
    for name in store.keys("easel:img:*:1"):
        store.set(name, garbage)
    assert each(served(gateway.generate(body)), "cache") == ["miss", "hit"]
    assert simulators.paid("fal") == 3


def test_who_wants_one_hand_does_not_share_the_pictures_of_two(
    stored: tuple[RunningGateway, Any], simulators: Simulators, go_on: GoOn
) -> None:
    gateway, store = stored
    refused = {"effect": "status", "status": 422, "body": {"detail": [{"msg": "no", "type": "x"}]}}
    simulators.set_faults([{"provider": "fal", "on": "submit", **refused}])
    body = asked(seed=1, n=2)
    with ThreadPoolExecutor() as threads:
        drawing = threads.submit(gateway.generate, body)
        until(lambda: simulators.calls("fal", "status"))
        waiting = threads.submit(lambda: gateway.generate(body, mix_providers=False))
        until(lambda: store.pubsub_numsub(RELEASED)[0][1] > 0)  # it waits for the other run's end
        go_on()
        mixed, single = served(drawing.result()), served(waiting.result())
    assert sorted(each(mixed, "provider")) == ["fal", "lumenfall"]
    assert each(single, "provider") == ["fal", "fal"]
    assert sorted(each(single, "cache")) == ["hit", "miss"]


def test_a_call_whose_pictures_came_too_late_is_not_sent(start: Start, simulators: Simulators) -> None:
    gateway = start(jobs={"deadline": 1})
    served(gateway.generate(asked()))  # leaves a connection open, on which a call would go out at once
    paid = simulators.paid("fal")
    simulators.set_faults([{"provider": "fal", "on": "upload", "effect": "delay", "seconds": 1.2}])
    body = {"model": "fal/qwen-image-edit", "prompt": "snow", "image": heavy()}
    answer = gateway.http.post("/v1/images/edits", json=body)
    message = failed(answer, 504, "timeout")
    assert "costs nothing" in message
    assert "not handed over before the deadline" in message
    assert gateway.app.deps is not None
    shared = gateway.app.deps.shared
    until(lambda: shared.running == 0 and len(simulators.stage.spans) == len(simulators.stage.calls))
    assert len(simulators.calls("fal", "submit")) == 1
    assert simulators.paid("fal") == paid


def heavy() -> str:
    """A picture that no provider takes within the body."""
    out = io.BytesIO()
    Image.effect_noise((3000, 3000), 100).convert("RGB").save(out, "JPEG", quality=97)
    return f"data:image/jpeg;base64,{pybase64.b64encode(out.getvalue()).decode()}"


def test_a_picture_that_cannot_be_stored_for_a_provider_costs_nothing(
    start: Start, simulators: Simulators, tmp_path: Path
) -> None:
    server = {"public_url": "https://pictures.example.com"}
    gateway = start(providers=everyone(simulators), server=server, data_dir=tmp_path / "own")
    shutil.rmtree(tmp_path / "own" / "images", ignore_errors=True)
    (tmp_path / "own" / "images").write_text("no folder")
    image = f"data:image/jpeg;base64,{pybase64.b64encode(photo()).decode()}"
    body = {"model": "oxen/qwen-image-edit", "prompt": "snow", "image": image, "response_format": "b64_json"}
    answer = gateway.http.post("/v1/images/edits", json=body)
    assert "could not be stored for it to fetch; nothing was sent" in failed(answer, 502, "provider_error")
    assert "x-should-retry" not in answer.headers
    assert simulators.calls("oxen") == []


@pytest.fixture
def one_at_a_time(start: Start, simulators: Simulators) -> RunningGateway:
    """fal takes one call after the other."""
    providers = simulated_providers(simulators)
    providers["fal"]["max_concurrency"] = 1
    return start(providers=providers)


@pytest.mark.parametrize(
    ("fault", "paid"),
    [
        ({"effect": "drop_after"}, 1),  # its answer is lost
        ({"effect": "moderated"}, 0),
        ({"effect": "html"}, 0),
    ],
    ids=str,
)
def test_nothing_more_is_sent_for_a_request_that_fails(
    one_at_a_time: RunningGateway, simulators: Simulators, fault: dict[str, Any], paid: int
) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", **fault}])
    answer = one_at_a_time.generate(asked(n=10, seed=1))
    assert answer.status_code in {400, 502}
    assert len(simulators.calls("fal", "submit")) == 1
    assert (simulators.paid("fal"), simulators.paid("lumenfall")) == (paid, 0)


def test_a_key_that_is_refused_is_tried_once(one_at_a_time: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 401, "times": -1}])
    body = served(one_at_a_time.generate(asked(n=10, seed=1)))
    assert each(body, "provider") == ["lumenfall"] * 10
    assert len(simulators.calls("fal", "submit")) == 1
    assert (simulators.paid("fal"), simulators.paid("lumenfall")) == (0, 10)


@pytest.mark.parametrize("step", ["status", "download"])
def test_a_wish_beyond_the_deadline_does_not_lose_a_paid_picture(
    start: Start, simulators: Simulators, step: str
) -> None:
    gateway = start(jobs={"deadline": 2})
    wish = {"effect": "status", "status": 429, "headers": {"retry-after": "3600"}}
    simulators.set_faults([{"provider": "fal", "on": step, **wish}])
    served(gateway.generate(asked(seed=1)))
    assert simulators.paid("fal") == 1


def test_what_was_charged_is_told_when_the_deadline_passes(start: Start, simulators: Simulators) -> None:
    gateway = start(jobs={"deadline": 1})
    simulators.set_faults([{"provider": "fal", "on": "download", "effect": "status", "status": 503, "times": -1}])
    for body in (asked(), asked(seed=1)):
        answer = gateway.generate(body)
        failed(answer, 504, "timeout")
        assert answer.headers["x-easel-cost"] == "0.02"
