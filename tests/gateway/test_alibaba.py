"""A request through DashScope, as a task and as a message: pictures, seeds, cost, and what failures cost."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start, simulated_settings
from tests.gateway.drawn import asked, content_of, each, failed, opened, served
from tests.gateway.running import RunningGateway

TASK, MESSAGE = "alibaba/qwen-image", "alibaba/qwen-image-2"
ON = {TASK: "submit", MESSAGE: "generate"}


def configured(simulators: Simulators) -> dict[str, Any]:
    at = simulators.addresses["alibaba"]
    return {"alibaba": {"base_url": at["base_url"], "api_key": at["key"]}}


ROUTE = {"qwen-image": {"route": ["alibaba", "lumenfall"]}}


@pytest.fixture(scope="module")
def one_for_all(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    directory = tmp_path_factory.mktemp("alibaba")
    settings = simulated_settings(all_simulators, directory, providers=configured(all_simulators), models=ROUTE)
    with RunningGateway(settings) as running:
        yield running


@pytest.fixture
def gateway(one_for_all: RunningGateway, simulators: Simulators) -> RunningGateway:
    """In front of simulators as new."""
    assert not simulators.calls()
    return one_for_all.forget_trouble()


def submissions(simulators: Simulators) -> list[dict[str, Any]]:
    """The bodies that asked for pictures, by their seeds."""
    calls = [*simulators.calls("alibaba", "submit"), *simulators.calls("alibaba", "generate")]
    return sorted((call["body"] for call in calls), key=lambda body: body["parameters"].get("seed", 0))


def test_a_task_brings_pictures_with_seeds_of_their_own(gateway: RunningGateway, simulators: Simulators) -> None:
    body = served(gateway.generate(asked(model="qwen-image", size="16:9", n=2, seed=7, cfg_scale=4)))
    assert [opened(content_of(image)).size for image in body["data"]] == [(1664, 928)] * 2
    assert each(body, "seed") == [7, 8]
    sent = submissions(simulators)
    assert [call["parameters"] for call in sent] == [
        {"size": "1664*928", "prompt_extend": False, "n": 1, "seed": seed} for seed in (7, 8)
    ]
    assert {call["model"] for call in sent} == {"qwen-image"}
    told = body["metadata"]
    assert (told["provider"], told["provider_name"]) == ("alibaba", "Alibaba Cloud Model Studio")
    rows = {row["name"]: row for row in told["parameters"]}
    assert (rows["size"]["behavior"], rows["size"]["sent_as"]) == ("converted", "parameters.size")
    assert (rows["cfg_scale"]["behavior"], rows["n"]["behavior"]) == ("dropped", "emulated")
    assert told["cost"] == 2 * 0.077  # at most 0.55 yuan a picture, at 0.14 dollars
    assert simulators.paid("alibaba") == 2


def test_a_message_brings_a_batch_and_its_price(gateway: RunningGateway, simulators: Simulators) -> None:
    body = served(gateway.generate(asked(model=MESSAGE, size="640x512", n=2, output_format="jpeg")))
    pictures = [opened(content_of(image)) for image in body["data"]]
    assert [(picture.format, picture.size) for picture in pictures] == [("JPEG", (640, 512))] * 2
    [sent] = submissions(simulators)
    assert sent["parameters"] == {"size": "640*512", "prompt_extend": False, "n": 2}
    assert set(sent["input"]) == {"messages"}
    assert body["metadata"]["cost"] == 0.07196  # 2 x 0.257 yuan
    assert simulators.paid("alibaba") == 2


def test_what_a_yuan_is_worth_is_configured(start: Start, simulators: Simulators) -> None:
    gateway = start(providers=configured(simulators), pricing={"usd_per_cny": 0.2})
    dry = gateway.http.post("/v1/images/generations?dryRun=true", json=asked(model=MESSAGE, n=2))
    assert dry.json()["total_cost_micros"] == 102_800
    prices = {**configured(simulators)["alibaba"], "prices": {"qwen-image-2": {"per_image": 0.03}}}
    own = start(providers={"alibaba": prices}, pricing={"usd_per_cny": 0.2})
    dry = own.http.post("/v1/images/generations?dryRun=true", json=asked(model=MESSAGE, n=2))
    assert dry.json()["total_cost_micros"] == 60_000


@pytest.mark.parametrize("model", [TASK, MESSAGE])
def test_urls_are_handed_on_when_nothing_is_stored(start: Start, simulators: Simulators, model: str) -> None:
    gateway = start(providers=configured(simulators), models=ROUTE, storage={"keep": False})
    [image] = served(gateway.generate(asked(model=model, size="512x512")))["data"]
    assert image["url"].startswith(f"{simulators.origin}/alibaba-media/")
    assert httpx.get(image["url"]).headers["content-type"] == "image/png"


@pytest.mark.parametrize("model", [TASK, MESSAGE])
@pytest.mark.parametrize(
    ("fault", "submitted"),
    [
        ({"effect": "failed"}, 2),
        ({"effect": "status", "status": 429}, 2),
        ({"effect": "status", "status": 503}, 2),
        ({"effect": "status", "status": 500}, 2),
    ],
)
def test_what_cost_nothing_is_tried_again(
    gateway: RunningGateway, simulators: Simulators, model: str, fault: dict[str, Any], submitted: int
) -> None:
    simulators.set_faults([{"provider": "alibaba", "on": "generate", **fault}])
    served(gateway.generate(asked(model=model)))
    assert (len(submissions(simulators)), simulators.paid("alibaba")) == (submitted, 1)


@pytest.mark.parametrize("model", ["qwen-image", MESSAGE])
@pytest.mark.parametrize("effect", ["drop_before", "drop_after", "html", "empty"])
def test_what_may_have_been_paid_is_never_sent_again(
    gateway: RunningGateway, simulators: Simulators, model: str, effect: str
) -> None:
    simulators.set_faults([{"provider": "alibaba", "on": "generate", "effect": effect}])
    answer = gateway.generate(asked(model=model))
    failed(answer, 502, "provider_error")
    assert answer.headers["x-should-retry"] == "false"
    assert len(submissions(simulators)) == 1
    assert simulators.calls("lumenfall") == []


@pytest.mark.parametrize(
    "fault",
    [
        {"on": "status", "effect": "status", "status": 500, "times": 3},
        {"on": "status", "effect": "drop_after"},
        {"on": "status", "effect": "html"},
        {"on": "download", "effect": "drop_before"},
        {"on": "download", "effect": "status", "status": 503},
    ],
)
def test_after_the_ticket_one_picture_is_paid_and_delivered(
    gateway: RunningGateway, simulators: Simulators, fault: dict[str, Any]
) -> None:
    simulators.set_faults([{"provider": "alibaba", **fault}])
    served(gateway.generate(asked(model=TASK)))
    assert (len(submissions(simulators)), simulators.paid("alibaba")) == (1, 1)


@pytest.mark.parametrize("model", ["qwen-image", MESSAGE])
def test_moderation_is_the_callers_and_goes_nowhere_else(
    gateway: RunningGateway, simulators: Simulators, model: str
) -> None:
    simulators.set_faults([{"provider": "alibaba", "on": "generate", "effect": "moderated"}])
    failed(gateway.generate(asked(model=model)), 400, "content_policy_violation")
    assert (len(submissions(simulators)), simulators.paid("alibaba")) == (1, 0)
    assert simulators.calls("lumenfall") == []


def test_an_overdue_account_makes_room_for_the_next_provider(gateway: RunningGateway, simulators: Simulators) -> None:
    body = {"code": "Arrearage", "message": "Access denied, please make sure your account is in good standing."}
    fault = {"provider": "alibaba", "on": "submit", "effect": "status", "status": 400, "body": body, "times": -1}
    simulators.set_faults([fault])
    told = served(gateway.generate(asked(model="qwen-image")))["metadata"]
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["credit", "ok"]
    assert (told["provider"], simulators.paid("alibaba")) == ("lumenfall", 0)
