"""Workers behind a gateway announce themselves, calls wait in order, and whose wait is too long goes elsewhere."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.settings import Settings
from simulators.running import Simulators
from tests.gateway.conftest import simulated_settings
from tests.gateway.drawn import failed, served
from tests.gateway.job_client import begun, ended
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import made_key
from tests.gateway.until import until
from tests.gateway.valkey import Valkey
from tests.gateway.workshop import Painter, Workshop, settled

Json = dict[str, Any]
SMALL: Json = {"model": "qwen-image", "size": "64x64", "num_inference_steps": 2, "cache": "off"}


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with Workshop() as running:
        yield running


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(tmp_path_factory.mktemp("valkey")) as running:
        yield running


@pytest.fixture(scope="module")
def shared(
    all_simulators: Simulators, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    with RunningGateway(announced_only(all_simulators, valkey, tmp_path_factory.mktemp("local"))) as running:
        yield running


def announced_only(simulators: Simulators, valkey: Valkey, data: Path) -> Settings:
    """No worker but those which announce themselves; fal draws the same model for money."""
    return simulated_settings(
        simulators,
        data,
        redis={"url": valkey.url},
        providers={"local": {"announced": True, "spill_after": 1e-9}},
        models={"qwen-image": {"route": ["local", "fal"]}},
    )


@pytest.fixture(scope="module")
def one(workshop: Workshop, valkey: Valkey, shared: RunningGateway) -> Painter:
    painter = workshop.painter(valkey.url)
    until(lambda: states(shared).count("ready") == 1)
    return painter


@pytest.fixture
def painter(one: Painter, shared: RunningGateway, simulators: Simulators) -> Painter:
    assert not simulators.calls()
    settled([one])
    until(lambda: at_work(shared) == 0)
    shared.forget_trouble()
    return one


def workers(gateway: RunningGateway) -> Json:
    answer = gateway.http.get("/v1/admin/workers")
    assert answer.status_code == 200, answer.text
    return answer.json()


def states(gateway: RunningGateway) -> list[str]:
    return [row["state"] for row in workers(gateway)["data"]]


def at_work(gateway: RunningGateway) -> int:
    """Calls that any worker has, as far as the gateway knows."""
    return sum(row["running"] + row["waiting"] + row["sent"] for row in workers(gateway)["data"])


def local(prompt: str, **more: Any) -> Json:
    return {**SMALL, "model": "local/qwen-image", "prompt": prompt, **more}


def shareable(prompt: str) -> Json:
    """With a seed, equal requests are one picture."""
    return {name: value for name, value in local(prompt, seed=7).items() if name != "cache"}


def busy(gateway: RunningGateway, painter: Painter, threads: ThreadPoolExecutor) -> Future[httpx.Response]:
    """A picture that is under way until the painter is allowed to go on, and that the gateway knows of."""
    drawing = threads.submit(gateway.generate, local("busy"))
    until(lambda: painter.prompts == ["busy"])
    return drawing


def test_nobody_is_there_before_one_has_announced_itself(
    simulators: Simulators, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        Valkey(tmp_path_factory.mktemp("valkey")) as empty,
        RunningGateway(announced_only(simulators, empty, tmp_path)) as lonely,
    ):
        answer = lonely.generate(local("fox"))
        assert failed(answer, 503, "no_provider").startswith(
            "no provider of local/qwen-image is there: Local workers: no worker draws it now"
        )
        assert (answer.headers["x-should-retry"], "retry-after" in answer.headers) == ("false", False)
        drawn = served(lonely.generate({**SMALL, "prompt": "fox"}))
        assert [each["provider"] for each in drawn["metadata"]["attempts"]] == ["fal"]


def test_a_request_whose_wait_is_too_long_goes_elsewhere_and_says_so(
    shared: RunningGateway, painter: Painter, simulators: Simulators
) -> None:
    with ThreadPoolExecutor() as threads:
        drawing = busy(shared, painter, threads)
        spilled = served(shared.generate({**SMALL, "prompt": "spilled"}))
        painter.engine.allowed.set()
        assert served(drawing.result())["metadata"]["provider"] == "local"
    skipped, paid = spilled["metadata"]["attempts"]
    assert (skipped["provider"], skipped["outcome"]) == ("local", "skipped")
    assert skipped["reason"].startswith("the predicted wait for a worker is ")
    assert (paid["provider"], paid["outcome"], spilled["metadata"]["provider"]) == ("fal", "ok", "fal")
    assert len(simulators.calls("fal", "submit")) == 1 and "spilled" not in painter.prompts
    exposed = shared.http.get("/metrics").text
    assert 'easel_upstream_skipped_total{provider="local",reason="spilled"} 1.0' in exposed
    assert 'easel_workers{state="ready"} 1.0' in exposed


def test_who_cannot_pay_waits(shared: RunningGateway, painter: Painter, simulators: Simulators) -> None:
    key = made_key(shared, budget_usd=0.000001)
    with ThreadPoolExecutor() as threads:
        drawing = busy(shared, painter, threads)
        waiting = threads.submit(shared.generate, {**SMALL, "prompt": "poor"}, headers=key.headers)
        until(lambda: painter.served.worker.desk.waiting == 1)
        painter.engine.allowed.set()
        told = served(waiting.result())["metadata"]
        drawing.result()
    assert [(each["provider"], each["outcome"]) for each in told["attempts"]] == [
        ("local", "skipped"),
        ("fal", "skipped"),
        ("local", "ok"),
    ]
    assert told["attempts"][1]["reason"] == "the budget does not allow it; nothing was sent"
    assert (told["cost"], simulators.calls("fal", "submit")) == (0, [])


def test_work_that_nobody_waits_for_stands_in_the_gateways_line_and_leaves_it_at_once(
    shared: RunningGateway, painter: Painter
) -> None:
    with ThreadPoolExecutor() as threads:
        drawing = busy(shared, painter, threads)
        background = [begun(shared, local(f"b{number}")) for number in range(2)]
        until(lambda: workers(shared)["line"] == {"interactive": 0, "background": 2})
        shared.http.post(f"/v1/jobs/{background[0]}/cancel")
        assert ended(shared, background[0])["status"] == "cancelled"
        until(lambda: workers(shared)["line"] == {"interactive": 0, "background": 1})
        asked = threads.submit(shared.generate, local("asked"))
        until(lambda: painter.served.worker.desk.waiting == 1)
        painter.engine.allowed.set()
        served(asked.result())
        served(drawing.result())
        assert ended(shared, background[1])["status"] == "succeeded"
    assert painter.prompts == ["busy", "asked", "b1"]


@pytest.mark.parametrize("again", ["equal", "same"])
def test_work_that_somebody_waits_for_by_now_moves_up(again: str, shared: RunningGateway, painter: Painter) -> None:
    """By an equal request, or by the same one sent again under its key."""
    key = {"idempotency-key": f"moves up {again}"} if again == "same" else {}
    with ThreadPoolExecutor() as threads:
        drawing = busy(shared, painter, threads)
        background: list[str] = []
        for prompt in ("first", "wanted"):
            body = shareable(f"{prompt} {again}")
            headers = {"prefer": "respond-async", **(key if prompt == "wanted" else {})}
            background.append(shared.generate(body, headers=headers).json()["id"])
            until(lambda: workers(shared)["line"]["background"] == len(background))
        asked = threads.submit(shared.generate, shareable(f"wanted {again}"), headers=key)
        until(lambda: painter.served.worker.desk.waiting == 1)
        painter.engine.allowed.set()
        served(asked.result())
        served(drawing.result())
        assert [ended(shared, job)["status"] for job in background] == ["succeeded"] * 2
    assert painter.prompts == ["busy", f"wanted {again}", f"first {again}"]


def test_a_gateway_that_ends_leaves_its_line_to_the_next_one(
    shared: RunningGateway, painter: Painter, simulators: Simulators, valkey: Valkey, tmp_path: Path
) -> None:
    """It does not wait until others' pictures, and then its own, are drawn."""
    tables: Json = {"redis": {"url": valkey.url}, "providers": {"local": {"announced": True}}}
    settings = simulated_settings(simulators, tmp_path, models={"qwen-image": {"route": ["local"]}}, **tables)
    with ThreadPoolExecutor() as threads:
        drawing = busy(shared, painter, threads)
        with RunningGateway(settings) as ends:
            until(lambda: at_work(ends) == 1)
            jobs = [begun(ends, local(f"left {number}")) for number in range(2)]
            until(lambda: workers(ends)["line"]["background"] == 2)
            closing = threads.submit(ends.stop)
            done, _ = wait([closing], timeout=20)
            painter.engine.allowed.set()  # or a gateway that waits for it would not end
        assert done
        served(drawing.result())
        with RunningGateway(settings) as goes_on:
            told = [ended(goes_on, job) for job in jobs]
    assert [(job["status"], job["cost"]) for job in told] == [("succeeded", 0)] * 2
    assert sorted(painter.prompts) == ["busy", "left 0", "left 1"]


def test_only_admins_see_the_workers(shared: RunningGateway, painter: Painter) -> None:
    [row] = workers(shared)["data"]
    assert (row["url"], row["kind"], row["announced"], row["models"]) == (
        painter.served.url,
        "worker",
        True,
        ["qwen-image"],
    )
    team_admin = made_key(shared, role="team_admin")
    assert shared.http.get("/v1/admin/workers", headers=team_admin.headers).status_code == 403


def test_thirty_that_announce_themselves_draw(
    shared: RunningGateway, painter: Painter, workshop: Workshop, valkey: Valkey
) -> None:
    others = workshop.painters(29, valkey.url)
    crowd = [painter, *others]
    until(lambda: states(shared).count("ready") == 30)
    with ThreadPoolExecutor(30) as threads:
        answers = [threads.submit(shared.generate, local(f"fox {number}")) for number in range(30)]
        until(lambda: sum(bool(each.prompts) for each in crowd) > 25)  # the one whose pace is known may get three
        for each in crowd:
            each.engine.allowed.set()
        assert {served(answer.result())["metadata"]["provider"] for answer in answers} == {"local"}
    assert sorted(prompt for each in crowd for prompt in each.prompts) == sorted(f"fox {n}" for n in range(30))
    for each in others:
        each.served.worker.desk.drain()
        assert each.announcing is not None
        each.announcing.look_up()
    until(lambda: [row["url"] for row in workers(shared)["data"]] == [painter.served.url])


def test_a_gateway_that_joins_and_one_that_is_told_of_nobody(
    shared: RunningGateway, painter: Painter, simulators: Simulators, valkey: Valkey, tmp_path: Path
) -> None:
    tables: Json = {"redis": {"url": valkey.url}, "models": {"qwen-image": {"route": ["local"]}}}
    joins = simulated_settings(simulators, tmp_path / "joins", providers={"local": {}}, **tables)
    alone = simulated_settings(simulators, tmp_path / "alone", providers={"local": {"announced": False}}, **tables)
    painter.engine.allowed.set()
    with RunningGateway(joins) as gateway:
        until(lambda: states(gateway) == ["ready"])
        assert served(gateway.generate(local("fox")))["metadata"]["provider"] == "local"
    with RunningGateway(alone) as gateway:
        assert workers(gateway)["data"] == []
        failed(gateway.generate(local("fox")), 503, "no_provider")


def test_who_asks_while_a_worker_loads_may_ask_again(
    simulators: Simulators, workshop: Workshop, tmp_path: Path
) -> None:
    painter = workshop.painter()
    desk = painter.served.worker.desk
    desk.ready, desk.device.loading = False, ("loading the vae", 0.5)
    tables: Json = {"models": {"qwen-image": {"route": ["local"]}}}
    settings = simulated_settings(
        simulators, tmp_path, providers={"local": {"workers": [painter.served.url]}}, **tables
    )
    with RunningGateway(settings) as gateway:
        until(lambda: states(gateway) == ["loading"])
        answer = gateway.generate(local("fox"))
        assert "loading the vae (50%)" in failed(answer, 503, "no_provider")
        assert (answer.headers["retry-after"], "x-should-retry" in answer.headers) == ("2", False)
        desk.ready = True
        painter.engine.allowed.set()
        until(lambda: states(gateway) == ["ready"])
        assert served(gateway.generate(local("fox")))["metadata"]["provider"] == "local"
