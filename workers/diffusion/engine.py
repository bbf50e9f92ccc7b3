"""The engine `diffusers`: its models are those of the library of that name, its steps those of many pictures at once."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager

import torch
from PIL import Image

from workers.diffusion import merging
from workers.diffusion.decoding import Decoder
from workers.diffusion.devices import place
from workers.diffusion.hub import Course
from workers.diffusion.loading import Loaded, load
from workers.diffusion.merging import Merging
from workers.diffusion.picture import Picture
from workers.diffusion.pipelines import Pipelines
from workers.diffusion.preview import Previews
from workers.diffusion.prompts import Prompts
from workers.diffusion.recipes import recipe
from workers.diffusion.references import of_size
from workers.diffusion.schedulers import Steps, scheduler
from workers.diffusion.still_vae import make_fast
from workers.engine import Drawing, Model, OutOfMemory, Pace, Resources, Told
from workers.pace import Learned

_GUESSES = {"cpu": Pace(1.0, 20.0), "cuda": Pace(0.4, 0.4)}
_TOKENS = {"cpu": 2048, "cuda": 6144}  # where more at once only takes longer: about six pictures of 512 x 512 on a GPU


class Diffusers:
    """Draws with one model. See `workers.engine.EngineOf`."""

    name = "diffusers"
    placeholder = False

    def __init__(
        self,
        model: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        name: str | None = None,
        most_bytes_of_loras: int = 2 * 2**30,
        compile: bool = False,
        still_vae: bool | None = None,
    ) -> None:
        """`still_vae`: see still_vae.py; None is on a CPU. Raises `CannotLoad` for a device that is not there."""
        self._place = place(device, dtype)
        self._source = model
        self._name = name
        self._compile = compile
        self._still_vae = not self._place.cuda if still_vae is None else still_vae
        self._most_bytes_of_loras = most_bytes_of_loras
        self.models: tuple[Model, ...] = ()
        self.together = 4
        self.most_under_way = 16
        self.token_budget = _TOKENS[self._place.device.type]

    def load(self, told: Told) -> None:
        torch.set_grad_enabled(False)  # on this thread, for good: every picture of it is in the same mode
        self._loaded = load(self._source, self._place, told)
        if self._still_vae:
            make_fast(self._loaded.parts["vae"])
        model = self._model(self._loaded)
        self._pipelines = Pipelines(self._loaded, self._place.device)
        self._prompts = Prompts()
        told("looking at its colours", None)
        self._previews = Previews(self._loaded.parts["vae"], self._place.device)
        self._decoder = Decoder(self._loaded.parts["vae"], self._place.device)
        self._learned = Learned({model.id: _GUESSES[self._place.device.type]})
        self.models = (model,)

    def begin(self, drawing: Drawing) -> Picture:
        family = self._loaded.family
        how = recipe(family, drawing, distilled=self._distilled)
        own_scheduler = scheduler(drawing.scheduler, self._loaded.parts["scheduler"], family.prediction)
        pipeline = self._pipelines.under_way(how.pipeline, own_scheduler, [each.model for each in drawing.controls])
        pipeline.__dict__["encode_prompt"] = self._prompts.remembered(pipeline, besides="")
        picture = Picture(
            drawing=drawing,
            recipe=how,
            pipeline=pipeline,
            course=Course(lambda: pipeline(**how.arguments)),
            progress=Steps(own_scheduler, family.prediction, how.generator),
            rules=family.forward,
            shown=self._previews.show,
        )
        with _memory_errors(), of_size(how.pipeline, family.reference_pixels):
            picture.course.go_on()
        picture.bucket = self._bucket(picture)
        return picture

    def step(self, together: Sequence[Picture]) -> None:
        """What a control net has to say comes first, so that all of them then wait for the denoiser."""
        family = self._loaded.family
        while advised := [each for each in together if self._waits_for_advice(each)]:
            self._answer(advised, family.control_forward)
        self._answer([each for each in together if each.waits_for is not None], family.forward)

    def finish(self, picture: Picture) -> Image.Image:
        with _memory_errors():
            return self._decoder.decode(picture)

    def drop(self, picture: Picture) -> None:
        picture.course.stop()

    def relieve(self) -> str | None:
        return None

    def seconds(self, drawing: Drawing) -> float:
        return self._learned.seconds(drawing)

    def resources(self) -> Resources:
        return Resources(str(self._place.device), self._place.memory(), {}, dict(self._learned.known))

    @property
    def _distilled(self) -> bool:
        config = getattr(self._loaded.denoiser, "config", None)
        return bool(getattr(config, "guidance_embeds", False))

    def _model(self, loaded: Loaded) -> Model:
        return loaded.family.model(self._name or loaded.family.name, distilled=self._distilled)

    def _bucket(self, picture: Picture) -> Hashable:
        """By what it asks of the denoiser, whichever pipeline asks."""
        drawing, call = picture.drawing, picture.waits_for
        if call is None or not self._loaded.family.merges:
            return object()
        return (
            drawing.width,
            drawing.height,
            merging.shape(call, picture.rules),
            tuple(each.model for each in drawing.controls),
        )

    def _waits_for_advice(self, picture: Picture) -> bool:
        call = picture.waits_for
        return call is not None and call.module is not self._loaded.denoiser

    def _answer(self, pictures: Sequence[Picture], rules: Merging) -> None:
        calls = [call for each in pictures if (call := each.waits_for) is not None]
        for group in merging.groups(calls, rules) if self._loaded.family.merges else [[n] for n in range(len(calls))]:
            with _memory_errors():
                answers = merging.forward([calls[place] for place in group], rules)
            for place, answer in zip(group, answers, strict=True):
                self._go_on(pictures[place], answer)

    def _go_on(self, picture: Picture, answer: object) -> None:
        try:
            with _memory_errors():
                picture.course.go_on(answer)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is this picture's alone
            picture.failure = failure
        if picture.denoised and self._place.cuda:
            picture.ready = torch.cuda.Event()
            picture.ready.record()


@contextmanager
def _memory_errors() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(str(error)) from error
