"""The HTTP module sends what it should to where it may, and says what went wrong in our words."""

import asyncio
import gzip
import socket
import tracemalloc
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from providers.errors import Kind, ProviderError
from providers.http import Http, check_base_url, origin_of
from tests.providers import failing
from tests.providers.upstream import Asked, Reply, Upstream

Make = Callable[..., Http]
failure = partial(failing.failure, provider="acme")


@pytest_asyncio.fixture
async def make(upstream: Upstream) -> AsyncGenerator[Make]:
    made: list[Http] = []

    def one(base_url: str = "", **settings: Any) -> Http:
        http = Http(base_url or f"{upstream.url}/v1", provider="acme", **settings)
        made.append(http)
        return http

    yield one
    for http in made:
        await http.close()


async def test_a_post_sends_json_and_our_headers(upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, {"ok": "é"}, {"X-Thing": "7"})]
    answer = await make(headers={"authorization": "Key k"}).post("/a/b", json={"prompt": "ü"}, headers={"x-id": "1"})
    assert answer.json_object() == {"ok": "é"}
    assert (answer.status, answer.headers["x-thing"]) == (200, "7")
    asked = upstream.asked[0]
    assert (asked.method, asked.path, asked.json) == ("POST", "/v1/a/b", {"prompt": "ü"})
    assert asked.headers["authorization"] == "Key k"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["host"] == f"127.0.0.1:{upstream.port}"
    assert asked.headers["x-id"] == "1"
    assert "cookie" not in asked.headers


async def test_get_put_and_delete(upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(202, {"a": 1}), Reply(200, {}), Reply(200, {})]
    http = make()
    assert (await http.get("/status?logs=0")).status == 202
    await http.put("/cancel")
    await http.delete("/queue/1")
    assert [(asked.method, asked.path, asked.body) for asked in upstream.asked] == [
        ("GET", "/v1/status?logs=0", b""),
        ("PUT", "/v1/cancel", b""),
        ("DELETE", "/v1/queue/1", b""),
    ]


async def test_cookies_are_not_kept(upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, {}, {"set-cookie": "a=b; Path=/"}), Reply(200, {})]
    http = make()
    await http.get("/1")
    await http.get("/2")
    assert "cookie" not in upstream.asked[1].headers


async def test_connections_are_reused(upstream: Upstream, make: Make) -> None:
    upstream.script = lambda asked: Reply(200, {})
    http = make()
    for _ in range(3):
        await http.post("/", json={})
    assert upstream.connections == 1


async def test_the_key_never_follows_a_url_to_another_origin(upstream: Upstream, second: Upstream, make: Make) -> None:
    http = make(headers={"authorization": "Key k"})
    for url in (
        f"{second.url}/x",
        f"http://localhost:{upstream.port}/x",
        f"http://127.0.0.1:{upstream.port}@evil.example/x",
        f"http://user@127.0.0.1:{upstream.port}/x",
        f"https://127.0.0.1:{upstream.port}/x",
        f"http://127.0.0.1:{upstream.port}\\@evil.example/",
        "http://",
        "http://[",
    ):
        assert (await failure(http.get(url))).kind is Kind.BROKEN
    assert not second.asked
    assert not upstream.asked


async def test_a_url_of_a_configured_origin_is_followed(upstream: Upstream, second: Upstream, make: Make) -> None:
    second.replies = [Reply(200, {"from": "second"})]
    http = make(origins=[f"{second.url}/queue"])
    assert (await http.get(f"{second.url}/anything")).json_object() == {"from": "second"}


async def test_redirects_are_not_followed(upstream: Upstream, second: Upstream, make: Make) -> None:
    upstream.replies = [Reply(307, b"", {"location": f"{second.url}/steal"})]
    assert (await failure(make().post("/", json={}))).kind is Kind.BROKEN
    assert not second.asked


async def test_nobody_listens_is_busy_even_for_a_post(make: Make) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        http = make(f"http://127.0.0.1:{held.getsockname()[1]}")
        assert (await failure(http.post("/", json={}))).kind is Kind.BUSY


@pytest.mark.parametrize("reply", [Reply(drop=True), Reply(200, b"x" * 100, cut=10), Reply(200, b"", cut=0, drop=True)])
async def test_a_broken_connection_is_lost_for_a_post_and_busy_for_a_get(
    reply: Reply, upstream: Upstream, make: Make
) -> None:
    upstream.script = lambda asked: reply
    http = make()
    assert (await failure(http.post("/", json={}))).kind is Kind.LOST
    posts = len(upstream.asked)
    assert posts == 1, "a POST is never sent twice"
    assert (await failure(http.get("/"))).kind is Kind.BUSY
    assert (await failure(http.delete("/"))).kind is Kind.BUSY


async def test_a_connection_that_the_server_closed_while_idle_is_lost_for_a_post(
    upstream: Upstream, make: Make
) -> None:
    upstream.replies = [Reply(200, {}), Reply(drop=True)]
    http = make()
    await http.post("/", json={})
    assert (await failure(http.post("/", json={}))).kind is Kind.LOST
    assert len(upstream.asked) == 2


async def test_no_answer_in_time_is_lost_for_a_post_and_says_why(upstream: Upstream, make: Make) -> None:
    never = asyncio.Event()
    upstream.script = lambda asked: Reply(200, {}, hold=never)
    http = make()
    error = await failure(http.post("/", json={}, within=0.05))
    assert error.kind is Kind.LOST
    assert isinstance(error.__cause__, TimeoutError)
    assert (await failure(http.get("/", within=0.05))).kind is Kind.BUSY


async def test_a_full_pool_is_busy_because_nothing_was_sent(upstream: Upstream, make: Make) -> None:
    go = asyncio.Event()
    upstream.script = lambda asked: Reply(200, {}, hold=go)
    http = make(max_concurrency=1)
    first = asyncio.create_task(http.post("/first", json={}))
    await upstream.arrived.wait()
    assert (await failure(http.post("/second", json={}, within=1))).kind is Kind.BUSY
    go.set()
    assert (await first).status == 200
    assert [asked.path for asked in upstream.asked] == ["/v1/first"]


@pytest.mark.parametrize("told", [True, False])
async def test_a_larger_answer_than_allowed_is_broken(told: bool, upstream: Upstream, make: Make) -> None:
    body = b"x" * 4096 if told else b"1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n"
    headers = {} if told else {"transfer-encoding": "chunked"}
    upstream.replies = [Reply(200, body, headers)]
    error = await failure(make(max_bytes=1000).get("/"))
    assert error.kind is Kind.BROKEN
    assert "1000" in error.message


async def test_compressed_answers_are_unpacked_within_the_limit(upstream: Upstream, make: Make) -> None:
    packed = gzip.compress(b'{"a": 1}')
    bomb = gzip.compress(b"x" * 5_000_000)
    upstream.replies = [
        Reply(200, packed, {"content-encoding": "gzip"}),
        Reply(200, bomb, {"content-encoding": "gzip"}),
        Reply(200, packed[:-4], {"content-encoding": "gzip"}),
        Reply(200, b"junk", {"content-encoding": "gzip"}),
        Reply(200, b"junk", {"content-encoding": "br"}),
    ]
    http = make(max_bytes=1_000_000)
    assert (await http.get("/")).json_object() == {"a": 1}
    for _ in range(4):
        assert (await failure(http.get("/"))).kind is Kind.BROKEN


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html><title>502 Bad Gateway</title> secret-prompt</html>", "'502 Bad Gateway'"),
        (b"  <!DOCTYPE html><title>secret-prompt</title>", "an HTML page"),
        (b"", "nothing"),
        (b"secret-prompt", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": NaN}', "not JSON"),
    ],
)
async def test_what_is_not_json_is_broken_and_not_quoted(
    body: bytes, said: str, upstream: Upstream, make: Make
) -> None:
    upstream.replies = [Reply(200, body, {"content-type": "application/json"})]
    answer = await make().get("/")
    assert answer.error_object() == {}
    with pytest.raises(ProviderError) as caught:
        answer.json_object()
    assert caught.value.kind is Kind.BROKEN
    assert said in caught.value.message
    assert "secret" not in caught.value.message


async def test_json_is_read_whatever_the_content_type_claims(upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, {"a": 1}, {"content-type": "text/html"}), Reply(200, [1])]
    http = make()
    assert (await http.get("/")).json_object() == {"a": 1}
    with pytest.raises(ProviderError, match="not an object"):
        (await http.get("/")).json_object()


async def test_what_json_cannot_say_is_never_sent(upstream: Upstream, make: Make) -> None:
    assert (await failure(make().post("/", json={"prompt": "\ud800"}))).kind is Kind.BAD_REQUEST
    assert not upstream.connections


async def test_an_8_mb_answer_is_not_held_twice(upstream: Upstream, make: Make) -> None:
    body = b"x" * 8_000_000
    upstream.script = lambda asked: Reply(200, body)
    http = make()
    await http.get("/")
    tracemalloc.start()
    try:
        answer = await http.get("/")
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(answer.content) == len(body)
    assert peak < 1.25 * len(body)


@pytest.mark.parametrize(
    "url",
    ["https://queue.fal.run/", "http://127.0.0.1:80/v1", "http://[::1]/", "http://localhost:9/", "http://127.9.9.9"],
)
def test_base_urls_that_are_accepted(url: str) -> None:
    assert check_base_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://fal.run",
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "ftp://fal.run",
        "fal.run",
        "https://",
        "https://user:pass@fal.run",
        "https://fal.run?x=1",
        "https://fal.run#x",
        "https://fal.run /x",
        "https://fal.run\\x",
        "",
    ],
)
def test_base_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|key"):
        check_base_url(url)


def test_plain_http_elsewhere_only_when_allowed() -> None:
    assert check_base_url("http://gpu.lan:8000/v1", allow_http=True) == "http://gpu.lan:8000/v1"


def test_origins_compare_by_scheme_host_and_port() -> None:
    assert origin_of("https://Queue.fal.run/a") == origin_of("https://queue.fal.run:443/b")
    assert origin_of("https://queue.fal.run") != origin_of("http://queue.fal.run:443")


async def test_calls_run_side_by_side(upstream: Upstream, make: Make) -> None:
    go = asyncio.Event()

    def script(asked: Asked) -> Reply:
        if len(upstream.asked) == 8:
            go.set()
        return Reply(200, {"path": asked.path}, hold=go)

    upstream.script = script
    http = make()
    answers = await asyncio.gather(*(http.get(f"/{number}") for number in range(8)))
    assert [answer.json_object()["path"] for answer in answers] == [f"/v1/{number}" for number in range(8)]


@pytest.mark.parametrize("size", [10, 1024 * 1024, 1024 * 1024 + 1, 5_000_000])
async def test_a_body_of_any_size_arrives_whole(size: int, upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, {}), Reply(200, {})]
    http, picture = make(), "A" * size
    for _again in range(2):
        assert (await http.post("/x", json={"picture": picture})).status == 200
    for asked in upstream.asked:
        assert asked.json == {"picture": picture}
        assert asked.headers["content-length"] == str(len(asked.body))
        assert "transfer-encoding" not in asked.headers
        assert asked.headers["content-type"] == "application/json"
    assert upstream.connections == 1


async def test_a_large_body_whose_answer_never_comes_is_lost(upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(drop=True)]
    assert (await failure(make().post("/x", json={"picture": "A" * 3_000_000}))).kind is Kind.LOST
