"""Edits at fal: every offer's call is taken by the stand-in, and a picture is stored without costing anything."""

import asyncio
import io
import time
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from PIL import Image

from normalizers.offer import Offer
from providers.abilities import Uploads
from providers.account import Account
from providers.base import Call
from providers.errors import Kind, ProviderError
from providers.fal.adapter import Fal
from providers.polling import follow
from simulators.running import Simulators
from tests.normalizers.offers import OFFERS
from tests.providers.sent_picture import fetched, plainest_call, png
from tests.providers.simulated import account_at
from tests.providers.upstream import Asked, Reply, Upstream

PICTURE = png(320, 200)
PICTURED = [offer for offer in OFFERS.values() if offer.provider == "fal" and offer.operation != "generate"]
INITIATE = "/rest/storage/upload/initiate?storage_type=fal-cdn-v3"


@pytest_asyncio.fixture
async def fal(simulators: Simulators) -> AsyncGenerator[Fal]:
    told = simulators.addresses["fal"]
    adapter = Fal(account_at(simulators, "fal"), queue_url=told["queue_url"], rest_url=told["rest_url"])
    yield adapter
    await adapter.close()


@pytest_asyncio.fixture
async def scripted(upstream: Upstream) -> AsyncGenerator[Fal]:
    account = Account(upstream.url, "id:secret")
    adapter = Fal(account, queue_url=f"{upstream.url}/queue", rest_url=f"{upstream.url}/rest")
    yield adapter
    await adapter.close()


@pytest.mark.parametrize("offer", PICTURED, ids=repr)
async def test_every_offer_edits(offer: Offer, fal: Fal, simulators: Simulators) -> None:
    call, promised = plainest_call(offer)
    answer = await follow(fal, await fal.submit(call), call, time.monotonic() + 30)
    [image] = answer.images
    content = fetched(image.url)
    assert promised in (None, Image.open(io.BytesIO(content)).size)
    [submitted] = simulators.calls("fal", "submit")
    assert (submitted["path"], submitted["body"]) == (f"/fal-queue/{offer.upstream}", call.payload)
    assert simulators.paid("fal") == 1


async def test_a_stored_picture_can_be_edited(fal: Fal, simulators: Simulators) -> None:
    assert isinstance(fal, Uploads)
    url = await fal.upload(PICTURE, "image/png")
    assert fetched(url) == PICTURE
    initiated, sent = simulators.calls("fal", "upload")
    assert initiated["body"] == {"file_name": "picture.png", "content_type": "image/png"}
    assert (sent["method"], sent["headers"]["content-type"]) == ("PUT", "image/png")
    assert simulators.paid("fal") == 0

    call = Call("req_1.1", "fal-ai/qwen-image-edit", "edit", {"prompt": "a fox", "image_url": url}, 1, "url")
    answer = await follow(fal, await fal.submit(call), call, time.monotonic() + 30)
    assert [(image.width, image.height) for image in answer.images] == [(320, 200)]


def storage(upstream: Upstream, **over: Any) -> Reply:
    urls = {"upload_url": f"{upstream.url}/signed/a?x=1", "file_url": "https://v3.fal.media/files/a.png"}
    return Reply(200, {**urls, **over})


async def test_the_key_goes_to_fal_alone_and_the_bytes_to_the_signed_address(upstream: Upstream, scripted: Fal) -> None:
    upstream.replies = [storage(upstream), Reply(200)]
    assert await scripted.upload(PICTURE, "image/jpeg") == "https://v3.fal.media/files/a.png"
    initiated, sent = upstream.asked
    assert (initiated.method, initiated.path) == ("POST", INITIATE)
    assert initiated.json == {"file_name": "picture.jpg", "content_type": "image/jpeg"}
    assert initiated.headers["authorization"] == "Key id:secret"
    assert orjson.loads(initiated.headers["x-fal-object-lifecycle-preference"]) == {
        "expiration_duration_seconds": 86_400
    }
    assert (sent.method, sent.path, sent.body) == ("PUT", "/signed/a?x=1", PICTURE)
    assert sent.headers["content-type"] == "image/jpeg"
    assert "authorization" not in sent.headers
    assert "secret" not in str(sent.headers)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/signed/a",
        "https://127.0.0.1:{other}/signed/a",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/a",
        "http://v3.fal.media/a",
        "https://v3.fal.media:22/a",
        "https://user:word@v3.fal.media/a",
        "file:///etc/passwd",
        "",
    ],
)
async def test_the_bytes_go_to_no_address_that_is_not_public(
    url: str, upstream: Upstream, second: Upstream, scripted: Fal
) -> None:
    upstream.replies = [storage(upstream, upload_url=url.format(other=second.port))]
    with pytest.raises(ProviderError) as caught:
        await scripted.upload(PICTURE, "image/png")
    assert (caught.value.kind, caught.value.provider) == (Kind.FAILED, "fal")
    assert (len(upstream.asked), second.connections) == (1, 0)


async def test_a_redirect_is_not_followed(upstream: Upstream, second: Upstream, scripted: Fal) -> None:
    upstream.replies = [storage(upstream), Reply(307, headers={"location": f"{second.url}/elsewhere"})]
    with pytest.raises(ProviderError) as caught:
        await scripted.upload(PICTURE, "image/png")
    assert (caught.value.kind, second.connections) == (Kind.FAILED, 0)


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ([Reply(401, {"detail": "invalid key credentials"})], Kind.KEY),
        ([Reply(403, {"detail": "User is locked. Reason: Exhausted balance."})], Kind.CREDIT),
        ([Reply(429, {"detail": "slow down"})], Kind.RATE),
        ([Reply(503, {"detail": "x", "error_type": "runner_disconnected"})], Kind.FAILED),
        ([Reply(502, b"<html>")], Kind.BUSY),
        ([Reply(422, {"detail": []})], Kind.BAD_REQUEST),
        ([Reply(drop=True)], Kind.BUSY),
        ([Reply(200, b"<html>")], Kind.FAILED),
        ([Reply(200, {"upload_url": "https://v3.fal.media/a"})], Kind.FAILED),
        ([Reply(200, {"upload_url": 5, "file_url": 5})], Kind.FAILED),
        ([None, Reply(403)], Kind.FAILED),
        ([None, Reply(503)], Kind.BUSY),
        ([None, Reply(drop=True)], Kind.BUSY),
    ],
)
async def test_whatever_happens_to_an_upload_nothing_is_paid_and_others_may_be_asked(
    replies: list[Reply | None], kind: Kind, upstream: Upstream, scripted: Fal
) -> None:
    upstream.replies = [reply or storage(upstream) for reply in replies]
    with pytest.raises(ProviderError) as caught:
        await scripted.upload(PICTURE, "image/png")
    error = caught.value
    assert (error.kind, error.elsewhere, error.paid) == (kind, True, False)
    assert "signed" not in error.message


async def test_an_upload_that_takes_too_long_may_be_tried_again(upstream: Upstream) -> None:
    hasty = Account(upstream.url, "k", timeout=0.2)
    adapter = Fal(hasty, queue_url=upstream.url, rest_url=f"{upstream.url}/rest")

    never = asyncio.Event()

    def silent(asked: Asked) -> Reply:
        return storage(upstream) if asked.method == "POST" else Reply(hold=never)

    upstream.script = silent
    with pytest.raises(ProviderError) as caught:
        await adapter.upload(PICTURE, "image/png")
    assert (caught.value.kind, caught.value.paid) == (Kind.BUSY, False)
    await adapter.close()
