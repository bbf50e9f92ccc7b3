"""How a stream ends: with its last picture, with an error, or with a client that leaves."""

import base64
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pybase64
import pytest
from PIL import Image

from gateway.settings import read_settings
from providers.local.casualties import MAX_LOSSES
from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start
from tests.gateway.drawn import asked, failed
from tests.gateway.job_client import ended, shown
from tests.gateway.photos import encoded
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.scripted_worker import ScriptedWorker
from tests.gateway.stream_client import Told, events, streamed
from tests.gateway.until import until

SKETCH: dict[str, Any] = {"model": "sketch", "prompt": "a fox", "size": "64x64", "seed": 7}


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedWorker]:
    with ScriptedWorker() as worker:
        yield worker


@pytest.fixture(scope="module")
def watching(scripted: ScriptedWorker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    tables: dict[str, Any] = {
        "server": {"data_dir": tmp_path_factory.mktemp("scripted")},
        "auth": {"admin_key": ADMIN_KEY},
        "cache": {"policy": "off"},
        "providers": {"local": {"workers": [scripted.url]}},
    }
    with RunningGateway(read_settings(None, tables)) as running:
        yield running


@pytest.fixture
def worker(scripted: ScriptedWorker) -> ScriptedWorker:
    return scripted.anew()


@pytest.fixture
def gateway(watching: RunningGateway) -> RunningGateway:
    return watching.forget_trouble()


def brief(told: Told) -> tuple[str, Any]:
    return told.name.rpartition(".")[2], told.data.get("image_index")


def picture(told: Told) -> bytes:
    return base64.b64decode(told.data["b64_json"], validate=True)


def error_in(told: Told) -> dict[str, Any]:
    assert told.name == "error"
    assert set(told.data["error"]) == {"message", "type", "param", "code"}
    return told.data["error"]


def test_each_picture_comes_when_it_is_ready(gateway: RunningGateway, worker: ScriptedWorker) -> None:
    with streamed(gateway, SKETCH, n=2, partial_images=1) as answer:
        told = events(answer)
        first = worker.draws(0)
        done = next(told)
        assert (brief(done), picture(done)) == (("completed", 0), first)
        rough = worker.shows(1, 0)
        partial = next(told)
        assert (brief(partial), picture(partial)) == (("partial_image", 1), rough)
        assert "image" in {event["type"] for event in log_of(gateway, answer)}, "it is kept already"
        second = worker.draws(1)
        last = next(told)
        assert (brief(last), picture(last)) == (("completed", 1), second)
        assert "metadata" in last.data
        assert next(told, None) is None
    [call] = worker.asked
    assert (call["n"], call["stream"], call["partial_images"]) == (2, True, 1)


def log_of(gateway: RunningGateway, answer: httpx.Response) -> list[dict[str, Any]]:
    """What has happened to a stream's job so far."""
    id = answer.headers["x-request-id"]
    found: list[dict[str, Any]] = []
    with gateway.http.stream("GET", f"/v1/jobs/{id}/events") as told:
        for line in told.iter_lines():
            if line.startswith("event: image"):
                return [*found, {"type": "image"}]
            if line.startswith("event: "):
                found.append({"type": line.removeprefix("event: ")})
    return found


def test_a_call_that_fails_half_way_is_sent_again_for_the_rest(gateway: RunningGateway, worker: ScriptedWorker) -> None:
    with streamed(gateway, SKETCH, n=3) as answer:
        told = events(answer)
        worker.draws(0)
        assert brief(next(told)) == ("completed", 0)
        worker.fails("out of memory")
        until(lambda: len(worker.asked) == 2)
        worker.draws(0)
        assert brief(next(told)) == ("completed", 1)
        worker.draws(1)
        assert brief(next(told)) == ("completed", 2)
    assert [(call["n"], call["seed"]) for call in worker.asked] == [(3, 7), (2, 8)]


def test_what_was_made_before_an_error_stays_with_the_job(gateway: RunningGateway, worker: ScriptedWorker) -> None:
    with streamed(gateway, SKETCH, n=2) as answer:
        told = events(answer)
        made = worker.draws(0)
        assert brief(next(told)) == ("completed", 0)
        for tries in (2, 3, 4):
            worker.fails("out of memory")
            until(lambda least=tries: len(worker.asked) >= min(least, 3))
        error = error_in(next(told))
        assert next(told, None) is None
    id = answer.headers["x-request-id"]
    assert (error["type"], error["code"]) == ("server_error", "provider_error")
    assert f"1 of 2 pictures are missing; the 1 that were made stay with job {id}" in error["message"]
    assert error["message"].endswith("(already delivered: picture 0)")
    job = ended(gateway, id)
    assert job["status"] == "failed"
    [kept] = job["result"]["data"]
    assert httpx.get(kept["url"]).content == made


def test_a_stream_that_breaks_off_upstream(gateway: RunningGateway, worker: ScriptedWorker) -> None:
    with streamed(gateway, SKETCH, partial_images=1) as answer:
        told = events(answer)
        worker.shows(0, 0)
        assert brief(next(told)) == ("partial_image", None)
        for _loss in range(3 * MAX_LOSSES):
            worker.ends()
        error = error_in(next(told))
        assert next(told, None) is None
    assert error["code"] == "provider_error"
    assert "went away before it answered" in error["message"]


def test_what_is_no_picture_is_not_shown(gateway: RunningGateway, worker: ScriptedWorker) -> None:
    with streamed(gateway, SKETCH, partial_images=2) as answer:
        page = base64.b64encode(b"<script>alert(1)</script>" * 9).decode()
        worker.tell("partial_image", b64_json=page, partial_image_index=0)
        worker.tell("partial_image", b64_json='"}\n\nevent: x', partial_image_index=0)
        worker.shows(0, 1, output_format="webp")
        worker.draws(0)
        partial, last = events(answer)
    assert (partial.data["partial_image_index"], partial.data["output_format"]) == (1, "png")
    assert brief(last) == ("completed", None)


def test_an_error_before_the_first_event_is_an_ordinary_one(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "openai", "on": "generate", "effect": "moderated"}])
    body = asked(model="gpt-image-2", size="1024x1024", stream=True, partial_images=1)
    failed(easel.generate(body), 400, "content_policy_violation")


def test_a_flagged_picture_among_good_ones(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "nsfw_one"}])
    with streamed(easel, asked(n=3)) as answer:
        *good, last = events(answer)
    assert sorted(event.data["image_index"] for event in good) == [1, 2]
    error = error_in(last)
    assert (error["type"], error["code"]) == ("image_generation_user_error", "content_policy_violation")
    assert "this is so for 1 of 3 pictures, and the others stay with job req_" in error["message"]
    assert error["message"].endswith("(already delivered: pictures 1, 2)")


def test_strict_withholds_what_is_not_as_planned(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "download", "effect": "wrong_size"}])
    body = asked(model="fal/qwen-image", size="512x512", n=2)
    with streamed(easel, body, headers={"X-Easel-Strict": "true"}) as answer:
        good, last = events(answer)
    error, other = error_in(last), 1 - good.data["image_index"]
    assert f"picture {other} has the size" in error["message"]
    assert [httpx.get(image["url"]).status_code for image in last.data["data"]] == [200, 200]


@pytest.mark.parametrize("cancel", [False, True])
def test_a_client_that_leaves_a_worker(gateway: RunningGateway, worker: ScriptedWorker, *, cancel: bool) -> None:
    with streamed(gateway, SKETCH, partial_images=2, cancel_on_disconnect=cancel) as answer:
        worker.shows(0, 0)
        assert brief(next(events(answer))) == ("partial_image", None)
    id = answer.headers["x-request-id"]
    if cancel:
        assert worker.left.wait(20)
        assert ended(gateway, id)["status"] == "cancelled"
    else:
        worker.draws(0)
        assert ended(gateway, id)["status"] == "succeeded"
    assert len(worker.asked) == 1


@pytest.mark.parametrize("cancel", [False, True])
def test_a_client_that_leaves_a_queue(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn, *, cancel: bool
) -> None:
    with streamed(easel, asked(cancel_on_disconnect=cancel)) as answer:
        assert next(answer.iter_raw()) == b": still here\n\n", "after a second, so that no proxy takes it for dead"
    id = answer.headers["x-request-id"]
    if cancel:
        until(lambda: simulators.calls("fal", "cancel"))
    assert shown(easel, id)["status"] in ({"running", "cancelled"} if cancel else {"running"})
    go_on()
    assert ended(easel, id)["status"] == ("cancelled" if cancel else "succeeded")
    assert len(simulators.calls("fal", "cancel")) == int(cancel)
    assert simulators.paid("fal") == (0 if cancel else 1)


def test_a_deadline_in_the_middle_names_the_job_which_goes_on(start: Start, go_on: GoOn) -> None:
    gateway = start(server={"deadline": 1.3})
    with streamed(gateway, asked()) as answer:
        assert answer.status_code == 200
        [last] = events(answer)
    error, id = error_in(last), answer.headers["x-request-id"]
    assert (error["code"], error["type"]) == ("timeout", "server_error")
    assert id in error["message"]
    go_on()
    assert ended(gateway, id)["status"] == "succeeded"


def test_a_client_that_takes_nothing_is_kept_the_latest_preview(
    gateway: RunningGateway, worker: ScriptedWorker
) -> None:
    noise = Image.frombytes("RGB", (512, 512), secrets.token_bytes(3 * 512 * 512))
    large = pybase64.b64encode(encoded(noise, "PNG")).decode()
    previews = 40  # of a megabyte: more than sockets hold
    with streamed(gateway, SKETCH, partial_images=1) as answer:
        for _each in range(previews):
            worker.tell("partial_image", b64_json=large, partial_image_index=0)
        made = worker.draws(0)
        assert ended(gateway, answer.headers["x-request-id"])["status"] == "succeeded"
        *partials, last = events(answer)
    assert (brief(last), picture(last)) == (("completed", None), made)
    assert 1 <= len(partials) < previews
