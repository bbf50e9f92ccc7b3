"""Hostile and mistaken requests for a model that takes LoRAs, ControlNets and much else: named, and nothing drawn."""

import base64
import pickle
from collections.abc import AsyncGenerator

import aiohttp
import pytest
import pytest_asyncio

from tests.gateway.photos import photo
from tests.workers.loras.files import lora
from tests.workers.qwen_models import QWEN
from tests.workers.serving import Served, serve
from tests.workers.stepwise import Stepwise
from workers.loras.resolver import Loras
from workers.loras.sources import Allowed

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one worker takes it all: that it lives on is the point

GOOD: dict[str, object] = {"prompt": "p", "size": "64x64", "num_inference_steps": 1}
GUIDE = {"model": "canny", "image": base64.b64encode(photo(64, 64)).decode()}
WRONG: list[tuple[dict[str, object], str]] = [
    ({"size": "100000x10000"}, "size"),
    ({"size": "72x64"}, "size"),
    ({"size": "3072x3072"}, "size"),
    ({"size": "3088x64"}, "size"),
    ({"size": "64x64", "width": 64, "height": 64}, "width"),
    ({"size": None, "width": 64}, "width"),
    ({"size": None, "height": 64}, "height"),
    ({"size": None, "width": 64, "height": 100_000}, "height"),
    ({"size": None, "width": "64", "height": 64}, "width"),
    ({"size": None, "width": True, "height": 64}, "width"),
    ({"size": None, "width": 64.0, "height": 64}, "width"),
    ({"num_inference_steps": 501}, "num_inference_steps"),
    ({"scheduler": "ddim"}, "scheduler"),
    ({"scheduler": ["euler"]}, "scheduler"),
    ({"acceleration": "extreme"}, "acceleration"),
    ({"acceleration": 1}, "acceleration"),
    ({"guidance": 3.5}, "guidance"),
    ({"strength": 0.5}, "strength"),
    ({"outpaint": {"left": 64}}, "outpaint"),
    ({"seed": []}, "seed"),
    ({"seed": [1]}, "seed"),
    ({"seed": [1, None]}, "seed"),
    ({"seed": [1, -1]}, "seed"),
    ({"seed": [1, True]}, "seed"),
    ({"seed": [1, 2, 3]}, "seed"),
    ({"loras": "fox"}, "loras"),
    ({"loras": ["fox"]}, "loras"),
    ({"loras": [{}]}, "loras"),
    ({"loras": [{"model": 5}]}, "loras"),
    ({"loras": [{"model": "fox", "weight": 4.1}]}, "loras"),
    ({"loras": [{"model": "fox", "weight": "1"}]}, "loras"),
    ({"loras": [{"model": "fox", "scale": 1}]}, "loras"),
    ({"loras": [{"model": "fox"}] * 4}, "loras"),
    ({"loras": [{"model": "fox"}, {"model": "fox"}]}, "loras"),
    ({"loras": [{"model": "missing"}]}, "loras"),
    ({"loras": [{"model": "evil"}]}, "loras"),
    ({"loras": [{"model": "/etc/passwd"}]}, "loras"),
    ({"loras": [{"model": "https://models.example/a.safetensors"}]}, "loras"),
    ({"control_nets": GUIDE}, "control_nets"),
    ({"control_nets": [{**GUIDE, "model": "depth"}]}, "control_nets"),
    ({"control_nets": [{**GUIDE, "model": ["canny"]}]}, "control_nets"),
    ({"control_nets": [{"model": "canny"}]}, "control_nets"),
    ({"control_nets": [{**GUIDE, "image": "https://example.com/a.png"}]}, "control_nets"),
    ({"control_nets": [{**GUIDE, "image": "ß" * 40}]}, "control_nets"),
    ({"control_nets": [{**GUIDE, "image": base64.b64encode(b"no picture").decode()}]}, "control_nets"),
    ({"control_nets": [{**GUIDE, "weight": -5}]}, "control_nets"),
    ({"control_nets": [{**GUIDE, "start": 0.5, "end": 0.5}]}, "control_nets"),
    ({"control_nets": [{**GUIDE, "end": 2}]}, "control_nets"),
    ({"control_nets": [GUIDE] * 5}, "control_nets"),
]

# The texts of a form that edits a picture of 64x64 pixels.
WRONG_EDITS: list[tuple[list[tuple[str, str]], str]] = [
    ([("outpaint", "64")], "outpaint"),
    ([("outpaint", "{")], "outpaint"),
    ([("outpaint", "{}")], "outpaint"),
    ([("outpaint[left]", "0")], "outpaint"),
    ([("outpaint[left]", "-16")], "outpaint"),
    ([("outpaint[left]", "9")], "outpaint"),
    ([("outpaint[left]", "99999")], "outpaint"),
    ([("outpaint[left]", "16.5")], "outpaint"),
    ([("outpaint[middle]", "16")], "outpaint"),
    ([("outpaint[left]", "16"), ("outpaint", "5"), ("size", "64x64")], "outpaint"),
    ([("loras[][model]", "fox"), ("loras[][model]", "ink"), ("loras[][weight]", "1")], "loras"),
    ([("loras[][weight]", "1")], "loras"),
    ([("loras[model]", "fox")], "loras"),
    ([("loras[]", "fox")], "loras"),
    ([("loras", '[{"model": "missing"}]')], "loras"),
    ([("loras", "[" * 5000)], "loras"),
    ([("seed[]", "1"), ("seed[]", "2")], "seed"),
    ([("seed[]", "one")], "seed"),
    ([("seed[a]", "1")], "seed"),
    ([("control_nets", "[]")], "control_nets"),
    ([("loras[][][model]", "fox")], "loras[][][model]"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def qwen(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    """It draws at once, and may read LoRAs from a folder: a whole one, and a pickle that is called one."""
    folder = tmp_path_factory.mktemp("loras")
    lora(folder)
    (folder / "evil.safetensors").write_bytes(pickle.dumps({"lora": 1}))
    engine = Stepwise(models=(QWEN,))
    engine.allowed.set()
    async with serve(engine, loras=Loras(Allowed(folder))) as served:
        yield served


@pytest.mark.parametrize(("wrong", "param"), WRONG, ids=lambda value: str(value)[:40])
async def test_a_wrong_value_of_a_model_that_takes_more(qwen: Served, wrong: dict[str, object], param: str) -> None:
    seeds = {"n": 2} if "seed" in wrong else {}
    status, answer = await qwen.post({**GOOD, **seeds, **wrong})
    assert (status, answer["error"]["param"]) == (400, param), answer
    assert qwen.worker.desk.drawn == 0
    assert "etc/passwd" not in answer["error"]["message"]


@pytest.mark.parametrize(("texts", "param"), WRONG_EDITS, ids=lambda value: str(value)[:40])
async def test_a_wrong_value_in_a_form(qwen: Served, texts: list[tuple[str, str]], param: str) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, text in [("prompt", "p"), *texts]:
        form.add_field(name, text)
    form.add_field("image", photo(64, 64), filename="a.png")
    async with qwen.http.post("/v1/images/edits", data=form) as answer:
        told = await answer.json()
    assert (answer.status, told["error"]["param"]) == (400, param), told
    assert qwen.worker.desk.drawn == 0


async def test_limits_are_named_where_a_value_is_beyond_them(qwen: Served) -> None:
    for wrong, limits in (
        ({"size": "100000x10000"}, ("64 to 3072", "multiple of 16", "4194304")),
        ({"num_inference_steps": 501}, ("1 to 100",)),
        ({"scheduler": "ddim"}, ("euler, euler_karras",)),
        ({"loras": [{"model": "evil"}]}, ("pickle",)),
        ({"loras": [{"model": "https://models.example/a"}]}, ("the worker's folder",)),
        ({"control_nets": [{**GUIDE, "model": "depth"}]}, ("canny",)),
    ):
        _, answer = await qwen.post({**GOOD, **wrong})
        assert all(limit in answer["error"]["message"] for limit in limits), answer
