"""The prompts that the score is measured on, and one picture's result."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from workers.tiny.config import HERE
from workers.tiny.shapes import KINDS
from workers.tiny.wishes import PLACES, Group, Wish, held_out


@dataclass(frozen=True)
class Asked:
    """A prompt with its seed and size in pixels, and what has to be seen in the picture."""

    prompt: str
    seed: int
    width: int
    height: int
    wish: Wish

    @property
    def new(self) -> bool:
        """Whether training has never seen this wish."""
        return held_out(self.wish)


def read_prompts(path: Path = HERE / "prompts.toml") -> list[Asked]:
    """All of them, in the order of the file; ValueError for a group that cannot be read."""
    rows = cast("list[dict[str, object]]", tomllib.loads(path.read_text())["prompts"])
    return [_asked(**row) for row in rows]  # pyright: ignore[reportArgumentType]  # the tests read the whole file


def _asked(
    *, prompt: str, seed: int, width: int, height: int, groups: list[str], background: str | None = None
) -> Asked:
    return Asked(prompt, seed, width, height, Wish(tuple(_group(text) for text in groups), background))


def _group(text: str) -> Group:
    """`1 red circle top left`."""
    count, colour, kind, *place = text.split(maxsplit=3)
    return Group(
        int(count),
        colour,
        KINDS[[*KINDS].index(kind)],  # pyright: ignore[reportArgumentType]  # index refuses any other word
        PLACES[[*PLACES].index(place[0])] if place else None,  # pyright: ignore[reportArgumentType]  # the same
    )
