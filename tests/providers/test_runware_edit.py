"""Runware's uploads on the wire, and edits as the tables plan them against the stand-in that reads every picture."""

import base64
import io
import uuid
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from normalizers.source import Source, pictures_in, with_pictures
from providers.abilities import Uploads
from providers.account import Account
from providers.base import Call
from providers.errors import Kind
from providers.runware.adapter import Runware
from simulators.running import Simulators
from tests.normalizers.offers import OFFERS, planned
from tests.providers import failing
from tests.providers.simulated import account_at, drawn
from tests.providers.upstream import Reply, Upstream

FOX = Source("fox", "png", 512, 384, 10_000)
CAT = Source("cat", "jpeg", 640, 640, 10_000)
MASK = Source("mask", "png", 512, 384, 500)
KEPT = "989ba605-1449-4e1e-b462-cd83ec9c1a67"
NET = {"model": "runware:36@1", "image": CAT}

BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("qwen-image", "image_to_image", {"image": [FOX], "strength": 0.4}),
    ("qwen-image", "image_to_image", {"image": [FOX], "mask": MASK, "mask_margin": 64, "control_nets": [NET]}),
    ("qwen-image", "edit", {"image": [FOX], "mask": MASK}),
    ("qwen-image", "edit", {"image": [FOX], "outpaint": {"left": 64, "bottom": 16}}),
    ("qwen-image", "generate", {"control_nets": [NET]}),
    ("qwen-image-edit", "edit", {"image": [FOX], "size": "auto"}),
    ("qwen-image-edit-plus", "edit", {"image": [FOX, CAT, FOX], "n": 2}),
    ("qwen-image-2-pro", "edit", {"image": [CAT]}),
    ("flux-fill-dev", "edit", {"image": [FOX], "mask": MASK}),
    ("flux-kontext-max", "edit", {"image": [FOX, CAT]}),
]
failure = partial(failing.failure, provider="runware")


def new_id() -> str:
    """Of a call: the stand-in remembers those of other tests, and of other files."""
    return f"req_{uuid.uuid4().hex}.1"


def picture(source: Source) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", source.pixels, (9, 99, 199)).save(out, source.format)
    return out.getvalue()


def data_uri(source: Source) -> str:
    return f"data:image/{source.format};base64," + base64.b64encode(picture(source)).decode()


@pytest_asyncio.fixture
async def runware(simulators: Simulators) -> AsyncGenerator[Runware]:
    adapter = Runware(account_at(simulators, "runware"), lag=(0, 0, 0))
    yield adapter
    await adapter.close()


@pytest_asyncio.fixture
async def scripted(upstream: Upstream) -> AsyncGenerator[Runware]:
    adapter = Runware(Account(f"{upstream.url}/v1", "secret"), lag=(0, 0, 0))
    yield adapter
    await adapter.close()


def uploaded(**more: Any) -> Reply:
    """As the documents show it: `data` is an object here."""
    return Reply(200, {"data": {"taskType": "imageUpload", "taskUUID": "?", "imageUUID": KEPT} | more})


@pytest.mark.parametrize("listed", [True, False])
async def test_a_picture_is_sent_ahead_and_named_by_its_id(listed: bool, upstream: Upstream, scripted: Runware) -> None:
    def answer(asked: Any) -> Reply:
        told = {"taskType": "imageUpload", "taskUUID": asked.json[0]["taskUUID"], "imageUUID": KEPT}
        return Reply(200, {"data": [told] if listed else told})

    upstream.script = answer
    assert isinstance(scripted, Uploads)
    assert await scripted.upload(b"\x89PNG", "image/png") == KEPT
    [asked] = upstream.asked
    [task] = asked.json
    assert asked.headers["authorization"] == "Bearer secret"
    assert task == {"taskType": "imageUpload", "taskUUID": task["taskUUID"], "image": "data:image/png;base64,iVBORw=="}
    assert uuid.UUID(task["taskUUID"]).version == 4


FAULTS: list[tuple[Reply, Kind]] = [
    (Reply(drop=True), Kind.BUSY),
    (Reply(503, {"errors": [{"code": "serviceUnavailable", "message": "no"}]}), Kind.BUSY),
    (Reply(502, b"<html>"), Kind.BUSY),
    (Reply(429, {"errors": [{"code": "rateLimitExceeded", "message": "no"}]}), Kind.RATE),
    (Reply(401, {"errors": [{"code": "invalidApiKey", "message": "no"}]}), Kind.KEY),
    (Reply(400, {"errors": [{"code": "invalidImage", "message": "no", "parameter": "image"}]}), Kind.BAD_REQUEST),
    (Reply(200, {"errors": [{"code": "unsafeContentDetected", "message": "no"}]}), Kind.MODERATED),
    (Reply(500, {"errors": [{"code": "uploadFailed", "message": "no"}]}), Kind.FAILED),
    (uploaded(imageUUID=None), Kind.FAILED),
    (uploaded(imageUUID="../../etc"), Kind.FAILED),
    (uploaded(), Kind.FAILED),
    (Reply(200, b"<html>"), Kind.FAILED),
]


@pytest.mark.parametrize(("reply", "kind"), FAULTS)
async def test_a_failed_upload_costs_nothing(reply: Reply, kind: Kind, upstream: Upstream, scripted: Runware) -> None:
    upstream.replies = [reply]
    error = await failure(scripted.upload(b"\x89PNG", "image/png"))
    assert error.kind is kind
    assert error.elsewhere is (kind is not Kind.MODERATED)
    assert error.paid is (kind is Kind.MODERATED)
    assert "iVBOR" not in error.message


@pytest.mark.parametrize("way", ["data_uri", "upload"])
@pytest.mark.parametrize("asked", BODIES)
async def test_what_is_planned_is_what_arrives(
    asked: tuple[str, str, dict[str, Any]], way: str, runware: Runware, simulators: Simulators
) -> None:
    model, operation, body = asked
    offer = OFFERS[f"runware/{model} {operation}"]
    payload = planned(body, offer).calls()[0].payload
    sources = set(pictures_in(payload))
    assert sources
    if way == "upload":
        forms = {source: await runware.upload(picture(source), f"image/{source.format}") for source in sources}
    else:
        forms = {source: data_uri(source) for source in sources}
    call = Call(new_id(), offer.upstream, offer.operation, with_pictures(payload, forms), body.get("n", 1), "url")
    answer = await drawn(runware, call)
    assert len(answer.images) == simulators.paid("runware") == call.images
    [submitted] = simulators.calls("runware", "submit")
    [task] = submitted["body"]
    assert task == {**call.payload, "model": offer.upstream, "taskUUID": task["taskUUID"]}


async def test_a_picture_that_runware_cannot_use_is_a_bad_request(runware: Runware, simulators: Simulators) -> None:
    payload = planned({"image": [FOX]}, OFFERS["runware/qwen-image-edit edit"]).calls()[0].payload
    call = Call(new_id(), "runware:108@20", "edit", with_pictures(payload, {FOX: KEPT}), 1, "url")
    error = await failure(drawn(runware, call))
    assert (error.kind, error.param) == (Kind.BAD_REQUEST, "referenceImages")
    assert simulators.paid("runware") == 0


async def test_a_lost_edit_is_found_by_its_id_and_paid_once(runware: Runware, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "runware", "on": "submit", "effect": "drop_after"}])
    payload = planned({"image": [FOX]}, OFFERS["runware/qwen-image-edit edit"]).calls()[0].payload
    call = Call(new_id(), "runware:108@20", "edit", with_pictures(payload, {FOX: data_uri(FOX)}), 1, "url")
    assert len((await drawn(runware, call)).images) == 1
    assert simulators.paid("runware") == 1
