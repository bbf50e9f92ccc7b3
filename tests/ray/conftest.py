"""One Ray and one gateway for all tests here: both take their time to start."""

import sys
from collections.abc import Iterator

import pytest

from gateway.settings import read_settings
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.ray.serving import PYTHON, Cluster


@pytest.fixture(scope="session")
def ray() -> Iterator[Cluster]:
    if sys.platform != "linux":
        pytest.skip("the processes of Ray are found in /proc")
    assert PYTHON.exists(), "`make test-ray` makes the environment that Ray runs in"
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def gateway(ray: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    tables = {
        "server": {"data_dir": tmp_path_factory.mktemp("gateway")},
        "auth": {"admin_key": ADMIN_KEY},
        "providers": {"local": {"workers": [ray.url]}},
    }
    with RunningGateway(read_settings(None, tables)) as running:
        yield running
