"""What the gateway does to a picture after the provider drew it."""

from dataclasses import dataclass

FORMATS = ("png", "jpeg", "webp", "avif", "gif")
LOSSLESS = ("png", "webp")  # formats to ask a provider for when we encode the wanted one ourselves


@dataclass(frozen=True, slots=True)
class Finishing:
    """The wanted form: `quality` is 0–100 for lossy formats, `exact` the width and height to crop and resize to."""

    format: str
    quality: int | None = None
    exact: tuple[int, int] | None = None
