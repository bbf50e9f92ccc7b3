"""A dry run asks Civitai what it would charge, spends nothing, and goes by the table when nobody answers."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.contract.document import schema_of, wrong_with
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked
from tests.gateway.photos import data_uri, photo
from tests.gateway.running import RunningGateway

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"


def configured(simulators: Simulators, **more: Any) -> dict[str, Any]:
    told = simulators.addresses["civitai"]
    return {"civitai": {"api_key": told["key"], "base_url": told["base_url"], **more}}


@pytest.fixture
def civitai(start: Start, simulators: Simulators) -> RunningGateway:
    return start(
        providers=configured(simulators),
        models={"qwen-image": {"route": ["civitai"]}},
        pricing={"usd_per_buzz": 0.002},
    )


def dry(gateway: RunningGateway, path: str = GENERATIONS, **request: Any) -> dict[str, Any]:
    answer = gateway.http.post(f"{path}?dryRun=true", json=asked(**{"model": "civitai/qwen-image", **request}))
    assert not wrong_with(answer.json(), schema_of(path, "POST", 200), strict=True), answer.text
    return answer.json()


def quantities(simulators: Simulators) -> list[int]:
    return [call["body"]["steps"][0]["input"]["quantity"] for call in simulators.calls("civitai", "submit")]


def test_what_civitai_says_stands_in_the_dry_run(civitai: RunningGateway, simulators: Simulators) -> None:
    told = dry(civitai, n=4, size="1024x1024")
    assert (told["total_cost_micros"], told["cost_basis"]) == (144_000, "quoted")  # 72 Buzz
    [component] = told["components"]
    assert (component["metric"], component["quantity"], component["unit_price"]) == ("image", 4, 36_000)
    assert quantities(simulators) == [4]
    assert simulators.paid("civitai") == 0


def test_equal_calls_are_asked_about_once(civitai: RunningGateway, simulators: Simulators) -> None:
    told = dry(civitai, n=4, size="1024x1024", seed=7)  # a call for each picture: a batch's seeds are not known
    assert (told["total_cost_micros"], told["cost_basis"]) == (144_000, "quoted")
    assert quantities(simulators) == [1]


def test_a_model_without_a_price_list_is_quoted(civitai: RunningGateway, simulators: Simulators) -> None:
    told = dry(civitai, model="civitai/flux-2-pro", n=5, size="1024x1024")
    assert (told["total_cost_micros"], told["cost_basis"]) == (5 * 120 * 2_000, "quoted")
    assert quantities(simulators) == [4, 1]
    assert simulators.paid("civitai") == 0


def test_the_pictures_of_an_edit_count(civitai: RunningGateway, simulators: Simulators) -> None:
    pictures = [data_uri(photo(1024, 1024, colour=(number, 90, 160))) for number in range(3)]
    told = dry(civitai, EDITS, model="civitai/qwen-image-edit", image=pictures, size="1024x1024")
    assert (told["total_cost_micros"], told["cost_basis"]) == (96_000, "quoted")  # 48 Buzz for three
    assert simulators.paid("civitai") == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "status", "status": 500},
        {"effect": "status", "status": 402},
        {"effect": "status", "status": 429},
        {"effect": "html"},
        {"effect": "drop_after"},
        {"effect": "delay", "seconds": 30},  # longer than anybody waits
    ],
    ids=lambda fault: fault.get("status", fault["effect"]),
)
def test_without_an_answer_it_goes_by_the_table(
    civitai: RunningGateway, simulators: Simulators, fault: dict[str, Any]
) -> None:
    simulators.set_faults([{"provider": "civitai", "on": "submit", "times": -1, **fault}])
    told = dry(civitai, n=4, size="1024x1024")
    assert (told["total_cost_micros"], told["cost_basis"]) == (144_000, "published")
    assert len(simulators.calls("civitai", "submit")) == 1


def test_a_price_of_the_users_own_is_not_asked_about(start: Start, simulators: Simulators) -> None:
    own = configured(simulators, prices={"qwen-image": {"per_image": 1}})
    gateway = start(providers=own, models={"qwen-image": {"route": ["civitai"]}})
    told = dry(gateway)
    assert (told["total_cost_micros"], told["cost_basis"]) == (1_000_000, "configured")
    assert simulators.calls() == []


def test_a_plan_asks_nobody(civitai: RunningGateway, simulators: Simulators) -> None:
    answer = civitai.http.post("/v1/images/plan", json=asked(model="civitai/qwen-image", n=4, size="1024x1024"))
    [row] = answer.json()["candidates"]
    assert (row["cost_micros"], row["cost_basis"]) == (144_000, "published")
    assert simulators.calls() == []
