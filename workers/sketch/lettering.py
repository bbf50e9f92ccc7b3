"""Words on paper: wrapped, as large as fits, in the typeface that Pillow carries with it."""

import unicodedata
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from workers.sketch.colour import Rgb
from workers.sketch.sheet import Box

Face = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SMALLEST = 8  # pixels; below this nobody reads it
_LEADING = 1.25  # line to line, in type sizes
# Pillow's typeface holds ASCII and a few signs; these have a spelling in ASCII.
_SPELLED = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "…": "...", "×": "x", "ß": "ss", "ø": "o",
     "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "ł": "l", "Ł": "L", "đ": "d", "€": "EUR"}
)  # fmt: skip


def letter(image: Image.Image, box: Box, text: str, colour: Rgb, *, largest: float) -> None:
    """Sets `text` into `box` from its upper left, at most `largest` pixels high; what does not fit ends in `...`."""
    lines, size = _fitted(_printable(text), box[2] - box[0], box[3] - box[1], largest)
    draw, face = ImageDraw.Draw(image), _face(size)
    for number, line in enumerate(lines):
        draw.text((box[0], box[1] + round(number * size * _LEADING)), line, fill=colour, font=face)


def letter_line(image: Image.Image, box: Box, spellings: list[str], colour: Rgb) -> None:
    """Sets the first of `spellings` that fits `box` in one line, the last one if none does."""
    size = max(_SMALLEST, round((box[3] - box[1]) * 0.8))
    width = box[2] - box[0]
    for spelling in spellings:
        for fitting in (size, max(_SMALLEST, round(size * 0.8)), _SMALLEST):
            if _length(spelling, fitting) <= width:
                ImageDraw.Draw(image).text((box[0], box[3]), spelling, fill=colour, font=_face(fitting), anchor="ld")
                return
    ImageDraw.Draw(image).text((box[0], box[3]), spellings[-1], fill=colour, font=_face(_SMALLEST), anchor="ld")


def _printable(text: str) -> str:
    """The text in characters that the typeface has; a line that says so if hardly any are."""
    apart = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    letters = " ".join("".join(c for c in apart if not unicodedata.combining(c)).split())
    known = "".join(c for c in letters if " " <= c <= "~")
    missing = len(letters) - len(known)
    if missing > len(letters) / 3:
        return f"(a prompt of {len(text)} characters, in letters that this typeface lacks)"
    return " ".join("".join(c if " " <= c <= "~" else "?" for c in letters).split())


def _fitted(text: str, width: int, height: int, largest: float) -> tuple[list[str], int]:
    size = max(_SMALLEST, round(largest))
    while True:
        room = max(1, int((height + size * (_LEADING - 1)) / (size * _LEADING)))
        lines = _wrapped(text, width, size, room + 1)
        if len(lines) <= room:
            return lines, size
        if size <= _SMALLEST or (size <= largest * 0.45 and size <= 20):
            return [*lines[: room - 1], _shortened(lines[room - 1], width, size)], size
        size = max(_SMALLEST, int(size * 0.92))


def _wrapped(text: str, width: int, size: int, most: int) -> list[str]:
    """At most `most` lines; a word that is wider than a line is broken."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if _length(longer, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while _length(line, size) > width and len(line) > 1 and len(lines) < most:
            fits = _fitting_letters(line, width, size)
            lines.append(line[:fits])
            line = line[fits:]
        if len(lines) >= most:
            return lines[:most]
    return [*lines, line][:most]


def _fitting_letters(word: str, width: int, size: int) -> int:
    low, high = 1, min(len(word), 512)
    while low < high:
        middle = (low + high + 1) // 2
        if _length(word[:middle], size) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def _shortened(line: str, width: int, size: int) -> str:
    while line and _length(f"{line}...", size) > width:
        line = line[:-1]
    return f"{line.rstrip()}..."


def _length(text: str, size: int) -> float:
    return _face(size).getlength(text[:2048])


@lru_cache(maxsize=64)
def _face(size: int) -> Face:
    return ImageFont.load_default(size)
