"""Whatever fails, in whichever order: no picture is paid twice, n is n, and what is told is what happened."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.conftest import everyone
from tests.gateway.counted import counted
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.schedules import ASKING, LEADING, LOSING, POLICIES, ROUTE, Schedule, Wave, schedules
from tests.gateway.until import until

PLACES = 3  # fewer than pictures, so that calls wait for each other and a lost place would be missed
DEADLINE = 20
OUTCOMES = {"ok", "unknown", "skipped", "bad_request", "moderated", "key", "rate", "busy", "failed", "broken", "gone"}
_numbers = itertools.count(1)


class World:
    """A gateway in front of simulators of its own."""

    def __init__(self, simulators: Simulators, gateway: RunningGateway) -> None:
        self.simulators = simulators
        self.gateway = gateway
        self.threads = ThreadPoolExecutor(3)
        self.price: dict[tuple[str, str], int] = {}
        self.sent = 0  # requests

    def begins(self, schedule: Schedule) -> None:
        """Everything healthy and counted from zero; then the faults."""
        self.trusts()
        self.simulators.reset()
        self.simulators.set_faults(schedule.faults)

    def trusts(self) -> None:
        """Whatever the providers did so far."""
        assert self.gateway.app.deps is not None
        self.gateway.app.deps.routing.forget()

    def at_rest(self) -> None:
        """Nothing is being drawn, here or there."""
        deps, side, stage = self.gateway.app.deps, self.gateway.app.jobs, self.simulators.stage
        assert deps is not None
        assert side is not None
        until(lambda: not (side.jobs.running or deps.gate.running) and len(stage.spans) == len(stage.calls))

    def paid(self) -> dict[str, int]:
        return {name: self.simulators.paid(name) for name in ROUTE}

    def asked(self) -> dict[str, int]:
        """Calls that ask for pictures, by provider. Looking for a lost one is a call of Runware's, too."""
        return {name: sum(call["step"] in ASKING for call in self.simulators.calls(name)) for name in ROUTE}

    def ask(self, body: dict[str, Any], wave: Wave) -> list[httpx.Response]:
        """The answers to equal requests; none of those who hung up."""
        self.sent += wave.copies
        if wave.hang_up:
            list(self.threads.map(self.hang_up, [body] * wave.copies))
            until(lambda: counted(self.gateway, "easel_requests_total", route="generations") == self.sent)
            answers = []
        else:
            answers = list(self.threads.map(self.gateway.generate, [body] * wave.copies))
        self.at_rest()
        return answers

    def hang_up(self, body: dict[str, Any]) -> None:
        """Sent whole, and nobody there for the answer, unless it is there at once."""
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        limit = httpx.Timeout(20, read=0.02)
        try:
            httpx.post(f"{self.gateway.url}/v1/images/generations", json=body, headers=headers, timeout=limit)
        except httpx.ReadTimeout:
            return


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Simulators() as simulators:
        providers = {name: told for name, told in everyone(simulators).items() if name in ROUTE}
        address = simulators.addresses["vllm-omni"]
        providers["vllm-omni"] = {
            "kind": "openai_compatible",
            "dialect": "vllm-omni",
            "base_url": address["base_url"],
            "api_key": address["key"],
            "models": dict.fromkeys(POLICIES, "Qwen/Qwen-Image"),
            "prices": {model: {"per_image": 0.001} for model in POLICIES},
        }
        for told in providers.values():
            told["max_concurrency"] = PLACES
        tables: dict[str, Any] = {
            "server": {"data_dir": tmp_path_factory.mktemp("money"), "deadline": DEADLINE},
            "auth": {"admin_key": ADMIN_KEY},
            "providers": providers,
            "models": {model: {"route": list(ROUTE), **policy} for model, policy in POLICIES.items()},
        }
        with RunningGateway(read_settings(None, tables)) as gateway:
            made = World(simulators, gateway)
            assert gateway.app.deps is not None
            gateway.app.deps.routing.retries.first_pause = 0.001
            made.price = {(model, name): cost_of(made, model, name) for model in POLICIES for name in ROUTE}
            made.sent = len(made.price)
            with made.threads:
                yield made


def cost_of(world: World, model: str, provider: str) -> int:
    """Of one picture, in micro-dollars."""
    body = {"model": f"{provider}/{model}", "prompt": "a price", "size": "128x128"}
    return micros(world.gateway.generate(body).json()["metadata"]["cost"])


def micros(dollars: float) -> int:
    return round(dollars * 1_000_000)


@settings(max_examples=12)
@given(choices=st.data())
@pytest.mark.parametrize("first", LEADING, ids=lambda fault: f"{fault['provider']}-{fault['on']}-{fault['effect']}")
def test_whatever_fails(world: World, first: dict[str, Any], choices: st.DataObject) -> None:
    schedule = choices.draw(schedules(first))
    world.begins(schedule)
    prompt = f"schedule {next(_numbers)}"
    for wave in schedule.waves:
        prompt = prompt if wave.repeated else f"{prompt}, and {next(_numbers)}"
        before, asked_before = world.paid(), world.asked()
        answers = world.ask(schedule.body(prompt), wave)
        paid = {name: count - before[name] for name, count in world.paid().items()}
        asked = {name: count - asked_before[name] for name, count in world.asked().items()}
        assert sum(paid.values()) <= schedule.n * wave.copies, "paid more than was wanted"
        for answer in answers:
            check(answer, schedule)
        price = sum(world.price[schedule.model, name] * count for name, count in paid.items())
        if answers and all(answer.status_code == 200 for answer in answers):
            check_money(answers, schedule, paid, price)
        if len(answers) == 1:
            check_story(answers[0], asked, paid, price)
    if schedule.completed:
        check_completed(world, schedule, prompt)


def check_completed(world: World, schedule: Schedule, prompt: str) -> None:
    """With all well again, what is missing is drawn: what was paid beyond n pictures are those that were lost."""
    lost = strikes(schedule.faults) - strikes(world.simulators.stage.script.told())
    world.simulators.set_faults([])
    world.trusts()
    [answer] = world.ask(schedule.body(prompt), Wave(1, hang_up=False, repeated=True))
    assert answer.status_code == 200, answer.text
    check(answer, schedule)
    assert schedule.n <= sum(world.paid().values()) <= schedule.n + lost


def strikes(faults: list[dict[str, Any]]) -> int:
    return sum(fault["times"] for fault in faults if fault["effect"] in LOSING)


def check(answer: httpx.Response, schedule: Schedule) -> None:
    """What holds for every answer by itself."""
    assert answer.status_code in {200, 400, 502}, answer.text
    if answer.status_code != 200:
        assert answer.json()["error"]["code"] in {"content_policy_violation", "provider_error", "invalid_value"}
        return
    data = answer.json()["data"]
    assert len(data) == schedule.n
    if schedule.seed is not None:
        assert [image["seed"] for image in data] == list(range(schedule.seed, schedule.seed + schedule.n))
    providers = {image["provider"] for image in data}
    assert schedule.mix is not False or len(providers) == 1
    assert schedule.forced is None or providers == {schedule.forced}


def check_money(answers: list[httpx.Response], schedule: Schedule, paid: dict[str, int], price: int) -> None:
    """Every paid picture was delivered as drawn, exactly once, and its price told to the one it was drawn for."""
    drawn = [image["provider"] for answer in answers for image in answer.json()["data"] if image["cache"] == "miss"]
    assert {name: drawn.count(name) for name in ROUTE} == paid
    if schedule.shared:
        assert len(drawn) <= schedule.n
    told = sum(micros(answer.json()["metadata"]["cost"]) for answer in answers)
    assert told == price


def check_story(answer: httpx.Response, asked: dict[str, int], paid: dict[str, int], price: int) -> None:
    """The attempts of the only request are the calls that its providers saw; an error never hides what was paid."""
    if answer.status_code != 200:
        told = micros(float(answer.headers.get("x-easel-cost", 0)))
        assert told <= price
        assert not sum(paid.values()) or answer.status_code == 400 or answer.headers["x-should-retry"] == "false"
        return
    metadata = answer.json()["metadata"]
    attempts = [row for row in metadata["attempts"] if row["outcome"] != "skipped"]
    assert {row["outcome"] for row in attempts} <= OUTCOMES
    assert sum(row["images"] for row in attempts) == sum(paid.values())
    for name in set(ROUTE) - {"runware"}:
        assert sum(row["provider"] == name for row in attempts) == asked[name]
