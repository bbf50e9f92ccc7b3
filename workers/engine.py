"""What an engine is: it knows its models, and draws pictures a step at a time for a loop that decides whose turn it is.

The server owns everything else: HTTP, the line, whose turn it is (`workers/step_loop.py`), formats, who is waiting. An
engine never sees a socket or an event loop, so it may hold a device and block on it.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from PIL import Image

OptionalParameter = Literal[
    "seed",
    "num_inference_steps",
    "negative_prompt",
    "cfg_scale",
    "guidance",
    "strength",
    "scheduler",
    "acceleration",
    "loras",
    "control_nets",
]
Acceleration = Literal["none", "regular", "high"]

SEEDS = 2**32  # seeds are 0 … 4294967295; counting on from the last one starts at 0 again


class CannotLoad(Exception):
    """The engine cannot draw on this machine; the message is for the person who started it, and says what to do."""


class WrongAdapter(Exception):
    """A LoRA does not fit the model; the message is for the caller who asked for it."""


class Unsupported(Exception):
    """The model takes each of what was asked for, but not together, or not so much of it; the message is for the
    caller. `param` is the field that it is about, if it is one."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class OutOfMemory(Exception):
    """The device has no room for this now; every picture is as it was before."""


class DeviceLost(Exception):
    """Nothing can be drawn in this process any more, such as after an illegal access on a GPU: the worker ends, so that
    whoever runs it starts another. Any call to the engine may raise it."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that an engine draws with, and what it takes. Sides are in pixels, both ends included.

    `most_images` is how many pictures an edit may start from; 0: the model draws from text alone. `masks`: an edit may
    have one. `schedulers`, `accelerations` and `control_models` are the values of the parameters of these names.
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
    masks: bool = False
    multiple_of: int = 1  # both sides are
    most_pixels: int | None = None
    schedulers: tuple[str, ...] = ()
    accelerations: tuple[Acceleration, ...] = ()
    most_loras: int = 0
    control_models: tuple[str, ...] = ()


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
class Lora:
    """A local safetensors file, already checked. `name` is what the caller wrote; `digest`, its hex SHA-256, is which
    adapter it is, whatever it is called."""

    name: str
    file: Path
    digest: str
    weight: float


@dataclass(frozen=True, slots=True)
class Control:
    """A picture (RGB, upright) that a ControlNet follows, from `start` to `end`: shares of the steps, 0 … 1."""

    model: str
    image: Image.Image
    weight: float
    start: float
    end: float
    digest: bytes  # tells one picture from another

    def __repr__(self) -> str:
        return f"<Control {self.model} {self.digest.hex()} {self.weight} {self.start} {self.end}>"


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture to draw. Every value lies within what its model takes.

    `cfg_scale` is classifier-free guidance, with a second forward for the negative prompt; `guidance` is the number
    that guidance-distilled models take as an input."""

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
    scheduler: str | None = None
    acceleration: Acceleration = "none"
    loras: tuple[Lora, ...] = ()
    controls: tuple[Control, ...] = ()

    def __repr__(self) -> str:
        return f"<Drawing {self.model} {self.width}x{self.height} seed={self.seed} steps={self.steps}>"


@dataclass(frozen=True, slots=True)
class Pace:
    """What a picture costs the device, learned from those that were drawn; a guess before the first."""

    seconds_per_picture: float  # what is left of a picture without its steps: text, references, and the decoding
    seconds_per_megapixel_step: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the device, in bytes; zeros where nobody knows. `peak` is the most that was in use since the start."""

    total: int = 0
    free: int = 0
    peak: int = 0


@dataclass(frozen=True, slots=True)
class Resources:
    """What an engine holds and how fast it is, for the worker's status."""

    device: str  # "cpu", "cuda:0"
    memory: Memory = Memory()
    loras: Mapping[str, str] = field(default_factory=dict[str, str])  # on the device: names by digest
    pace: Mapping[str, Pace] = field(default_factory=dict[str, Pace])  # by model


class Unfinished(Protocol):
    """A picture under way. One thread at a time touches it: the device thread, for `finish` the decoding one."""

    @property
    def drawing(self) -> Drawing: ...
    @property
    def steps(self) -> int:
        """How many there are to take; less than was asked where an edit starts from a picture."""
        ...

    @property
    def steps_done(self) -> int: ...
    @property
    def bucket(self) -> Hashable:
        """Pictures of equal buckets may go through the device together, whatever their steps."""
        ...

    @property
    def tokens(self) -> int:
        """What its next forward weighs against the engine's `token_budget`."""
        ...

    @property
    def denoised(self) -> bool:
        """Nothing is left to do but `finish`."""
        ...

    @property
    def failure(self) -> Exception | None:
        """It failed by itself in the last `step`; the others of its group did not."""
        ...

    def preview(self) -> Image.Image:
        """The picture so far, RGB. Takes device time, and is asked for rarely."""
        ...


Begun = TypeVar("Begun", bound=Unfinished)
Told = Callable[[str, float | None], None]
"""Told while loading: what is being done ("loading the VAE"), and the share of it all that is done, if known."""


class EngineOf(Protocol[Begun]):
    """Draws pictures of its own kind of `Unfinished`. One and the same thread, the device thread, calls it; `finish`,
    `seconds` and `resources` are called from others too, while the device thread is in a step, once it is loaded."""

    @property
    def name(self) -> str: ...
    @property
    def placeholder(self) -> bool:
        """Whether its pictures stand in for real ones."""
        ...

    @property
    def models(self) -> Sequence[Model]: ...
    @property
    def token_budget(self) -> int:
        """The most tokens of one forward, unless it is a single picture's."""
        ...

    @property
    def together(self) -> int:
        """How many jobs it draws at once unless the operator says otherwise."""
        ...

    @property
    def most_under_way(self) -> int:
        """How many pictures may be begun and not denoised; each job has one at least."""
        ...

    def load(self, told: Told) -> None:
        """Makes ready to draw, warm-up included; called once, before `begin`. Raises `CannotLoad`; what it raises ends
        the worker."""
        ...

    def begin(self, drawing: Drawing) -> Begun:
        """A picture with no step taken: its text and references are encoded, its noise is made. Raises `OutOfMemory`,
        `WrongAdapter`."""
        ...

    def step(self, together: Sequence[Begun]) -> None:
        """One forward for each of them, which all have one bucket; with CFG a step is two forwards. Returns when the
        device has done it: time is told by it. Raises `OutOfMemory` for all of them; what else it raises, too, is
        nobody's in particular."""
        ...

    def finish(self, together: Sequence[Begun]) -> Sequence[Image.Image]:
        """The finished pictures, RGB, each of exactly the size asked; those that took their last step together come
        together. Called on the decoding thread, beside the steps of others. If it raises for several, it is called for
        each alone; after `OutOfMemory` for one, it is called again."""
        ...

    def drop(self, picture: Begun) -> None:
        """Gives back what a picture holds: it was cancelled, failed, or is finished. The last that is heard of it."""
        ...

    def relieve(self) -> str | None:
        """Makes room on the device, one rung down a ladder of measures that cost ever more. What was done, in a few
        words; None when there is nothing left to do."""
        ...

    def seconds(self, drawing: Drawing) -> float:
        """How long the device will have to do with it, as far as one can tell."""
        ...

    def resources(self) -> Resources: ...


Engine: TypeAlias = EngineOf[Any]
