"""A body goes out under the same checks as a picture comes in, and nothing but a status comes back."""

import time
from collections.abc import AsyncGenerator, Sequence

import pytest

from providers.foreign_urls import RefusedURL
from providers.guard import Guard, Sent
from providers.resolving import resolver_of_its_own
from tests.providers.cdn import Cdn, names
from tests.providers.test_foreign_urls import REFUSED_URLS
from tests.providers.upstream import Reply, Upstream

BODY = b'{"type":"image.job.succeeded"}'
HEADERS = {"content-type": "application/json", "webhook-id": "msg_1"}


async def post(guard: Guard, url: str, seconds: float = 10.0) -> Sent:
    try:
        return await guard.send("POST", url, BODY, HEADERS, deadline=time.monotonic() + seconds)
    finally:
        await guard.close()


async def test_what_is_sent_and_what_comes_back(cdn: Cdn) -> None:
    cdn.upstream.replies = [Reply(503, b"never read", {"retry-after": "7"})]
    guard = cdn.guard(names(cdn_example=["127.0.0.1"]))
    assert await post(guard, cdn.url("cdn.example", "/hook?token=%2F")) == Sent(503, 7.0)
    [sent] = cdn.upstream.asked
    assert (sent.method, sent.path, sent.body) == ("POST", "/hook?token=%2F", BODY)
    assert HEADERS.items() <= sent.headers.items()
    assert not {"authorization", "cookie"} & set(sent.headers)


async def test_content_in_pieces_has_the_length_that_was_told(upstream: Upstream) -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        for piece in (b"one ", b"two"):
            yield piece

    upstream.replies = [Reply(201)]
    guard, headers = Guard([upstream.url]), {"content-type": "image/png", "content-length": "7"}
    sent = await guard.send("PUT", f"{upstream.url}/a", pieces(), headers, deadline=time.monotonic() + 10)
    await guard.close()
    assert sent.status == 201
    assert upstream.asked[0].body == b"one two"
    assert upstream.asked[0].headers["content-length"] == "7"


@pytest.mark.parametrize("url", REFUSED_URLS)
async def test_a_refused_address_is_not_connected_to(url: str) -> None:
    async def resolver(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    with pytest.raises(RefusedURL):
        await post(Guard(resolver=resolver), url)


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["::1"], ["not an address"]])
async def test_a_name_with_an_address_that_is_not_public(addresses: list[str], cdn: Cdn) -> None:
    guard = cdn.guard(names(cdn_example=addresses))
    with pytest.raises(RefusedURL, match="not public"):
        await guard.look_up(cdn.url("cdn.example"))
    with pytest.raises(RefusedURL, match="not public"):
        await post(guard, cdn.url("cdn.example"))
    assert not cdn.upstream.connections


async def test_a_name_that_was_public_when_it_was_looked_up_is_checked_again(cdn: Cdn) -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    guard = cdn.guard(rebinding)
    await guard.look_up(cdn.url("cdn.example"))
    with pytest.raises(RefusedURL, match="not public"):
        await post(guard, cdn.url("cdn.example"))
    assert not answers
    assert not cdn.upstream.connections


async def test_only_the_operators_own_origin_may_be_plain_http_and_private(
    upstream: Upstream, second: Upstream
) -> None:
    upstream.replies = [Reply(204)]
    guard = Guard([upstream.url])
    await guard.look_up(f"{upstream.url}/hook")
    with pytest.raises(RefusedURL, match="it is not https"):
        guard.check(f"{second.url}/hook")
    with pytest.raises(RefusedURL, match="it is not https"):
        await guard.send("POST", f"{second.url}/hook", BODY, HEADERS, deadline=time.monotonic() + 10)
    assert await post(guard, f"{upstream.url}/hook") == Sent(204)
    assert not second.connections


async def test_a_redirect_is_an_answer_like_any_other(upstream: Upstream, second: Upstream) -> None:
    upstream.replies = [Reply(307, headers={"location": f"{second.url}/b"})]
    assert await post(Guard([upstream.url, second.url]), f"{upstream.url}/a") == Sent(307)
    assert not second.connections


async def test_an_endless_answer_is_not_waited_for(upstream: Upstream) -> None:
    upstream.replies = [Reply(200, b"x", {"content-length": "1000000000"})]
    assert await post(Guard([upstream.url]), f"{upstream.url}/a", seconds=60) == Sent(200)


async def test_without_an_answer_it_says_why_and_no_more(upstream: Upstream, cdn: Cdn) -> None:
    upstream.replies = [Reply(drop=True)]
    with pytest.raises(ConnectionError, match="broke before it answered"):
        await post(Guard([upstream.url]), f"{upstream.url}/secret")
    guard = cdn.guard(names(evil_example=["127.0.0.1"]))
    with pytest.raises(ConnectionError, match="TLS"):
        await post(guard, cdn.url("evil.example"))
    with pytest.raises(ConnectionError, match="could not be resolved"):
        await post(cdn.guard(names()), cdn.url("cdn.example"))
    await upstream.stop()
    with pytest.raises(ConnectionError, match="could not be reached"):
        await post(Guard([upstream.url]), f"{upstream.url}/secret")
    await upstream.start()


async def test_the_whole_exchange_has_a_deadline(upstream: Upstream) -> None:
    with pytest.raises(TimeoutError):
        await post(Guard([upstream.url]), f"{upstream.url}/a", seconds=0)


async def test_names_are_looked_up_in_threads_of_their_own() -> None:
    resolver = resolver_of_its_own(1)
    assert set(await resolver("localhost", 443)) <= {"127.0.0.1", "::1"}
    with pytest.raises(RefusedURL, match="not public"):
        await Guard(resolver=resolver).look_up("https://localhost/hook")
