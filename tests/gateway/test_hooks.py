"""Providers' webhooks, end to end: real messages of the simulators hasten the end of a job, and nothing else does."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.counted import counted
from tests.gateway.drawn import asked, failed, served
from tests.gateway.hooked import (
    EVERY,
    FIRST_LOOKS,
    LAST_LOOKS,
    SIGNED,
    done_by_itself,
    drawing,
    looked_too_early,
    looks,
    tables,
)
from tests.gateway.job_client import begun, ended
from tests.gateway.post_office import PostOffice, deliver
from tests.gateway.running import RunningGateway
from tests.gateway.until import until
from tests.receiver import Received

SIGNATURES = {"fal": "x-fal-webhook-signature", "replicate": "webhook-signature"}
DATES = {"fal": "x-fal-webhook-timestamp", "replicate": "webhook-timestamp"}


@pytest.fixture(scope="module")
def asking_to_call(
    always_open: PostOffice, all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    settings = tables(always_open, all_simulators, tmp_path_factory.mktemp("hooks"))
    with RunningGateway(read_settings(None, settings)) as running:
        yield running


@pytest.fixture
def gateway(asking_to_call: RunningGateway, office: PostOffice, simulators: Simulators) -> RunningGateway:
    """Messages are kept until a test hands them on."""
    assert not office.handed
    assert not simulators.calls()
    return asking_to_call.forget_trouble()


def hooks(gateway: RunningGateway, outcome: str, provider: str) -> float:
    return counted(gateway, "easel_hooks_total", outcome=outcome, provider=provider)


@pytest.mark.parametrize("slug", EVERY)
def test_a_message_ends_the_wait(
    gateway: RunningGateway, office: PostOffice, simulators: Simulators, slug: str
) -> None:
    office.to = gateway
    office.before = lambda: looked_too_early(simulators, slug)
    done_by_itself(simulators, slug)
    assert served(gateway.generate(drawing(slug)))["metadata"]["provider"] == slug
    until(lambda: simulators.posted(slug))
    assert [each.status for each in simulators.posted(slug)] == [200]
    [handed] = office.handed
    assert handed.answer.json() == {"status": "accepted"}
    assert handed.message.path.startswith(f"/v1/hooks/{slug}/req_")
    assert looks(simulators, slug) == FIRST_LOOKS[slug] + LAST_LOOKS[slug]
    assert simulators.paid(slug) == 1


@pytest.mark.parametrize("slug", EVERY)
def test_a_message_that_is_lost_is_not_needed(
    gateway: RunningGateway, office: PostOffice, simulators: Simulators, slug: str
) -> None:
    simulators.set_pace(slug, seconds_per_image=0.05)
    simulators.set_faults([{"provider": slug, "on": "webhook", "effect": "lost"}])
    served(gateway.generate(drawing(slug)))
    assert simulators.posted(slug) == []
    assert simulators.paid(slug) == 1


@pytest.mark.parametrize("slug", EVERY)
def test_a_message_counts_once(gateway: RunningGateway, office: PostOffice, simulators: Simulators, slug: str) -> None:
    done_by_itself(simulators, slug)
    job = begun(gateway, drawing(slug))
    message = office.message(job)
    looked_too_early(simulators, slug)
    before = hooks(gateway, "duplicate", slug)
    first, *again = [deliver(message, gateway) for _time in range(4)]
    assert (first.status_code, first.json()) == (200, {"status": "accepted"})
    assert [(each.status_code, each.json()) for each in again] == [(200, {"status": "duplicate"})] * 3
    assert ended(gateway, job)["status"] == "succeeded"
    assert looks(simulators, slug) == FIRST_LOOKS[slug] + LAST_LOOKS[slug]
    assert hooks(gateway, "duplicate", slug) == before + 3


def spoilt(message: Received, slug: str) -> dict[str, dict[str, Any]]:
    """What somebody may have made of a signed message."""
    signature, date = SIGNATURES[slug], DATES[slug]
    moved = str(int(message.headers[date]) - 1)
    other = message.headers[signature].translate(str.maketrans("0123456789", "1234567890"))
    return {
        "body": {"body": message.body[:-1] + b' , "more": 1}'},
        "white space": {"body": message.body + b" "},
        "no body": {"body": b""},
        "signature": {"headers": {signature: other}},
        "no signature": {"headers": {signature: ""}},
        "moment": {"headers": {date: moved}},
        "long ago": {"headers": {date: str(int(moved) - 301)}},
        "id": {"headers": {"webhook-id": "msg_other", "x-fal-webhook-request-id": "other"}},
    }


@pytest.mark.parametrize("slug", SIGNED)
def test_an_altered_message_is_refused_and_hastens_nothing(
    gateway: RunningGateway, office: PostOffice, simulators: Simulators, slug: str
) -> None:
    done_by_itself(simulators, slug)
    job = begun(gateway, drawing(slug))
    message = office.message(job)
    looked_too_early(simulators, slug)
    taken, refused = hooks(gateway, "accepted", slug), hooks(gateway, "refused", slug)
    versions = spoilt(message, slug)
    for name, changed in versions.items():
        told = failed(deliver(message, gateway, **changed), 403, "not_allowed")
        assert told.startswith("this message was refused: "), name
    assert hooks(gateway, "refused", slug) == refused + len(versions)
    assert hooks(gateway, "accepted", slug) == taken
    assert looks(simulators, slug) == FIRST_LOOKS[slug]
    assert deliver(message, gateway).json() == {"status": "accepted"}
    assert ended(gateway, job)["status"] == "succeeded"


def test_what_is_wrong_is_told(gateway: RunningGateway, office: PostOffice, simulators: Simulators) -> None:
    simulators.set_pace("fal", seconds_per_image=0.05)
    message = office.message(begun(gateway, drawing("fal")))
    long_ago = {DATES["fal"]: str(int(message.headers[DATES["fal"]]) - 301)}
    assert "more than 300 seconds away" in failed(deliver(message, gateway, headers=long_ago), 403, "not_allowed")
    altered = failed(deliver(message, gateway, body=b"{}"), 403, "not_allowed")
    assert altered == "this message was refused: the signature is not fal's"


@pytest.mark.parametrize("slug", EVERY)
def test_addresses_that_were_never_given_away(
    gateway: RunningGateway, office: PostOffice, simulators: Simulators, slug: str
) -> None:
    done_by_itself(simulators, slug)
    job = begun(gateway, drawing(slug))
    message = office.message(job)
    token = message.path.rpartition("/")[2]
    _job, number, proof = token.split(".")
    others = {f"/v1/hooks/{other}/{token}" for other in (*EVERY, "openai", "civitai", "nobody") if other != slug}
    wrong = (token[:-1], token + "A", token.swapcase(), f"{job}.{int(number) + 1}.{proof}", f"{job}.0{number}.{proof}")
    others |= {f"/v1/hooks/{slug}/{each}" for each in (*wrong, f"req_{'0' * 24}.{number}.{proof}", "x", "%00", "é")}
    before = hooks(gateway, "unknown", "none")
    answers = [deliver(message, gateway, path=path) for path in sorted(others)]
    told = {(answer.status_code, answer.text) for answer in answers}
    assert len(told) == 1
    assert failed(answers[0], 404, "not_found") == "there is no such address for webhooks"
    assert hooks(gateway, "unknown", "none") == before + len(others)
    assert deliver(message, gateway).json() == {"status": "accepted"}
    assert ended(gateway, job)["status"] == "succeeded"


def test_the_message_of_another_job_is_only_a_hint(
    gateway: RunningGateway, office: PostOffice, simulators: Simulators
) -> None:
    """Its ticket is not that of the call whose address it came to: the call's own is looked at."""
    simulators.set_pace("fal", seconds_per_image=0.05)
    first = begun(gateway, drawing("fal"))
    elsewhere = office.message(first)
    ended(gateway, first)
    done_by_itself(simulators, "fal")
    began = looks(simulators, "fal")
    job = begun(gateway, drawing("fal"))
    path = office.message(job).path
    until(lambda: looks(simulators, "fal") >= began + FIRST_LOOKS["fal"])
    assert deliver(elsewhere, gateway, path=path).json() == {"status": "accepted"}
    shown = ended(gateway, job)
    assert shown["status"] == "succeeded"
    assert simulators.paid("fal") == 2
    assert shown["result"]["data"][0]["seed"] is not None


@pytest.mark.parametrize("slug", EVERY)
def test_a_message_for_a_job_that_is_over(
    gateway: RunningGateway, office: PostOffice, simulators: Simulators, slug: str
) -> None:
    simulators.set_pace(slug, seconds_per_image=0.05)
    job = begun(gateway, drawing(slug))
    message = office.message(job)
    over = ended(gateway, job)
    asked_so_far = looks(simulators, slug)
    assert deliver(message, gateway).json() == {"status": "accepted"}
    again = gateway.http.get(f"/v1/jobs/{job}").json()
    assert (again["status"], again["attempts"]) == (over["status"], over["attempts"])
    assert looks(simulators, slug) == asked_so_far


def test_a_flood_of_forged_messages_asks_the_provider_once_at_most(
    gateway: RunningGateway, office: PostOffice, simulators: Simulators
) -> None:
    done_by_itself(simulators, "fal")
    job = begun(gateway, drawing("fal"))
    message = office.message(job)
    looked_too_early(simulators, "fal")
    for number in range(30):
        failed(deliver(message, gateway, body=b'{"number": %d}' % number), 403, "not_allowed")
    for number in range(30):
        failed(deliver(message, gateway, path=f"/v1/hooks/fal/{job}.0.{number:043d}"), 404, "not_found")
    assert len([call for call in simulators.calls("fal") if "jwks" in call["path"]]) <= 1
    assert looks(simulators, "fal") == FIRST_LOOKS["fal"]
    deliver(message, gateway)
    assert ended(gateway, job)["status"] == "succeeded"


def test_bodies_have_a_limit_and_only_those_of_known_addresses_are_read(
    gateway: RunningGateway, office: PostOffice, simulators: Simulators
) -> None:
    simulators.set_pace("fal", seconds_per_image=0.05)
    message = office.message(begun(gateway, drawing("fal")))
    large = b"{" + b" " * 1_100_000 + b"}"
    failed(deliver(message, gateway, body=large), 413, "request_too_large")
    failed(deliver(message, gateway, body=large, path="/v1/hooks/fal/nothing"), 404, "not_found")
    failed(deliver(message, gateway, headers={"content-encoding": "gzip"}), 415, "unsupported_media_type")
    failed(deliver(message, gateway, body=large[:1_000_001]), 403, "not_allowed")


def test_no_key_is_needed_and_both_prefixes_lead_here(
    gateway: RunningGateway, office: PostOffice, simulators: Simulators
) -> None:
    simulators.set_pace("fal", seconds_per_image=0.05)
    message = office.message(begun(gateway, drawing("fal")))
    assert "authorization" not in message.headers
    assert deliver(message, gateway, path=f"/openai{message.path}").json() == {"status": "accepted"}
    assert deliver(message, gateway).json() == {"status": "duplicate"}
    assert httpx.get(f"{gateway.url}{message.path}").status_code == 405


def test_no_token_in_logs_or_metrics(gateway: RunningGateway, office: PostOffice, simulators: Simulators) -> None:
    simulators.set_pace("fal", seconds_per_image=0.05)
    job = begun(gateway, drawing("fal"))
    message = office.message(job)
    ended(gateway, job)
    proof = message.path.rpartition(".")[2]
    with capture_logs() as logs:
        for changed in ({}, {"body": b"{}"}, {"path": message.path + "x"}, {"path": f"{message.path}/more"}):
            deliver(message, gateway, **changed)
        gateway.http.get(message.path)
    lines = [each for each in logs if each["event"] == "request" and each["route"] in ("hook", "none")]
    assert [(each["route"], each["status"]) for each in lines] == [
        *(("hook", 200), ("hook", 403), ("hook", 404), ("none", 404), ("hook", 405)),
    ]
    assert [each["why"] for each in logs if each["event"] == "hook_refused"] == ["the signature is not fal's"]
    assert proof not in str(logs)
    assert proof not in gateway.http.get("/metrics").text


@pytest.mark.parametrize("slug", ["openai", "civitai"])
def test_only_providers_that_can_are_asked_to_call(gateway: RunningGateway, simulators: Simulators, slug: str) -> None:
    model = "gpt-image-1-mini" if slug == "openai" else "qwen-image"
    gateway.generate(asked(model=f"{slug}/{model}", size="1024x1024"))
    assert simulators.calls(slug)
    assert "/v1/hooks/" not in str(simulators.calls(slug))
