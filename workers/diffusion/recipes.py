"""What a drawing is to the pipelines: which of them draws it, and what it is called with."""

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from workers.diffusion.families import Family
from workers.engine import Drawing, Source, Unsupported


@dataclass(frozen=True, slots=True)
class Recipe:
    """`mended`: what is around the mask comes back in the end, where the pipeline itself knows no mask. `kept` is the
    picture itself, if nothing of it is to be drawn anew."""

    pipeline: str
    arguments: dict[str, Any]
    generator: torch.Generator
    mended: "Mended | None" = None
    kept: Image.Image | None = None


@dataclass(frozen=True, slots=True)
class Mended:
    """The picture that was to be edited in parts, and the mask of these."""

    before: Image.Image
    mask: Image.Image

    def around(self, drawn: Image.Image) -> Image.Image:
        """What was drawn, within the mask; around it the picture as it was."""
        before = self.before.convert("RGB").resize(drawn.size, Image.Resampling.LANCZOS)
        return Image.composite(drawn, before, self.mask.convert("L").resize(drawn.size, Image.Resampling.BILINEAR))


def recipe(family: Family, drawing: Drawing, *, distilled: bool) -> Recipe:
    """Raises `Unsupported` for what each alone would be possible, but not together."""
    # A generator of the CPU gives the same noise on every device.
    generator = torch.Generator("cpu").manual_seed(drawing.seed)
    arguments: dict[str, Any] = {
        "prompt": drawing.prompt,
        "width": drawing.width,
        "height": drawing.height,
        "num_inference_steps": drawing.steps,
        "generator": generator,
        **family.call,
        **_guidance(family, drawing, distilled=distilled),
    }
    source = drawing.source
    if drawing.controls:
        if source is not None:
            raise Unsupported("control_nets cannot be combined with pictures to edit")
        if family.pipelines.one_control_net and len({control.model for control in drawing.controls}) > 1:
            raise Unsupported(f"{family.title} follows one control net at a time, with several pictures if need be")
        return Recipe(_known(family.pipelines.control), arguments | _controls(family, drawing), generator)
    if source is None:
        return Recipe(family.pipelines.text, arguments, generator)
    pipeline, from_pictures = _from_pictures(family, source)
    if pipeline == family.pipelines.references:
        mended = None if source.mask is None else Mended(source.images[0], source.mask)
        return Recipe(pipeline, arguments | from_pictures, generator, mended)
    kept = None if _draws(family, drawing.steps, from_pictures["strength"]) else _fitted(source.images[0], drawing)
    return Recipe(pipeline, arguments | from_pictures, generator, kept=kept)


def _guidance(family: Family, drawing: Drawing, *, distilled: bool) -> dict[str, Any]:
    scale = family.cfg_scale if drawing.cfg_scale is None else drawing.cfg_scale
    given: dict[str, Any] = {family.names.get("cfg_scale", "cfg_scale"): scale}
    if scale > 1:
        given["negative_prompt"] = drawing.negative_prompt or family.negative_prompt
    elif (drawing.negative_prompt or "").strip():
        raise Unsupported("a negative_prompt does nothing unless cfg_scale is above 1", param="negative_prompt")
    if distilled:
        given[family.names.get("guidance", "guidance_scale")] = (
            drawing.guidance if drawing.guidance is not None else family.guidance or 1.0
        )
    return given


def _from_pictures(family: Family, source: Source) -> tuple[str, dict[str, Any]]:
    pipelines = family.pipelines
    first = source.images[0]
    if source.mask is not None and pipelines.mask is not None and len(source.images) == 1:
        return pipelines.mask, {"image": first, "mask_image": source.mask, "strength": _strength(family, source)}
    if pipelines.references is not None:
        several = family.most_images > 1
        return pipelines.references, {"image": list(source.images) if several else first}
    return _known(pipelines.image), {"image": first, "strength": _strength(family, source)}


def _strength(family: Family, source: Source) -> float:
    default = 1.0 if family.strength is None else family.strength
    return default if source.strength is None else source.strength


def _draws(family: Family, steps: int, strength: float) -> bool:
    """Whether any step is left; the pipelines count them so, and refuse to take none."""
    return strength > 0 if family.prediction == "flow" else int(steps * strength) > 0


def _fitted(image: Image.Image, drawing: Drawing) -> Image.Image:
    return image.convert("RGB").resize((drawing.width, drawing.height), Image.Resampling.LANCZOS)


def _controls(family: Family, drawing: Drawing) -> dict[str, Any]:
    controls = drawing.controls
    alone = len(controls) == 1
    size = (drawing.width, drawing.height)
    images = [control.image.resize(size, Image.Resampling.LANCZOS) for control in controls]

    def each(values: list[Any]) -> Any:
        return values[0] if alone else values

    return {
        family.names.get("control_image", "control_image"): each(images),
        "controlnet_conditioning_scale": each([control.weight for control in controls]),
        "control_guidance_start": each([control.start for control in controls]),
        "control_guidance_end": each([control.end for control in controls]),
    }


def _known(pipeline: str | None) -> str:
    if pipeline is None:  # the server asks a model only for what it says it takes
        raise Unsupported("the model does not draw from that")
    return pipeline
