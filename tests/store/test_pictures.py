"""Pictures are kept once, whole, under their own hash, and nothing else can be reached through their names."""

import asyncio
import random
import re
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import uvicorn
from blake3 import blake3
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.store.pictures import Pictures, PictureStoreError

SMALL = b"\x89PNG small"
LARGE = random.Random(1).randbytes(1_500_000)  # noqa: S311 - test data


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures.open("file", tmp_path)


@pytest.mark.parametrize("content", [SMALL, LARGE, b""])
async def test_what_is_put_comes_back(pictures: Pictures, tmp_path: Path, content: bytes) -> None:
    stored = await pictures.put("default", content, "png")
    assert stored.hash == blake3(content).hexdigest()
    assert (stored.name, stored.size) == (f"{stored.hash}.png", len(content))
    assert (tmp_path / "images" / "default" / stored.name).read_bytes() == content
    assert await pictures.head("default", stored.name) == len(content)
    assert await pictures.get("default", stored.name) == content


def test_pictures_are_not_for_other_users_of_the_machine(pictures: Pictures, tmp_path: Path) -> None:
    assert (tmp_path / "images").stat().st_mode & 0o077 == 0


async def test_a_range_and_a_stream(pictures: Pictures) -> None:
    name = (await pictures.put("default", LARGE, "webp")).name
    assert await pictures.get_range("default", name, 100, 300) == LARGE[100:300]
    assert await pictures.get_range("default", name, len(LARGE) - 1, len(LARGE)) == LARGE[-1:]
    chunks = [chunk async for chunk in pictures.stream("default", name)]
    assert b"".join(chunks) == LARGE
    assert len(chunks) > 1


async def test_the_same_picture_is_written_once(pictures: Pictures, tmp_path: Path) -> None:
    stored = await pictures.put("default", SMALL, "png")
    file = tmp_path / "images" / "default" / stored.name
    before = file.stat()
    assert await pictures.put("default", SMALL, "png") == stored
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_a_file_cut_short_by_a_power_cut_is_written_again(pictures: Pictures, tmp_path: Path) -> None:
    stored = await pictures.put("default", SMALL, "png")
    (tmp_path / "images" / "default" / stored.name).write_bytes(SMALL[:3])
    await pictures.put("default", SMALL, "png")
    assert await pictures.get("default", stored.name) == SMALL


async def test_many_writers_of_one_picture_leave_one_whole_file(pictures: Pictures, tmp_path: Path) -> None:
    stored = await asyncio.gather(*(pictures.put("default", LARGE, "png") for _ in range(8)))
    assert len(set(stored)) == 1
    assert [file.name for file in (tmp_path / "images" / "default").iterdir()] == [stored[0].name]
    assert await pictures.get("default", stored[0].name) == LARGE


async def test_what_is_not_there_is_none(pictures: Pictures) -> None:
    name = f"{'0' * 64}.png"
    assert await pictures.head("default", name) is None
    assert await pictures.get("default", name) is None
    assert await pictures.get_range("default", name, 0, 1) is None
    await pictures.delete("default", name)
    with pytest.raises(FileNotFoundError):
        await anext(pictures.stream("default", name))


async def test_deleted_is_gone_for_one_team_only(pictures: Pictures) -> None:
    name = (await pictures.put("ada", SMALL, "gif")).name
    await pictures.put("bob", SMALL, "gif")
    await pictures.delete("ada", name)
    assert await pictures.get("ada", name) is None
    assert await pictures.get("bob", name) == SMALL


@pytest.mark.parametrize(
    ("team", "name"),
    [
        ("..", f"{'a' * 64}.png"),
        ("../default", f"{'a' * 64}.png"),
        ("default/..", f"{'a' * 64}.png"),
        ("", f"{'a' * 64}.png"),
        ("a b", f"{'a' * 64}.png"),
        ("default\n", f"{'a' * 64}.png"),
        ("default", "../../secrets.json"),
        ("default", f"{'a' * 64}.exe"),
        ("default", f"{'A' * 64}.png"),
        ("default", f"{'a' * 63}.png"),
        ("default", f"{'a' * 64}.png\n"),
        ("default", f"{'a' * 64}.png/.."),
        ("default", "\x00"),
    ],
)
async def test_no_way_out_of_the_store(pictures: Pictures, tmp_path: Path, team: str, name: str) -> None:
    for place in (tmp_path / "images" / f"{'a' * 64}.png", tmp_path / f"{'a' * 64}.png"):
        place.write_bytes(b"secret")
    assert await pictures.head(team, name) is None
    assert await pictures.get(team, name) is None
    assert await pictures.get_range(team, name, 0, 1) is None
    await pictures.delete(team, name)
    assert (tmp_path / f"{'a' * 64}.png").exists()
    with pytest.raises(FileNotFoundError):
        await anext(pictures.stream(team, name))


@pytest.mark.parametrize(("team", "format"), [("..", "png"), ("a/b", "png"), ("default", "exe"), ("default", "../x")])
async def test_nothing_is_written_under_another_name(pictures: Pictures, team: str, format: str) -> None:
    with pytest.raises(ValueError, match="not a team or a format"):
        await pictures.put(team, SMALL, format)


async def test_check_says_what_is_wrong(pictures: Pictures, tmp_path: Path) -> None:
    assert await pictures.check() is None
    (tmp_path / "images" / "check").rmdir()
    (tmp_path / "images" / "check").write_text("a file where a folder should be")
    assert "picture store failed" in (await pictures.check() or "")


def test_an_unknown_scheme_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"storage\.url must be"):
        Pictures.open("ftp://example.com/", tmp_path)


def test_a_folder_that_cannot_be_made_is_ours_to_tell(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("")
    with pytest.raises(PictureStoreError):
        Pictures.open("file", tmp_path)


class Bucket:
    """As much of S3 as pictures need; fails as often as told, remembers what it was sent."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.failures = 0
        self.app = Starlette(
            routes=[Route("/{path:path}", self.answer, methods=["GET", "HEAD", "PUT", "POST"])],
        )

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append((request.method, path, request.headers.get("content-type")))
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=someone/")
        if self.failures:
            self.failures -= 1
            return Response("<Error><Code>SlowDown</Code></Error>", 503)
        headers = {"etag": '"1"', "last-modified": "Sat, 21 Nov 2026 00:00:00 GMT"}
        if request.method == "PUT":
            self.objects[path] = await request.body()
            return Response(headers=headers)
        if request.method == "POST":  # a DeleteObjects call, which is what obstore removes with
            keys = re.findall(r"<Key>(.*?)</Key>", (await request.body()).decode())
            for key in keys:
                self.objects.pop(f"/pictures/{key}", None)
            deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            return Response(f"<DeleteResult>{deleted}</DeleteResult>")
        if path not in self.objects:
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404)
        content = self.objects[path]
        if wanted := request.headers.get("range"):
            start, _, end = wanted.removeprefix("bytes=").partition("-")
            headers["content-range"] = f"bytes {start}-{end}/{len(content)}"
            return Response(content[int(start) : int(end) + 1], 206, headers)
        return Response(content, headers=headers)


@pytest.fixture
async def bucket() -> AsyncGenerator[tuple[Bucket, str]]:
    bucket = Bucket()
    server = uvicorn.Server(uvicorn.Config(bucket.app, log_level="error", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        yield bucket, f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


def in_bucket(address: str, tmp_path: Path) -> Pictures:
    return Pictures.open(
        "s3://pictures/easel",
        tmp_path,
        endpoint=address,
        region="eu-central-1",
        access_key_id="someone",
        secret_access_key="something",
        client_options={"allow_http": True},
    )


async def test_a_bucket_is_told_what_a_picture_is(bucket: tuple[Bucket, str], tmp_path: Path) -> None:
    pictures = in_bucket(bucket[1], tmp_path)
    stored = await pictures.put("default", SMALL, "avif")
    path = f"/pictures/easel/default/{stored.name}"
    assert bucket[0].objects == {path: SMALL}
    assert ("PUT", path, "image/avif") in bucket[0].asked
    assert await pictures.get_range("default", stored.name, 1, 4) == SMALL[1:4]
    assert [chunk async for chunk in pictures.stream("default", stored.name)] == [SMALL]
    assert await pictures.put("default", SMALL, "avif") == stored
    assert [method for method, *_ in bucket[0].asked].count("PUT") == 1
    assert await pictures.check() is None
    await pictures.delete("default", stored.name)
    assert bucket[0].objects == {}


async def test_a_bucket_that_is_busy_is_asked_again(bucket: tuple[Bucket, str], tmp_path: Path) -> None:
    bucket[0].failures = 2
    pictures = in_bucket(bucket[1], tmp_path)
    stored = await pictures.put("default", SMALL, "png")
    assert await pictures.get("default", stored.name) == SMALL


async def test_a_bucket_that_stays_away_is_a_failure_without_its_words(
    bucket: tuple[Bucket, str], tmp_path: Path
) -> None:
    bucket[0].failures = 1000
    pictures = in_bucket(bucket[1], tmp_path)
    with pytest.raises(PictureStoreError) as failure:
        await pictures.put("default", SMALL, "png")
    assert "something" not in str(failure.value)
    assert "127.0.0.1" not in str(failure.value)
