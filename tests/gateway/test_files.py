"""Stored pictures by signed URL: whole, in part, only if new, not for ever, and only what was signed."""

import time
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from gateway.store.signing import sign
from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, failed, opened, served
from tests.gateway.running import RunningGateway


@dataclass(frozen=True)
class Kept:
    """A stored picture: its signed URL, its name, its bytes."""

    gateway: RunningGateway
    url: str
    content: bytes

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def size(self) -> int:
        return len(self.content)

    def get(self, *, method: str = "GET", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(method, self.url, headers=named)

    def changed(self, **query: str) -> str:
        """The URL with other parameters."""
        parts = urlsplit(self.url)
        return parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **query})).geturl()


@pytest.fixture
def kept(easel: RunningGateway) -> Kept:
    body = served(easel.generate(asked(seed=1)))
    url: str = body["data"][0]["url"]
    return Kept(easel, url, content_of(body["data"][0]))


def test_the_whole_picture_needs_no_key_and_says_what_it_is(kept: Kept) -> None:
    got = kept.get()
    assert (got.status_code, got.headers["content-type"]) == (200, "image/png")
    assert got.headers["content-length"] == str(kept.size)
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["etag"] == f'"{kept.name.removesuffix(".png")}"'
    assert got.headers["x-content-type-options"] == "nosniff"
    age = got.headers["cache-control"].removeprefix("private, max-age=").removesuffix(", immutable")
    assert 0 < int(age) <= 3600
    assert opened(got.content).size == (64, 64)


def test_both_prefixes_serve_it(kept: Kept) -> None:
    assert httpx.get(kept.url.replace("/v1/", "/openai/v1/")).content == kept.content


def test_head_is_get_without_a_body(kept: Kept) -> None:
    got, head = kept.get(), kept.get(method="HEAD")
    ignored = {"date", "x-request-id", "cache-control"}
    shown = [{name: value for name, value in answer.headers.items() if name not in ignored} for answer in (got, head)]
    assert shown[0] == shown[1]
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("asked_for", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=10-19", 10, 20),
        ("bytes=10-", 10, None),
        ("bytes=-10", -10, None),
        ("bytes=5-999999999", 5, None),
        ("bytes=-999999999", 0, None),
    ],
)
def test_a_part(kept: Kept, asked_for: str, start: int, end: int | None) -> None:
    part = kept.content[start:end]
    for method, content in (("GET", part), ("HEAD", b"")):
        got = kept.get(method=method, range=asked_for)
        assert (got.status_code, got.content) == (206, content)
        assert got.headers["content-length"] == str(len(part))
        first = kept.content.find(part) if start else 0
        assert got.headers["content-range"] == f"bytes {first}-{first + len(part) - 1}/{kept.size}"


@pytest.mark.parametrize("beyond", ["bytes={size}-", "bytes={size}-{size}", "bytes=-0", "bytes=999999999-"])
def test_a_part_that_is_not_there(kept: Kept, beyond: str) -> None:
    got = kept.get(range=beyond.format(size=kept.size))
    assert (got.status_code, got.content) == (416, b"")
    assert got.headers["content-range"] == f"bytes */{kept.size}"


@pytest.mark.parametrize(
    "odd", ["bytes=0-1,5-6", "bytes=9-5", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=0-1-2", "bytes=" + "9" * 99 + "-"]
)
def test_a_range_that_nobody_understands_gives_the_whole(kept: Kept, odd: str) -> None:
    got = kept.get(range=odd)
    assert (got.status_code, got.content) == (200, kept.content)


def test_what_the_client_has_is_not_sent_again(kept: Kept) -> None:
    etag = kept.get().headers["etag"]
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        got = kept.get(if_none_match=known)
        assert (got.status_code, got.content) == (304, b""), known
        assert got.headers["etag"] == etag
    assert kept.get(if_none_match='"other"').status_code == 200


def test_a_part_is_sent_only_of_the_picture_that_is_meant(kept: Kept) -> None:
    etag = kept.get().headers["etag"]
    assert kept.get(range="bytes=0-9", if_range=etag).status_code == 206
    assert kept.get(range="bytes=0-9", if_range='"other"').status_code == 200


def signed(kept: Kept, *, name: str | None = None, team: str = "default", seconds: int = 60) -> str:
    """A URL as only the gateway can make one."""
    assert kept.gateway.app.deps is not None
    keys = kept.gateway.app.deps.signing_keys
    name = name or kept.name
    query = sign(name, team, int(time.time()) + seconds, keys)
    return f"{kept.gateway.url}/v1/images/files/{name}?{query}"


def test_a_url_expires(kept: Kept) -> None:
    assert httpx.get(signed(kept)).status_code == 200
    message = failed(httpx.get(signed(kept, seconds=-1)), 403, "url_expired")
    assert "repeated request" in message


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "9999999999"},
        {"expires": ""},
        {"expires": "-1"},
        {"expires": "1e99"},
        {"expires": "\N{ARABIC-INDIC DIGIT NINE}" * 10},
        {"team": "other"},
        {"team": "../default"},
        {"team": ""},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "\N{SNOWMAN}"},
    ],
    ids=str,
)
def test_a_changed_url_is_not_ours(kept: Kept, change: dict[str, str]) -> None:
    failed(httpx.get(kept.changed(**change)), 403, "not_allowed")


def test_a_url_is_for_one_picture_of_one_team(kept: Kept) -> None:
    other: str = served(kept.gateway.generate(asked(seed=2)))["data"][0]["url"]
    elsewhere = urlsplit(other).path.rpartition("/")[2]
    failed(httpx.get(kept.url.replace(kept.name, elsewhere)), 403, "not_allowed")
    failed(httpx.get(kept.url.partition("?")[0]), 403, "not_allowed")
    failed(httpx.get(signed(kept, team="other")), 404, "not_found")  # ours, and that team has no such picture


@pytest.mark.parametrize("name", ["0" * 64 + ".png", "secrets.json", "..", "%2e%2e%2fsecrets.json", "a.png"])
def test_a_signed_name_that_is_no_picture_is_not_found(kept: Kept, name: str) -> None:
    answer = httpx.get(signed(kept, name=name))
    assert answer.status_code in {403, 404}
    assert answer.json()["error"]["code"] in {"not_found", "not_allowed"}


def test_an_old_signing_key_still_opens(start: Start, simulators: Simulators) -> None:
    old = start(storage={"signing_keys": ["old-key"]})
    url: str = served(old.generate(asked(seed=1)))["data"][0]["url"]
    data_dir = old.app.settings.server.data_dir
    new = start(data_dir=data_dir, storage={"signing_keys": ["new-key", "old-key"]})
    stranger = start(data_dir=data_dir, storage={"signing_keys": ["new-key"]})
    assert httpx.get(url.replace(old.url, new.url)).status_code == 200
    failed(httpx.get(url.replace(old.url, stranger.url)), 403, "not_allowed")
    assert simulators.paid("fal") == 1


def test_a_picture_that_was_deleted_is_not_found(gateway: RunningGateway) -> None:
    url: str = served(gateway.generate(asked(seed=1)))["data"][0]["url"]
    [file] = (gateway.app.settings.server.data_dir / "images" / "default").iterdir()
    file.unlink()
    failed(httpx.get(url), 404, "not_found")
