"""Fetched over https alone, from allowed hosts at public addresses, within bounds; and a file comes only once."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme

from tests.providers.upstream import Reply, Upstream
from tests.workers.loras.files import safetensors
from workers.errors import Refusal
from workers.loras.addresses import Address
from workers.loras.fetching import Fetcher
from workers.loras.resolver import AskedLora, Loras
from workers.loras.shelf import Shelf
from workers.loras.sources import Allowed

CONTENT = safetensors()
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAMES = {
    "models.example": ["127.0.0.1"],
    "store.example": ["127.0.0.1"],
    "inner.example": ["10.0.0.1"],
    "both.example": ["127.0.0.1", "169.254.169.254"],
    "odd.example": ["nonsense"],
    "evil.example": ["127.0.0.1"],
}


async def resolver(host: str, _port: int) -> Sequence[str]:
    if host not in NAMES:
        raise OSError("unknown host")
    return NAMES[host]


def only_127_0_0_1(address: Address) -> bool:
    """Stands for the public internet, since a test has no other."""
    return str(address) == "127.0.0.1"


class Store:
    """A server of LoRAs, and what a worker that may fetch from it has."""

    def __init__(self, upstream: Upstream, trust: ssl.SSLContext, folder: Path) -> None:
        self.upstream = upstream
        self.trust = trust
        self.folder = folder

    def url(self, host: str = "models.example", path: str = "/fox.safetensors") -> str:
        return f"https://{host}:{self.upstream.port}{path}"

    def loras(self, *, most_kept: int = 10**6, **more: Any) -> Loras:
        hosts = tuple(f"{host}:{self.upstream.port}" for host in NAMES if host != "evil.example")
        allowed = Allowed(None, hosts)
        settings: dict[str, Any] = {"resolver": resolver, "permits": only_127_0_0_1, "tls": self.trust, **more}
        return Loras(allowed, fetcher=Fetcher(allowed, **settings), shelf=Shelf(self.folder, most_bytes=most_kept))

    def left(self) -> list[str]:
        return sorted(file.name for file in self.folder.glob("*") if file.suffix != ".source")


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store]:
    authority: Any = trustme.CA()  # its own types are incomplete
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("models.example", "store.example").configure_cert(server_side)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    upstream = Upstream(tls=server_side)
    await upstream.start()
    yield Store(upstream, trust, tmp_path / "cache")
    await upstream.stop()


async def refusal(loras: Loras, url: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await loras.resolve([AskedLora(url, 1.0)])
    assert "secret" not in str(caught.value)
    return caught.value


async def test_a_file_comes_once_and_is_known_by_its_digest(store: Store) -> None:
    store.upstream.replies = [Reply(200, CONTENT, {"set-cookie": "a=b"})]
    loras, url = store.loras(), store.url(path="/a%2Fb.safetensors?token=secret")
    [first] = await loras.resolve([AskedLora(url, 0.5)])
    [again] = await loras.resolve([AskedLora(url, -1)])
    assert (first.digest, first.weight, first.file.read_bytes()) == (DIGEST, 0.5, CONTENT)
    assert (again.file, again.weight) == (first.file, -1)
    assert first.name == store.url(path="/a%2Fb.safetensors")
    [asked] = store.upstream.asked
    assert asked.path == "/a%2Fb.safetensors?token=secret"
    assert asked.headers["host"] == f"models.example:{store.upstream.port}"
    assert asked.headers["accept-encoding"] == "identity"
    assert not {"authorization", "cookie", "referer"} & set(asked.headers)
    [restarted] = await store.loras().resolve([AskedLora(url, 1)])
    assert (restarted.file, len(store.upstream.asked)) == (first.file, 1)
    assert all("secret" not in file.read_text("latin1") for file in store.folder.glob("*"))


async def test_what_several_ask_for_at_once_comes_once(store: Store) -> None:
    held = asyncio.Event()
    store.upstream.script = lambda _asked: Reply(200, CONTENT, hold=held)
    loras = store.loras()
    asking = [asyncio.create_task(loras.resolve([AskedLora(store.url(), 1.0)])) for _ in range(3)]
    await asyncio.wait_for(store.upstream.arrived.wait(), 20)
    asking[0].cancel()
    held.set()
    found = await asyncio.gather(*asking[1:])
    assert {lora.digest for [lora] in found} == {DIGEST}
    assert len(store.upstream.asked) == 1


async def test_files_that_nobody_waits_for_any_more_keep_no_other_away(store: Store) -> None:
    held = asyncio.Event()
    store.upstream.script = lambda asked: Reply(200, CONTENT, hold=None if "wanted" in asked.path else held)
    loras = store.loras()
    asking = [asyncio.create_task(loras.resolve([AskedLora(store.url(path=f"/{n}"), 1.0)])) for n in range(9)]
    await asyncio.wait_for(store.upstream.arrived.wait(), 20)
    for each in asking:
        each.cancel()
    [found] = await asyncio.wait_for(loras.resolve([AskedLora(store.url(path="/wanted"), 1.0)]), 20)
    assert found.digest == DIGEST
    held.set()


async def test_the_same_one_twice_is_refused(store: Store) -> None:
    store.upstream.script = lambda _asked: Reply(200, CONTENT)
    with pytest.raises(Refusal, match="twice"):
        await store.loras().resolve([AskedLora(store.url(path="/a"), 1.0), AskedLora(store.url(path="/b"), 1.0)])


@pytest.mark.parametrize("host", ["inner.example", "both.example", "odd.example"])
async def test_inner_addresses_are_never_connected_to(store: Store, host: str) -> None:
    assert (await refusal(store.loras(), store.url(host))).code == "lora_not_allowed"
    assert store.upstream.connections == 0


async def test_redirects_are_followed_within_the_allowed_hosts(store: Store) -> None:
    there = store.url("store.example", "/real?sig=%7E")
    store.upstream.replies = [Reply(302, b"", {"location": there}), Reply(200, CONTENT)]
    [found] = await store.loras().resolve([AskedLora(store.url(), 1.0)])
    assert found.digest == DIGEST
    assert [asked.path for asked in store.upstream.asked] == ["/fox.safetensors", "/real?sig=%7E"]


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("https://evil.example:{port}/a", "lora_not_allowed"),
        ("http://models.example:{port}/a", "lora_not_allowed"),
        ("https://127.0.0.1:{port}/a", "lora_not_allowed"),
        ("https://inner.example:{port}/a", "lora_not_allowed"),
        ("file:///etc/passwd", "lora_not_allowed"),
        ("/fox.safetensors", "lora_unavailable"),
        (None, "lora_unavailable"),
    ],
)
async def test_redirects_that_lead_elsewhere_are_not(store: Store, location: str | None, code: str) -> None:
    headers = {"location": location.format(port=store.upstream.port)} if location else {}
    store.upstream.script = lambda _asked: Reply(302, b"", headers)
    assert (await refusal(store.loras(), store.url())).code == code
    assert {asked.headers["host"] for asked in store.upstream.asked} == {f"models.example:{store.upstream.port}"}
    assert len(store.upstream.asked) <= 6


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (Reply(404, b"no"), 400, "lora_not_found"),
        (Reply(401, b"no"), 400, "lora_not_found"),
        (Reply(204, b""), 400, "lora_not_found"),
        (Reply(500, b"no"), 503, "lora_unavailable"),
        (Reply(429, b"no"), 503, "lora_unavailable"),
        (Reply(drop=True), 503, "lora_unavailable"),
        (Reply(200, CONTENT, cut=40), 503, "lora_unavailable"),
        (Reply(200, CONTENT, {"content-encoding": "gzip"}), 400, "invalid_lora"),
        (Reply(200, bytes(3000)), 400, "invalid_lora"),
        (Reply(200, b"\x80\x04pickle" + bytes(100)), 400, "invalid_lora"),
        (Reply(200, CONTENT[:-1]), 400, "invalid_lora"),
    ],
)
async def test_what_goes_wrong_is_said_and_leaves_nothing(store: Store, reply: Reply, status: int, code: str) -> None:
    store.upstream.script = lambda _asked: reply
    wrong = await refusal(store.loras(most_bytes=2000), store.url(path="/a.safetensors?token=secret"))
    assert (wrong.status, wrong.code, wrong.param) == (status, code, "loras")
    assert store.left() == []


async def test_a_server_that_never_ends_is_given_up(store: Store) -> None:
    store.upstream.script = lambda _asked: Reply(200, CONTENT, pause=40, hold=asyncio.Event())
    wrong = await refusal(store.loras(seconds=0.5), store.url())
    assert (wrong.status, wrong.code) == (503, "lora_unavailable")
    assert store.left() == []


async def test_another_hosts_certificate_is_none(store: Store) -> None:
    NAMES["unproven.example"] = ["127.0.0.1"]
    try:
        assert (await refusal(store.loras(), store.url("unproven.example"))).code == "lora_unavailable"
    finally:
        del NAMES["unproven.example"]
    assert store.upstream.asked == []


async def test_a_folder_that_cannot_be_written_is_told_and_kept_out_of_the_answer(store: Store, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    store.upstream.script = lambda _asked: Reply(200, CONTENT)
    wrong = await refusal(store.loras(), store.url())
    assert (wrong.status, wrong.code) == (503, "lora_unavailable")
    assert str(tmp_path) not in str(wrong)
