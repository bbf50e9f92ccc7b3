"""A provider's message may come to any gateway; without Redis the others only look a little later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.hooked import (
    EVERY,
    FIRST_LOOKS,
    LAST_LOOKS,
    done_by_itself,
    drawing,
    looked_too_early,
    looks,
    tables,
)
from tests.gateway.job_client import begun, ended
from tests.gateway.post_office import PostOffice, deliver
from tests.gateway.running import RunningGateway

Pair = tuple[RunningGateway, RunningGateway]


@pytest.fixture
def pair(office: PostOffice, simulators: Simulators, tmp_path: Path) -> Iterator[Pair]:
    settings = read_settings(None, tables(office, simulators, tmp_path / "both"))
    with RunningGateway(settings) as one, RunningGateway(settings) as other:
        yield one, other


@pytest.fixture
def pair_without_redis(office: PostOffice, simulators: Simulators, tmp_path: Path) -> Iterator[Pair]:
    nobody = {"url": f"unix://{tmp_path}/nobody"}
    settings = read_settings(None, tables(office, simulators, tmp_path / "both", redis=nobody))
    with RunningGateway(settings) as one, RunningGateway(settings) as other:
        yield one, other


def test_a_message_reaches_the_gateway_that_waits(pair: Pair, office: PostOffice, simulators: Simulators) -> None:
    one, other = pair
    for slug in EVERY:
        done_by_itself(simulators, slug)
        job = begun(one, drawing(slug))
        message = office.message(job)
        looked_too_early(simulators, slug)
        assert deliver(message, other).json() == {"status": "accepted"}
        assert ended(other, job)["status"] == "succeeded"
        assert looks(simulators, slug) == FIRST_LOOKS[slug] + LAST_LOOKS[slug]
        assert [deliver(message, each).json() for each in pair] == [{"status": "duplicate"}] * 2


def test_without_redis_only_the_gateway_that_it_comes_to_hears_it(
    pair_without_redis: Pair, office: PostOffice, simulators: Simulators
) -> None:
    one, other = pair_without_redis
    simulators.set_pace("fal", seconds_per_image=0.05)
    job = begun(one, drawing("fal"))
    assert deliver(office.message(job), other).json() == {"status": "accepted"}
    assert ended(one, job)["status"] == "succeeded"
    simulators.reset()
    done_by_itself(simulators, "fal")
    job = begun(one, drawing("fal"))
    message = office.message(job)
    looked_too_early(simulators, "fal")
    assert deliver(message, one).json() == {"status": "accepted"}
    assert ended(one, job)["status"] == "succeeded"
    assert deliver(message, one).json() == {"status": "duplicate"}
