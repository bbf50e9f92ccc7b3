"""GET /v1/jobs/{id}/events and /v1/events: told as it happens, and from where a client left off."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.api import events as streams
from gateway.cli import server
from tests.gateway.conftest import GoOn, Start
from tests.gateway.job_client import NOBODYS, Told, begun, drawn, events, shown, streaming, watched
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.until import until

WRITTEN = ["accepted", "started", "image", "finished"]


def types(told: list[Told]) -> list[str]:
    return [each.type for each in told]


def ids(told: list[Told]) -> list[str]:
    """No two are the same, and none is a number that tells how many there are."""
    found = [each.id for each in told]
    assert len(set(found)) == len(found)
    assert all(len(id) == 22 for id in found)
    return found


def about(told: Iterator[Told], job: str, last: str) -> list[Told]:
    """What a stream tells of one job, up to an event of this type."""
    found: list[Told] = []
    while not found or found[-1].type != last:
        found += [each for each in [next(told)] if each.data["job"] == job]
    return found


def test_a_job_is_watched_from_its_beginning_to_its_end(easel: RunningGateway, go_on: GoOn) -> None:
    id = begun(easel, n=2)
    with streaming(easel, f"/v1/jobs/{id}/events") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
        told = events(answer)
        first = [next(told), next(told)]
        go_on()
        found = [*first, *told]
    assert types(found) == ["accepted", "started", "image", "image", "finished"]
    assert ids(found) == ids(watched(easel, f"/v1/jobs/{id}/events"))
    assert {each.data["job"] for each in found} == {id}
    assert all(each.data["type"] == each.type and isinstance(each.data["at"], int) for each in found)
    accepted, started, *images, finished = (each.data for each in found)
    assert (accepted["model"], accepted["images"], started["provider"]) == ("qwen-image", 2, "fal")
    assert sorted(image["index"] for image in images) == [0, 1]
    for image in images:
        assert "name" not in image
        assert httpx.get(image["url"]).headers["content-type"] == image["content_type"] == "image/png"
    job = shown(easel, id)
    assert finished["status"] == "succeeded"
    assert {**finished["data"], "result": None} == {**job, "result": None}
    assert len(finished["data"]["result"]["data"]) == 2


def test_what_is_over_is_told_again_and_ends(easel: RunningGateway) -> None:
    id = drawn(easel, response_format="b64_json")
    path = f"/v1/jobs/{id}/events"
    found = watched(easel, path)
    assert types(found) == WRITTEN
    [picture] = found[-1].data["data"]["result"]["data"]
    assert "b64_json" not in picture
    assert [(each.id, each.type) for each in watched(easel, path)] == [(each.id, each.type) for each in found]
    for place, event in enumerate(found[:-1]):
        assert ids(watched(easel, path, **{"last-event-id": event.id})) == ids(found[place + 1 :])
    with streaming(easel, path, **{"last-event-id": found[-1].id}) as answer:
        assert (answer.status_code, answer.read()) == (204, b"")


def test_a_team_hears_of_all_its_jobs_from_now_on(easel: RunningGateway) -> None:
    before = drawn(easel)
    with streaming(easel, "/v1/events") as answer:
        told = events(answer)
        made = [drawn(easel), drawn(easel)]
        found = [next(told) for _each in range(8)]
    assert sorted({each.data["job"] for each in found}) == sorted(made)
    assert before not in made
    with streaming(easel, "/v1/events", **{"last-event-id": found[0].id}) as answer:
        told = events(answer)
        assert [next(told).id for _each in range(7)] == ids(found)[1:]


def test_a_client_that_comes_back_misses_nothing(easel: RunningGateway) -> None:
    with streaming(easel, "/v1/events") as answer:
        told = events(answer)
        first = drawn(easel)
        seen = [next(told), next(told)]
    missed = drawn(easel)
    with streaming(easel, "/v1/events", **{"last-event-id": seen[-1].id}) as answer:
        told = events(answer)
        last = drawn(easel)
        found = [next(told) for _each in range(10)]
    assert not set(ids(seen)) & set(ids(found))
    assert [each.data["job"] for each in found] == [first] * 2 + [missed] * 4 + [last] * 4


def test_everything_from_the_very_beginning(easel: RunningGateway) -> None:
    id = drawn(easel)
    with streaming(easel, "/v1/events", **{"last-event-id": "0"}) as answer:
        assert types(about(events(answer), id, "finished")) == WRITTEN


@pytest.mark.parametrize("path", ["/v1/events", "/v1/jobs/{id}/events"])
@pytest.mark.parametrize("last", ["x", "-1", "1.5", "1e3", "999999999999", "9" * 30, "1 2", "٣"])
def test_an_id_that_no_event_has(easel: RunningGateway, path: str, last: str) -> None:
    id = drawn(easel)
    answer = easel.http.get(path.format(id=id), headers={b"last-event-id": last.encode()})  # pyright: ignore[reportArgumentType] - bytes go as they are
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("invalid_value", "Last-Event-ID")
    assert "or 0 for all" in error["message"]


def test_a_stream_in_vain_is_told_so_at_once(easel: RunningGateway) -> None:
    assert easel.http.get(f"/v1/jobs/{NOBODYS}/events").status_code == 404
    assert httpx.get(f"{easel.url}/v1/events").status_code == 401
    head = easel.http.head("/openai/v1/events")
    assert (head.status_code, head.headers["content-type"], head.content) == (200, "text/event-stream", b"")


def test_a_quiet_stream_is_kept_open(easel: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)
    with streaming(easel, "/v1/events") as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _each in range(6)] == ["retry: 1000", "", ": still here", "", ": still here", ""]


def test_a_client_that_leaves_is_noticed(easel: RunningGateway) -> None:
    until(lambda: listening(easel) == 0)  # those of other tests have been noticed to leave
    with streaming(easel, "/v1/events"), streaming(easel, "/v1/events"):
        until(lambda: listening(easel) == 2)
    until(lambda: listening(easel) == 0)


def listening(gateway: RunningGateway) -> int:
    """How many requests are under way, this one not counted."""
    text = gateway.http.get("/metrics").text
    [line] = [line for line in text.splitlines() if line.startswith("easel_requests_in_flight ")]
    return round(float(line.split()[1])) - 1


def test_streams_and_waits_end_with_the_gateway(start: Start, go_on: GoOn) -> None:
    gateway = start()
    id = begun(gateway)
    paths = ["/v1/events", f"/v1/jobs/{id}/events"]
    opened = threading.Barrier(3)

    def follow(path: str) -> list[Told]:
        with streaming(gateway, path) as answer:
            opened.wait(20)
            return list(events(answer))

    with ThreadPoolExecutor() as threads:
        following = [threads.submit(follow, path) for path in paths]
        waiting = threads.submit(shown, gateway, id, wait=600)
        opened.wait(20)
        until(lambda: listening(gateway) >= 3)
        go_on()
        gateway.end()
        assert all(each.result(20) is not None for each in following)
        assert waiting.result(20)["id"] == id
    gateway.stop()
    assert gateway.ended


def test_a_client_that_takes_nothing_holds_nobody_up(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the gateway, which keeps no event for it, nor its end."""
    monkeypatch.setattr(server, "STUCK_SECONDS", 0.1)
    gateway = start()
    address = urlsplit(gateway.url)
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.connect((address.hostname, address.port))
    stuck.sendall(f"GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_KEY}\r\n\r\n".encode())
    until(lambda: listening(gateway) == 1)
    assert gateway.app.jobs is not None
    hub = gateway.app.jobs.events
    for _each in range(20):
        hub.tell(NOBODYS, "default", "partial_image", {"index": 0}, b"x" * 1_000_000)
    assert drawn(gateway)
    gateway.stop()
    assert gateway.ended
    stuck.close()


def test_so_many_streams_and_no_more(easel: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_STREAMS", 1)
    with streaming(easel, "/v1/events") as first:
        lines = first.iter_lines()  # one that is let go closes its stream
        assert next(lines) == "retry: 1000"
        refused = easel.http.get("/v1/events")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert refused.headers["retry-after"] == "10"
    until(lambda: easel.http.get(f"/v1/jobs/{drawn(easel)}/events").status_code == 200)
