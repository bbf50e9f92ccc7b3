"""The chart as Helm renders it."""

import importlib.util
from collections.abc import Generator

import pytest

from tests.deploy.chart import Chart


@pytest.fixture(scope="session")
def chart() -> Generator[Chart]:
    if importlib.util.find_spec("helm_python") is None:
        pytest.skip("there is no wheel of Helm for this machine")
    with Chart() as chart:
        yield chart
