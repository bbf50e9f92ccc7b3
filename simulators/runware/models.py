"""Runware's picture models as a table: what each takes.

Source: Runware's page of Qwen-Image, and for the others the field lists of runware-sdk 1.8.0 (types/task_map.py), which
give no ranges: those of sides and LoRAs are Qwen-Image's, and its relatives have its steps too. Read 2026-11-21.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, create_model

from simulators.runware.fields import (
    COMMON,
    MAX_SEED,
    NEGATIVE,
    QWEN,
    SAMPLING,
    ControlNet,
    FieldSpec,
    Inputs,
    Outpaint,
    References,
    Settings,
    side,
    whole,
)


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `price` is in dollars for 1024² pixels; Runware publishes examples, no formula."""

    air: str
    input: type[BaseModel]
    price: float


def model(air: str, price: float, *groups: dict[str, FieldSpec]) -> Model:
    every: dict[str, FieldSpec] = dict(COMMON)
    for group in groups:
        every |= group
    strict = ConfigDict(strict=True, extra="forbid")
    made = create_model(f"Input of {air}", __config__=strict, **every)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownVariableType]  # fields are known only here
    return Model(air, cast("type[BaseModel]", made), price)


_SIZE: dict[str, FieldSpec] = {"width": (side(), ...), "height": (side(), ...)}
_OPTIONAL_SIZE: dict[str, FieldSpec] = {"width": (side(), None), "height": (side(), None)}
_SETTINGS: dict[str, FieldSpec] = {"settings": (Settings, None)}
_FREE_FORM: dict[str, FieldSpec] = {"settings": (dict[str, Any], None)}
_MASKING: dict[str, FieldSpec] = {
    "inputs": (Inputs, None),
    "maskMargin": (whole(32, 128), None),
    "outpaint": (Outpaint, None),
}
_CONTROL: dict[str, FieldSpec] = {"controlNet": (Annotated[list[ControlNet], Field(min_length=1)], None)}
_EDIT: dict[str, FieldSpec] = {"inputs": (References, ...)}
_MAY_EDIT: dict[str, FieldSpec] = {"inputs": (References, None)}
_FLUX: dict[str, FieldSpec] = {
    "trueCFGScale": (float, None),
}
_EMBEDS: dict[str, FieldSpec] = {"promptWeighting": (Literal["sdEmbeds"], None)}
_SDXL: dict[str, FieldSpec] = {
    "clipSkip": (whole(0, 2), None),
    "vae": (str, None),
    "promptWeighting": (Literal["compel", "sdEmbeds"], None),
}
_SEED: dict[str, FieldSpec] = {"seed": (whole(0, MAX_SEED), None), "providerSettings": (dict[str, Any], None)}
_LEVELS: dict[str, FieldSpec] = {"acceleration": (Literal["none", "low", "medium", "high"], None)}

MODELS: dict[str, Model] = {
    each.air: each
    for each in (
        model("runware:108@1", 0.0077, QWEN, _SIZE, _MASKING, _CONTROL, _SETTINGS),
        model("runware:108@20", 0.0077, QWEN, _OPTIONAL_SIZE, _EDIT, _SETTINGS),
        model("runware:108@22", 0.0077, QWEN, _SIZE, _EDIT, _SETTINGS),
        model("alibaba:qwen-image@2.0", 0.035, NEGATIVE, _OPTIONAL_SIZE, _MAY_EDIT, _FREE_FORM),
        model("alibaba:qwen-image@2.0-pro", 0.075, NEGATIVE, _OPTIONAL_SIZE, _MAY_EDIT, _FREE_FORM),
        model("alibaba:qwen-image@2512", 0.0051, QWEN, _SIZE, _MASKING, _SETTINGS),
        model("alibaba:qwen-image-edit@2511", 0.0077, QWEN, _OPTIONAL_SIZE, _EDIT, _SETTINGS),
        model("runware:100@1", 0.0006, SAMPLING, _SIZE, _MASKING, _FLUX, _EMBEDS),
        model("runware:101@1", 0.0038, SAMPLING, _SIZE, _MASKING, _CONTROL, _FLUX, _EMBEDS),
        model("runware:102@1", 0.0038, SAMPLING, _SIZE, _MASKING, _CONTROL, _FLUX, _EMBEDS),
        model("runware:106@1", 0.0105, SAMPLING, _OPTIONAL_SIZE, _MAY_EDIT, _FLUX),
        model("bfl:3@1", 0.04, _SIZE, _MAY_EDIT, _SEED),
        model("bfl:4@1", 0.08, _SIZE, _MAY_EDIT, _SEED),
        model("bfl:5@1", 0.03, _SIZE, _MAY_EDIT, _SEED),
        model("runware:400@1", 0.02, SAMPLING, _SIZE, _MAY_EDIT, _LEVELS),
        model("civitai:101055@128078", 0.0026, SAMPLING, _SIZE, _MASKING, _CONTROL, _SDXL),
    )
}
