"""A canvas whose corners are (0, 0) and (1, 1), whatever its size in pixels."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from workers.sketch.colour import Rgb, blend

Point = tuple[float, float]


class Canvas:
    """Paint on it in shares of its width and height. Lengths that must look alike in both directions (a circle's
    radius) are in shares of the shorter side."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.unit = min(width, height)
        self.image = Image.new("RGB", (width, height))
        self._draw = ImageDraw.Draw(self.image)

    def _at(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.width, y * self.height) for x, y in points]

    def gradient(self, top: Rgb, bottom: Rgb, *, start: float = 0.0, end: float = 1.0) -> None:
        """Fills the rows from `start` to `end`."""
        first, last = round(start * self.height), round(end * self.height)
        rows = max(1, last - first)
        for row in range(rows):
            colour = blend(top, bottom, row / rows)
            self._draw.line([(0, first + row), (self.width, first + row)], fill=colour)

    def polygon(self, points: Sequence[Point], colour: Rgb) -> None:
        self._draw.polygon(self._at(points), fill=colour)

    def fading_polygon(self, points: Sequence[Point], top: Rgb, bottom: Rgb) -> None:
        """A polygon whose colour runs from its highest point to its lowest."""
        pixels = self._at(points)
        highest = max(0, int(min(y for _, y in pixels)))
        lowest = min(self.height, int(max(y for _, y in pixels)) + 1)
        if lowest <= highest:
            return
        mask = Image.new("L", (self.width, lowest - highest))
        ImageDraw.Draw(mask).polygon([(x, y - highest) for x, y in pixels], fill=255)
        fade = Canvas(self.width, lowest - highest)
        fade.gradient(top, bottom)
        self.image.paste(fade.image, (0, highest), mask)

    def disc(self, centre: Point, radius: float, colour: Rgb, *, opacity: float = 1.0) -> None:
        self._masked_ellipse(centre, radius, radius, colour, opacity)

    def streak(self, centre: Point, half_width: float, half_height: float, colour: Rgb, *, opacity: float) -> None:
        """A lying bar with round ends; lengths in shares of the shorter side."""
        (x, y) = self._at([centre])[0]
        dx, dy = half_width * self.unit, half_height * self.unit
        mask = Image.new("L", (max(1, round(2 * dx)), max(1, round(2 * dy))))
        ImageDraw.Draw(mask).rounded_rectangle(
            [(0, 0), (mask.width - 1, mask.height - 1)], radius=dy, fill=round(255 * opacity)
        )
        self.image.paste(colour, (round(x - dx), round(y - dy)), mask)

    def glow(self, centre: Point, radius: float, colour: Rgb, *, opacity: float) -> None:
        """Light that fades out towards `radius`."""
        side = max(2, round(2 * radius * self.unit))
        # Pillow's radial gradient is 0 in the middle and 255 at the corners' distance.
        fading = bytes(max(0, round((181 - v) / 181 * 255 * opacity)) for v in range(256))
        mask = Image.frombytes("L", (256, 256), Image.radial_gradient("L").tobytes().translate(fading))
        fitting = mask.resize((side, side))  # pyright: ignore[reportUnknownMemberType] - Pillow names numpy's type
        x, y = self._at([centre])[0]
        self.image.paste(colour, (round(x - side / 2), round(y - side / 2)), fitting)

    def line(self, points: Sequence[Point], colour: Rgb, thickness: float) -> None:
        self._draw.line(self._at(points), fill=colour, width=max(1, round(thickness * self.unit)), joint="curve")

    def pieslice(self, centre: Point, radius: float, start: float, end: float, colour: Rgb) -> None:
        """A slice between two angles in degrees, clockwise from three o'clock."""
        side = max(2, round(2 * radius * self.unit))
        mask = Image.new("L", (side, side))
        ImageDraw.Draw(mask).pieslice([(0, 0), (side - 1, side - 1)], start, end, fill=240)
        x, y = self._at([centre])[0]
        self.image.paste(colour, (round(x - side / 2), round(y - side / 2)), mask)

    def ring(self, centre: Point, radius: float, thickness: float, colour: Rgb) -> None:
        x, y = self._at([centre])[0]
        reach = radius * self.unit
        box = [(x - reach, y - reach), (x + reach, y + reach)]
        self._draw.ellipse(box, outline=colour, width=max(1, round(thickness * self.unit)))

    def _masked_ellipse(self, centre: Point, rx: float, ry: float, colour: Rgb, opacity: float) -> None:
        x, y = self._at([centre])[0]
        dx, dy = rx * self.unit, ry * self.unit
        if opacity >= 1.0:
            self._draw.ellipse([(x - dx, y - dy), (x + dx, y + dy)], fill=colour)
            return
        mask = Image.new("L", (max(1, round(2 * dx)), max(1, round(2 * dy))))
        ImageDraw.Draw(mask).ellipse([(0, 0), (mask.width - 1, mask.height - 1)], fill=round(255 * opacity))
        self.image.paste(colour, (round(x - dx), round(y - dy)), mask)
