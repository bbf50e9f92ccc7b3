"""Families of models as data: families.toml, and what a model's own easel.toml changes."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from workers.diffusion.merging import Merging
from workers.diffusion.prompt_limits import PromptLimit
from workers.engine import CannotLoad, Model, OptionalParameter

_TABLE = Path(__file__).with_name("families.toml")
_OWN = {  # what a model's easel.toml may say, beside `controls`
    "title", "default_size", "shortest_side", "longest_side", "most_pixels", "steps", "most_steps", "cfg_scale",
    "guidance", "strength", "reference_pixels", "most_images",
}  # fmt: skip

Prediction = Literal["flow", "noise"]


@dataclass(frozen=True, slots=True)
class Pipelines:
    """Names of classes of diffusers, by what they draw from; None where the family cannot."""

    text: str
    image: str | None = None
    mask: str | None = None
    references: str | None = None
    control: str | None = None
    control_net: str | None = None
    control_nets: str | None = None  # what holds several control nets
    one_control_net: bool = False  # of several control pictures all have to be for the same net


@dataclass(frozen=True, slots=True)
class Family:
    """See families.toml for what the fields mean."""

    name: str
    title: str
    made_as: tuple[str, ...]
    default_size: tuple[int, int]
    shortest_side: int
    longest_side: int
    most_pixels: int
    multiple_of: int
    steps: int
    most_steps: int
    cfg_scale: float
    most_images: int
    most_loras: int
    denoiser: str
    prediction: Prediction
    schedulers: tuple[str, ...]
    pipelines: Pipelines
    forward: Merging
    control_forward: Merging = field(default_factory=Merging)
    prompt: PromptLimit = field(default_factory=PromptLimit)
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    call: Mapping[str, Any] = field(default_factory=dict[str, Any])
    negative_prompt: str | None = None
    guidance: float | None = None  # the default of guidance-distilled models; None: there are none
    strength: float | None = None
    reference_pixels: int | None = None  # what references are scaled to; None: as the pipeline likes it
    vae_dtype: str | None = None
    merges: bool = True
    caches_blocks: bool = False
    source: str = ""
    controls: Mapping[str, str] = field(default_factory=dict[str, str])  # where each control net is, by its name

    def model(self, id: str, *, distilled: bool) -> Model:
        """What callers may ask of it. `distilled`: its guidance is a number that it takes as an input."""
        parameters: set[OptionalParameter] = {
            "seed",
            "num_inference_steps",
            "negative_prompt",
            "cfg_scale",
            "scheduler",
        }
        if distilled:
            parameters.add("guidance")
        if self.pipelines.image is not None:
            parameters.add("strength")
        if self.caches_blocks:
            parameters.add("acceleration")
        if self.most_loras:
            parameters.add("loras")
        if self.controls:
            parameters.add("control_nets")
        return Model(
            id=id,
            title=self.title,
            parameters=frozenset(parameters),
            shortest_side=self.shortest_side,
            longest_side=self.longest_side,
            default_size=self.default_size,
            default_steps=self.steps,
            most_steps=self.most_steps,
            most_images=self.most_images,
            masks=self.pipelines.mask is not None,
            multiple_of=self.multiple_of,
            most_pixels=self.most_pixels,
            schedulers=self.schedulers,
            accelerations=("none", "regular", "high") if self.caches_blocks else (),
            most_loras=self.most_loras,
            control_models=tuple(self.controls),
        )


@cache
def families() -> Mapping[str, Family]:
    """All of them, by name."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(_TABLE.read_text())
    return {name: _family(name, tables) for name in tables}


def family_of(pipeline_class: str) -> Family:
    """The family of a checkpoint that was saved as this class of pipeline."""
    for family in families().values():
        if pipeline_class in family.made_as:
            return family
    known = ", ".join(sorted(name for family in families().values() for name in family.made_as[:1]))
    raise CannotLoad(f"models of the architecture {pipeline_class} are not known here; there are: {known}")


def with_own_facts(family: Family, folder: Path) -> Family:
    """The family as the model in the folder has it: with the facts of its easel.toml, if there is one."""
    file = folder / "easel.toml"
    if not file.is_file():
        return family
    try:
        own: dict[str, Any] = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise CannotLoad(f"{file} is no TOML: {error}") from error
    controls = own.pop("controls", {})
    strange = sorted(own.keys() - _OWN)
    if strange:
        raise CannotLoad(f"{file} says {', '.join(strange)}, which is not known; it may say: {', '.join(sorted(_OWN))}")
    if "default_size" in own:
        own["default_size"] = tuple(own["default_size"])
    places = {
        name: str(folder / place) if (folder / place).is_dir() else str(place) for name, place in controls.items()
    }
    return replace(family, **own, controls=places if family.pipelines.control_net else {})


def _family(name: str, tables: Mapping[str, dict[str, Any]]) -> Family:
    own = dict(tables[name])
    table = {**tables.get(own.pop("like", name), {}), **own}
    table.pop("checked", None)
    for each in ("made_as", "schedulers", "default_size"):
        table[each] = tuple(table[each])
    table["pipelines"] = Pipelines(**table["pipelines"])
    if "prompt" in table:
        table["prompt"] = PromptLimit(tuple(table["prompt"]["tokenizers"]), table["prompt"]["tokens"])
    for each in ("forward", "control_forward"):
        if each in table:
            table[each] = _merging(table[each])
    known = {each.name for each in fields(Family)}
    if strange := sorted(table.keys() - known):
        raise ValueError(f"families.toml: {name} says {', '.join(strange)}")
    return Family(name=name, **table)


def _merging(table: Mapping[str, Any]) -> Merging:
    return Merging(
        joined=frozenset(table.get("joined", ())),
        padded=dict(table.get("padded", {})),
        listed=frozenset(table.get("listed", ())),
        tokens=table.get("tokens", "hidden_states"),
    )
