"""Whatever becomes of a request: what it held is free again, and what it may have cost is in the ledger."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateway.jobs.kept_sources import KeptSources
from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start, everyone, simulated_settings
from tests.gateway.drawn import asked, each, failed, served
from tests.gateway.photos import data_uri, photo
from tests.gateway.running import RunningGateway
from tests.gateway.spent import held_by_jobs, lines, purse
from tests.gateway.tenants import MadeKey, change_key, made_key
from tests.gateway.test_budgets import CHEAP, refused
from tests.gateway.until import until

MODELS = {
    ("fal", "qwen-image"): 0.02,
    ("fal", "qwen-image-edit-plus"): 0.02,
    ("lumenfall", "qwen-image"): 0.05,
    ("replicate", "qwen-image"): 0.03,
    ("runware", "qwen-image"): 0.02,
    ("civitai", "qwen-image"): 0.02,
    ("openai", "gpt-image-1.5"): 0.1,
}
REPLICATES, OPENAIS = 30_000, 100_000  # micro-dollars a picture


def priced_providers(simulators: Simulators) -> dict[str, Any]:
    """Each picture has a price of its own that tells who drew it."""
    providers = everyone(simulators)
    for (provider, model), price in MODELS.items():
        providers[provider].setdefault("prices", {})[model] = {"per_image": price}
    providers["replicate"]["max_concurrency"] = 1
    return providers


@pytest.fixture(scope="module")
def priced(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    tables = {
        "providers": priced_providers(all_simulators),
        "models": {"qwen-image": {"route": ["fal", "lumenfall", "replicate", "runware", "civitai"]}},
    }
    settings = simulated_settings(all_simulators, tmp_path_factory.mktemp("priced"), **tables)
    with RunningGateway(settings) as gateway:
        yield gateway


@pytest.fixture
def gateway(priced: RunningGateway, simulators: Simulators) -> RunningGateway:
    assert not simulators.calls()
    return priced.forget_trouble()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def ask(gateway: RunningGateway, key: MadeKey, route: str = "generations", **body: Any) -> httpx.Response:
    whole = asked(**{"cache": "off", **body})
    return gateway.http.post(f"/v1/images/{route}", json=whole, headers=key.headers)


def all_is_settled(gateway: RunningGateway, key: MadeKey, spent: int) -> list[tuple[str, int | None, bool]]:
    """Nothing is held, what is spent is this, and the ledger says the same; its lines."""
    until(lambda: held_by_jobs(gateway) == 0)
    told = lines(gateway, team=key.team)
    assert purse(gateway, key.id) == (spent, 0)
    assert sum(line["cost_micros"] for line in told) == spent
    return [(line["outcome"], line["cost_micros"], bool(line["assumed"])) for line in told]


def test_a_budget_for_exactly_what_is_asked_survives_failures_that_cost_nothing(
    gateway: RunningGateway, simulators: Simulators
) -> None:
    """Each of them is tried again; what failed is not held twice."""
    key = made_key(gateway, budget_usd=0.06)
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 503, "times": 2}])
    served(ask(gateway, key, n=3, seed=1, model="fal/qwen-image"))
    assert all_is_settled(gateway, key, simulators.paid("fal") * CHEAP) == [("ok", CHEAP, False)] * 3
    refused(ask(gateway, key))


def test_an_answer_without_pictures_may_be_paid(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=0.03)
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "empty"}])
    assert ask(gateway, key, model="fal/qwen-image").status_code == 502
    assert all_is_settled(gateway, key, CHEAP) == [("unknown", CHEAP, True)]
    assert simulators.paid("fal") <= 1
    refused(ask(gateway, key))


@pytest.mark.parametrize("effect", ["not_a_picture", "huge", "wrong_type"])
def test_a_picture_that_cannot_be_used_is_paid_all_the_same(
    gateway: RunningGateway, simulators: Simulators, effect: str
) -> None:
    key = made_key(gateway, budget_usd=0.06)
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": effect, "times": -1}])
    ask(gateway, key, n=2, model="fal/qwen-image")
    paid = simulators.paid("fal") * CHEAP
    assert paid <= 60_000
    all_is_settled(gateway, key, paid)


def test_what_was_flagged_is_paid(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=1)
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "nsfw", "times": -1}])
    failed(ask(gateway, key, n=2, model="fal/qwen-image"), 400, "content_policy_violation")
    all_is_settled(gateway, key, simulators.paid("fal") * CHEAP)


def test_a_deadline_leaves_no_hold(start: Start, simulators: Simulators, go_on: GoOn) -> None:
    gateway = start(jobs={"deadline": 0.5}, providers=priced_providers(simulators))
    key = made_key(gateway, budget_usd=1)
    failed(ask(gateway, key, n=2, seed=1, model="fal/qwen-image"), 504, "timeout")
    told = all_is_settled(gateway, key, 2 * CHEAP)
    assert told in ([("unknown", CHEAP, True)] * 2, [("cancelled", CHEAP, True)] * 2)
    go_on()
    all_is_settled(gateway, key, 2 * CHEAP)


def test_what_begins_after_its_job_was_given_up_holds_nothing(
    start: Start, simulators: Simulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pictures are being stored when the deadline passes; only then the first call would be written down."""
    gateway = start(jobs={"deadline": 0.4}, providers=priced_providers(simulators))
    key = made_key(gateway, budget_usd=1)
    store, done = KeptSources.store, asyncio.Event()

    async def slowly(self: KeptSources, *, needed: bool = False) -> None:
        await done.wait()
        await store(self, needed=needed)

    monkeypatch.setattr(KeptSources, "store", slowly)
    body: dict[str, Any] = {"model": "fal/qwen-image-edit-plus", "image": data_uri(photo()), "seed": 5}
    answer = ask(gateway, key, "edits", **body, cache="seeded")
    failed(answer, 504, "timeout")

    async def go() -> None:
        done.set()

    gateway.run(go())
    assert gateway.app.deps is not None
    shared = gateway.app.deps.shared
    until(lambda: shared.running == 0)
    assert simulators.calls() == []
    all_is_settled(gateway, key, 0)


@pytest.mark.parametrize("model", ["replicate/qwen-image", "fal/qwen-image"])
def test_a_job_that_is_cancelled_may_be_paid(gateway: RunningGateway, simulators: Simulators, model: str) -> None:
    provider = model.partition("/")[0]
    simulators.set_pace(provider, queue_seconds=3600)
    key = made_key(gateway, budget_usd=1)
    answer = gateway.generate(asked(cache="off", model=model), headers={**key.headers, "prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    until(lambda: simulators.calls(provider, "status") or simulators.calls(provider, "generate"))
    gateway.http.post(f"/v1/jobs/{answer.json()['id']}/cancel", headers=key.headers)
    until(lambda: purse(gateway, key.id)[1] == 0)
    [line] = lines(gateway, team=key.team)
    assert (line["outcome"], bool(line["assumed"])) in (("cancelled", True), ("unknown", True))
    assert purse(gateway, key.id) == (line["cost_micros"], 0)


def test_a_job_that_is_deleted_while_it_draws_is_settled_first(
    gateway: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    key = made_key(gateway, budget_usd=1)
    answer = gateway.generate(asked(cache="off"), headers={**key.headers, "prefer": "respond-async"})
    until(lambda: simulators.calls("fal", "status"))
    job = f"/v1/jobs/{answer.json()['id']}"
    assert gateway.http.delete(job, headers=key.headers).status_code == 409
    assert gateway.http.post(f"{job}/cancel", headers=key.headers).status_code in (200, 202)
    until(lambda: gateway.http.delete(job, headers=key.headers).status_code == 204)
    until(lambda: purse(gateway, key.id)[1] == 0)
    [line] = lines(gateway, team=key.team)
    assert (line["outcome"], line["cost_micros"], bool(line["assumed"])) == ("cancelled", CHEAP, True)
    assert purse(gateway, key.id) == (CHEAP, 0)


def test_a_client_that_hangs_up_pays_for_what_goes_on(
    gateway: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    key = made_key(gateway, budget_usd=0.02)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{gateway.url}/v1/images/generations", json=asked(cache="off"), headers=key.headers, timeout=0.5)
    assert purse(gateway, key.id) == (0, CHEAP)
    refused(ask(gateway, key))
    go_on()
    until(lambda: purse(gateway, key.id) == (CHEAP, 0))


def test_a_budget_that_is_lowered_meanwhile_lets_what_runs_end_and_nothing_begin(
    gateway: RunningGateway, simulators: Simulators, threads: ThreadPoolExecutor, go_on: GoOn
) -> None:
    key = made_key(gateway, budget_usd=1)
    running = threads.submit(ask, gateway, key, model="fal/qwen-image", n=2, seed=1)
    until(lambda: len(simulators.calls("fal", "submit")) == 2)
    change_key(gateway, key.id, budget_usd=0.03)
    until(lambda: ask(gateway, key).status_code == 429)
    go_on()
    served(running.result())
    paid = simulators.paid("fal") * CHEAP
    all_is_settled(gateway, key, paid)
    change_key(gateway, key.id, budget_usd=(paid + CHEAP) / 1e6)
    until(lambda: ask(gateway, key).status_code == 200)
    refused(ask(gateway, key))
    all_is_settled(gateway, key, paid + CHEAP)


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_period_that_is_changed_meanwhile_forgets_nothing(
    gateway: RunningGateway, simulators: Simulators, threads: ThreadPoolExecutor, go_on: GoOn, period: str
) -> None:
    """What is drawn for the old period counts in the new one as soon as it is over."""
    key = made_key(gateway, budget_usd=0.04, budget_period="total")
    running = threads.submit(ask, gateway, key, model="fal/qwen-image", n=2, seed=1)
    until(lambda: len(simulators.calls("fal", "submit")) == 2)
    change_key(gateway, key.id, budget_period=period)
    go_on()
    served(running.result())
    refused(ask(gateway, key))
    assert sum(line["cost_micros"] for line in lines(gateway, team=key.team)) == 2 * CHEAP
    assert held_by_jobs(gateway) == 0


def test_a_failover_in_the_middle_of_a_request_pays_each_picture_once(
    gateway: RunningGateway, simulators: Simulators
) -> None:
    key = made_key(gateway, budget_usd=0.02 * 2 + 0.05)
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 422, "times": 1}])
    answer = served(ask(gateway, key, n=3, seed=1))
    assert sorted(each(answer, "provider")) == ["fal", "fal", "lumenfall"]
    told = lines(gateway, team=key.team)
    assert sorted((line["provider"], line["outcome"]) for line in told) == [
        ("fal", "ok"),
        ("fal", "ok"),
        ("lumenfall", "ok"),
    ]
    all_is_settled(gateway, key, sum(line["cost_micros"] for line in told))


def test_a_top_up_that_does_not_fit_leaves_what_was_made(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=0.08)
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 422, "times": 1}])
    body = asked(n=3, seed=1, cache="off")
    answer = gateway.generate(body, headers=key.headers)
    refused(answer)
    assert "2 of 3 pictures were made" in answer.json()["error"]["message"]
    assert simulators.calls("lumenfall") == []
    all_is_settled(gateway, key, 2 * CHEAP)
    again = served(gateway.generate(body, headers=key.headers))
    assert sorted(each(again, "cache")) == ["miss", "shared", "shared"], "only what is missing has to fit"
    all_is_settled(gateway, key, 3 * CHEAP)
    assert simulators.paid("fal") == 3


def test_many_calls_of_one_request_with_one_place_hold_once(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=0.12)
    served(ask(gateway, key, n=4, model="replicate/qwen-image"))
    all_is_settled(gateway, key, simulators.paid("replicate") * REPLICATES)
    assert simulators.paid("replicate") == 4
    refused(ask(gateway, key, model="replicate/qwen-image"))


def test_an_edit_is_held_and_paid_like_any_other(gateway: RunningGateway, simulators: Simulators) -> None:
    key = made_key(gateway, budget_usd=0.02)
    body: dict[str, Any] = {"model": "fal/qwen-image-edit-plus", "image": data_uri(photo())}
    served(ask(gateway, key, "edits", **body))
    refused(ask(gateway, key, "edits", **body))
    assert simulators.paid("fal") == 1
    all_is_settled(gateway, key, CHEAP)


@pytest.mark.parametrize("effect", ["stream_error", "stream_cut", "stream_garbage"])
def test_a_stream_that_breaks_is_charged_with_what_may_be_paid(
    gateway: RunningGateway, simulators: Simulators, effect: str
) -> None:
    key = made_key(gateway, budget_usd=10)
    simulators.set_faults([{"provider": "openai", "on": "generate", "effect": effect, "times": 1}])
    body = asked(model="openai/gpt-image-1.5", n=2, stream=True, partial_images=1, size="1024x1024", cache="off")
    answer = gateway.generate(body, headers=key.headers)
    assert answer.status_code == 200
    all_is_settled(gateway, key, simulators.paid("openai") * OPENAIS)
