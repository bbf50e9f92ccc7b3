"""What a request for Qwen-Image becomes at a worker of one's own: through gateway and worker, to the engine."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.settings import read_settings
from tests.gateway.photos import data_uri, mask, photo
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.workers.loras.files import lora
from tests.workers.qwen_models import EDIT, QWEN
from tests.workers.serving import serve
from tests.workers.stepwise import Stepwise
from workers.engine import Drawing
from workers.loras.resolver import Loras
from workers.loras.sources import Allowed

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMALL: dict[str, Any] = {"model": "qwen-image", "prompt": "a fox", "size": "64x96", "num_inference_steps": 2}


class Painted:
    """A gateway in front of one worker, whose engine remembers what it was asked to draw."""

    def __init__(self, engine: Stepwise, http: aiohttp.ClientSession, folder: Path) -> None:
        self.engine = engine
        self.http = http
        self.folder = folder

    async def drawn(self, path: str = "generations", **fields: Any) -> list[Drawing]:
        """What the engine was asked for, by seed."""
        self.engine.asked.clear()
        status, answer = await self.ask(path, **fields)
        assert status == 200, answer
        return sorted(self.engine.asked, key=lambda drawing: drawing.seed)

    async def ask(self, path: str = "generations", **fields: Any) -> tuple[int, Any]:
        body = {**SMALL, "cache": "off", "response_format": "b64_json", **fields}
        async with self.http.post(f"/v1/images/{path}", json=body) as answer:
            return answer.status, await answer.json()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def painted(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Painted]:
    engine = Stepwise(models=(QWEN, EDIT))
    engine.allowed.set()
    folder = tmp_path_factory.mktemp("loras")
    lora(folder)
    async with serve(engine, loras=Loras(Allowed(folder))) as worker:
        tables: dict[str, Any] = {
            "server": {"data_dir": tmp_path_factory.mktemp("local")},
            "auth": {"admin_key": ADMIN_KEY},
            "providers": {"local": {"workers": [worker.url]}},
        }
        gateway = await asyncio.to_thread(RunningGateway, read_settings(None, tables))
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        async with aiohttp.ClientSession(gateway.url, headers=headers) as http:
            yield Painted(engine, http, folder)
        await asyncio.to_thread(gateway.stop)


async def test_every_parameter_arrives(painted: Painted) -> None:
    [drawing] = await painted.drawn(
        seed=7, cfg_scale=2.5, negative_prompt="fog", scheduler="euler/karras", acceleration="high"
    )
    assert drawing == Drawing(
        model="qwen-image",
        prompt="a fox",
        width=64,
        height=96,
        seed=7,
        steps=2,
        negative_prompt="fog",
        cfg_scale=2.5,
        scheduler="euler_karras",
        acceleration="high",
    )


async def test_several_pictures_have_seeds_that_count_on(painted: Painted) -> None:
    drawings = await painted.drawn(n=3, seed=5)
    assert [drawing.seed for drawing in drawings] == [5, 6, 7]


async def test_a_lora_of_the_workers_folder(painted: Painted) -> None:
    [drawing] = await painted.drawn(loras=[{"path": "fox.safetensors", "scale": 0.8}])
    [found] = drawing.loras
    assert (found.name, found.weight, found.file) == ("fox.safetensors", 0.8, painted.folder / "fox.safetensors")


@pytest.mark.parametrize("path", ["missing.safetensors", "https://models.example/a.safetensors", "../../etc/passwd"])
async def test_a_lora_that_will_not_do_is_named(painted: Painted, path: str) -> None:
    painted.engine.asked.clear()
    status, answer = await painted.ask(loras=[{"path": path}])
    assert (status, answer["error"]["param"]) == (400, "loras")
    assert painted.engine.asked == []


async def test_a_control_net_and_its_picture(painted: Painted) -> None:
    guide = {"model": "canny", "image": data_uri(photo(64, 96)), "weight": 0.5, "end": 0.8}
    [drawing] = await painted.drawn(control_nets=[guide])
    [control] = drawing.controls
    assert (control.model, control.weight, control.start, control.end) == ("canny", 0.5, 0, 0.8)
    assert control.image.size == (64, 96)
    status, answer = await painted.ask(control_nets=[{**guide, "model": "depth"}])
    assert (status, answer["error"]["param"]) == (400, "control_nets")
    assert "canny" in answer["error"]["message"]


async def test_image_to_image_within_a_mask(painted: Painted) -> None:
    [drawing] = await painted.drawn(
        "edits", image=data_uri(photo(128, 96)), mask=data_uri(mask(128, 96)), strength=0.4, size=None,
        loras=[{"path": "fox", "scale": 0.5}],
    )  # fmt: skip
    assert (drawing.width, drawing.height) == (128, 96)
    assert drawing.source is not None
    assert drawing.source.mask is not None
    assert (drawing.source.strength, drawing.source.images[0].size) == (0.4, (128, 96))
    assert [drawing.source.mask.getpixel((x, 48)) for x in (0, 63, 64, 127)] == [255, 255, 0, 0]
    assert [each.weight for each in drawing.loras] == [0.5]


async def test_outpainting_draws_what_is_added_and_keeps_the_rest(painted: Painted) -> None:
    added = {"left": 32, "bottom": 16}
    [drawing] = await painted.drawn("edits", image=data_uri(photo(128, 96)), outpaint=added, size=None)
    assert (drawing.width, drawing.height) == (160, 112)
    assert drawing.source is not None
    assert drawing.source.mask is not None
    assert drawing.source.strength == 1.0
    assert drawing.source.images[0].size == drawing.source.mask.size == (160, 112)
    places = ((0, 0), (31, 95), (32, 95), (32, 96), (159, 0), (159, 111))
    assert [drawing.source.mask.getpixel(place) for place in places] == [255, 255, 0, 255, 0, 255]
    assert {drawing.source.images[0].getpixel(place) for place in places} == {(40, 90, 160)}


async def test_an_edit_looks_at_several_pictures_in_their_own_scale(painted: Painted) -> None:
    pictures = [data_uri(photo(side, side)) for side in (64, 512, 96)]
    [drawing] = await painted.drawn("edits", model="qwen-image-edit-2511", image=pictures, size="64x64")
    assert drawing.source is not None
    assert [image.width for image in drawing.source.images] == [64, 512, 96]
    assert (drawing.source.mask, drawing.source.strength) == (None, None)


async def test_what_only_the_worker_knows_is_told_in_its_words(painted: Painted) -> None:
    """This worker's model has no LoRAs, which the table of its kind takes."""
    status, answer = await painted.ask(
        "edits", model="qwen-image-edit-2511", image=data_uri(photo(64, 64)), loras=[{"path": "fox"}], size="64x64"
    )
    assert (status, answer["error"]["param"]) == (400, "loras")
