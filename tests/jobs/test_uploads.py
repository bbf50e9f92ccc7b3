"""Pictures arrive in the caller's storage as they lie in ours, with nothing but their type and length."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from gateway.jobs.tries import Outcome
from gateway.jobs.uploads import Uploads, headers_of
from gateway.store.database import SQLite
from gateway.store.deliveries import Claim
from gateway.store.pictures import Pictures
from providers.guard import Guard
from tests.jobs.sending import TEAM, add_job
from tests.receiver import Receiver, Reply

CONTENT = b"\x89PNG not really" * 50_000  # more than one piece of a stream
PRESIGNED = "/bucket/a.png?X-Amz-Signature=ab%2Fc"


@pytest.fixture
def kept(tmp_path: Path) -> Pictures:
    return Pictures.open("file", tmp_path)


@pytest.fixture
async def sender(sqlite: SQLite, kept: Pictures, receiver: Receiver) -> AsyncGenerator[Uploads]:
    """The picture at place 2 of a job is stored, the one at 1 is not."""
    stored = await kept.put(TEAM, CONTENT, "webp")
    await sqlite.write(add_job, "req_1", images={1: "", 2: stored.name})
    guard = Guard([receiver.url])
    yield Uploads(guard, sqlite, kept)
    await guard.close()


def claim(url: str, place: int = 2) -> Claim:
    return Claim("upl_1", "req_1", TEAM, "upload", place, url, 1, 4_102_444_800.0)


async def test_the_bytes_their_type_and_their_length(sender: Uploads, receiver: Receiver) -> None:
    assert await sender.send(claim(receiver.url + PRESIGNED)) == Outcome(204)
    [received] = receiver.received
    assert (received.method, received.path, received.body) == ("PUT", PRESIGNED, CONTENT)
    assert received.headers["content-type"] == "image/webp"
    assert received.headers["content-length"] == str(len(CONTENT))
    assert not {"authorization", "cookie", "transfer-encoding", "x-ms-blob-type"} & set(received.headers)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(403), Outcome(403, "it answered 403", over=True)),
        (Reply(307, {"location": "https://elsewhere.example/"}), Outcome(307, "it answered 307", over=True)),
        (Reply(429, {"retry-after": "3"}), Outcome(429, "it answered 429", retry_after=3.0)),
        (Reply(503), Outcome(503, "it answered 503")),
    ],
)
async def test_what_the_storage_says(reply: Reply, outcome: Outcome, sender: Uploads, receiver: Receiver) -> None:
    receiver.replies = [reply]
    assert await sender.send(claim(receiver.url + PRESIGNED)) == outcome


async def test_a_picture_that_is_gone(sender: Uploads, receiver: Receiver, kept: Pictures) -> None:
    gone = Outcome(error="the picture is no longer stored", over=True)
    assert await sender.send(claim(receiver.url + PRESIGNED, place=0)) == gone
    assert await sender.send(claim(receiver.url + PRESIGNED, place=1)) == gone
    stored = await kept.put(TEAM, CONTENT, "webp")
    await kept.delete(TEAM, stored.name)
    assert await sender.send(claim(receiver.url + PRESIGNED)) == gone
    assert not receiver.received


async def test_nobody_there_is_tried_again(sender: Uploads, receiver: Receiver) -> None:
    receiver.down()
    assert await sender.send(claim(receiver.url + PRESIGNED)) == Outcome(error="it could not be reached")


async def test_a_presigned_address_is_in_no_error(sender: Uploads, receiver: Receiver) -> None:
    for url in ("https://127.0.0.1/a?sig=secret", "http://a.example/a?sig=secret", f"{receiver.url}0/a?sig=secret"):
        outcome = await sender.send(claim(url))
        assert outcome.error is not None
        assert "secret" not in outcome.error
        assert not outcome.over


def test_azure_is_told_the_type_of_its_blob() -> None:
    azure = headers_of("hash.webp", 7, "https://account.blob.core.windows.net/container/a.webp?sig=1")
    assert azure == headers_of("hash.webp", 7, "https://a.example/x.blob.core.windows.net") | {
        "x-ms-blob-type": "BlockBlob"
    }
