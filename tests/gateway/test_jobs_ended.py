"""A job is cancelled while it runs and deleted when it is over; neither is done to the other."""

from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start
from tests.gateway.job_client import begun, drawn, ended, shown, without_ids
from tests.gateway.running import FOX, RunningGateway
from tests.gateway.until import until


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Status and code, and what is said without ids."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], without_ids(error["message"])


def test_a_job_that_runs_is_cancelled_at_the_provider_too(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    id = begun(easel)
    until(lambda: simulators.calls("fal"))
    answer = easel.http.post(f"/v1/jobs/{id}/cancel")
    assert (answer.status_code, answer.json()["status"], answer.json()["cancelling"]) == (200, "cancelled", False)
    assert answer.json() == shown(easel, id)
    assert [call for call in simulators.calls("fal") if call["method"] == "PUT" and call["path"].endswith("/cancel")]
    assert refusal(easel.http.post(f"/v1/jobs/{id}/cancel")) == (
        409,
        "job_finished",
        "job req_… was cancelled already; it stays as it is",
    )


def test_a_cancel_of_what_is_over_changes_nothing(easel: RunningGateway) -> None:
    id = drawn(easel)
    before = shown(easel, id)
    answer = easel.http.post(f"/v1/jobs/{id}/cancel")
    assert refusal(answer) == (409, "job_finished", "job req_… has succeeded already; it stays as it is")
    assert answer.headers["x-should-retry"] == "false"
    after = shown(easel, id)
    assert {**after, "result": None} == {**before, "result": None}
    assert httpx.get(after["result"]["data"][0]["url"]).status_code == 200


def test_another_gateway_cancels_it_as_well(start: Start, simulators: Simulators, go_on: GoOn, tmp_path: Any) -> None:
    one, other = start(data_dir=tmp_path / "both"), start(data_dir=tmp_path / "both")
    id = begun(one)
    until(lambda: simulators.calls("fal"))
    other.http.post(f"/v1/jobs/{id}/cancel").raise_for_status()
    assert ended(other, id)["status"] == "cancelled"
    assert shown(one, id)["status"] == "cancelled"


def test_what_runs_is_not_deleted(easel: RunningGateway, go_on: GoOn) -> None:
    id = begun(easel)
    answer = easel.http.delete(f"/v1/jobs/{id}")
    assert refusal(answer) == (
        409,
        "job_running",
        "job req_… is running; cancel it first: POST /v1/jobs/req_…/cancel",
    )
    assert answer.headers["x-should-retry"] == "false"
    go_on()
    assert ended(easel, id)["status"] == "succeeded"


def test_what_is_over_is_deleted_with_its_pictures(easel: RunningGateway) -> None:
    answer = easel.generate(FOX, seed=80_001)
    id, url = answer.headers["x-request-id"], answer.json()["data"][0]["url"]
    assert httpx.get(url).status_code == 200
    deleted = easel.http.delete(f"/v1/jobs/{id}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert httpx.get(url).status_code == 404
    for path in ("", "/events"):
        assert easel.http.get(f"/v1/jobs/{id}{path}").json()["error"]["code"] == "not_found"
    assert easel.http.delete(f"/v1/jobs/{id}").status_code == 404
    assert easel.generate(FOX, seed=80_001).headers["x-easel-cache"] == "miss"


@pytest.mark.parametrize("path", ["", "/cancel", "/webhooks/redeliver"])
def test_a_deleted_job_is_as_one_that_never_was(easel: RunningGateway, path: str) -> None:
    id = drawn(easel)
    easel.http.delete(f"/v1/jobs/{id}").raise_for_status()
    never = f"req_{'0' * 24}"
    method = "POST" if path else "GET"
    answers = [easel.http.request(method, f"/v1/jobs/{each}{path}") for each in (id, never)]
    assert answers[0].content.replace(id.encode(), never.encode()) == answers[1].content
    assert [answer.status_code for answer in answers] == [404, 404]


def test_a_webhook_that_there_is_not_cannot_be_sent_again(easel: RunningGateway, go_on: GoOn) -> None:
    id = begun(easel)
    assert refusal(easel.http.post(f"/v1/jobs/{id}/webhooks/redeliver")) == (
        409,
        "job_running",
        "job req_… is running; its webhook is sent when it is over",
    )
    go_on()
    assert ended(easel, id)["webhook"] is None
    assert refusal(easel.http.post(f"/v1/jobs/{id}/webhooks/redeliver")) == (
        404,
        "not_found",
        "job req_… has no webhook; send webhook_url with the request that is to have one",
    )
