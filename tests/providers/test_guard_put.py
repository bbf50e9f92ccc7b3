"""A file goes to the address that a provider signed, under the same checks as a picture that is fetched."""

import time

import pytest

from providers.errors import Kind, ProviderError
from providers.guard import Guard
from tests.providers.cdn import Cdn, names
from tests.providers.test_foreign_urls import REFUSED_URLS
from tests.providers.upstream import Reply, Upstream

FILE = b"\x89PNG not really"


async def put(guard: Guard, url: str) -> None:
    try:
        await guard.put(url, FILE, "image/png", deadline=time.monotonic() + 10)
    finally:
        await guard.close()


async def failure(guard: Guard, url: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await put(guard, url)
    return caught.value


async def test_a_file_over_the_checked_path(cdn: Cdn) -> None:
    cdn.upstream.replies = [Reply(200)]
    await put(cdn.guard(names(cdn_example=["127.0.0.1"])), cdn.url("cdn.example", "/signed?x=%2F"))
    [sent] = cdn.upstream.asked
    assert (sent.method, sent.path, sent.body) == ("PUT", "/signed?x=%2F", FILE)
    assert sent.headers["content-type"] == "image/png"
    assert not {"authorization", "cookie"} & set(sent.headers)


@pytest.mark.parametrize("url", REFUSED_URLS)
async def test_a_refused_address_is_not_connected_to(url: str) -> None:
    async def resolver(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    assert (await failure(Guard(resolver=resolver), url)).kind is Kind.BROKEN


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["::1"]])
async def test_a_name_with_an_address_that_is_not_public(addresses: list[str], cdn: Cdn) -> None:
    guard = cdn.guard(names(cdn_example=addresses))
    assert (await failure(guard, cdn.url("cdn.example"))).kind is Kind.BROKEN
    assert not cdn.upstream.connections


async def test_a_providers_own_host_is_trusted_and_a_redirect_is_the_end(upstream: Upstream, second: Upstream) -> None:
    upstream.replies = [Reply(201), Reply(307, headers={"location": f"{second.url}/b"})]
    await put(Guard([upstream.url]), f"{upstream.url}/a")
    assert (await failure(Guard([upstream.url]), f"{upstream.url}/a")).kind is Kind.BROKEN
    assert (len(upstream.asked), second.connections) == (2, 0)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(Reply(403), Kind.BROKEN), (Reply(429), Kind.BUSY), (Reply(503), Kind.BUSY), (Reply(drop=True), Kind.BUSY)],
)
async def test_what_the_server_says(reply: Reply, kind: Kind, upstream: Upstream) -> None:
    upstream.replies = [reply]
    error = await failure(Guard([upstream.url]), f"{upstream.url}/secret-signature")
    assert error.kind is kind
    assert "secret" not in error.message
