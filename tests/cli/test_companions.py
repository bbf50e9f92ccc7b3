"""A worker beside the gateway: one address through all its lives."""

import os
import queue
import signal

import httpx
import pytest

from gateway.companions import CompanionWorker


def test_it_comes_back_at_the_same_address_and_goes_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_WORKER_KEY", "of other workers")
    said: queue.Queue[str] = queue.Queue()
    with CompanionWorker(say=said.put) as worker:
        address = worker.address()
        first = worker.pid
        assert address is not None and first is not None
        assert address.startswith("http://127.0.0.1:")
        assert httpx.get(f"{address}/v1/status", trust_env=False).status_code == 200
        os.kill(first, signal.SIGKILL)
        assert said.get(timeout=30) == "worker: ended with status -9; the next one starts in 0.1 s"
        assert answers(address)
        second = worker.pid
        assert second is not None and second != first
        assert worker.address() == address
    assert not answers(address, attempts=1)
    worker.stop()


def test_it_can_be_stopped_before_it_can_be_asked() -> None:
    said: list[str] = []
    with CompanionWorker(say=said.append):
        pass
    assert said == [], "an end that was asked for is no failure"


def test_one_that_cannot_draw_here_says_why_and_is_not_started_again() -> None:
    said: queue.Queue[str] = queue.Queue()
    with CompanionWorker("", say=said.put) as worker:
        assert worker.address() is None
    assert said.get(timeout=30).startswith("worker: easel: the engine 'diffusers' has to be told a model: --model ")
    assert said.get(timeout=30) == "worker: it cannot draw here, and is not started again"
    assert said.empty()


def answers(address: str, attempts: int = 100_000) -> bool:
    """Whether it answers within so many attempts."""
    for _ in range(attempts):
        try:
            return httpx.get(address, trust_env=False).status_code > 0
        except httpx.TransportError:
            continue
    return False
