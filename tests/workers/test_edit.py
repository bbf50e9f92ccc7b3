"""Edits: a sketch over the caller's picture, in its shape, within its mask; and forms that are none."""

import base64
import io
import struct
import zlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from PIL import Image

from tests.workers.serving import Served, events, serve
from tests.workers.stepwise import Stepwise
from workers.sketch.painter import Sketch
from workers.sketch.sheet import sheet

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one worker for all: starting one costs more than a sketch

NAVY, RED = (0, 0, 128), (200, 0, 0)
JOB = {"x-request-id": "req_1.1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sketch() -> AsyncGenerator[Served]:
    async with serve(Sketch()) as served:
        yield served


def picture(
    width: int = 160, height: int = 96, colour: tuple[int, ...] = NAVY, format: str = "PNG", **how: Any
) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", (width, height), colour).save(out, format, **how)
    return out.getvalue()


def left_half(width: int = 160, height: int = 96, *, white: bool = False) -> bytes:
    """A mask that has the left half drawn anew: transparent, or white on black without alpha."""
    mask = Image.new("L", (width, height), 0) if white else Image.new("RGBA", (width, height), (0, 0, 0, 255))
    mask.paste(255 if white else (0, 0, 0, 0), (0, 0, width // 2, height))
    out = io.BytesIO()
    mask.save(out, "PNG")
    return out.getvalue()


def form(images: Sequence[bytes], mask: bytes | None = None, **fields: object) -> aiohttp.FormData:
    made = aiohttp.FormData(default_to_multipart=True)
    for name, value in {"prompt": "a sea at night", "num_inference_steps": 2, "seed": 3, **fields}.items():
        made.add_field(name, str(value))
    for content in images:
        made.add_field("image" if len(images) == 1 else "image[]", content, filename="upload")
    if mask is not None:
        made.add_field("mask", mask, filename="mask.png")
    return made


async def ask(worker: Served, data: object, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    async with worker.http.post("/v1/images/edits", data=data, headers=headers) as answer:
        return answer.status, await answer.json()


async def painted(worker: Served, images: Sequence[bytes], mask: bytes | None = None, **fields: object) -> Image.Image:
    status, answer = await ask(worker, form(images, mask, **fields))
    assert status == 200, answer
    [item] = answer["data"]
    image = Image.open(io.BytesIO(base64.b64decode(item["b64_json"])))
    assert answer["size"] == f"{image.width}x{image.height}"
    return image


def near(pixel: Any, colour: tuple[int, ...]) -> bool:
    """Equal but for the grain of the paper."""
    return all(abs(have - want) <= 6 for have, want in zip(pixel, colour, strict=True))


@pytest.mark.parametrize(
    ("fields", "size"),
    [({}, (160, 96)), ({"size": "auto"}, (160, 96)), ({"size": "96x128"}, (96, 128))],
)
async def test_it_keeps_the_size_of_the_picture(sketch: Served, fields: dict[str, Any], size: tuple[int, int]) -> None:
    assert (await painted(sketch, [picture()], **fields)).size == size


@pytest.mark.parametrize(("given", "drawn"), [((32, 20), (64, 64)), ((5000, 80), (4096, 66)), ((20, 5000), (64, 4096))])
async def test_a_picture_of_another_scale_is_drawn_within_the_limits(
    sketch: Served, given: tuple[int, int], drawn: tuple[int, int]
) -> None:
    assert (await painted(sketch, [picture(*given)], num_inference_steps=1)).size == drawn


@pytest.mark.parametrize("odd", [False, True])
async def test_a_picture_is_turned_upright(sketch: Served, odd: bool) -> None:
    """Whatever else its EXIF holds, such as a resolution of a kind that Pillow reads and cannot write anew."""
    entries = [(0x112, 3, 1, 6), (0x11A, 7, 4, 8)][: 1 + odd]
    listed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + listed + bytes(4)
    turned = picture(160, 96, format="JPEG", exif=exif)
    assert (await painted(sketch, [turned])).size == (96, 160)


async def test_the_picture_shows_through(sketch: Served) -> None:
    """At strength 0 it is as it was, at 1 nothing of it is left, and without one both are seen."""
    box = sheet(160, 96).picture
    there = ((box[0] + box[2]) // 2, (box[1] + box[3]) // 2)
    kept = await painted(sketch, [picture(colour=RED)], strength=0)
    assert near(kept.getpixel(there), RED)
    gone = [await painted(sketch, [picture(colour=colour)], strength="1.0") for colour in (RED, NAVY)]
    assert gone[0].tobytes() == gone[1].tobytes()
    usual = await painted(sketch, [picture(colour=RED)])
    assert usual.tobytes() not in (kept.tobytes(), gone[0].tobytes())


@pytest.mark.parametrize("white", [False, True])
async def test_a_mask_keeps_what_it_does_not_mark(sketch: Served, white: bool) -> None:
    image = await painted(sketch, [picture(colour=RED)], left_half(white=white))
    left, top, right, bottom = sheet(160, 96).picture
    middle = (top + bottom) // 2
    assert near(image.getpixel((right - 3, middle)), RED)
    assert not near(image.getpixel((left + 3, middle)), RED)


async def test_all_pictures_count(sketch: Served) -> None:
    one = await painted(sketch, [picture()])
    two = await painted(sketch, [picture(), picture(colour=RED)])
    other = await painted(sketch, [picture(), picture(colour=(0, 200, 0))])
    assert len({image.tobytes() for image in (one, two, other)}) == 3
    again = await painted(sketch, [picture(), picture(colour=RED)])
    assert again.tobytes() == two.tobytes()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
async def test_openais_own_client(sketch: Served, format: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{sketch.url}/v1", api_key="none", max_retries=0) as client:
        content = picture(format=format)
        answer = await client.images.edit(
            model="sketch", image=[content, content], mask=left_half(), prompt="a fox", n=2, output_format="webp"
        )
        first = Image.open(io.BytesIO(base64.b64decode((answer.data or [])[0].b64_json or "")))
        assert (len(answer.data or []), first.format, first.size) == (2, "WEBP", (160, 96))
        listed = await client.models.retrieve("sketch")
        assert (listed.model_extra or {})["images"] == 4


async def test_its_stream_is_that_of_an_edit(sketch: Served) -> None:
    async with sketch.http.post(
        "/v1/images/edits", data=form([picture()], stream="true", partial_images=1, num_inference_steps=4)
    ) as answer:
        names = [name for name, _data in events(await answer.text())]
    assert set(names) == {"image_edit.progress", "image_edit.partial_image", "image_edit.completed"}
    assert names[-1] == "image_edit.completed"


async def test_a_job_is_known_by_its_pictures_too(sketch: Served) -> None:
    first = await ask(sketch, form([picture()]), JOB)
    again = await ask(sketch, form([picture()]), JOB)
    assert (first[0], again) == (200, first)
    for other in (form([picture(colour=RED)]), form([picture()], left_half()), form([picture()], strength=0.5)):
        status, told = await ask(sketch, other, JOB)
        assert (status, told["error"]["code"]) == (422, "idempotency_mismatch")
    job = sketch.worker.desk.jobs.get(JOB["x-request-id"])
    assert job is not None
    assert job.asked.drawing.source is not None
    assert job.asked.drawing.source.images == ()


def huge() -> bytes:
    """A header of 100 megapixels and next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "param"),
    [
        (form([b"no picture"]), "image"),
        (form([b""]), "image"),
        (form([picture(format="GIF")]), "image"),
        (form([picture()[:80]]), "image"),
        (form([huge()]), "image"),
        (form([picture()] * 5), "image"),
        (form([picture()], picture(64, 64)), "mask"),
        (form([picture()], b"no picture"), "mask"),
        (form([picture()], strength="1.5"), "strength"),
        (form([picture()], strength="much"), "strength"),
        (form([picture()], n="11"), "n"),
        (form([picture()], n="1.0"), "n"),
        (form([picture()], seed="-1"), "seed"),
        (form([picture()], stream="1"), "stream"),
        (form([picture()], prompt=""), "prompt"),
        (form([picture()], size="10x10"), "size"),
        (form([picture()], image_url="https://x.example/a.png"), "image_url"),
        (form([picture()], model="another"), "model"),
    ],
)
async def test_what_is_wrong_is_named(sketch: Served, data: aiohttp.FormData, param: str) -> None:
    drawn = sketch.worker.desk.drawn
    status, told = await ask(sketch, data)
    assert (status, told["error"]["param"]) == (404 if param == "model" else 400, param)
    assert sketch.worker.desk.drawn == drawn


async def test_an_edit_needs_a_picture_and_knows_its_parts(sketch: Served) -> None:
    status, told = await ask(sketch, form([]))
    assert (status, told["error"]["code"]) == (400, "missing_required_parameter")
    stray = form([picture()])
    stray.add_field("markup", picture(), filename="a.png")
    status, told = await ask(sketch, stray)
    assert (status, told["error"]["param"]) == (400, "markup")
    two = form([picture()], left_half())
    two.add_field("mask", left_half(), filename="a.png")
    status, told = await ask(sketch, two)
    assert (status, told["error"]["param"]) == (400, "mask")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"--x--", 400),
        ("multipart/form-data; boundary=\xc3\xa9", b"--x--", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno headers", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--x--',
            400,
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\n1" * 80 + b"--x--", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xff\r\n--x--',
            400,
        ),
    ],
)
async def test_bodies_that_are_no_forms(sketch: Served, content_type: str, body: bytes, status: int) -> None:
    headers = {"content-type": content_type}
    got, told = await ask(sketch, body, headers)
    assert got == status
    assert set(told["error"]) == {"message", "type", "param", "code"}


async def test_a_model_for_text_alone_says_so() -> None:
    engine = Stepwise()
    async with serve(engine) as plain:
        status, told = await ask(plain, form([picture()]))
    assert (status, told["error"]["param"], engine.asked) == (400, "image", [])


async def test_generations_take_no_strength(sketch: Served) -> None:
    status, told = await sketch.post({"prompt": "p", "strength": 0.5})
    assert (status, told["error"]["param"]) == (400, "strength")
