"""`easel serve --processes N`: how the processes start, share the work, come back, are renewed and end."""

import http.client
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.running import ADMIN_KEY, Served, easel, served
from tests.cli.several import companion, family, fork_server, lives, metric, open_sockets, servers
from tests.gateway.until import until

HEALTHY = ("easel_requests_total", 'route="healthz"', 'status="200"')
SLOW = {"model": "sketch", "prompt": "a fox", "size": "2048x2048", "num_inference_steps": 50, "n": 8}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("home") / "data", "--processes", "2") as running:
        assert running.said == [f"listening on {running.url}"]
        everyone = family(running.process.pid)
        yield running
        running.process.send_signal(signal.SIGTERM)
        assert running.rest() == []
        assert running.process.wait(30) == 0
        until(lambda: not any(map(lives, everyone)))


def visit(running: Served, times: int) -> None:
    """Each on a connection of its own."""
    for _time in range(times):
        assert httpx.get(f"{running.url}/healthz", trust_env=False).status_code == 200


def test_they_take_about_as_many_connections_each(pair: Served) -> None:
    before = {pid: open_sockets(pid) for pid in servers(pair)}
    connections = [http.client.HTTPConnection(httpx.URL(pair.url).netloc.decode()) for _each in range(60)]
    for connection in connections:
        connection.connect()
    for connection in connections:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
    shares = [open_sockets(pid) - sockets for pid, sockets in before.items()]
    for connection in connections:
        connection.close()
    assert len(shares) == 2
    assert sum(shares) >= 60, "meanwhile a gateway may open some of its own, to its worker"
    assert min(shares) >= 24


def test_one_that_is_killed_comes_back_and_what_it_counted_stays(pair: Served) -> None:
    before, valkey, counted = servers(pair), companion(pair, "valkey-server"), metric(pair, *HEALTHY)
    visit(pair, 10)
    assert metric(pair, *HEALTHY) == counted + 10
    for killed in before:
        os.kill(killed, signal.SIGKILL)
        line = pair.process.stderr.readline().rstrip()
        assert line == f"easel: process {killed} was ended by signal 9; the next one starts in 0.1 s"
    visit(pair, 10)
    until(lambda: len(servers(pair)) == 2)
    assert not {*servers(pair)} & {*before}
    assert metric(pair, *HEALTHY) == counted + 20
    assert metric(pair, "easel_requests_in_flight") == 1
    assert companion(pair, "valkey-server") == valkey


def test_all_are_renewed_without_a_refused_connection(pair: Served) -> None:
    before, counted, visits = servers(pair), metric(pair, *HEALTHY), 0
    pair.process.send_signal(signal.SIGHUP)
    while {*servers(pair)} & {*before}:
        visit(pair, 3)
        visits += 3
    assert len(servers(pair)) == 2
    assert metric(pair, *HEALTHY) == counted + visits


def test_they_outlive_their_fork_server_and_another_one_forks_the_next(pair: Served) -> None:
    before = servers(pair)
    os.kill(fork_server(pair), signal.SIGKILL)
    until(lambda: not servers(pair))
    visit(pair, 4)
    assert all(map(lives, before))
    os.kill(before[0], signal.SIGKILL)
    assert f"process {before[0]} ended with status 255" in pair.process.stderr.readline()
    until(lambda: len(servers(pair)) == 1)
    assert lives(before[1])
    pair.process.send_signal(signal.SIGHUP)
    until(lambda: len(servers(pair)) == 2 and not lives(before[1]))
    visit(pair, 4)


def test_when_the_supervisor_is_killed_all_end(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--processes", "2") as running:
        everyone = family(running.process.pid)
        assert len(everyone) >= 5
        running.process.kill()
        running.process.wait()
        until(lambda: not any(map(lives, everyone)))


def test_a_second_interrupt_ends_them_now(tmp_path: Path) -> None:
    ends: list[int] = []

    def draw() -> None:
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        try:
            ends.append(httpx.post(f"{running.url}/v1/images/generations", json=SLOW, headers=headers).status_code)
        except httpx.TransportError:
            ends.append(0)

    with served(tmp_path / "data", "--processes", "2") as running:
        asking = threading.Thread(target=draw)
        asking.start()
        until(lambda: metric(running, "easel_upstream_in_flight", 'provider="local"') == 1)
        running.process.send_signal(signal.SIGINT)
        until(lambda: refused(running))
        assert ends == [], "the first one lets it finish"
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) == 0
        asking.join()
    assert ends in ([0], [500])


def refused(running: Served) -> bool:
    try:
        httpx.get(f"{running.url}/healthz", trust_env=False)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:  # it was accepted, and the listener closed before anybody answered
        return False
    return False


def test_why_none_can_start_is_said_once(tmp_path: Path) -> None:
    env = {
        "EASEL_SERVER__DATA_DIR": str(tmp_path / "data"),
        "EASEL_AUTH__ADMIN_KEY": ADMIN_KEY,
        "EASEL_DATABASE__URL": f"postgresql://easel@/easel?host={tmp_path}",
    }
    done = easel("serve", "--port", "0", "--processes", "4", env=env, cwd=tmp_path)
    assert done.returncode == 3
    [line] = done.stderr.splitlines()
    assert line.startswith("easel: ")
    assert "database" in line


def test_a_mistake_in_the_configuration_is_said_once(tmp_path: Path) -> None:
    done = easel("serve", "--processes", "4", env={"EASEL_SERVER__DEADLINE": "-1"}, cwd=tmp_path)
    assert done.returncode == 2
    assert [line.partition(":")[2].strip().partition(":")[0] for line in done.stderr.splitlines()] == [
        "server.deadline"
    ]
