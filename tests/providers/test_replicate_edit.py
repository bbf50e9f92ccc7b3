"""Edits at Replicate: every offer's call is taken by the stand-in, and a file is uploaded without costing anything."""

import io
import time
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from PIL import Image

from normalizers.offer import Offer
from providers.abilities import Uploads
from providers.account import Account
from providers.base import Call
from providers.errors import Kind, ProviderError
from providers.polling import follow
from providers.replicate.adapter import Replicate
from simulators.running import Simulators
from tests.normalizers.offers import OFFERS
from tests.providers.sent_picture import fetched, plainest_call, png
from tests.providers.simulated import account_at
from tests.providers.upstream import Reply, Upstream

PICTURE = png(320, 200)
OURS = [offer for offer in OFFERS.values() if offer.provider == "replicate"]
EDIT = Call("req_1.1", "qwen/qwen-image-edit-plus", "edit", {"prompt": "a fox"}, 1, "url")


@pytest_asyncio.fixture
async def replicate(simulators: Simulators) -> AsyncGenerator[Replicate]:
    adapter = Replicate(account_at(simulators, "replicate"))
    yield adapter
    await adapter.close()


@pytest_asyncio.fixture
async def scripted(upstream: Upstream) -> AsyncGenerator[Replicate]:
    adapter = Replicate(Account(f"{upstream.url}/v1", "r8_secret"))
    yield adapter
    await adapter.close()


@pytest.mark.parametrize("offer", OURS, ids=repr)
async def test_every_offer_draws(offer: Offer, replicate: Replicate, simulators: Simulators) -> None:
    call, promised = plainest_call(offer)
    answer = await follow(replicate, await replicate.submit(call), call, time.monotonic() + 30)
    [image] = answer.images
    drawn = Image.open(io.BytesIO(fetched(image.url))).size
    assert promised in (None, drawn)
    [submitted] = simulators.calls("replicate", "submit")
    assert submitted["body"]["input"] == call.payload
    assert simulators.paid("replicate") == 1


async def test_a_community_model_runs_by_its_version(replicate: Replicate, simulators: Simulators) -> None:
    offer = OFFERS["replicate/sdxl generate"]
    call, _promised = plainest_call(offer)
    await replicate.submit(call)
    [submitted] = simulators.calls("replicate", "submit")
    assert submitted["path"] == "/replicate/v1/predictions"
    assert submitted["body"] == {"version": offer.upstream.partition(":")[2], "input": call.payload}


@pytest.mark.parametrize(
    ("upstream", "kind"), [("qwen/qwen-image", Kind.FAILED), (OFFERS["replicate/sdxl generate"].upstream, Kind.BROKEN)]
)
async def test_a_failure_that_is_billed_by_time_may_have_cost_something(
    upstream: str, kind: Kind, replicate: Replicate, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": "failed"}])
    call = Call("req_1.1", upstream, "generate", {"prompt": "a fox"}, 1, "url")
    with pytest.raises(ProviderError) as caught:
        await follow(replicate, await replicate.submit(call), call, time.monotonic() + 30)
    assert caught.value.kind is kind


async def test_an_uploaded_picture_can_be_edited(replicate: Replicate, simulators: Simulators) -> None:
    assert isinstance(replicate, Uploads)
    url = await replicate.upload(PICTURE, "image/webp")
    [sent] = simulators.calls("replicate", "upload")
    assert sent["path"] == "/replicate/v1/files"
    assert sent["body"] == {
        "content": {"filename": "picture.webp", "content_type": "image/webp", "bytes": len(PICTURE)}
    }
    assert simulators.paid("replicate") == 0
    call = Call("req_1.1", EDIT.upstream, "edit", {**EDIT.payload, "image": [url]}, 1, "url")
    answer = await follow(replicate, await replicate.submit(call), call, time.monotonic() + 30)
    assert Image.open(io.BytesIO(fetched(answer.images[0].url))).size == (320, 200)


def file_at(url: object) -> Reply:
    return Reply(201, {"id": "abc", "urls": {"get": url}})


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, {"title": "Unauthenticated", "detail": "x", "status": 401}), Kind.KEY),
        (Reply(402, {"title": "Insufficient credit", "detail": "x", "status": 402}), Kind.CREDIT),
        (Reply(413, {"detail": "Uploaded files must be under 100 MB.", "status": 413}), Kind.BAD_REQUEST),
        (Reply(429, {"detail": "Request was throttled. Your rate limit resets in ~30s."}), Kind.RATE),
        (Reply(503, b"<html>"), Kind.BUSY),
        (Reply(drop=True), Kind.BUSY),
        (Reply(201, b"<html>"), Kind.FAILED),
        (Reply(201, {"id": "abc"}), Kind.FAILED),
        (file_at(5), Kind.FAILED),
        (file_at("https://example.com/v1/files/abc"), Kind.FAILED),
        (file_at("file:///etc/passwd"), Kind.FAILED),
    ],
)
async def test_whatever_happens_to_an_upload_nothing_is_paid_and_others_may_be_asked(
    reply: Reply, kind: Kind, upstream: Upstream, scripted: Replicate
) -> None:
    upstream.replies = [reply]
    with pytest.raises(ProviderError) as caught:
        await scripted.upload(PICTURE, "image/png")
    error = caught.value
    assert (error.kind, error.elsewhere, error.paid) == (kind, True, False)
    assert len(upstream.asked) == 1


async def test_the_file_is_one_part_of_a_form(upstream: Upstream, scripted: Replicate) -> None:
    upstream.replies = [file_at(f"{upstream.url}/v1/files/abc")]
    assert await scripted.upload(PICTURE, "image/png") == f"{upstream.url}/v1/files/abc"
    [sent] = upstream.asked
    assert (sent.method, sent.path) == ("POST", "/v1/files")
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="content"; filename="picture.png"' in sent.body
    assert PICTURE in sent.body
