"""A caller who hangs up: what was begun goes on and is kept, unless he said that it should not."""

import itertools
from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway import written
from tests.gateway.conftest import GoOn
from tests.gateway.drawn import asked, content_of
from tests.gateway.forms import BOUNDARY, Field, multipart, text
from tests.gateway.job_client import ended
from tests.gateway.leaving_caller import LeavingCaller
from tests.gateway.photos import photo
from tests.gateway.running import RunningGateway
from tests.gateway.until import until

Json = dict[str, Any]
_keys = itertools.count()


def job_of(gateway: RunningGateway, prompt: str) -> str:
    """The one job that is running with that prompt."""
    [row] = written.rows(
        gateway, "SELECT id FROM jobs WHERE finished IS NULL AND instr(request, CAST(? AS BLOB))", prompt
    )
    return row["id"]


def unwatched(gateway: RunningGateway) -> bool:
    """Whether the gateway has noticed that nobody waits any more."""
    assert gateway.app.jobs is not None
    return all(each.present == 0 for each in list(gateway.app.jobs.jobs.running.values()))


def form(prompt: str, **fields: str) -> bytes:
    given = {"model": "qwen-image-edit-plus", "prompt": prompt, **fields}
    return multipart([*(text(name, value) for name, value in given.items()), Field("image", photo(), "photo.png")])


FORM = {"path": "/v1/images/edits", "content_type": f"multipart/form-data; boundary={BOUNDARY}"}


def test_the_provider_is_told_where_the_caller_wants_it(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    body = asked(cancel_on_disconnect=True)
    with LeavingCaller(easel, body):
        until(lambda: simulators.calls("fal", "submit"))
        id = job_of(easel, body["prompt"])
    job = ended(easel, id)
    assert (job["status"], job["error"]["code"], job["result"]) == ("cancelled", "job_cancelled", None)
    assert len(simulators.calls("fal", "cancel")) == 1


@pytest.mark.parametrize("more", [{"cancel_on_disconnect": False}, {"cancel_on_disconnect": None}, {}], ids=str)
def test_otherwise_the_picture_is_drawn_and_kept(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn, more: Json
) -> None:
    body = asked(**more)
    with LeavingCaller(easel, body):
        until(lambda: simulators.calls("fal", "submit"))
        id = job_of(easel, body["prompt"])
    until(lambda: written.job(easel, id)["gone"])
    go_on()
    job = ended(easel, id)
    assert job["status"] == "succeeded"
    assert content_of(job["result"]["data"][0])
    assert simulators.calls("fal", "cancel") == []
    assert simulators.paid("fal") == 1


@pytest.mark.parametrize(("word", "status"), [("true", "cancelled"), ("false", "succeeded")])
def test_a_form_says_it_in_a_word(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn, word: str, status: str
) -> None:
    prompt = asked()["prompt"]
    with LeavingCaller(easel, form(prompt, cancel_on_disconnect=word), **FORM):
        until(lambda: simulators.calls("fal", "submit"))
        id = job_of(easel, prompt)
    if word == "true":
        until(lambda: simulators.calls("fal", "cancel"))
    else:
        until(lambda: written.job(easel, id)["gone"])
    go_on()
    assert ended(easel, id)["status"] == status


def test_a_stream_that_is_left_is_cancelled_too(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = asked(cancel_on_disconnect=True, stream=True)
    with LeavingCaller(easel, body):
        until(lambda: simulators.calls("fal", "submit"))
        id = job_of(easel, body["prompt"])
    assert ended(easel, id)["status"] == "cancelled"
    assert len(simulators.calls("fal", "cancel")) == 1


def test_who_leaves_at_once_is_noticed_soon(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    """Within the time in which nobody looks for it."""
    assert easel.app.jobs is not None
    running = easel.app.jobs.jobs.running
    LeavingCaller(easel, asked(cancel_on_disconnect=True)).leave()
    body = asked()
    LeavingCaller(easel, body).leave()
    until(lambda: body["prompt"] in [call["body"]["prompt"] for call in simulators.calls("fal", "submit")])
    id = job_of(easel, body["prompt"])
    until(lambda: written.job(easel, id)["gone"] and list(running) == [id])
    go_on()
    assert ended(easel, id)["status"] == "succeeded"
    assert len(simulators.calls("fal", "submit")) - len(simulators.calls("fal", "cancel")) == 1


def test_others_who_wait_for_it_are_not_deprived(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body, under = asked(cancel_on_disconnect=True), f"left {next(_keys)}"
    with LeavingCaller(easel, body, idempotency_key=under) as staying:
        until(lambda: simulators.calls("fal", "submit"))
        id = job_of(easel, body["prompt"])
        assert easel.app.jobs is not None
        running = easel.app.jobs.jobs.running[id]
        with LeavingCaller(easel, body, idempotency_key=under):
            until(lambda: running.present == 2)
        until(lambda: running.present == 1)
        go_on()
        answer = staying.answer()
    assert (answer.status, answer.id) == (200, id)
    assert simulators.calls("fal", "cancel") == []


def test_who_shares_its_run_is_not_deprived(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = asked(seed=61_001)
    with LeavingCaller(easel, {**body, "cancel_on_disconnect": True}) as leaving:
        until(lambda: simulators.calls("fal", "submit"))
        id = job_of(easel, body["prompt"])
        assert easel.app.jobs is not None
        jobs = easel.app.jobs.jobs.running
        with LeavingCaller(easel, body) as staying:
            until(lambda: len(jobs) == 2)
            leaving.leave()
            until(lambda: jobs[id].record.stop.wanted)
            go_on()
            answer = staying.answer()
    assert (answer.status, answer.headers["x-easel-cache"]) == (200, "shared")
    assert ended(easel, id)["status"] == "cancelled"
    assert simulators.calls("fal", "cancel") == []
    assert simulators.paid("fal") == 1


def test_who_was_told_to_come_back_may_leave(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = asked(cancel_on_disconnect=True)
    with LeavingCaller(easel, body, prefer="respond-async") as caller:
        id = caller.answer().id
    until(lambda: simulators.calls("fal", "submit"))
    until(lambda: unwatched(easel))
    go_on()
    assert ended(easel, id)["status"] == "succeeded"
    assert simulators.calls("fal", "cancel") == []


def test_who_leaves_before_he_was_told_is_taken_at_his_word(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    body = asked(cancel_on_disconnect=True)
    with LeavingCaller(easel, body, prefer="respond-async, wait=60"):
        until(lambda: simulators.calls("fal", "submit"))
        id = job_of(easel, body["prompt"])
    assert ended(easel, id)["status"] == "cancelled"
    assert len(simulators.calls("fal", "cancel")) == 1
