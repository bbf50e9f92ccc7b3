"""The engine `sketch`: paints a poster layer by layer, a step at a time, on paper, with the prompt set under it."""

from random import Random

from PIL import Image, ImageChops, ImageDraw

from workers.engine import CancelToken, Drawing, Model, OnStep
from workers.sketch.canvas import Canvas
from workers.sketch.colour import FADED_INK, INK, PAPER, blend
from workers.sketch.lettering import letter, letter_line
from workers.sketch.overpaint import painted_over
from workers.sketch.scene import strokes
from workers.sketch.sheet import sheet

SKETCH = Model(
    id="sketch",
    title="Sketch (placeholder)",
    parameters=frozenset({"seed", "num_inference_steps", "strength"}),
    shortest_side=64,
    longest_side=4096,
    default_size=(1024, 1024),
    default_steps=20,
    most_steps=100,
    most_images=4,
)

_PAINTED_SIDE = 1792  # pixels; larger pictures are enlarged, only their paper and words are set at full size
_FINENESS = 2  # painted this much larger than shown, where that stays below: smooth edges
_GRAIN = 256  # pixels, side of the tile of paper grain


class Sketch:
    """Fulfils `workers.engine.Engine`."""

    name = "sketch"
    placeholder = True
    models = (SKETCH,)

    def __init__(self) -> None:
        self._grain: Image.Image | None = None

    def load(self) -> None:
        dice = Random("paper")  # noqa: S311 - the same paper every time
        # 0 … 255 becomes 0 … 5: a tooth that is felt rather than seen, and hides the steps of gradients.
        tooth = dice.randbytes(_GRAIN * _GRAIN).translate(bytes(value * 6 // 256 for value in range(256)))
        self._grain = Image.frombytes("L", (_GRAIN, _GRAIN), tooth)

    def draw(self, drawing: Drawing, on_step: OnStep, cancel: CancelToken) -> Image.Image:
        cancel.check()
        left, top, right, bottom = sheet(drawing.width, drawing.height).picture
        scale = min(_FINENESS, _PAINTED_SIDE / max(right - left, bottom - top))
        canvas = Canvas(max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
        canvas.image.paste(PAPER, (0, 0, canvas.width, canvas.height))
        for number, layer in enumerate(strokes(drawing), start=1):
            cancel.check()
            for stroke in layer:
                stroke(canvas)
            on_step(number, drawing.steps, lambda: self._framed(drawing, canvas))
        cancel.check()
        return self._framed(drawing, canvas)

    def _framed(self, drawing: Drawing, canvas: Canvas) -> Image.Image:
        """The canvas on its sheet of paper, with the words."""
        page = sheet(drawing.width, drawing.height)
        left, top, right, bottom = page.picture
        paper = Image.new("RGB", (page.width, page.height), PAPER)
        shrinks = canvas.width > right - left
        kernel = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
        shown = canvas.image.resize(  # pyright: ignore[reportUnknownMemberType] - Pillow names numpy's type
            (right - left, bottom - top), kernel
        )
        if drawing.source is not None:
            shown = painted_over(drawing.source, shown)
        paper.paste(shown, (left, top))
        if self._grain is not None:
            paper = ImageChops.subtract(paper, Image.merge("RGB", [self._tiled(page.width, page.height)] * 3))
        hairline = max(1, round(min(page.width, page.height) / 700))
        ImageDraw.Draw(paper).rectangle(
            (left - hairline, top - hairline, right + hairline - 1, bottom + hairline - 1),
            outline=blend(PAPER, INK, 0.35),
            width=hairline,
        )
        letter(paper, page.words, drawing.prompt, INK, largest=0.058 * min(page.width, 1.3 * page.height))
        over = ["over your picture"] if drawing.source else []
        label = ["sketch · placeholder", *over, f"seed {drawing.seed}", f"{page.width}x{page.height}"]
        spellings = [" · ".join(label[:parts]) for parts in range(len(label), 0, -1)]
        letter_line(paper, page.label, [*spellings, "placeholder"], FADED_INK)
        return paper

    def _tiled(self, width: int, height: int) -> Image.Image:
        sheet_of_grain = Image.new("L", (width, height))
        if self._grain is not None:
            for x in range(0, width, _GRAIN):
                for y in range(0, height, _GRAIN):
                    sheet_of_grain.paste(self._grain, (x, y))
        return sheet_of_grain
