"""OpenAI's Node client at its default settings behind a proxy that cuts: each picture is paid once."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start
from tests.gateway.cutting_proxy import CuttingProxy
from tests.gateway.drawn import asked
from tests.gateway.running import ADMIN_KEY
from tests.gateway.test_resent_sdk import waited_for
from tests.gateway.until import until
from tests.sdk.node import run_script


def test_through_a_proxy_that_cuts_every_connection(
    start: Start, simulators: Simulators, go_on: GoOn, tmp_path: Path
) -> None:
    """Three equal requests and another, at two gateways in turn, cut twice: as often as the client tries again."""
    gateways = [start(data_dir=tmp_path / "both") for _time in range(2)]
    same = asked()
    bodies = json.dumps([same, same, same, asked()])
    with CuttingProxy(gateways) as proxy, ThreadPoolExecutor() as threads:
        running = threads.submit(run_script, "parallel.cjs", f"{proxy.url}/v1", ADMIN_KEY, bodies)
        until(lambda: len(simulators.calls("fal", "submit")) == 4)
        for connections in (8, 12):
            proxy.cut()
            until(lambda: proxy.connections == connections and waited_for(gateways[0]) == 4)  # noqa: B023 - used at once
        go_on()
        told = running.result()
    assert [each.get("error") for each in told] == [None] * 4
    assert [each["sent"] for each in told] == [3] * 4
    assert len({digest for each in told for digest in each["digests"]}) == 4
    assert simulators.paid("fal") == 4
