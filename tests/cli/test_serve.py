"""`easel serve` as a process: how it starts, how it refuses to, how it ends."""

import os
import select
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.running import ADMIN_KEY, Served, easel, served

CALLING = 'easel_upstream_in_flight{provider="local"} 1.0'
SKETCH: dict[str, Any] = {"model": "sketch", "prompt": "a fox", "size": "256x256"}


def draw(running: Served, key: str = ADMIN_KEY, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{running.url}/v1/images/generations", json={**SKETCH, **more}, headers=headers, timeout=60)


def test_it_says_where_and_serves_every_simulated_provider(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--simulate") as running:
        for model in ("sketch", "fal/qwen-image", "vllm-omni/qwen-image", "lumenfall/qwen-image", "gpt-image-1.5"):
            size = "256x256" if model != "gpt-image-1.5" else "1024x1024"
            answer = draw(running, model=model, size=size, response_format="url")
            assert answer.status_code == 200, answer.text
            assert answer.json()["data"][0]["url"].startswith(f"{running.url}/v1/images/files/")
        assert "server" not in answer.headers
        assert "date" in answer.headers
        running.process.send_signal(signal.SIGTERM)
        assert running.rest() == []
        assert running.process.wait(30) == 0
    assert [line for line in running.said if line.startswith("listening")] == [f"listening on {running.url}"]
    assert [line for line in running.said if "simulated" in line] != []


def test_the_first_start_shows_an_admin_key_once(tmp_path: Path) -> None:
    with served(tmp_path / "data", key=None) as first:
        [shown] = [line for line in first.said if line.startswith("admin key: ")]
        key = shown.removeprefix("admin key: ")
        assert draw(first, key).status_code == 200
    with served(tmp_path / "data", key=None) as second:
        assert second.said == [f"listening on {second.url}"]
        assert draw(second, key).status_code == 200
        assert draw(second, key + "x").status_code == 401
    assert key not in (tmp_path / "data" / "secrets.json").read_text()


def test_sigterm_lets_an_accepted_request_finish_and_ends_the_worker(tmp_path: Path) -> None:
    answers: list[httpx.Response] = []
    with served(tmp_path / "data") as running:
        assert running.said == [f"listening on {running.url}"], "a key that is configured is not shown"
        worker = child(running.process.pid, "workers")
        slow = threading.Thread(
            target=lambda: answers.append(draw(running, size="2048x2048", num_inference_steps=50, seed=1))
        )
        slow.start()
        while CALLING not in httpx.get(f"{running.url}/metrics").text and slow.is_alive():
            pass
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGTERM)
        slow.join()
        assert running.process.wait(30) == 0
    assert answers[0].status_code == 200
    assert not Path(f"/proc/{worker}").exists()


def test_a_killed_worker_is_followed_by_another_at_the_same_address(tmp_path: Path) -> None:
    with served(tmp_path / "data") as running:
        os.kill(child(running.process.pid, "workers"), signal.SIGKILL)
        assert "worker: ended with status -9" in running.process.stderr.readline()
        statuses: list[int] = []
        while 200 not in statuses and len(statuses) < 500:
            statuses.append(draw(running).status_code)
        assert statuses[-1] == 200


def test_after_kill_9_nothing_is_left_and_it_starts_again(tmp_path: Path) -> None:
    with served(tmp_path / "data") as running:
        worker = child(running.process.pid, "workers")
        running.process.kill()
        running.process.wait()
        wait_until_gone(worker)
    with served(tmp_path / "data") as again:
        assert draw(again).status_code == 200


def test_every_problem_of_the_configuration_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "easel.toml"
    file.write_text('[server]\ndeadline = -1\nmax_body_mb = 0\n[cache]\npolicy = "sometimes"\n[serer]\n')
    done = easel("serve", "--port", "0", "--config", file, cwd=tmp_path)
    assert done.returncode == 2
    places = [line.removeprefix("easel: ").partition(":")[0] for line in done.stderr.splitlines()]
    assert sorted(places) == ["cache.policy", "serer", "server.deadline", "server.max_body_mb"]


def test_mistakes_that_only_the_tables_know_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "easel.toml").write_text(
        '[models."qwen-image"]\nroute = ["nobody"]\n[providers.openai]\nbase_url = "http://example.org"\n'
    )
    done = easel("serve", "--port", "0", env={"EASEL_SERVER__DATA_DIR": str(tmp_path / "data")}, cwd=tmp_path)
    assert done.returncode == 2
    assert "models.qwen-image.route: nobody does not offer it" in done.stderr
    assert "providers.openai.base_url: http:// would send the key in the clear" in done.stderr


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = easel("serve", "--port", port, env={"EASEL_SERVER__DATA_DIR": str(tmp_path / "data")}, cwd=tmp_path)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert "admin key" not in done.stderr, "a key must not be made by a start that failed"


def test_a_data_directory_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = {"EASEL_SERVER__DATA_DIR": str(tmp_path / "file"), "EASEL_AUTH__ADMIN_KEY": ADMIN_KEY}
    done = easel("serve", "--port", "0", env=env, cwd=tmp_path)
    assert done.returncode != 0
    assert str(tmp_path / "file") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104 - refused
def test_without_keys_it_serves_loopback_only(tmp_path: Path, host: str) -> None:
    done = easel("serve", "--port", "0", "--host", host, env={"EASEL_AUTH__REQUIRED": "false"}, cwd=tmp_path)
    assert done.returncode == 2
    assert "auth.required: false is accepted only on loopback" in done.stderr


def test_on_loopback_it_serves_without_keys(tmp_path: Path) -> None:
    with served(tmp_path / "data", key=None, env={"EASEL_AUTH__REQUIRED": "false"}) as running:
        assert httpx.get(f"{running.url}/v1/models").status_code == 200


def child(parent: int, program: str) -> int:
    """The process that `parent` started with that word on its command line."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
    [found] = [int(pid) for pid, ppid, arguments in rows if int(ppid) == parent and program in arguments]
    return found


def wait_until_gone(pid: int) -> None:
    """A process that is not our child: a handle to it becomes readable at its end."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(handle, "rb", buffering=0) as waiting:
        assert select.select([waiting], [], [], 30)[0] != []
