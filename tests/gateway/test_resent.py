"""A request that an SDK sends again by itself finds the job of its earlier try, and pays nothing twice."""

from pathlib import Path
from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway import written
from tests.gateway.conftest import GoOn, Start
from tests.gateway.drawn import asked, content_of
from tests.gateway.leaving_caller import Answer, LeavingCaller, sdk
from tests.gateway.running import RunningGateway
from tests.gateway.until import until

Pair = tuple[RunningGateway, RunningGateway]
BUSY = {"provider": "fal", "on": "submit", "effect": "status", "status": 503, "times": -1}


@pytest.fixture
def pair(start: Start, tmp_path: Path) -> Pair:
    """Two gateways on one database."""
    return start(data_dir=tmp_path / "both"), start(data_dir=tmp_path / "both")


def submitted(simulators: Simulators, count: int = 1) -> None:
    until(lambda: len(simulators.calls("fal", "submit")) == count)


def abandoned(gateway: RunningGateway, body: dict[str, Any]) -> list[str]:
    """Jobs of that prompt whose askers have left, oldest first."""
    # The prompt stands in the request as long as the job runs; tests have prompts of their own.
    found = written.rows(gateway, "SELECT id, request FROM jobs WHERE gone AND finished IS NULL ORDER BY created")
    return [row["id"] for row in found if body["prompt"].encode() in row["request"]]


def left(gateway: RunningGateway, simulators: Simulators, body: dict[str, Any], count: int = 1) -> str:
    """The newest of so many jobs whose askers left while it ran."""
    before = len(simulators.calls("fal", "submit"))
    caller = sdk(gateway, body)
    submitted(simulators, before + 1)
    caller.leave()
    until(lambda: len(abandoned(gateway, body)) == count)
    return abandoned(gateway, body)[-1]


def picture(answer: Answer) -> bytes:
    assert answer.status == 200, answer.body
    return content_of(answer.body["data"][0])


def waits(gateway: RunningGateway, id: str, callers: int = 1) -> bool:
    assert gateway.app.jobs is not None
    running = gateway.app.jobs.jobs.running.get(id)
    return running is not None and running.present == callers


@pytest.mark.parametrize("tries", [1, 2])
def test_it_joins_the_job_that_runs(easel: RunningGateway, simulators: Simulators, go_on: GoOn, tries: int) -> None:
    body = asked(response_format="both", n=2)
    id = left(easel, simulators, body)
    with sdk(easel, body, tries) as again:
        until(lambda: waits(easel, id))
        go_on()
        answer = again.answer()
    assert (answer.status, answer.id) == (200, id)
    assert "idempotent-replayed" not in answer.headers
    assert simulators.paid("fal") == 2
    assert written.job(easel, id)["gone"] == 0


def test_it_may_be_cut_off_again_and_again(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = asked()
    id = left(easel, simulators, body)
    with sdk(easel, body, 1):
        until(lambda: waits(easel, id))
    until(lambda: abandoned(easel, body) == [id])
    with sdk(easel, body, 2) as last:
        until(lambda: waits(easel, id))
        go_on()
        assert last.answer().id == id
    assert simulators.paid("fal") == 1


def test_it_gets_what_was_drawn_while_nobody_was_there(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    body = asked(response_format="both")
    id = left(easel, simulators, body)
    go_on()
    until(lambda: written.job(easel, id)["finished"])
    answer = sdk(easel, body, 1).answer()
    assert (answer.status, answer.id) == (200, id)
    assert picture(answer)
    assert sdk(easel, body, 2).answer().id == id  # its answer may have been lost on the way
    assert simulators.paid("fal") == 1


def test_another_gateway_finds_it_too(pair: Pair, simulators: Simulators, go_on: GoOn) -> None:
    body = asked()
    id = left(pair[0], simulators, body)
    with sdk(pair[1], body, 1):
        until(lambda: not abandoned(pair[0], body))  # it is waited for
    until(lambda: abandoned(pair[0], body) == [id])
    with sdk(pair[1], body, 2) as last:
        until(lambda: not abandoned(pair[0], body))
        go_on()
        answer = last.answer()
    assert (answer.status, answer.id) == (200, id)
    assert sdk(pair[1], body, 2).answer().id == id
    assert simulators.paid("fal") == 1


def test_a_stream_that_is_left_there_is_found_again(pair: Pair, simulators: Simulators, go_on: GoOn) -> None:
    body = asked(stream=True)
    id = left(pair[0], simulators, body)
    with sdk(pair[1], body, 1):
        until(lambda: not abandoned(pair[0], body))
    until(lambda: abandoned(pair[0], body) == [id])


def test_what_failed_for_nothing_is_tried_anew(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = {**asked(), "model": "fal/qwen-image"}
    simulators.set_faults([BUSY])
    first = sdk(easel, body).answer()
    assert (first.status, first.headers.get("x-should-retry")) == (502, None)
    go_on()
    easel.forget_trouble()
    simulators.set_faults([])
    answer = sdk(easel, body, 1).answer()
    assert answer.status == 200
    assert answer.id != first.id
    assert simulators.paid("fal") == 1


def test_a_failure_for_nothing_does_not_bring_an_older_picture(easel: RunningGateway, simulators: Simulators) -> None:
    body = {**asked(), "model": "fal/qwen-image"}
    first = sdk(easel, body).answer()
    simulators.set_faults([BUSY])
    assert sdk(easel, body).answer().status == 502
    simulators.set_faults([])
    easel.forget_trouble()
    answer = sdk(easel, body, 1).answer()
    assert picture(answer) != picture(first)
    assert simulators.paid("fal") == 2


@pytest.mark.parametrize("seen", [True, False], ids=["told", "lost on the way"])
def test_what_may_have_been_paid_is_not_sent_again(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn, seen: bool
) -> None:
    body = {**asked(), "model": "fal/qwen-image"}
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "html", "times": -1}])
    if seen:
        go_on()
        id = sdk(easel, body).answer().id
    else:
        id = left(easel, simulators, body)
        go_on()
        until(lambda: written.job(easel, id)["finished"])
    simulators.set_faults([])
    answer = sdk(easel, body, 1).answer()
    assert (answer.status, answer.id, answer.headers["x-should-retry"]) == (502, id, "false")
    assert len(simulators.calls("fal", "submit")) == 1
    assert sdk(easel, body).answer().status == 200  # the caller's own decision


def test_what_was_blocked_is_not_sent_again(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = asked()
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "moderated"}])
    id = left(easel, simulators, body)
    go_on()
    until(lambda: written.job(easel, id)["finished"])
    answer = sdk(easel, body, 1).answer()
    assert (answer.status, answer.id) == (400, id)
    assert answer.body["error"]["code"] == "content_policy_violation"
    assert len(simulators.calls("fal", "submit")) == 1


OTHERS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "first try": ({}, {"x_stainless_retry_count": "0"}),
    "no SDK": ({}, {}),
    "another prompt": ({"prompt": "a cat"}, {"x_stainless_retry_count": "1"}),
    "another n": ({"n": 2}, {"x_stainless_retry_count": "1"}),
    "another wish": ({}, {"x_stainless_retry_count": "1", "x_easel_cache": "off"}),
    "a word": ({}, {"x_stainless_retry_count": "one"}),
    "negative": ({}, {"x_stainless_retry_count": "-1"}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_request_sent_again(easel: RunningGateway, simulators: Simulators, go_on: GoOn, name: str) -> None:
    body = asked()
    id = left(easel, simulators, body)
    fields, headers = OTHERS[name]
    with LeavingCaller(easel, {**body, **fields}, **headers) as caller:
        submitted(simulators, 2)
        go_on()
        answer = caller.answer()
    assert answer.status == 200
    assert answer.id != id


def test_it_can_be_turned_off(start: Start, simulators: Simulators, go_on: GoOn) -> None:
    gateway = start(jobs={"join_retries": False}, server={"deadline": 0.5})
    body = asked()
    id = left(gateway, simulators, body)
    with sdk(gateway, body, 1) as again:
        submitted(simulators, 2)
        late = again.answer()
    assert late.id != id
    assert (late.status, late.headers["x-should-retry"]) == (504, "false")
    assert "sent again" not in late.body["error"]["message"]


def test_two_equal_ones_are_told_apart(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = asked()
    ids = {left(easel, simulators, body, 1), left(easel, simulators, body, 2)}
    with sdk(easel, body, 1) as first, sdk(easel, body, 1) as second:
        until(lambda: all(waits(easel, id) for id in ids))
        go_on()
        answers = [first.answer(), second.answer()]
    assert {answer.id for answer in answers} == ids
    assert picture(answers[0]) != picture(answers[1])
    assert simulators.paid("fal") == 2


def test_two_equal_ones_are_told_apart_while_their_connections_seem_to_live(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    body = asked()
    with sdk(easel, body), sdk(easel, body):
        submitted(simulators, 2)
        with sdk(easel, body, 1) as first, sdk(easel, body, 1) as second:
            assert easel.app.jobs is not None
            jobs = easel.app.jobs.jobs.running
            until(lambda: sorted(each.present for each in list(jobs.values())) == [2, 2])
            go_on()
            assert len({first.answer().id, second.answer().id}) == 2
    assert simulators.paid("fal") == 2


def test_two_equal_ones_are_told_apart_at_another_gateway(pair: Pair, simulators: Simulators, go_on: GoOn) -> None:
    body = asked()
    ids = {left(pair[0], simulators, body, 1), left(pair[0], simulators, body, 2)}
    with sdk(pair[1], body, 1), sdk(pair[1], body, 1):
        until(lambda: not abandoned(pair[0], body))
    until(lambda: len(abandoned(pair[0], body)) == 2)
    with sdk(pair[1], body, 2) as first, sdk(pair[1], body, 2) as second:
        until(lambda: not abandoned(pair[0], body))
        go_on()
        assert {first.answer().id, second.answer().id} == ids
    assert simulators.paid("fal") == 2


def test_a_job_that_was_answered_later_is_nobodys_lost_one(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    body = asked()
    told = LeavingCaller(easel, body, prefer="respond-async").answer()
    assert told.status == 202
    submitted(simulators, 1)
    id = left(easel, simulators, body)
    assert written.job(easel, told.id)["gone"] == 0
    with sdk(easel, body, 1) as again:
        until(lambda: waits(easel, id))
        go_on()
        assert again.answer().id == id


def test_what_runs_is_joined_however_old_it_is(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = asked()
    id = left(easel, simulators, body)
    written.change(easel, "UPDATE jobs SET created = created - 3000 WHERE id = ?", id)
    with sdk(easel, body, 2) as again:
        until(lambda: waits(easel, id))
        go_on()
        assert again.answer().id == id
    assert simulators.paid("fal") == 1


@pytest.mark.parametrize(("minutes", "joined"), [(14, True), (16, False)])
def test_what_is_over_for_long_is_drawn_anew(
    easel: RunningGateway, simulators: Simulators, minutes: int, joined: bool
) -> None:
    body = asked()
    id = sdk(easel, body).answer().id
    aged = "UPDATE jobs SET created = created - ?, finished = finished - ? WHERE id = ?"
    written.change(easel, aged, minutes * 60, minutes * 60, id)
    assert (sdk(easel, body, 1).answer().id == id) is joined
    assert simulators.paid("fal") == (1 if joined else 2)


def test_what_was_cancelled_because_its_caller_left_is_begun_anew(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    body = asked(cancel_on_disconnect=True)
    with sdk(easel, body):
        submitted(simulators)
    until(lambda: simulators.calls("fal", "cancel"))
    with sdk(easel, body, 1) as again:
        submitted(simulators, 2)
        go_on()
        assert again.answer().status == 200
    [cancelled, _drawn] = written.rows(easel, "SELECT status FROM jobs ORDER BY created DESC LIMIT 2")[::-1]
    assert cancelled["status"] == "cancelled"


def test_what_its_caller_cancelled_stays_so(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = asked()
    id = left(easel, simulators, body)
    easel.http.post(f"/v1/jobs/{id}/cancel").raise_for_status()
    answer = sdk(easel, body, 1).answer()
    assert (answer.status, answer.id, answer.headers["x-should-retry"]) == (409, id, "false")
    assert answer.body["error"]["code"] == "job_cancelled"
    assert len(simulators.calls("fal", "submit")) == 1


def test_what_nobody_could_draw_is_refused_before_it_is_written_down(
    easel: RunningGateway, simulators: Simulators
) -> None:
    """More pictures than a column can count, too."""
    answers = [easel.generate(asked(n=n), headers={"x-stainless-retry-count": "1"}) for n in (11, 2**40, 2**64 - 1)]
    assert [answer.status_code for answer in answers] == [400] * 3
    assert {answer.json()["error"]["message"] for answer in answers} == {"n: must be from 1 to 10"}
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert [easel.http.get(f"/v1/jobs/{id}").status_code for id in ids] == [404] * 3
    assert simulators.calls() == []
