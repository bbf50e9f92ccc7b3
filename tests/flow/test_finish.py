"""Pictures leave in the form that was asked, whatever they came in; what is none is told, and nothing breaks."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from PIL import Image, ImageCms
from structlog.testing import capture_logs

from gateway.flow.finish import Bounds, CannotFinish, Finished, Finisher, Finishing, NotAPicture
from gateway.flow.picture_codec import finish
from gateway.flow.picture_header import Header, sniff

FORMATS = ("png", "jpeg", "webp", "avif", "gif")
BOUNDS = Bounds()
RED, BLUE = (220, 30, 30), (30, 30, 220)


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    output = io.BytesIO()
    picture.save(output, format.upper(), **options)
    return output.getvalue()


def halves(size: tuple[int, int] = (80, 60)) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (size[0] // 2, 0, *size))
    return picture


def opened(finished: Finished) -> Image.Image:
    picture = Image.open(io.BytesIO(finished.content))
    picture.load()
    assert picture.format == finished.format.upper()
    assert picture.size == (finished.width, finished.height)
    assert sniff(finished.content) == Header(finished.format, finished.width, finished.height)
    return picture


def close(one: tuple[int, ...], other: tuple[int, ...], by: int = 24) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


def pixel(picture: Image.Image, at: tuple[int, int], mode: str = "RGB") -> tuple[int, ...]:
    value = picture.convert(mode).getpixel(at)
    assert isinstance(value, tuple)
    return tuple(int(part) for part in value)


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("wanted", FORMATS)
def test_every_format_into_every_other(source: str, wanted: str) -> None:
    picture = opened(finish(saved(halves(), source), Finishing(wanted), BOUNDS))
    assert picture.size == (80, 60)
    assert close(pixel(picture, (15, 30)), RED)
    assert close(pixel(picture, (65, 30)), BLUE)


@pytest.mark.parametrize("wanted", ["jpeg", "webp", "avif"])
def test_quality_decides_the_size(wanted: str) -> None:
    noise = saved(Image.effect_noise((128, 128), 80).convert("RGB"), "png")
    sizes = [len(finish(noise, Finishing(wanted, quality), BOUNDS).content) for quality in (0, 40, 100)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_quality_means_nothing_to_png() -> None:
    content = saved(halves(), "webp")
    assert finish(content, Finishing("png", 1), BOUNDS) == finish(content, Finishing("png"), BOUNDS)


@pytest.mark.parametrize("exact", [(40, 30), (60, 60), (200, 20), (7, 90), (80, 60), (1, 1)])
def test_exact_means_these_pixels(exact: tuple[int, int]) -> None:
    assert opened(finish(saved(halves(), "png"), Finishing("png", exact=exact), BOUNDS)).size == exact


def test_the_crop_is_central_and_nothing_is_stretched() -> None:
    picture = Image.new("RGB", (300, 100), "white")
    picture.paste(RED, (100, 0, 200, 100))
    square = opened(finish(saved(picture, "png"), Finishing("png", exact=(50, 50)), BOUNDS))
    assert close(pixel(square, (2, 25)), RED, 2)
    assert close(pixel(square, (47, 25)), RED, 2)
    wide = opened(finish(saved(picture.rotate(90, expand=True), "png"), Finishing("png", exact=(50, 50)), BOUNDS))
    assert close(pixel(wide, (25, 2)), RED, 2)


def test_alpha_lies_on_white_in_jpeg_and_is_kept_elsewhere() -> None:
    picture = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    picture.paste((*RED, 255), (0, 0, 30, 40))
    content = saved(picture, "png")
    flat = opened(finish(content, Finishing("jpeg"), BOUNDS))
    assert close(pixel(flat, (50, 20)), (255, 255, 255), 6)
    assert close(pixel(flat, (10, 20)), RED)
    for format in ("png", "webp", "avif", "gif"):
        kept = opened(finish(content, Finishing(format), BOUNDS))
        assert pixel(kept, (50, 20), "RGBA")[3] < 10, format
        assert pixel(kept, (10, 20), "RGBA")[3] > 245, format


@pytest.mark.parametrize("source", ["jpeg", "png", "webp"])
def test_exif_orientation_is_applied_and_forgotten(source: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the picture has to be turned by 90° clockwise
    exif[0x010F] = "secret camera"
    finished = finish(saved(halves(), source, exif=exif), Finishing("png"), BOUNDS)
    picture = opened(finished)
    assert picture.size == (60, 80)
    assert close(pixel(picture, (30, 10)), RED)
    assert close(pixel(picture, (30, 70)), BLUE)
    assert not picture.getexif()
    assert b"secret camera" not in finished.content


def test_a_damaged_exif_block_does_not_matter() -> None:
    content = saved(halves(), "jpeg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff\xff\xff")
    assert opened(finish(content, Finishing("png"), BOUNDS)).size == (80, 60)


def test_colours_are_converted_to_srgb_and_the_profile_is_left_out() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - untyped
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - untyped
    for profile in (srgb.tobytes(), lab.tobytes(), b"no profile at all"):
        finished = finish(saved(halves(), "png", icc_profile=profile), Finishing("webp"), BOUNDS)
        picture = opened(finished)
        assert close(pixel(picture, (15, 30)), RED)
        assert not picture.info.get("icc_profile")


def test_a_profile_that_swaps_red_and_green_is_honoured() -> None:
    # An sRGB profile whose red and green primaries have changed places in its table of tags.
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - untyped
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    picture = Image.new("RGB", (20, 20), (255, 0, 0))
    turned = opened(finish(saved(picture, "png", icc_profile=bytes(profile)), Finishing("png"), BOUNDS))
    assert close(pixel(turned, (10, 10)), (0, 255, 0))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("wanted", FORMATS)
def test_every_mode_of_png(mode: str, wanted: str) -> None:
    source = Image.new("L", (16, 16), 255).convert(mode) if mode != "I;16" else Image.new("I;16", (16, 16), 65535)
    picture = opened(finish(saved(source, "png"), Finishing(wanted), BOUNDS))
    assert close(pixel(picture, (8, 8)), (255, 255, 255), 6)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    source = Image.new("I;16", (16, 16), 0x8000)
    assert close(pixel(opened(finish(saved(source, "png"), Finishing("png"), BOUNDS)), (8, 8)), (128,) * 3, 1)


def test_cmyk_becomes_rgb() -> None:
    content = saved(halves().convert("CMYK"), "jpeg")
    assert close(pixel(opened(finish(content, Finishing("png"), BOUNDS)), (15, 30)), RED, 40)


def test_an_animation_gives_its_first_frame() -> None:
    for format in ("gif", "webp", "avif", "png"):
        frames = [Image.new("RGB", (20, 10), color) for color in (RED, BLUE)]
        content = saved(frames[0], format, save_all=True, append_images=frames[1:])
        assert close(pixel(opened(finish(content, Finishing("jpeg"), BOUNDS)), (10, 5)), RED)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is enormous."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    body = chunk(b"IHDR", size + b"\x08\x02\x00\x00\x00") + chunk(b"IDAT", zlib.compress(b"\0" * 999))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("content", [b"", b"<html>no</html>", b"\x00" * 1000, b"\x89PNG\r\n\x1a\n", b"BM" + b"\0" * 99])
def test_what_is_no_picture(content: bytes) -> None:
    with pytest.raises(NotAPicture):
        finish(content, Finishing("png"), BOUNDS)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_cut_off(format: str) -> None:
    content = saved(Image.effect_noise((90, 90), 80).convert("RGB"), format)
    for length in (len(content) // 4, len(content) // 2, len(content) - len(content) // 5):
        with pytest.raises(NotAPicture):
            finish(content[:length], Finishing("png" if format != "png" else "jpeg"), BOUNDS)


def test_only_the_five_formats_are_read() -> None:
    for format in ("bmp", "tiff", "ppm", "tga"):
        with pytest.raises(NotAPicture, match="no png, jpeg, webp, avif or gif"):
            finish(saved(halves(), format), Finishing("png"), BOUNDS)


def test_a_million_megapixels_are_refused_before_anything_is_decoded() -> None:
    with pytest.raises(NotAPicture, match=r"1,000,000 megapixels \(1000000x1000000\); at most 100"):
        finish(bomb(1_000_000, 1_000_000), Finishing("jpeg"), BOUNDS)


def test_too_many_bytes_frames_and_wanted_pixels() -> None:
    frames = [Image.new("RGB", (8, 8), (number * 28, 0, 0)) for number in range(9)]
    for format in ("webp", "avif", "png"):
        content = saved(frames[0], format, save_all=True, append_images=frames[1:])
        with pytest.raises(NotAPicture, match="9 frames; at most 8"):
            finish(content, Finishing("gif"), Bounds(max_frames=8))
    with pytest.raises(NotAPicture, match="at most 10 are"):
        finish(saved(halves(), "png"), Finishing("gif"), Bounds(max_bytes=10))
    with pytest.raises(NotAPicture, match="megapixels"):
        finish(saved(halves(), "png"), Finishing("gif", exact=(101, 101)), Bounds(max_pixels=10_000))


@pytest.fixture
async def finisher() -> AsyncGenerator[Finisher]:
    finisher = Finisher(workers=1)
    yield finisher
    finisher.close()


def processes(finisher: Finisher) -> list[int]:
    pool = finisher._pool  # pyright: ignore[reportPrivateUsage] - the test kills what is in it
    return [] if pool is None else list(pool._processes)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("format", FORMATS)
async def test_nothing_is_decoded_when_nothing_needs_it(finisher: Finisher, format: str) -> None:
    content = saved(halves(), format)[:-4]  # cut off, which only decoding would notice
    finished = await finisher.finish(content, Finishing(format))
    assert finished.content is content
    assert (finished.format, finished.width, finished.height) == (format, 80, 60)
    assert (await finisher.finish(content, Finishing(format, exact=(80, 60)))).content is content
    assert processes(finisher) == []


async def test_what_is_too_much_never_reaches_a_process(finisher: Finisher) -> None:
    for wanted in ("png", "jpeg"):
        with pytest.raises(NotAPicture, match="megapixels"):
            await finisher.finish(bomb(1_000_000, 1_000_000), Finishing(wanted))
    with pytest.raises(NotAPicture, match="bytes"):
        await Finisher(bounds=Bounds(max_bytes=10)).finish(saved(halves(), "png"), Finishing("png"))
    assert processes(finisher) == []


async def test_processes_finish_refuse_and_survive_being_killed(finisher: Finisher) -> None:
    """One test for the pool's life, as starting a process costs half a second."""
    content = saved(halves(), "png")
    finished = await asyncio.gather(*(finisher.finish(content, Finishing(format)) for format in FORMATS * 2))
    assert [picture.format for picture in finished] == list(FORMATS * 2)
    assert opened(finished[1]).size == (80, 60)
    with pytest.raises(NotAPicture) as refused:
        await finisher.finish(content[:-60], Finishing("jpeg"))
    assert refused.value.reason
    (before,) = processes(finisher)
    assert before != os.getpid()
    with capture_logs() as logs:
        os.kill(before, signal.SIGKILL)  # as the kernel does when memory runs out
        again = await finisher.finish(content, Finishing("webp"))
    assert opened(again).size == (80, 60)
    assert processes(finisher) != [before]
    assert [line["event"] for line in logs] in (["finishing_process_lost"], [])
    quick = asyncio.create_task(finisher.finish(content, Finishing("jpeg")))
    await asyncio.sleep(0)
    quick.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await quick
    assert (await finisher.finish(content, Finishing("gif"))).format == "gif"


async def test_a_picture_that_takes_too_long_is_given_up() -> None:
    finisher = Finisher(workers=1, seconds=0.01)
    with pytest.raises(CannotFinish, match=r"more than 0\.01 seconds"):
        await finisher.finish(saved(halves(), "png"), Finishing("avif"))
    assert processes(finisher) == []
    finisher.close()


GATEWAY = """
import asyncio
from gateway.flow.finish import Finisher, Finishing

async def main():
    finisher = Finisher(workers=1)
    picture = bytes.fromhex("{}")
    await finisher.finish(picture, Finishing("jpeg"))
    print(*finisher._pool._processes, flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_killed_gateway_takes_its_processes_along() -> None:
    script = GATEWAY.format(saved(halves(), "png").hex())
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        assert int(gateway.stdout.readline()) > 0
        gateway.kill()
        # The process holds the other end of this pipe as well: it ends only when both are gone.
        assert gateway.stdout.read() == ""
