"""What an engine is: it knows its models and draws one picture at a time, on the thread that it is called on.

The server (`workers/server.py`) owns everything else: HTTP, the queue, formats, who is waiting. An engine never sees
a socket or an event loop, so it may hold a device and block on it.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from PIL import Image

OptionalParameter = Literal["seed", "num_inference_steps", "negative_prompt", "cfg_scale", "guidance", "strength"]

SEEDS = 2**32  # seeds are 0 … 4294967295; counting on from the last one starts at 0 again


class CannotLoad(Exception):
    """The engine cannot be made ready here; the message tells a person why, and what to do."""


class Cancelled(Exception):
    """Nobody wants the picture any more; an engine lets this pass through."""


class CancelToken:
    """Set by the server from any thread, looked at by the engine before every step."""

    def __init__(self) -> None:
        self._set = threading.Event()

    def cancel(self) -> None:
        self._set.set()

    @property
    def cancelled(self) -> bool:
        return self._set.is_set()

    def check(self) -> None:
        """Raises `Cancelled` once the token is set."""
        if self._set.is_set():
            raise Cancelled


@dataclass(frozen=True, slots=True)
class Model:
    """A model that an engine draws with, and what it takes. Sides are in pixels, both ends included.

    `most_images` is how many pictures an edit may start from; 0: the model draws from text alone.
    """

    id: str
    title: str
    parameters: frozenset[OptionalParameter]
    shortest_side: int
    longest_side: int
    default_size: tuple[int, int]
    default_steps: int
    most_steps: int
    most_images: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """What an edit starts from: pictures (RGB, upright), of which the first is drawn over and the others are looked at.

    `mask` (L, of the first one's shape) is 255 where it is drawn anew; None: everywhere. `strength` is from 0, the
    picture as it was, to 1, nothing of it; None leaves it to the engine. `digest` tells one source from another.
    """

    images: tuple[Image.Image, ...]
    mask: Image.Image | None
    strength: float | None
    digest: bytes

    def __repr__(self) -> str:
        return f"<Source {self.digest.hex()} {self.strength}>"


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture to draw. Every value lies within what its model takes."""

    model: str
    prompt: str
    width: int
    height: int
    seed: int
    steps: int
    negative_prompt: str | None = None
    cfg_scale: float | None = None
    guidance: float | None = None
    source: Source | None = None

    def __repr__(self) -> str:
        return f"<Drawing {self.model} {self.width}x{self.height} seed={self.seed} steps={self.steps}>"


Preview = Callable[[], Image.Image]
OnStep = Callable[[int, int, Preview], None]
"""Called after every step with its number (from 1), how many there are, and a function that renders the picture so
far. A preview costs time, is asked for rarely, and only during the call."""


class Engine(Protocol):
    """Draws pictures. All methods are called on one and the same thread, the device thread."""

    @property
    def name(self) -> str: ...

    @property
    def placeholder(self) -> bool:
        """Whether its pictures stand in for real ones."""
        ...

    @property
    def models(self) -> Sequence[Model]: ...

    def load(self) -> None:
        """Makes ready to draw; called once, before anything else. What it raises ends the worker."""
        ...

    def draw(self, drawing: Drawing, on_step: OnStep, cancel: CancelToken) -> Image.Image:
        """The finished picture, RGB, of exactly the size asked. Raises `Cancelled` within a step of the token."""
        ...
