"""Lumenfall's catalogue here, and how it finds a size.

Source: Lumenfall's page "Qwen Image API", its docs page "Image upscaling", the API pages of the upscalers and its
agent skill 1.2.2, read 2026-11-21.
"""

import math
from dataclasses import dataclass

from simulators.images_api.asked import pixels

MAX_SIDE = 14142
MODES = ("text-to-image", "image-edit")
UPSCALE = ("upscale",)
FIXED = (0.0,)

# Shape at tier 1K -> pixels, as listed on the model's page. Note that 4:3 and 3:4 differ by a pixel.
TABLE_1K: dict[str, tuple[int, int]] = {
    "4:3": (1183, 887),
    "1:1": (1024, 1024),
    "3:4": (887, 1182),
    "2:3": (836, 1254),
    "3:2": (1254, 836),
    "9:16": (768, 1365),
    "16:9": (1365, 768),
}


@dataclass(frozen=True)
class Model:
    """A model and who serves it, the first choice first. `price` is for one picture, in micro-dollars.

    Of an upscaler, `scale` is its own factor and `scales` are those it takes: none are any, `FIXED` its own alone.
    """

    id: str
    modes: tuple[str, ...]
    providers: tuple[str, ...]
    price: int
    scale: float = 2.0
    scales: tuple[float, ...] = ()

    def scaled(self, asked: float | None) -> float | None:
        """The factor that is used; None for one that is not taken. A fixed one is used whatever is asked."""
        if self.scales == FIXED or asked is None:
            return self.scale
        return asked if asked >= 1 and (not self.scales or asked in self.scales) else None


MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        Model("qwen-image", MODES, ("fal", "alibaba", "replicate"), 20_000),
        Model("qwen-image-edit", ("image-edit",), ("fal", "alibaba", "replicate"), 30_000),
        Model("flux-schnell", ("text-to-image",), ("fal", "fireworks", "replicate"), 3_000),
        Model("flux-dev", ("text-to-image",), ("fal", "replicate"), 25_000),
        Model("gpt-image-1.5", MODES, ("openai",), 40_000),
        Model("gpt-image-2", MODES, ("openai",), 50_000),
        Model("topaz-image-upscale", UPSCALE, ("fal", "replicate"), 50_000),
        Model("google-upscaler", UPSCALE, ("vertex", "replicate"), 5_000, scales=(2.0, 4.0)),
        Model("real-esrgan", UPSCALE, ("fal", "replicate"), 2_000, scale=4.0),
        Model("recraft-crisp-upscale", UPSCALE, ("fal", "replicate"), 4_000, scale=4.0, scales=FIXED),
    )
}


def find(name: str) -> tuple[Model, str] | None:
    """The model and the provider that will run it; `fal/qwen-image` forces one."""
    forced, slash, rest = name.partition("/")
    model = MODELS.get(rest if slash else name)
    if model is None or (slash and forced not in model.providers):
        return None
    return model, forced if slash else model.providers[0]


def sized(size: str | None, aspect_ratio: str | None) -> tuple[int, int] | None:
    """The pixels made: `WxH` wins; a ratio snaps to the nearest listed; the only tier is 1K. None: not a size."""
    if size is None and aspect_ratio is None:
        return TABLE_1K["1:1"]
    asked = pixels(size) if size else None
    if asked:
        return asked if all(1 <= side <= MAX_SIDE for side in asked) else None
    shape = _ratio(size or aspect_ratio or "")
    if shape is None:
        return TABLE_1K["1:1"] if size == "auto" else None
    nearest = min(TABLE_1K, key=lambda each: abs(math.log(shape / (_ratio(each) or 1.0))))
    return TABLE_1K[nearest]


def _ratio(text: str) -> float | None:
    width, colon, height = text.partition(":")
    if not colon or not width.isdecimal() or not height.isdecimal() or 0 in (int(width), int(height)):
        return None
    return int(width) / int(height)
