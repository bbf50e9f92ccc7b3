"""Nothing that is not public is ever connected to, however its address is spelled, resolved or redirected to."""

import asyncio
import base64
import time
from collections.abc import Sequence

import pytest

from providers.addresses import Address
from providers.errors import Kind, ProviderError
from providers.guard import Guard
from tests.providers.cdn import Cdn, names
from tests.providers.test_foreign_urls import REFUSED_URLS
from tests.providers.upstream import Asked, Reply, Upstream

PICTURE = b"\x89PNG not really"


@pytest.mark.parametrize("text", REFUSED_URLS)
async def test_a_refused_url_is_neither_resolved_nor_connected_to(text: str) -> None:
    asked: list[str] = []

    async def resolver(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    error = await failure(Guard(resolver=resolver), text)
    assert error.kind is Kind.BROKEN
    assert not asked or text.startswith("https://metadata"), "an empty label is left to the resolver"


async def failure(guard: Guard, url: str, max_bytes: int = 1000, seconds: float = 10.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await guard.fetch(url, max_bytes=max_bytes, deadline=time.monotonic() + seconds)
    await guard.close()
    return caught.value


async def test_a_picture_over_the_checked_path(cdn: Cdn) -> None:
    cdn.upstream.replies = [
        Reply(200, PICTURE, {"content-type": "image/png; x=y", "set-cookie": "a=b"}),
        Reply(200, b"2"),
    ]
    guard = cdn.guard(names(cdn_example=["127.0.0.1"]))
    url = cdn.url("cdn.example", "/a%2Fb.png?sig=%7E%27x'")
    picture = await guard.fetch(url, max_bytes=1000, deadline=time.monotonic() + 10)
    await guard.fetch(url, max_bytes=1000, deadline=time.monotonic() + 10)
    await guard.close()
    assert (picture.content, picture.content_type) == (PICTURE, "image/png")
    first, again = cdn.upstream.asked
    assert first.path == "/a%2Fb.png?sig=%7E%27x'", "a signed URL arrives as it was signed"
    assert first.headers["host"] == f"cdn.example:{cdn.upstream.port}"
    assert not {"authorization", "cookie", "referer"} & set(again.headers)


async def test_the_certificate_must_be_the_names(cdn: Cdn) -> None:
    guard = cdn.guard(names(evil_example=["127.0.0.1"]))
    assert (await failure(guard, cdn.url("evil.example"))).kind is Kind.BUSY
    assert not cdn.upstream.asked


async def test_one_bad_address_among_good_ones_refuses_the_name(cdn: Cdn) -> None:
    for mixed in (["127.0.0.1", "10.0.0.1"], ["10.0.0.1"], ["127.0.0.1", "::1"], ["not an address"]):
        error = await failure(cdn.guard(names(cdn_example=mixed)), cdn.url("cdn.example"))
        assert error.kind is Kind.BROKEN
    assert not cdn.upstream.connections


async def test_a_name_is_resolved_once_so_a_second_answer_cannot_matter(cdn: Cdn) -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    cdn.upstream.replies = [Reply(200, PICTURE)]
    guard = cdn.guard(rebinding)
    assert (await guard.fetch(cdn.url("cdn.example"), max_bytes=99, deadline=time.monotonic() + 10)).content == PICTURE
    await guard.close()
    assert len(answers) == 1


async def test_the_socket_itself_is_checked_last() -> None:
    """Even if the checks of URL and name were fooled: the address that is connected to is looked at."""
    looks: list[str] = []

    def forgetful(address: Address) -> bool:
        looks.append(str(address))
        return len(looks) == 1

    guard = Guard(resolver=names(), permits=forgetful)
    assert (await failure(guard, "https://127.0.0.1/")).kind is Kind.BROKEN
    assert looks == ["127.0.0.1", "127.0.0.1"]


async def test_redirects_are_followed_and_checked_again(cdn: Cdn) -> None:
    cdn.upstream.script = lambda asked: {
        "/a.png": Reply(302, b"", {"location": cdn.url("other.example", "/b.png")}),
        "/b.png": Reply(307, b"", {"location": "/c.png?d"}),
        "/c.png?d": Reply(200, PICTURE),
    }[asked.path]
    guard = cdn.guard(names(cdn_example=["127.0.0.1"], other_example=["127.0.0.1"]))
    assert (await guard.fetch(cdn.url("cdn.example"), max_bytes=99, deadline=time.monotonic() + 10)).content == PICTURE
    await guard.close()
    assert [asked.headers["host"].partition(":")[0] for asked in cdn.upstream.asked] == [
        "cdn.example",
        "other.example",
        "other.example",
    ]


@pytest.mark.parametrize(
    "location",
    [
        "http://cdn.example/b.png",
        "https://127.0.0.2/",
        "https://internal.example:{port}/",
        "//127.0.0.2/",
        "https://user@cdn.example:{port}/",
        "https://cdn.example:22/",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "/a.png",
        "https://[",
        "",
    ],
)
async def test_redirects_that_are_refused(location: str, cdn: Cdn) -> None:
    cdn.upstream.script = lambda asked: Reply(302, b"", {"location": location.format(port=cdn.upstream.port)})
    guard = cdn.guard(names(cdn_example=["127.0.0.1"], internal_example=["10.0.0.1"]))
    assert (await failure(guard, cdn.url("cdn.example"))).kind is Kind.BROKEN
    assert len(cdn.upstream.asked) == (6 if location in ("/a.png", "") else 1)


async def test_a_redirect_without_a_target_is_refused(cdn: Cdn) -> None:
    cdn.upstream.replies = [Reply(302)]
    assert (await failure(cdn.guard(names(cdn_example=["127.0.0.1"])), cdn.url("cdn.example"))).kind is Kind.BROKEN


async def test_a_stranger_cannot_redirect_into_a_trusted_origin(cdn: Cdn, upstream: Upstream) -> None:
    cdn.upstream.replies = [Reply(302, b"", {"location": f"{upstream.url}/admin"})]
    guard = cdn.guard(names(cdn_example=["127.0.0.1"]), trusted_origins=[upstream.url])
    assert (await failure(guard, cdn.url("cdn.example"))).kind is Kind.BROKEN
    assert not upstream.connections


async def test_a_trusted_origin_is_fetched_over_plain_http(upstream: Upstream, second: Upstream) -> None:
    upstream.replies = [Reply(302, b"", {"location": "/b.png"}), Reply(200, PICTURE)]
    guard = Guard([upstream.url])
    deadline = time.monotonic() + 10
    assert (await guard.fetch(f"{upstream.url}/a.png", max_bytes=99, deadline=deadline)).content == PICTURE
    for url in (f"{second.url}/a.png", f"http://localhost:{upstream.port}/", f"https://127.0.0.1:{upstream.port}/"):
        with pytest.raises(ProviderError, match="refused"):
            await guard.fetch(url, max_bytes=99, deadline=deadline)
    await guard.close()
    assert not second.connections


async def test_a_key_goes_to_its_owners_host_and_is_left_behind_there(upstream: Upstream, second: Upstream) -> None:
    upstream.replies = [
        Reply(302, b"", {"location": "/b.png"}),
        Reply(302, b"", {"location": f"{second.url}/c.png"}),
        Reply(200, PICTURE),
    ]
    second.replies = [Reply(302, b"", {"location": f"{upstream.url}/d.png"}), Reply(200, PICTURE)]
    own = {f"{upstream.url}/api": {"authorization": "Bearer k"}}
    guard = Guard([upstream.url, second.url], headers=own)
    for address in (f"{upstream.url}/a.png", f"{second.url}/a.png"):
        await guard.fetch(address, max_bytes=99, deadline=time.monotonic() + 10)
    await guard.close()
    told = [(asked.path, asked.headers.get("authorization")) for asked in (*upstream.asked, *second.asked)]
    assert told == [
        ("/a.png", "Bearer k"),
        ("/b.png", "Bearer k"),
        ("/d.png", None),
        ("/c.png", None),
        ("/a.png", None),
    ]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(404), Kind.GONE),
        (Reply(410), Kind.GONE),
        (Reply(403), Kind.GONE),
        (Reply(500), Kind.BUSY),
        (Reply(503), Kind.BUSY),
        (Reply(429), Kind.BUSY),
        (Reply(drop=True), Kind.BUSY),
        (Reply(200, b"x" * 500, cut=100), Kind.BUSY),
        (Reply(400), Kind.BROKEN),
        (Reply(206, b"x"), Kind.BROKEN),
        (Reply(200, b"x" * 1001), Kind.BROKEN),
        (Reply(200, b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n", {"transfer-encoding": "chunked"}), Kind.BROKEN),
        (Reply(200, b"x", {"content-encoding": "br"}), Kind.BROKEN),
    ],
)
async def test_what_can_go_wrong_with_a_download(reply: Reply, kind: Kind, upstream: Upstream) -> None:
    upstream.script = lambda asked: reply
    assert (await failure(Guard([upstream.url]), f"{upstream.url}/a.png")).kind is kind


async def test_the_deadline_holds_for_the_whole(upstream: Upstream) -> None:
    never = asyncio.Event()

    def script(asked: Asked) -> Reply:
        return Reply(200, PICTURE, hold=never) if asked.path == "/b" else Reply(302, b"", {"location": "/b"})

    upstream.script = script
    assert (await failure(Guard([upstream.url]), f"{upstream.url}/a", seconds=0.2)).kind is Kind.TIMEOUT


async def test_an_unknown_name_and_a_silent_host_may_work_later(cdn: Cdn) -> None:
    assert (await failure(cdn.guard(names()), cdn.url("cdn.example"))).kind is Kind.BUSY


async def test_data_uris_need_no_network() -> None:
    guard = Guard()
    uri = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
    picture = await guard.fetch(uri, max_bytes=99, deadline=0.0)
    assert (picture.content, picture.content_type) == (PICTURE, "image/png")
    for wrong in ("data:image/png;base64,AAA", "data:", "DATA:;base64," + "A" * 2000):
        assert (await failure(guard, wrong)).kind is Kind.BROKEN
