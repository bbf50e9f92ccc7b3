"""Edits at DashScope: the table's own bodies, sent by the adapter, against the stand-in that reads every picture."""

import base64
import io
from collections.abc import AsyncGenerator, Iterable
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from normalizers.source import Source, pictures_in, with_pictures
from providers.alibaba.adapter import Alibaba
from providers.base import Call, Json
from providers.errors import Kind
from simulators.running import Simulators
from tests.normalizers.offers import OFFERS, planned
from tests.providers.failing import failure
from tests.providers.simulated import account_at, drawn

FOX = Source("fox", "png", 600, 400, 1_000)
CAT = Source("cat", "jpeg", 400, 500, 1_000)
AT_ONCE = ("qwen-image-2", "qwen-image-2-pro", "qwen-image-2-edit", "qwen-image-edit-plus", "qwen-image-edit-max")
AS_TASKS = ("qwen-image-3", "qwen-image-3-pro")


def data_uri(source: Source) -> str:
    out = io.BytesIO()
    Image.new("RGB", source.pixels, (9, 99, 199)).save(out, source.format)
    return f"data:image/{source.format};base64," + base64.b64encode(out.getvalue()).decode()


def edit(model: str, wire: dict[Source, str] | None = None, **body: Any) -> Call:
    """The first call of a plan, its pictures as they go out."""
    body = {"image": [FOX, CAT], **body}
    offer = OFFERS[f"alibaba/{model} edit"]
    payload = planned(body, offer).calls()[0].payload
    forms = {source: data_uri(source) for source in pictures_in(payload)} | (wire or {})
    return Call("req_1.1", offer.upstream, "edit", with_pictures(payload, forms), body.get("n", 1), "url")


@pytest_asyncio.fixture
async def alibaba(simulators: Simulators) -> AsyncGenerator[Alibaba]:
    adapter = Alibaba(account_at(simulators, "alibaba"))
    yield adapter
    await adapter.close()


def submitted(simulators: Simulators) -> Iterable[dict[str, Any]]:
    return (call for call in simulators.calls("alibaba") if call["step"] in ("submit", "generate"))


@pytest.mark.parametrize("model", [*AT_ONCE, *AS_TASKS])
async def test_what_is_planned_is_what_arrives(model: str, alibaba: Alibaba, simulators: Simulators) -> None:
    call = edit(model, n=2, size="512x768")
    answer = await drawn(alibaba, call)
    assert len(answer.images) == answer.units == simulators.paid("alibaba") == 2
    [asked] = submitted(simulators)
    assert asked["body"] == {"model": call.upstream, **call.payload}
    content: list[Json] = asked["body"]["input"]["messages"][0]["content"]
    assert content == [{"image": data_uri(FOX)}, {"image": data_uri(CAT)}, {"text": "a fox"}]
    assert asked["body"]["parameters"]["size"] == "512*768"
    later = model in AS_TASKS
    place = "image-generation" if later else "multimodal-generation"
    assert asked["path"] == f"/alibaba/api/v1/services/aigc/{place}/generation"
    assert asked["headers"].get("x-dashscope-async") == ("enable" if later else None)


async def test_the_first_edit_is_sent_no_size(alibaba: Alibaba, simulators: Simulators) -> None:
    assert len((await drawn(alibaba, edit("qwen-image-edit"))).images) == 1
    [asked] = submitted(simulators)
    assert asked["body"]["parameters"] == {"n": 1}


BAD = {
    "cut off": "data:image/png;base64,AAAA",
    "too small": data_uri(Source("x", "png", 300, 500, 1)),
    "unread": data_uri(Source("x", "avif", 400, 400, 1)),
    "nowhere": "oss://bucket/a.png",
}


@pytest.mark.parametrize("model", ["qwen-image-2", "qwen-image-3"])
@pytest.mark.parametrize("uri", list(BAD.values()), ids=list(BAD))
async def test_a_picture_that_dashscope_refuses_is_a_bad_request(
    uri: str, model: str, alibaba: Alibaba, simulators: Simulators
) -> None:
    error = await failure(drawn(alibaba, edit(model, {CAT: uri})))
    assert error.kind is Kind.BAD_REQUEST
    assert "base64" not in error.message
    assert simulators.paid("alibaba") == 0


@pytest.mark.parametrize("model", ["qwen-image-2", "qwen-image-3"])
@pytest.mark.parametrize(("effect", "kind"), [("moderated", Kind.MODERATED), ("failed", Kind.FAILED)])
async def test_an_edit_fails_in_either_protocol(
    model: str, effect: str, kind: Kind, alibaba: Alibaba, simulators: Simulators
) -> None:
    step = "submit" if model in AS_TASKS else "generate"
    simulators.set_faults([{"provider": "alibaba", "on": step, "effect": effect}])
    assert (await failure(drawn(alibaba, edit(model)))).kind is kind
    assert simulators.paid("alibaba") == 0


@pytest.mark.parametrize("model", ["qwen-image-2", "qwen-image-3"])
async def test_a_lost_answer_to_an_edit_is_never_repeated(model: str, alibaba: Alibaba, simulators: Simulators) -> None:
    step = "submit" if model in AS_TASKS else "generate"
    simulators.set_faults([{"provider": "alibaba", "on": step, "effect": "drop_after"}])
    error = await failure(drawn(alibaba, edit(model)))
    assert (error.kind, error.paid, error.again) == (Kind.LOST, True, False)
    assert len(list(submitted(simulators))) == simulators.paid("alibaba") == 1
