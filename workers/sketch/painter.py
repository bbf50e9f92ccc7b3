"""The engine `sketch`: paints a poster layer by layer, a step at a time, on paper, with the prompt set under it."""

import time
from collections.abc import Sequence
from random import Random

from PIL import Image, ImageChops, ImageDraw

from workers.engine import Drawing, Model, Pace, Resources, Told
from workers.pace import Learned
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
    masks=True,
)

_PAINTED_SIDE = 1792  # pixels; larger pictures are enlarged, only their paper and words are set at full size
_FINENESS = 2  # painted this much larger than shown, where that stays below: smooth edges
_GRAIN = 256  # pixels, side of the tile of paper grain
_GUESS = Pace(seconds_per_picture=0.05, seconds_per_megapixel_step=0.005)


class Sketching:
    """A sketch under way: its canvas, and the strokes of each step."""

    tokens = 1
    failure = None

    def __init__(self, drawing: Drawing, grain: Image.Image) -> None:
        self.drawing = drawing
        self.steps = drawing.steps
        self.steps_done = 0
        self._grain = grain
        self._layers = strokes(drawing)
        left, top, right, bottom = sheet(drawing.width, drawing.height).picture
        scale = min(_FINENESS, _PAINTED_SIDE / max(right - left, bottom - top))
        self._canvas = Canvas(max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
        self._canvas.image.paste(PAPER, (0, 0, self._canvas.width, self._canvas.height))

    @property
    def bucket(self) -> object:
        """Nobody paints two of them at once."""
        return self

    @property
    def denoised(self) -> bool:
        return self.steps_done == self.steps

    def step(self) -> None:
        for stroke in self._layers[self.steps_done]:
            stroke(self._canvas)
        self.steps_done += 1

    def preview(self) -> Image.Image:
        """The canvas on its sheet of paper, with the words."""
        drawing, canvas = self.drawing, self._canvas
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
        paper = ImageChops.subtract(paper, Image.merge("RGB", [_tiled(self._grain, page.width, page.height)] * 3))
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


class Sketch:
    """Fulfils `workers.engine.Engine`."""

    name = "sketch"
    placeholder = True
    models = (SKETCH,)
    token_budget = 1
    together = 1
    most_under_way = 1

    def __init__(self) -> None:
        self._grain = Image.new("L", (_GRAIN, _GRAIN))
        self._pace = Learned({SKETCH.id: _GUESS})

    def load(self, told: Told) -> None:
        dice = Random("paper")  # noqa: S311 - the same paper every time
        # 0 … 255 becomes 0 … 5: a tooth that is felt rather than seen, and hides the steps of gradients.
        tooth = dice.randbytes(_GRAIN * _GRAIN).translate(bytes(value * 6 // 256 for value in range(256)))
        self._grain = Image.frombytes("L", (_GRAIN, _GRAIN), tooth)

    def begin(self, drawing: Drawing) -> Sketching:
        return Sketching(drawing, self._grain)

    def step(self, together: Sequence[Sketching]) -> None:
        for sketch in together:
            started = time.monotonic()
            sketch.step()
            self._pace.stepped(sketch.drawing, time.monotonic() - started)

    def finish(self, together: Sequence[Sketching]) -> list[Image.Image]:
        return [self._framed(picture) for picture in together]

    def _framed(self, picture: Sketching) -> Image.Image:
        started = time.monotonic()
        framed = picture.preview()
        self._pace.rested(picture.drawing, time.monotonic() - started)
        return framed

    def drop(self, picture: Sketching) -> None:
        return

    def relieve(self) -> None:
        return

    def seconds(self, drawing: Drawing) -> float:
        return self._pace.seconds(drawing)

    def resources(self) -> Resources:
        return Resources("cpu", pace=self._pace.known)


def _tiled(grain: Image.Image, width: int, height: int) -> Image.Image:
    sheet_of_grain = Image.new("L", (width, height))
    for x in range(0, width, _GRAIN):
        for y in range(0, height, _GRAIN):
            sheet_of_grain.paste(grain, (x, y))
    return sheet_of_grain
