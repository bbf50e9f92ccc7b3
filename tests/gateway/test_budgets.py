"""A budget is never passed: what may be spent is held before it is sent, and becomes what it really cost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import GoOn, simulated_providers, simulated_settings
from tests.gateway.drawn import asked, served
from tests.gateway.running import RunningGateway
from tests.gateway.spent import held_by_jobs, lines, purse
from tests.gateway.tenants import MadeKey, change_key, change_team, made_key, make_team
from tests.gateway.until import until

PRICES = {
    "fal": {"qwen-image": {"per_image": 0.02}},
    "lumenfall": {"qwen-image": {"per_image": 0.05}},
}
CHEAP, DEAR = 20_000, 50_000  # micro-dollars a picture


@pytest.fixture(scope="module")
def priced(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    providers = {
        name: {**provider, **({"prices": PRICES[name]} if name in PRICES else {})}
        for name, provider in simulated_providers(all_simulators).items()
    }
    settings = simulated_settings(all_simulators, tmp_path_factory.mktemp("priced"), providers=providers)
    with RunningGateway(settings) as gateway:
        yield gateway


@pytest.fixture
def gateway(priced: RunningGateway, simulators: Simulators) -> RunningGateway:
    assert not simulators.calls()
    return priced.forget_trouble()


def ask(gateway: RunningGateway, key: MadeKey, **body: Any) -> httpx.Response:
    return gateway.generate(asked(**{"cache": "off", **body}), headers=key.headers)


def refused(answer: httpx.Response, why: str = "budget") -> None:
    assert answer.status_code == 429, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == ("insufficient_quota", "insufficient_quota")
    assert answer.headers["x-should-retry"] == "false"
    assert why in error["message"]


def test_what_is_left_is_spent_and_not_a_micro_dollar_more(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=0.05, budget_period="total")
    served(ask(gateway, key))
    served(ask(gateway, key))
    refused(ask(gateway, key), "may cost 0.02 dollars, and 0.01 are left of the budget of this key")
    assert simulators.paid("fal") == 2
    assert purse(gateway, key.id) == (2 * CHEAP, 0)
    told = lines(gateway, team=key.team)
    assert [(line["key"], line["provider"], line["cost_micros"], line["assumed"]) for line in told] == [
        (key.id, "fal", CHEAP, False)
    ] * 2
    assert all(line["upstream"] and line["pixels"] and line["price"] == "configured per_image" for line in told)
    change_key(gateway, key.id, budget_usd=0.06)
    until(lambda: ask(gateway, key).status_code == 200)


def test_the_teams_budget_holds_for_all_its_keys(gateway: RunningGateway) -> None:
    team = make_team(gateway, budget_usd=0.04, budget_period="month")["id"]
    one, other = made_key(gateway, team), made_key(gateway, team, budget_usd=100, budget_period="day")
    served(ask(gateway, one))
    served(ask(gateway, other))
    refused(ask(gateway, one))
    refused(ask(gateway, other))
    assert purse(gateway, team) == (2 * CHEAP, 0)
    assert purse(gateway, other.id) == (CHEAP, 0)


def test_all_pictures_of_a_request_or_none(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=0.06, budget_period="day")
    refused(ask(gateway, key, n=4, seed=1, model="fal/qwen-image"))
    assert not simulators.calls()
    served(ask(gateway, key, n=3, seed=1, model="fal/qwen-image"))
    assert simulators.paid("fal") == 3
    assert purse(gateway, key.id) == (3 * CHEAP, 0)


def test_of_many_at_once_as_many_as_the_budget_allows(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=0.2, budget_period="total")
    simulators.set_pace("fal", queue_seconds=0.2)
    with ThreadPoolExecutor(40) as askers:
        asking = [askers.submit(ask, gateway, key, prompt=f"fox {number}") for number in range(40)]
        answers = [each.result() for each in asking]
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 30
    assert simulators.paid("fal") == 10
    assert purse(gateway, key.id) == (200_000, 0)


def test_a_dearer_provider_needs_more_and_may_get_it(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=0.06, budget_period="total")
    fails = [{"provider": "fal", "on": "submit", "effect": "status", "status": 503, "times": -1}]
    simulators.set_faults(fails)
    body = served(ask(gateway, key))
    assert (body["metadata"]["provider"], body["metadata"]["cost_basis"]) == ("lumenfall", "charged")
    assert purse(gateway, key.id) == (CHEAP, 0)  # as it says itself, which is less than was planned
    simulators.reset()
    simulators.set_faults(fails)
    gateway.forget_trouble()
    refused(ask(gateway, key))  # 0.02 would fit, the 0.05 that it comes to would not
    assert [call["step"] for call in simulators.calls() if call["provider"] == "lumenfall"] == []
    assert purse(gateway, key.id) == (CHEAP, 0)


def test_what_nobody_knows_is_charged_as_planned(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=1, budget_period="total")
    simulators.set_faults([{"provider": "lumenfall", "on": "generate", "effect": "drop_after", "times": -1}])
    assert ask(gateway, key, model="lumenfall/qwen-image", n=2).status_code == 502
    [line] = lines(gateway, team=key.team)
    assert (line["outcome"], line["cost_micros"], line["assumed"], line["images"]) == ("unknown", 2 * DEAR, True, 0)
    assert purse(gateway, key.id) == (2 * DEAR, 0)


def test_what_failed_costs_nothing(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=1, budget_period="total")
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "moderated", "times": -1}])
    assert ask(gateway, key, model="fal/qwen-image").status_code == 400
    [line] = lines(gateway, team=key.team)
    assert (line["outcome"], line["cost_micros"], line["assumed"]) == ("moderated", 0, False)
    assert purse(gateway, key.id) == (0, 0)


def test_a_cached_picture_needs_no_budget(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=0.02, budget_period="total")
    body = {"seed": 77, "cache": "seeded", "prompt": "a fox that is drawn once"}
    first, again = served(ask(gateway, key, **body)), served(ask(gateway, key, **body))
    assert [each["metadata"]["cost"] for each in (first, again)] == [0.02, 0]
    assert simulators.paid("fal") == 1
    drawn, cached = lines(gateway, team=key.team)
    assert (drawn["kind"], cached["kind"], cached["images"], cached["cost_micros"]) == ("drawn", "cached", 1, 0)
    assert cached["pixels"] == first["data"][0]["width"] * first["data"][0]["height"]
    refused(ask(gateway, key, **{**body, "seed": 78}))


def test_who_waits_for_anothers_run_holds_nothing(gateway: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    """And whose key has a budget left draws what another's may not."""
    team = make_team(gateway)["id"]
    rich, poor = made_key(gateway, team, budget_usd=0.02), made_key(gateway, team, budget_usd=0)
    body = asked(seed=4711, cache="seeded")
    with ThreadPoolExecutor(2) as askers:
        leading = askers.submit(ask, gateway, rich, **body)
        until(lambda: simulators.calls("fal", "submit"))
        following = askers.submit(ask, gateway, poor, **body)
        assert gateway.app.deps is not None
        shared = gateway.app.deps.shared
        until(lambda: any(run.stop._holders for run in shared._running.values()))  # pyright: ignore[reportPrivateUsage] - who waits shows nowhere else
        go_on()
        assert [served(each.result())["metadata"]["cache"] for each in (leading, following)] == ["miss", "shared"]
    assert simulators.paid("fal") == 1
    assert (purse(gateway, rich.id), purse(gateway, poor.id)) == ((CHEAP, 0), (0, 0))
    refused(ask(gateway, poor, **{**body, "seed": 4712}))


def test_without_a_price_there_is_no_budget_to_hold(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=10)
    answer = ask(gateway, key, model="vllm-omni/qwen-image")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")
    assert 'providers.vllm-omni.prices."qwen-image"' in answer.json()["error"]["message"]
    assert not simulators.calls()
    plan = gateway.http.post("/v1/images/plan", json=asked(), headers=key.headers).json()
    assert [row["excluded"]["code"] for row in plan["candidates"] if row["excluded"]] == ["no_price"]
    change_key(gateway, key.id, budget_usd=None)
    until(lambda: ask(gateway, key, model="vllm-omni/qwen-image").status_code == 200)


def test_a_replay_costs_nothing_and_a_refusal_is_not_kept(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=0.02, budget_period="total")
    body, headers = asked(cache="off"), {**key.headers, "idempotency-key": f"one {key.id}"}
    for _each in range(2):
        served(gateway.generate(body, headers=headers))
    assert purse(gateway, key.id) == (CHEAP, 0)
    late = {**key.headers, "idempotency-key": f"two {key.id}"}
    refused(gateway.generate(body, headers=late))
    change_key(gateway, key.id, budget_usd=1)
    until(lambda: gateway.generate(body, headers=late).status_code == 200)
    assert simulators.paid("fal") == 2


def test_a_job_that_is_cancelled_holds_nothing(gateway: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    key = made_key(gateway, budget_usd=1, budget_period="total")
    answer = gateway.generate(asked(cache="off"), headers={**key.headers, "prefer": "respond-async"})
    until(lambda: simulators.calls("fal", "submit"))
    assert purse(gateway, key.id) == (0, CHEAP)
    gateway.http.post(f"/v1/jobs/{answer.json()['id']}/cancel", headers=key.headers)
    until(lambda: purse(gateway, key.id)[1] == 0)
    [line] = lines(gateway, team=key.team)
    assert line["outcome"] == "cancelled"
    assert held_by_jobs(gateway) == 0


def test_openais_client_does_not_ask_again(gateway: RunningGateway) -> None:
    key = made_key(gateway, budget_usd=0)
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key.text)
    with pytest.raises(openai.RateLimitError) as told:
        client.images.generate(model="qwen-image", prompt="a fox")
    assert told.value.code == "insufficient_quota"


def test_a_budget_of_the_team_may_be_taken_away(gateway: RunningGateway) -> None:
    team = make_team(gateway, budget_usd=0)["id"]
    key = made_key(gateway, team)
    refused(ask(gateway, key))
    change_team(gateway, team, budget_usd=None)
    until(lambda: ask(gateway, key).status_code == 200)
