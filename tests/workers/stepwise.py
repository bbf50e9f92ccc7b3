"""An engine that takes each step only when the test says so, and remembers what happened in which order."""

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from PIL import Image

from workers.engine import DeviceLost, Drawing, Memory, Model, OutOfMemory, Pace, Resources, Told

STEPWISE = Model(
    id="stepwise",
    title="Step by step",
    parameters=frozenset({"seed", "num_inference_steps", "negative_prompt", "cfg_scale", "guidance"}),
    shortest_side=8,
    longest_side=64,
    default_size=(8, 8),
    default_steps=4,
    most_steps=10,
)
_PATIENCE = 20.0  # seconds; a test that forgets to allow a step fails instead of hanging


@dataclass(eq=False)
class Walking:
    """A picture of `Stepwise`. Pictures of one size are of one bucket; a token is 8 x 8 pixels."""

    drawing: Drawing
    steps_done: int = 0
    failure: Exception | None = None

    @property
    def steps(self) -> int:
        return self.drawing.steps

    @property
    def bucket(self) -> Hashable:
        return self.drawing.width, self.drawing.height

    @property
    def tokens(self) -> int:
        return self.drawing.width * self.drawing.height // 64

    @property
    def denoised(self) -> bool:
        return self.steps_done == self.steps

    def preview(self) -> Image.Image:
        return Image.new(
            "RGB", (self.drawing.width, self.drawing.height), (self.drawing.seed % 256, self.steps_done, 0)
        )


@dataclass
class Stepwise:
    """Stands still in its first step until `allow` or `allowed`. `seen` tells what it was called for: `begin a`,
    `step a+b`, `finish a`, `drop a`, where a and b are prompts.

    Prompts that it knows: `poison` fails alone, `spoils` fails every group that it is in, `lost` loses the device.
    `room` is how many tokens fit in a forward; each of `rungs` doubles it. No more than `most_begun` pictures fit at
    once, and `crammed` times there is no room to finish one. `time` passes by a second for each token of a forward."""

    name: str = "stepwise"
    placeholder: bool = True
    models: Sequence[Model] = (STEPWISE,)
    token_budget: int = 1
    together: int = 1
    most_under_way: int = 1
    room: int | None = None
    rungs: list[str] = field(default_factory=list[str])
    most_begun: int | None = None
    crammed: int = 0
    time: float = 0.0
    fails: bool = False
    fails_to_load: Exception | None = None
    asked: list[Drawing] = field(default_factory=list[Drawing])
    seen: list[str] = field(default_factory=list[str])
    steps_taken: int = 0
    allowed: threading.Event = field(default_factory=threading.Event)
    finishes: threading.Event = field(default_factory=threading.Event)
    loads: threading.Event = field(default_factory=threading.Event)
    _begun: int = 0
    _permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.finishes.set()
        self.loads.set()

    def allow(self, steps: int = 1) -> None:
        """So many forwards more."""
        self._permits.release(steps)

    def let_go(self) -> None:
        """Nothing stands still any more."""
        for gate in (self.allowed, self.finishes, self.loads):
            gate.set()

    def steps(self) -> list[str]:
        """Who took each forward."""
        return [each.removeprefix("step ") for each in self.seen if each.startswith("step ")]

    def load(self, told: Told) -> None:
        told("looking for the brush", 0.5)
        assert self.loads.wait(_PATIENCE)
        if self.fails_to_load is not None:
            raise self.fails_to_load

    def begin(self, drawing: Drawing) -> Walking:
        self.asked.append(drawing)
        self.seen.append(f"begin {drawing.prompt}")
        if self.fails:
            raise RuntimeError("out of paint")
        if self._begun == self.most_begun:
            raise OutOfMemory
        self._begun += 1
        return Walking(drawing)

    def step(self, together: Sequence[Walking]) -> None:
        names = "+".join(sorted(picture.drawing.prompt for picture in together))
        self.seen.append(f"step {names}")
        self.steps_taken += 1
        while not self.allowed.is_set() and not self._permits.acquire(timeout=0.005):
            continue
        self.time += sum(picture.tokens for picture in together)
        if self.room is not None and sum(picture.tokens for picture in together) > self.room:
            raise OutOfMemory
        if "lost" in names:
            raise DeviceLost
        if any(picture.drawing.prompt == "spoils" for picture in together):
            raise RuntimeError("spilt paint")
        for picture in together:
            if picture.drawing.prompt == "poison":
                picture.failure = RuntimeError("dry paint")
            else:
                picture.steps_done += 1

    def finish(self, together: Sequence[Walking]) -> list[Image.Image]:
        self.seen.append(f"finish {'+'.join(sorted(picture.drawing.prompt for picture in together))}")
        assert self.finishes.wait(_PATIENCE)
        if self.crammed:
            self.crammed -= 1
            raise OutOfMemory
        return [self._framed(picture.drawing) for picture in together]

    def _framed(self, drawing: Drawing) -> Image.Image:
        return Image.new("RGB", (drawing.width, drawing.height), (drawing.seed % 256, 0, 0))

    def drop(self, picture: Walking) -> None:
        self.seen.append(f"drop {picture.drawing.prompt}")
        self._begun -= 1

    def relieve(self) -> str | None:
        if not self.rungs:
            return None
        self.seen.append(f"relieve {self.rungs[0]}")
        self.room = None if self.room is None else 2 * self.room
        return self.rungs.pop(0)

    def seconds(self, drawing: Drawing) -> float:
        return 0.01 * drawing.steps

    def resources(self) -> Resources:
        return Resources("cpu", Memory(100, 60, 40), {"f00d": "paint"}, {"stepwise": Pace(0.0, 0.01)})
