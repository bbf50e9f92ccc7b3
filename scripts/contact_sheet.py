"""All pictures of the demo on one sheet, small, each with its model, its provider and its size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

COLUMNS = 4
PANEL = (300, 225)  # pixels, as everything below
CAPTION, MARGIN, INSET = 46, 16, (92, 69)
GROUND, PANEL_GROUND, MARKED = "white", "#f1efea", "#d6336c"


@dataclass(frozen=True)
class Shown:
    """One picture of the sheet; `source` and `mask` are what it was edited from."""

    file: Path
    title: str
    note: str
    source: Path | None = None
    mask: Path | None = None


def contact_sheet(pictures: Sequence[Shown]) -> Image.Image:
    """In rows of `COLUMNS`."""
    cell = (PANEL[0] + MARGIN, PANEL[1] + CAPTION + MARGIN)
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (cell[0] * COLUMNS + MARGIN, cell[1] * rows + MARGIN), GROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for place, picture in enumerate(pictures):
        left, top = MARGIN + place % COLUMNS * cell[0], MARGIN + place // COLUMNS * cell[1]
        sheet.paste(panel(picture), (left, top))
        pen.text((left, top + PANEL[1] + 5), picture.title, "black", font)
        pen.text((left, top + PANEL[1] + 24), picture.note, "dimgray", font)
    return sheet


def panel(picture: Shown) -> Image.Image:
    """The picture in the middle of its panel; what it was made from stands in a corner."""
    ground = Image.new("RGB", PANEL, PANEL_GROUND)
    small = opened(picture.file, PANEL)
    ground.paste(small, ((PANEL[0] - small.width) // 2, (PANEL[1] - small.height) // 2))
    if picture.source is not None:
        print_of_source = ImageOps.expand(source_of(picture.source, picture.mask), 2, GROUND)
        ground.paste(print_of_source, (PANEL[0] - print_of_source.width - 6, PANEL[1] - print_of_source.height - 6))
    return ground


def source_of(file: Path, mask: Path | None) -> Image.Image:
    """The source, with what the mask leaves open to change in a colour."""
    small = opened(file, INSET)
    if mask is None:
        return small
    with Image.open(mask) as drawn:
        changed = ImageOps.invert(drawn.convert("RGBA").getchannel("A").resize(small.size))  # pyright: ignore[reportUnknownMemberType] - Pillow names numpy's type
    marked = Image.blend(small, Image.new("RGB", small.size, MARKED), 0.75)
    return Image.composite(marked, small, changed)


def opened(file: Path, size: tuple[int, int]) -> Image.Image:
    """As large as there is room for."""
    with Image.open(file) as picture:
        return ImageOps.contain(picture.convert("RGB"), size)
