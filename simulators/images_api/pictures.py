"""The pictures of one answer: paced, paid, spoilt when the script says so, and encoded."""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence

import pybase64

from simulators.drawing import Format, Picture, draw, spoilt
from simulators.faults import PictureEffect, flaw_of
from simulators.stage import Stage


async def make(
    stage: Stage,
    slug: str,
    effect: PictureEffect | None,
    *,
    prompt: str,
    count: int,
    size: tuple[int, int],
    output_format: Format,
    quality: int = 90,
    seed: int | None = None,
    inputs: Sequence[bytes] = (),
    paced: bool = True,
    billed: bool = True,
) -> list[Picture]:
    """Make `count` pictures, in their time and for money; with a seed the same ones as ever."""
    pace = stage.pace(slug)
    await asyncio.sleep(pace.queue_seconds + pace.seconds_per_image * count if paced else 0)
    drawn_with = secrets.randbelow(2**31) if seed is None else seed
    source = hashlib.sha256(b"".join(inputs)).hexdigest() if inputs else ""
    stage.paid[slug] += count if billed else 0
    if effect == "empty":
        return []
    flaw = flaw_of(effect)
    pictures = [
        Picture(prompt, drawn_with, index, size[0], size[1], output_format, max(1, quality), source)
        for index in range(count)
    ]
    return [spoilt(picture, flaw) if flaw else picture for picture in pictures]


async def base64_of(picture: Picture) -> str:
    content = await asyncio.to_thread(draw, picture)
    return pybase64.b64encode(content).decode()
