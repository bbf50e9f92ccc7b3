"""The Qwen-Image models as a table: what each takes, and over which of DashScope's two forms.

Source: Model Studio docs, "Qwen text-to-image API reference", "Qwen image editing API reference" and "Qwen image
generation and editing 3.0 API reference", read 2026-11-21.
"""

import re
from dataclasses import dataclass
from typing import Literal

from simulators.alibaba.errors import Failure, invalid

Size = tuple[int, int]
Sizing = Literal["list", "area", "ratio", "sides", "none"]
Tasks = Literal["text", "messages"]

SIZES: tuple[Size, ...] = ((1664, 928), (1472, 1104), (1328, 1328), (1104, 1472), (928, 1664))
AREA = (512 * 512, 2048 * 2048)
SIDE = (512, 2048)
LONGEST_RATIO = 8
EDIT_AREA = 1024 * 1024  # of an edit without a size: about that, in the shape of its last picture

_SIZE = re.compile(r"([1-9]\d{0,4})\*([1-9]\d{0,4})", re.ASCII)


@dataclass(frozen=True)
class Model:
    """One model. `tasks` is the form in which it can be asked for a task; `inputs` the fewest and most pictures."""

    name: str
    sizing: Sizing
    tasks: Tasks | None = None
    most_images: int = 1
    inputs: tuple[int, int] = (0, 0)
    longest_prompt: int | None = 800  # characters; more is cut off without a word

    def read_size(self, text: str | None, inputs: list[Size]) -> Size | Failure:
        """The pixels to draw, for `1328*1328` or nothing."""
        if text is None:
            return self._usual(inputs)
        found = _SIZE.fullmatch(text)
        if self.sizing == "none":
            return invalid("size is not supported by this model.")
        if found is None:
            return invalid(f"Invalid size: {text}. Expected format: '<width>*<height>'")
        size = int(found[1]), int(found[2])
        wrong = self._wrong(size)
        return invalid(wrong) if wrong else size

    def _usual(self, inputs: list[Size]) -> Size:
        if self.sizing == "list":
            return SIZES[0]
        if self.sizing == "area" or not inputs:
            return 2048, 2048
        width, height = inputs[-1]
        scale = (EDIT_AREA / (width * height)) ** 0.5
        return round(width * scale), round(height * scale)

    def _wrong(self, size: Size) -> str | None:
        width, height = size
        match self.sizing:
            case "list" if size not in SIZES:
                allowed = ", ".join(f"{wide}*{high}" for wide, high in SIZES)
                return f"size must be one of {allowed}"
            case "ratio" if max(size) > LONGEST_RATIO * min(size):
                return "The aspect ratio must be between 1:8 and 8:1"
            case "area" | "ratio" if not AREA[0] <= width * height <= AREA[1]:
                return f"Image area must be between {AREA[0]} (512x512) and {AREA[1]} (2048x2048) pixels"
            case "sides" if not all(SIDE[0] <= side <= SIDE[1] for side in size):
                return f"width and height must be between {SIDE[0]} and {SIDE[1]}"
            case _:
                return None


MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model("qwen-image", "list", tasks="text"),
        Model("qwen-image-plus", "list", tasks="text"),
        Model("qwen-image-max", "list"),
        *(
            Model(name, "area", most_images=6, inputs=(0, 3), longest_prompt=None)
            for name in ("qwen-image-2.0", "qwen-image-2.0-pro")
        ),
        *(
            Model(name, "ratio", tasks="messages", most_images=6, inputs=(0, 3), longest_prompt=None)
            for name in ("qwen-image-3.0", "qwen-image-3.0-pro")
        ),
        Model("qwen-image-edit", "none", inputs=(1, 3)),
        *(
            Model(name, "sides", most_images=6, inputs=(1, 3))
            for name in ("qwen-image-edit-plus", "qwen-image-edit-max")
        ),
    )
}
