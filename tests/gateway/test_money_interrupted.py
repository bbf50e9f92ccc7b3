"""Deadlines that pass at any step, a store that comes and goes, a gateway that is killed: what is paid is counted."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.running import Simulators
from tests.cli.running import served as easel_serve
from tests.gateway.conftest import GoOn, Start, simulated_settings
from tests.gateway.drawn import asked, each, served
from tests.gateway.job_client import ended
from tests.gateway.running import RunningGateway
from tests.gateway.schedules import ASKING
from tests.gateway.test_two_gateways import draw_at, provider_environment
from tests.gateway.until import until
from tests.gateway.valkey import Valkey

_numbers = itertools.count(1)
ASKS = {"fal": "submit", "lumenfall": "generate"}


@pytest.mark.parametrize(
    ("provider", "step"),
    [("fal", "submit"), ("fal", "status"), ("fal", "result"), ("fal", "download"), ("lumenfall", "generate")],
)
@pytest.mark.parametrize("whose", ["server", "jobs"])
def test_a_deadline_at_any_step_ends_in_one_payment(
    start: Start, simulators: Simulators, provider: str, step: str, whose: str
) -> None:
    """That of the waiting, after which the work goes on, and that of the work."""
    gateway = start(**{whose: {"deadline": 0.4}})
    simulators.set_faults([{"provider": provider, "on": step, "effect": "delay", "seconds": 0.6, "times": -1}])
    answer = gateway.generate(asked(n=2, seed=1, model=f"{provider}/qwen-image"))
    assert (answer.status_code, answer.headers["x-should-retry"]) == (504, "false")
    stage = simulators.stage
    until(lambda: len(stage.spans) == len(stage.calls))
    assert simulators.paid(provider) == 2
    assert [(call.provider, call.step) for call in stage.calls if call.step in ASKING] == [
        (provider, ASKS[provider])
    ] * 2


@pytest.fixture(scope="module")
def unsteady(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway whose Redis is at `<data_dir>/s`, if it runs."""
    directory = tmp_path_factory.mktemp("unsteady")
    with RunningGateway(
        simulated_settings(all_simulators, directory, redis={"url": f"unix://{directory}/s"})
    ) as gateway:
        yield gateway


@settings(max_examples=8)
@given(
    waves=st.lists(st.tuples(st.sampled_from(["as it is", "kill", "start"]), st.integers(1, 3)), min_size=2, max_size=5)
)
def test_whatever_the_store_does_what_is_told_as_drawn_is_what_was_paid(
    unsteady: RunningGateway, all_simulators: Simulators, waves: list[tuple[str, int]]
) -> None:
    all_simulators.reset()
    body = asked(prompt=f"unsteady {next(_numbers)}", seed=5)
    valkey = Valkey(unsteady.app.settings.server.data_dir)
    valkey.start()
    with ThreadPoolExecutor(3) as threads:
        try:
            for act, n in waves:
                paid = all_simulators.paid("fal")
                asking = [threads.submit(unsteady.generate, body, n=n) for _copy in range(2)]
                if act != "as it is":
                    valkey.kill()
                if act == "start":
                    valkey.start()
                asking.append(threads.submit(unsteady.generate, body, n=n))
                answers = [served(request.result()) for request in asking]
                assert [each(answer, "seed") for answer in answers] == [list(range(5, 5 + n))] * 3
                drawn = [told for answer in answers for told in each(answer, "cache")].count("miss")
                assert drawn == all_simulators.paid("fal") - paid <= 3 * n
                assert sum(answer["metadata"]["cost"] for answer in answers) == pytest.approx(0.02 * drawn)  # pyright: ignore[reportUnknownMemberType] - pytest's own
        finally:
            valkey.kill()


def test_a_killed_gateway_that_is_started_again_follows_its_tickets(
    start: Start, simulators: Simulators, go_on: GoOn, tmp_path: Path
) -> None:
    """Three pictures are paid, and nothing is sent a second time."""
    body = asked(seed=1, n=3, model="fal/qwen-image")
    with ThreadPoolExecutor() as threads, easel_serve(tmp_path / "own", env=provider_environment(simulators)) as child:
        lost = threads.submit(draw_at, child, body)
        until(lambda: len(tickets_followed(simulators)) == 3)
        child.process.kill()
        lost.result()
        child.process.wait(30)
    go_on()
    gateway = start(data_dir=tmp_path / "own", jobs={"lease": 0.5})
    [begun] = gateway.http.get("/v1/jobs").json()["data"]
    job = ended(gateway, begun["id"])
    assert (job["status"], job["cost"], job["attempts"][0]["outcome"]) == ("succeeded", 0.06, "ok")
    assert [image["seed"] for image in job["result"]["data"]] == [1, 2, 3]
    again = served(gateway.generate(body))
    assert (each(again, "cache"), again["metadata"]["cost"]) == (["hit"] * 3, 0)
    assert (len(simulators.calls("fal", "submit")), simulators.paid("fal")) == (3, 3)


def tickets_followed(simulators: Simulators) -> set[str]:
    """Whoever asks about one has written it down."""
    return {call["path"] for call in simulators.calls("fal", "status")}
