"""How large reference pictures are looked at: pipelines have it in their code, about a megapixel each."""

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import diffusers


@contextmanager
def of_size(pipeline: str, pixels: int | None) -> Generator[None]:
    """While the pipeline takes in its pictures, and before it first stops: they are scaled to so many pixels, which
    suits a small model. None: as the pipeline likes it."""
    module: Any = importlib.import_module(getattr(diffusers, pipeline).__module__)
    dimensions = getattr(module, "calculate_dimensions", None)
    if pixels is None or dimensions is None:
        yield
        return

    def smaller(area: float, ratio: float) -> Any:
        return dimensions(min(area, pixels), ratio)

    module.calculate_dimensions = smaller
    try:
        yield
    finally:
        module.calculate_dimensions = dimensions
