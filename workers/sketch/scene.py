"""From a drawing to its strokes: what the words suggest, and the rest by dice."""

import hashlib
import re
from functools import partial
from random import Random

from workers.engine import Drawing
from workers.sketch.canvas import Canvas
from workers.sketch.colour import MOODS, Palette, palette
from workers.sketch.hills import hills
from workers.sketch.sea import sea
from workers.sketch.shapes import shapes
from workers.sketch.stroke import Motif, Stroke

_MOTIFS: dict[str, Motif] = {"hills": hills, "sea": sea, "shapes": shapes}

# A few words that would look wrong against the dice. Placeholders need no more understanding than this.
_MOOD_WORDS = {
    "night": "night moon moonlight midnight stars starry dark neon",
    "dusk": "dusk sunset evening twilight autumn fire",
    "dawn": "dawn sunrise morning mist spring fog",
    "day": "day noon summer sunny bright snow",
}
_MOTIF_WORDS = {
    "sea": "sea ocean lake water river boat ship sail sailing island beach harbour harbor coast wave waves fish whale",
    "hills": "mountain mountains hill hills valley forest tree trees landscape desert dune alps meadow fox bear snow",
    "shapes": "abstract geometric bauhaus logo icon pattern circle square triangle poster shapes minimal diagram",
}


def strokes(drawing: Drawing) -> list[list[Stroke]]:
    """The strokes of each step, back to front; exactly `drawing.steps` lists, none of them empty."""
    words = set(re.findall(r"\w+", drawing.prompt.lower()))
    prompt = hashlib.blake2b(drawing.prompt.encode(), digest_size=16).hexdigest()
    of_prompt = _dice(prompt, "colour")
    mood = _suggested(words, _MOOD_WORDS) or of_prompt.choice(sorted(MOODS))
    motif = _suggested(words, _MOTIF_WORDS) or of_prompt.choice(sorted(_MOTIFS))
    colours = palette(MOODS[mood], of_prompt)
    made = _MOTIFS[motif](colours, partial(_dice, prompt, drawing.seed), drawing.steps)
    flecks = [
        partial(_flecks, colours=colours, dice=_dice(prompt, drawing.seed, "fleck", n))
        for n in range(2 * drawing.steps)
    ]
    made += flecks[drawing.steps + len(made) :]  # for those who ask for more steps than the motif has parts
    return [[*layer, fleck] for layer, fleck in zip(_dealt(made, drawing.steps), flecks, strict=False)]


def _dice(*of: object) -> Random:
    return Random("/".join(map(str, of)))  # noqa: S311 - the same picture twice is the point, not secrecy


def _suggested(words: set[str], table: dict[str, str]) -> str | None:
    return next((name for name, hints in table.items() if words & set(hints.split())), None)


def _flecks(canvas: Canvas, *, colours: Palette, dice: Random) -> None:
    """Spatter of thin paint: every step leaves some, so that one more step is always another picture."""
    for _ in range(4):
        centre, radius = (dice.random(), dice.random()), dice.uniform(0.0015, 0.0045)
        canvas.disc(centre, radius, dice.choice((colours.light, colours.light, colours.accent)), opacity=0.35)


def _dealt(made: list[Stroke], steps: int) -> list[list[Stroke]]:
    """`[a, b, c, d, e]` over 2 steps is `[[a, b], [c, d, e]]`."""
    return [made[len(made) * step // steps : len(made) * (step + 1) // steps] for step in range(steps)]
