"""What a worker takes beside a prompt: sides, seeds of one's own, LoRAs, ControlNets, pictures that are extended."""

import base64
import io
from collections.abc import AsyncGenerator
from dataclasses import replace

import aiohttp
import orjson
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.gateway.photos import mask, photo
from tests.workers.loras.files import lora
from tests.workers.qwen_models import EDIT, QWEN
from tests.workers.serving import Served, serve
from tests.workers.stepwise import Stepwise
from workers.errors import Refusal
from workers.form import Form
from workers.form_values import typed
from workers.loras.resolver import Loras
from workers.loras.sources import Allowed
from workers.outpaint import Edges, extended
from workers.sizes import fitting, legal
from workers.wire import commission

SMALL: dict[str, object] = {"prompt": "p", "size": "64x64", "num_inference_steps": 1}
GUIDE = {"model": "canny", "image": base64.b64encode(photo(96, 64)).decode()}


@pytest.fixture
def engine() -> Stepwise:
    made = Stepwise(models=(QWEN, EDIT))
    made.allowed.set()
    return made


@pytest_asyncio.fixture
async def worker(engine: Stepwise, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    folder = tmp_path_factory.mktemp("loras")
    lora(folder, "fox.safetensors", 1)
    lora(folder, "ink.safetensors", 2)
    async with serve(engine, loras=Loras(Allowed(folder))) as served:
        yield served


async def test_sides_take_the_place_of_a_size(worker: Served, engine: Stepwise) -> None:
    status, answer = await worker.post({"prompt": "p", "width": 96, "height": 64, "num_inference_steps": 1})
    assert (status, answer["size"]) == (200, "96x64")
    assert (engine.asked[0].width, engine.asked[0].height) == (96, 64)


async def test_each_picture_may_have_a_seed_of_its_own(worker: Served, engine: Stepwise) -> None:
    status, answer = await worker.post({**SMALL, "n": 3, "seed": [9, 2, 9]})
    assert status == 200
    assert [picture["seed"] for picture in answer["data"]] == [9, 2, 9]
    assert sorted(drawing.seed for drawing in engine.asked) == [2, 9, 9]


async def test_loras_are_found_before_the_job_is_taken(worker: Served, engine: Stepwise) -> None:
    loras = [{"model": "ink", "weight": -0.5}, {"model": "fox"}]
    assert (await worker.post({**SMALL, "loras": loras}))[0] == 200
    assert [(found.name, found.weight) for found in engine.asked[0].loras] == [("ink", -0.5), ("fox", 1.0)]
    assert engine.asked[0].loras[0].file.is_file()


async def test_the_same_job_with_another_lora_is_another_request(worker: Served) -> None:
    header = {"x-request-id": "req_1.1"}
    assert (await worker.post({**SMALL, "loras": [{"model": "fox"}]}, header))[0] == 200
    assert (await worker.post({**SMALL, "loras": [{"model": "fox"}]}, header))[0] == 200
    status, answer = await worker.post({**SMALL, "loras": [{"model": "ink"}]}, header)
    assert (status, answer["error"]["code"]) == (422, "idempotency_mismatch")
    guided = {**SMALL, "control_nets": [GUIDE]}
    assert (await worker.post(guided, {"x-request-id": "req_1.2"}))[0] == 200
    assert (await worker.post(guided, {"x-request-id": "req_1.2"}))[0] == 200
    other = {**SMALL, "control_nets": [{**GUIDE, "image": base64.b64encode(photo(64, 96)).decode()}]}
    assert (await worker.post(other, {"x-request-id": "req_1.2"}))[0] == 422


async def test_a_large_picture_for_a_control_net_fits_into_the_body(worker: Served, engine: Stepwise) -> None:
    noise = Image.effect_noise((1500, 1500), 90)  # pyright: ignore[reportUnknownMemberType] - Pillow names numpy's type
    large = base64.b64encode(photo_of(noise)).decode()
    assert len(large) > 2**21
    guide = {**GUIDE, "image": f"data:image/png;base64,{large}", "weight": 0.5, "start": 0.25}
    body = io.BytesIO(orjson.dumps({**SMALL, "control_nets": [guide]}))
    headers = {"content-type": "application/json"}
    async with worker.http.post("/v1/images/generations", data=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
    [control] = engine.asked[0].controls
    assert (control.model, control.weight, control.start, control.end) == ("canny", 0.5, 0.25, 1.0)
    assert (control.image.mode, control.image.size) == ("RGB", (64, 64))


def photo_of(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


async def test_a_form_as_openais_clients_write_lists_and_objects(worker: Served, engine: Stepwise) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    texts = {"prompt": "p", "outpaint[left]": "32", "outpaint[bottom]": "64", "num_inference_steps": "1"}
    for name, text in [*texts.items(), ("n", "2"), ("seed[]", "4"), ("seed[]", "8")]:
        form.add_field(name, text)
    for name, weight in (("fox", "0.5"), ("ink", "1")):
        form.add_field("loras[][model]", name)
        form.add_field("loras[][weight]", weight)
    form.add_field("image", photo(64, 64), filename="a.png")
    form.add_field("mask", mask(64, 64), filename="m.png")
    async with worker.http.post("/v1/images/edits", data=form) as answer:
        told = await answer.json()
    assert (answer.status, told.get("size")) == (200, "96x128"), told
    first = engine.asked[0]
    assert sorted(drawing.seed for drawing in engine.asked) == [4, 8]
    assert [(found.name, found.weight) for found in first.loras] == [("fox", 0.5), ("ink", 1.0)]
    assert first.source is not None
    assert first.source.mask is not None
    marked = [first.source.mask.getpixel(place) for place in ((0, 0), (32, 0), (63, 0), (64, 0), (95, 63), (95, 64))]
    assert marked == [255, 255, 255, 0, 0, 255]


async def test_a_model_without_masks_says_so(worker: Served, engine: Stepwise) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("prompt", "p")
    form.add_field("model", EDIT.id)
    form.add_field("image", photo(64, 64), filename="a.png")
    form.add_field("mask", mask(64, 64), filename="m.png")
    async with worker.http.post("/v1/images/edits", data=form) as answer:
        told = await answer.json()
    assert (answer.status, told["error"]["param"], engine.asked) == (400, "mask", [])


async def test_a_model_tells_what_it_takes(worker: Served) -> None:
    _, told = await worker.get("/v1/models/qwen-image")
    assert {"width", "height", "mask", "outpaint", "loras", "control_nets", "scheduler"} <= set(told["parameters"])
    assert (told["loras"], told["control_nets"]) == (3, ["canny"])
    assert (told["schedulers"], told["accelerations"]) == (["euler", "euler_karras"], ["none", "regular", "high"])
    assert (told["sizes"]["multiple_of"], told["sizes"]["most_pixels"]) == (16, 4_194_304)
    _, plain = await worker.get("/v1/models/qwen-image-edit-2511")
    assert not {"mask", "outpaint", "loras"} & set(plain["parameters"])


@given(st.integers(1, 50_000), st.integers(1, 50_000), st.integers(0, 3))
def test_a_picture_of_any_size_is_fitted_into_what_the_model_draws(width: int, height: int, which: int) -> None:
    odd = replace(QWEN, shortest_side=100, longest_side=1000, multiple_of=48, most_pixels=300_000)
    model = (QWEN, EDIT, odd, replace(QWEN, multiple_of=1, most_pixels=None))[which]
    fitted = fitting((width, height), model)
    assert legal(fitted, model)
    if legal((width, height), model):
        assert fitted == (width, height)


@given(st.binary(max_size=300))
def test_any_body_is_read_or_refused(noise: bytes) -> None:
    try:
        commission(noise, (QWEN,), None)
    except Refusal as refusal:
        assert refusal.status in (400, 404)


NAMES = ("seed", "seed[]", "loras", "loras[][model]", "loras[][weight]", "loras[a]", "outpaint", "outpaint[left]")
TEXTS = ("1", "x", "[1]", '{"left": 5}', "[", "")


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3)))
def test_any_texts_of_a_form_are_read_or_refused(texts: dict[str, list[str]]) -> None:
    try:
        values = typed(Form(texts))
    except Refusal as refusal:
        assert refusal.status == 400
    else:
        assert orjson.dumps(values)


@pytest.mark.parametrize("edges", [Edges(left=3), Edges(5, 4, 3, 2), Edges(top=1), Edges(right=200)])
def test_what_is_added_repeats_the_edge_and_is_marked(edges: Edges) -> None:
    image = Image.new("RGB", (4, 3))
    pixels = {(x, y): (x * 40, y * 40, 7) for x in range(4) for y in range(3)}
    for place, colour in pixels.items():
        image.putpixel(place, colour)
    canvas, anew = extended(image, None, edges)
    assert canvas.size == anew.size == edges.around((4, 3))
    for x in range(canvas.width):
        for y in range(canvas.height):
            inside = (x - edges.left, y - edges.top)
            nearest = (min(max(inside[0], 0), 3), min(max(inside[1], 0), 2))
            assert canvas.getpixel((x, y)) == pixels[nearest]
            assert anew.getpixel((x, y)) == (0 if inside == nearest else 255)
