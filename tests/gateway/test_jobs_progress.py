"""A worker's steps reach whoever watches the job, also at another gateway."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from gateway.settings import read_settings
from tests.gateway.job_client import Told, begun, events, streaming
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.until import until
from tests.workers.test_run import worker

SKETCH: dict[str, Any] = {"model": "sketch", "prompt": "a red kite over the sea", "num_inference_steps": 20}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningGateway, RunningGateway]]:
    """Two gateways on one data_dir, in front of one worker."""
    with worker("--follow-parent") as (_process, url, _port), ExitStack() as gateways:
        tables: dict[str, Any] = {
            "server": {"data_dir": tmp_path_factory.mktemp("pair")},
            "auth": {"admin_key": ADMIN_KEY},
            "providers": {"local": {"workers": [url]}},
            "jobs": {"lease": 1},
        }
        one, other = (gateways.enter_context(RunningGateway(read_settings(None, tables))) for _each in range(2))
        yield one, other


def of_one_job(answer: httpx.Response) -> list[Told]:
    """All that is told until a job ends."""
    found: list[Told] = []
    for told in events(answer):
        found.append(told)
        if told.type == "finished":
            return found
    raise AssertionError("the stream ended before the job")


def seen_by_both(here: RunningGateway, there: RunningGateway) -> tuple[list[Told], list[Told]]:
    """What both tell of a job that the first one runs."""
    with streaming(here, "/v1/events") as near, streaming(there, "/v1/events") as far:
        begun(here, SKETCH)
        return of_one_job(near), of_one_job(far)


def test_steps_are_told_as_they_are_made(pair: tuple[RunningGateway, RunningGateway]) -> None:
    near, far = seen_by_both(*pair)
    progress = [told.data for told in near if told.type == "progress"]
    assert [(told["step"], told["steps"], told["percentage"]) for told in progress] == [
        (step, 20, 5.0 * step) for step in range(1, 21)
    ]
    assert [told.type for told in near if told.id] == ["accepted", "started", "image", "finished"]
    assert [told.id for told in far if told.id] == [told.id for told in near if told.id]


def test_steps_are_told_at_another_gateway_too(pair: tuple[RunningGateway, RunningGateway]) -> None:
    """As soon as each has noticed the other one."""

    def heard() -> bool:
        near, far = seen_by_both(*pair)
        return [told.data for told in far if not told.id] == [told.data for told in near if not told.id]

    until(heard)
