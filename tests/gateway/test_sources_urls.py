"""URLs that callers send lead to the public internet or nowhere, however they are spelled, resolved or redirected."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme

from gateway.flow.finish import Finisher
from gateway.flow.source_loading import MAX_BYTES
from providers.addresses import is_public
from providers.guard import Guard
from simulators.running import Simulators
from tests.gateway.nothing_spent import assert_nothing_spent, error_of
from tests.gateway.running import RunningGateway
from tests.gateway.sources import Reader, file, png
from tests.providers.cdn import Cdn, names, only_127_0_0_1
from tests.providers.test_foreign_urls import REFUSED_URLS
from tests.providers.upstream import Asked, Reply, Upstream

RED, BLUE = png("red"), png("blue")

# Ways to write the address at which clouds keep their instances' credentials, and its like.
METADATA_URLS = [
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/",
    "https://169.254.169.254./",
    "https://169.254.169.254..:443/",
    "https://169.254.169.254:443/",
    "https://169.254.169.254:80/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0xA9.0xFE.0xA9.0xFE/",
    "https://0xa9fe.43518/",
    "https://025177524776/",
    "https://0251.0376.0251.0376/",
    "https://0000251.00000376.000251.0000376/",
    "https://169.254.43518/",
    "https://169.16689662/",
    "https://169.254.169.0xfe/",
    "https://169.254.169.0376/",
    "https://425.510.425.510/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "https://[::169.254.169.254]/",
    "https://[::a9fe:a9fe]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b::169.254.169.254]/",
    "https://[64:ff9b:1::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:a9fe:a9fe::]/",
    "https://[fe80::a9fe:a9fe]/",
    "https://[fe80::1%25lo]/",
    "https://[fd00:ec2::254]/",
    "https://[2606:4700::5efe:a9fe:a9fe]/",
    "https://[::ffff:0:a9fe:a9fe]/",
    "https://cdn.example@169.254.169.254/",
    "https://cdn.example:x@169.254.169.254/",
    "https://169.254.169.254@cdn.example/",
    "https://cdn.example%40169.254.169.254/",
    "https://cdn.example%00.169.254.169.254/",
    "https://cdn.example#@169.254.169.254/",
    "https://169.254.169.254#.cdn.example/",
    "https://169.254.169.254?.cdn.example/",
    "https://169.254.169.254\\.cdn.example/",
    "https://cdn.example\\@169.254.169.254/",
    "https:/\\169.254.169.254/",
    "https:\\\\169.254.169.254/",
    "\\\\169.254.169.254\\share",
    "https:169.254.169.254/",
    "https:///169.254.169.254/",
    "https://%31%36%39.254.169.254/",
    "https://169%2e254%2e169%2e254/",
    "https://169。254。169。254/",
    "https://169．254．169．254/",
    "https://１６９.254.169.254/",
    "https://①⑥⑨.②⑤④.①⑥⑨.②⑤④/",
    "https://169.254.169.254%0d%0ahost:x/",
    "https://169.254.169.254\r\nx: y/",
    "https://169.254.169.254\t/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "gopher://169.254.169.254/_GET",
    "file://169.254.169.254/etc/passwd",
    "file:///etc/passwd",
    "ftp://cdn.example/a.png",
    "blob:https://cdn.example/1",
    "javascript:alert(1)",
    "jar:https://cdn.example!/a.png",
    "HTTP://cdn.example/a.png",
    "https://localhost:22/",
    "https://[::1]:443/",
]

Answer = Callable[[str, int], Any]


class Internet(Cdn):
    """One server under several names, and readers that see nothing else of the internet."""

    def __init__(self, upstream: Upstream, trust: ssl.SSLContext, finisher: Finisher, data_dir: Path) -> None:
        super().__init__(upstream, trust)
        self.finisher = finisher
        self.data_dir = data_dir

    @asynccontextmanager
    async def reader(self, resolver: Answer, **more: Any) -> AsyncGenerator[Reader]:
        guard = self.guard(resolver, **{"permits": is_public, **more})
        yield Reader(guard, self.finisher, self.data_dir)
        await guard.close()

    def public(self) -> Any:
        """As if 127.0.0.1 were the public internet."""
        resolver = names(cdn_example=["127.0.0.1"], other_example=["127.0.0.1"], internal_example=["10.0.0.1"])
        return self.reader(resolver, permits=only_127_0_0_1)


@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side and a client's, of a private authority; making them takes a while."""
    authority: Any = trustme.CA()  # its own types are incomplete
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("cdn.example", "other.example").configure_cert(server_side)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return server_side, trust


@pytest_asyncio.fixture
async def internet(tls: tuple[ssl.SSLContext, ssl.SSLContext], tmp_path: Path) -> AsyncGenerator[Internet]:
    server_side, trust = tls
    upstream, finisher = Upstream(tls=server_side), Finisher(workers=1)
    await upstream.start()
    yield Internet(upstream, trust, finisher, tmp_path)
    await upstream.stop()
    finisher.close()


@pytest.mark.parametrize("url", [*METADATA_URLS, *REFUSED_URLS])
async def test_what_is_not_public_is_neither_resolved_nor_connected_to(internet: Internet, url: str) -> None:
    asked: list[str] = []

    async def resolver(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["169.254.169.254"]

    async with internet.reader(resolver, ports={80, 443, 8443}) as reader:
        refusal = await reader.refusal({"image": [file(RED), {"image_url": url}]})
    assert refusal.param == "image[1].image_url"
    assert not asked or "cdn.example" in url or "metadata" in url
    assert "169" not in refusal.message, "a reason repeats nothing of the URL"


@pytest.mark.parametrize("url", METADATA_URLS[::10])
def test_over_http_too(easel: RunningGateway, simulators: Simulators, url: str) -> None:
    body = {"model": "qwen-image-edit", "prompt": "a hat"}
    for field, param in (("image", "image"), ("fal", "fal.image_url"), ("images", "images[0].url")):
        value: Any = {"image": url, "fal": {"image_url": url}, "images": [{"url": url}]}[field]
        answer = easel.http.post("/v1/images/edits", json={**body, field: value})
        error_of(answer, 400, "invalid_value", param)
    for field in ("image", "mask", "image[]"):
        picture = {} if field != "mask" else {"image": ("a.png", RED)}
        answer = easel.http.post(
            "/v1/images/edits", data={**body, field: url}, files={"user": (None, "ada"), **picture}
        )
        error_of(answer, 400, "invalid_value", "image[0]" if field == "image[]" else field)
    assert simulators.calls() == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["169.254.169.254"],
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["::1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["2002:a9fe:a9fe::1"],
        ["8.8.8.8", "169.254.169.254"],
        ["2606:4700::1111", "127.0.0.1"],
        ["169.254.169.254%eth0"],
    ],
)
async def test_a_name_that_resolves_to_what_is_not_public(internet: Internet, addresses: list[str]) -> None:
    async with internet.reader(names(cdn_example=addresses)) as reader:
        refusal = await reader.refusal({"image_url": internet.url("cdn.example")})
    assert refusal.param == "image_url"
    assert "its address is not public" in refusal.message
    assert not internet.upstream.connections


async def test_a_name_that_rebinds_is_asked_once_for_each_connection(internet: Internet) -> None:
    answers = [["127.0.0.1"], ["169.254.169.254"]]

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    internet.upstream.script = lambda asked: Reply(200, RED, {"connection": "close"})
    async with internet.reader(rebinding, permits=only_127_0_0_1) as reader:
        fields, _contents = await reader.take({"image": internet.url("cdn.example")})
        assert fields["image"][0].pixels == (40, 30)
        assert answers == [["169.254.169.254"]]


@pytest.mark.parametrize("target", [*METADATA_URLS, "https://internal.example:{port}/", "/a.png", "//127.0.0.2/"])
async def test_a_redirect_leads_nowhere_else(internet: Internet, target: str) -> None:
    where = target.format(port=internet.upstream.port)
    if any(ord(character) < 32 or ord(character) > 126 for character in where):
        where = where.encode().decode("latin-1").replace("\r\n", "").replace("\t", "")
    internet.upstream.script = lambda asked: Reply(302, b"", {"location": where})
    async with internet.public() as reader:
        refusal = await reader.refusal({"image_url": internet.url("cdn.example")})
    assert refusal.param == "image_url"
    assert {asked.headers["host"] for asked in internet.upstream.asked} == {f"cdn.example:{internet.upstream.port}"}


async def test_ordinary_urls_are_fetched_each_once_and_without_anything_of_ours(internet: Internet) -> None:
    internet.upstream.script = lambda asked: {
        "/a.png": Reply(302, b"", {"location": internet.url("other.example", "/b.png?sig=%7Ex")}),
        "/b.png?sig=%7Ex": Reply(200, RED, {"content-type": "text/html"}),
        "/c": Reply(200, BLUE),
    }[asked.path]
    async with internet.public() as reader:
        one, two = internet.url("cdn.example"), internet.url("cdn.example", "/c")
        fields, contents = await reader.take({"image": [one, two, one, {"url": one}]})
    assert [contents[source.hash] for source in fields["image"]] == [RED, BLUE, RED, RED]
    assert sorted(asked.path for asked in internet.upstream.asked) == ["/a.png", "/b.png?sig=%7Ex", "/c"]
    assert not {"authorization", "cookie", "referer"} & {
        key for asked in internet.upstream.asked for key in asked.headers
    }


BOMB = gzip.compress(b"\0" * (MAX_BYTES + 1), 9)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(404), "answered 404"),
        (Reply(403), "answered 403"),
        (Reply(500), "answered 500"),
        (Reply(drop=True), "could not be reached"),
        (Reply(200, RED, cut=50), "could not be reached"),
        (Reply(200, b"<html>not found</html>", {"content-type": "image/png"}), "no png, jpeg, webp, avif or gif"),
        (Reply(200, b""), "no png, jpeg"),
        (Reply(200, RED[:-20]), "cut off"),
        (Reply(200, b"x", {"content-length": "50000001"}, cut=1), "larger than 50000000 bytes"),
        (Reply(200, BOMB, {"content-encoding": "gzip"}), "refused"),
    ],
)
async def test_what_can_go_wrong_at_the_pictures_server(internet: Internet, reply: Reply, told: str) -> None:
    internet.upstream.script = lambda asked: reply
    async with internet.public() as reader:
        refusal = await reader.refusal({"images": [{"image_url": internet.url("cdn.example", "/a.png?sig=s3cret")}]})
    assert refusal.param == "images[0].image_url"
    assert told in refusal.message
    assert "s3cret" not in refusal.message
    assert "cdn.example" not in refusal.message


async def test_a_body_without_a_length_is_bounded_as_it_comes(internet: Internet) -> None:
    chunk = b"%x\r\n" % 1_000_000 + b"x" * 1_000_000 + b"\r\n"
    internet.upstream.script = lambda asked: Reply(200, chunk * 51 + b"0\r\n\r\n", {"transfer-encoding": "chunked"})
    async with internet.public() as reader:
        assert "larger than 50000000 bytes" in (await reader.refusal({"image": internet.url("cdn.example")})).message


async def test_a_server_that_drips_is_left_at_the_deadline(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], tmp_path: Path
) -> None:
    dripped = asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                dripped.set()
                await asyncio.sleep(0.01)  # the pace of this server
        except ConnectionError:
            return

    server_side, trust = tls
    server = await asyncio.start_server(drip, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    guard = Guard(resolver=names(cdn_example=["127.0.0.1"]), permits=only_127_0_0_1, ports={port}, tls=trust)
    finisher = Finisher(workers=1)
    reader = Reader(guard, finisher, tmp_path)
    refusal = await reader.refusal({"image": f"https://cdn.example:{port}/a.png"}, seconds=1)
    assert "could not be fetched in time" in refusal.message
    assert dripped.is_set()
    await guard.close()
    finisher.close()
    server.close()


async def test_one_bad_picture_ends_the_loading_of_the_others(internet: Internet) -> None:
    never = asyncio.Event()

    def script(asked: Asked) -> Reply:
        return Reply(404) if asked.path == "/bad" else Reply(200, RED, hold=never)

    internet.upstream.script = script
    async with internet.public() as reader:
        pictures = [
            internet.url("cdn.example", "/bad"),
            internet.url("cdn.example", "/1"),
            internet.url("cdn.example", "/2"),
        ]
        assert (await reader.refusal({"image": pictures})).param == "image[0]"


def test_nothing_is_spent_on_a_refused_url(easel: RunningGateway, simulators: Simulators) -> None:
    body = {"model": "qwen-image-edit", "prompt": "a hat", "image": "https://169.254.169.254/?token=s3cret"}
    message = error_of(easel.http.post("/v1/images/edits", json=body), 400, "invalid_value", "image")
    assert "its address is not public" in message
    assert "s3cret" not in message
    assert_nothing_spent(easel, simulators)
