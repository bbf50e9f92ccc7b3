"""The pictures in an input of fal: `image_url`, `mask_url` and `image_urls`, as a URL or a data URI.

Source: fal docs, "Model errors" (its words for pictures that it cannot use), read 2026-11-21.
"""

from typing import Any

from simulators.fal.endpoint import Endpoint, Loads
from simulators.fal.errors import Failure, model_failure
from simulators.inputs import InputPicture, Kept, NoPicture, NotLoaded, load

Place = list[str | int]


async def read_pictures(endpoint: Endpoint, given: dict[str, Any], kept: Kept) -> list[InputPicture] | Failure:
    """In the order of the input, the mask last."""
    listed: list[tuple[Place, str]] = [(["image_urls", at], url) for at, url in enumerate(given.get("image_urls", ()))]
    named: list[tuple[Place, str]] = [([name], given[name]) for name in ("image_url", "mask_url") if name in given]
    read: list[InputPicture] = []
    for where, url in [*listed, *named]:
        each = await _read(url, endpoint.loads, ["body", *where], kept)
        if isinstance(each, Failure):
            return each
        read.append(each)
    return read


async def _read(url: str, loads: Loads, loc: Place, kept: Kept) -> InputPicture | Failure:
    try:
        picture = await load(url, kept)
    except NotLoaded:
        return model_failure(422, "file_download_error", "Failed to download the file", loc, input=url[:100])
    except NoPicture:
        return model_failure(422, "image_load_error", "Failed to load the image", loc)
    return _unfit(picture, loads, loc) or picture


def _unfit(picture: InputPicture, loads: Loads, loc: Place) -> Failure | None:
    if not picture.format:  # only believed
        return None
    low, high = loads.sides
    if picture.format not in loads.formats or (picture.transparent and not loads.transparent):
        return model_failure(422, "unsupported_image_format", "Unsupported image format", loc)
    if picture.length > loads.most_bytes:
        limit = {"max_size": loads.most_bytes}
        return model_failure(422, "file_too_large", "The file exceeds the maximum allowed size", loc, ctx=limit)
    if max(picture.size) > high:
        ctx = {"max_height": high, "max_width": high}
        return model_failure(422, "image_too_large", "The image is too large", loc, ctx=ctx)
    if min(picture.size) < low:
        ctx = {"min_height": low, "min_width": low}
        return model_failure(422, "image_too_small", "The image is too small", loc, ctx=ctx)
    return None
