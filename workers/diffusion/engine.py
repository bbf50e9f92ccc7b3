"""The engine `diffusers`: the models of the library of that name, many pictures a step at a time."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image

from workers.diffusion.adapters import Adapters, lora_set
from workers.diffusion.caching import LEVELS, Level, Memory
from workers.diffusion.decoding import Decoder
from workers.diffusion.device_errors import device_errors, raise_meant
from workers.diffusion.devices import place
from workers.diffusion.expense import Expense
from workers.diffusion.forwards import Forwards
from workers.diffusion.hub import Course
from workers.diffusion.loading import ENCODER, Loaded, load
from workers.diffusion.memory import Ladder
from workers.diffusion.picture import Picture
from workers.diffusion.pipelines import Pipelines
from workers.diffusion.preview import Previews
from workers.diffusion.prompt_limits import check_prompts
from workers.diffusion.prompts import Prompts
from workers.diffusion.queue import DeviceQueue
from workers.diffusion.recipes import Recipe, recipe
from workers.diffusion.references import of_size
from workers.diffusion.schedulers import Steps, scheduler
from workers.diffusion.still_vae import make_fast
from workers.engine import Acceleration, CannotLoad, Drawing, Model, OutOfMemory, Resources, Told, Unsupported

_TOKENS = {"cpu": 2048, "cuda": 6144}  # where more at once only takes longer: about five pictures of 512 x 512 on a GPU
_WARM_UP = ("a warm-up", "another warm-up, of a prompt that is a good deal longer than the first")
_WARM_UP_SIDE_ON_CPU = 256


class Diffusers:
    """Draws with one model. See `workers.engine.EngineOf`."""

    name = "diffusers"
    placeholder = False
    together = 4
    most_under_way = 16

    def __init__(
        self,
        model: str | Loaded,
        *,
        device: str = "auto",
        dtype: str = "auto",
        name: str | None = None,
        most_bytes_of_loras: int = 2 * 2**30,
        compile: bool = False,
        still_vae: bool | None = None,
        levels: Mapping[Acceleration, Level] = LEVELS,
    ) -> None:
        """`model`: a folder, an id of the hub, or what lies on that device already. `still_vae`: see there; None: on a
        CPU. Raises `CannotLoad`."""
        self._place = place(device, dtype)
        if compile and not self._place.cuda:
            raise CannotLoad("--compile is for GPUs: on a CPU it takes longer than it saves; start without it")
        self._source = model
        self._name = name
        self._compile = compile
        self._still_vae = not self._place.cuda if still_vae is None else still_vae
        self._levels = levels
        self._most_bytes_of_loras = most_bytes_of_loras
        self.models: tuple[Model, ...] = ()
        self.token_budget = _TOKENS[self._place.device.type]

    def load(self, told: Told) -> None:
        torch.set_grad_enabled(False)  # on this thread, for good: all pictures on it share the mode
        loaded = load(self._source, self._place, told) if isinstance(self._source, str) else self._source
        family, device, vae = loaded.family, self._place.device, loaded.parts["vae"]
        if self._still_vae:
            make_fast(vae)
        if self._compile:
            compilable: Any = loaded.denoiser
            compilable.compile_repeated_blocks()
        self._loaded, self._family = loaded, family
        self._distilled = bool(getattr(loaded.denoiser.config, "guidance_embeds", False))
        model = family.model(self._name or family.name, distilled=self._distilled)
        self._pipelines = Pipelines(loaded, device)
        self._adapters = Adapters(
            self._pipelines.plain(family.pipelines.text), self._place.dtype, family.title, self._most_bytes_of_loras
        )
        self._forwards = Forwards(loaded.denoiser, family, device)
        self._prompts = Prompts()
        self._previews = Previews(vae, device)
        self._decoder = Decoder(vae, device)
        self._queue = DeviceQueue(device)
        self._expense = Expense(model.id, family, device)
        encoders = [part for name, part in loaded.modules.items() if name.startswith(ENCODER)]
        self._ladder = Ladder(
            self._place,
            loaded.denoiser,
            encoders,
            (vae, self._decoder.vae),
            self._forget,
            encoders_outside=loaded.encoders_outside,
        )
        self.models = (model,)
        self._warm_up(model, told)

    def begin(self, drawing: Drawing) -> Picture:
        """Raises `Unsupported`, too."""
        how = recipe(self._family, drawing, distilled=self._distilled)
        if drawing.acceleration != "none" and drawing.controls:
            raise Unsupported("acceleration cannot be combined with control_nets")
        controls = [each.model for each in drawing.controls]
        check_prompts(
            self._pipelines.plain(how.pipeline, controls), how.arguments, self._family.prompt, self._family.title
        )
        began = time.perf_counter()
        self._adapters.hold(drawing.loras)
        try:
            picture = self._picture(drawing, how)
            with device_errors(), of_size(how.pipeline, self._family.reference_pixels):
                self._adapters.switch_to(picture.loras)
                if how.kept is None:
                    picture.course.go_on()
        except BaseException:
            self._adapters.let_go(drawing.loras)
            raise
        picture.bucket = self._forwards.bucket(picture)
        picture.seconds_aside = time.perf_counter() - began
        return picture

    def step(self, together: Sequence[Picture]) -> None:
        began = time.perf_counter()
        try:
            self._adapters.switch_to(together[0].loras)
            self._forwards.step(together)
            self._queue.keep_short()
        except RuntimeError as error:
            raise_meant(error)
        self._ladder.worked()
        share = (time.perf_counter() - began) / len(together)
        for picture in together:
            self._expense.forwarded(picture.drawing, share)

    def finish(self, together: Sequence[Picture]) -> list[Image.Image]:
        began = time.perf_counter()
        with device_errors():
            images = self._decoder.decode(together)
        share = (time.perf_counter() - began) / len(together)
        for picture in together:
            self._expense.rested(picture.drawing, picture.seconds_aside + share)
        return images

    def drop(self, picture: Picture) -> None:
        picture.course.stop()
        self._adapters.let_go(picture.drawing.loras)

    def relieve(self) -> str | None:
        return self._ladder.relieve()

    def seconds(self, drawing: Drawing) -> float:
        return self._expense.seconds(drawing)

    def resources(self) -> Resources:
        return Resources(str(self._place.device), self._place.memory(), self._adapters.resident, self._expense.known)

    @property
    def denoiser(self) -> Any:
        """The real one, for tests and measurements."""
        return self._loaded.denoiser

    @property
    def scheduler(self) -> Any:
        """The model's own, of which every picture's is made."""
        return self._loaded.parts["scheduler"]

    def plainly(self, drawing: Drawing) -> Image.Image:
        """The same picture, drawn by the stock pipeline from beginning to end: what this engine is compared with.
        Without acceleration. On the device thread."""
        how = recipe(self._family, drawing, distilled=self._distilled)
        own_scheduler = scheduler(drawing.scheduler, self.scheduler, self._family.prediction, drawing.steps)
        Steps(own_scheduler, self._family.prediction, how.generator)
        pipeline = self._pipelines.whole(how.pipeline, own_scheduler, [each.model for each in drawing.controls])
        self._adapters.hold(drawing.loras)
        try:
            self._adapters.switch_to(lora_set(drawing.loras))
            with of_size(how.pipeline, self._family.reference_pixels):
                drawn: Image.Image = pipeline(**how.arguments).images[0]
                return drawn.convert("RGB") if how.mended is None else how.mended.around(drawn.convert("RGB"))
        finally:
            self._adapters.let_go(drawing.loras)

    def _picture(self, drawing: Drawing, how: Recipe) -> Picture:
        family = self._family
        own_scheduler = scheduler(drawing.scheduler, self.scheduler, family.prediction, drawing.steps)
        pipeline = self._pipelines.under_way(how.pipeline, own_scheduler, [each.model for each in drawing.controls])
        loras = lora_set(drawing.loras)
        self._prompts.remember(pipeline, besides=repr(loras), encoding=self._ladder.encoding)
        return Picture(
            drawing=drawing,
            recipe=how,
            pipeline=pipeline,
            course=Course(lambda: pipeline(**how.arguments)),
            progress=Steps(own_scheduler, family.prediction, how.generator),
            rules=family.forward,
            shown=self._previews.show,
            loras=loras,
            memory=Memory(self._levels[drawing.acceleration]) if drawing.acceleration in self._levels else None,
        )

    def _warm_up(self, model: Model, told: Told) -> None:
        """The first picture is slow: kernels are chosen, or compiled, for its size. If there is no room for it, then
        for no picture: what the ladder has is done now, once for all."""
        width, height = model.default_size
        if not self._place.cuda:
            side = min(width, height, _WARM_UP_SIDE_ON_CPU) // model.multiple_of * model.multiple_of
            width = height = max(model.shortest_side, side)
        told("drawing a picture to warm up", None)
        for prompt in _WARM_UP if self._compile else _WARM_UP[:1]:
            drawing = Drawing(model.id, prompt, width, height, seed=0, steps=2)
            while (refused := self._try(drawing)) is not None:
                if (relief := self.relieve()) is None:
                    raise CannotLoad(
                        f"{self._place.device} has too little memory to draw with {self._family.title}: {refused}"
                    )
                told(relief, None)

    def _try(self, drawing: Drawing) -> OutOfMemory | None:
        """Draws it for nobody."""
        picture: Picture | None = None
        try:
            picture = self.begin(drawing)
            while not picture.denoised:
                self.step([picture])
                if picture.failure is not None:
                    raise picture.failure
            self.finish([picture])
        except OutOfMemory as error:
            return error
        finally:
            if picture is not None:
                self.drop(picture)
        return None

    def _forget(self) -> str | None:
        self._prompts.forget()
        self._adapters.forget()
        return None
