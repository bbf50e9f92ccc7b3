"""Runware's picture models as a table: what each takes.

Source: Runware's page of Qwen-Image, and for the others the field lists of runware-sdk 1.8.0 (types/task_map.py), which
give no ranges: those of Qwen-Image stand in for them, except where another is named. Read 2026-11-21.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, create_model

from simulators.runware.fields import (
    COMMON,
    SAMPLING,
    ControlNet,
    FieldSpec,
    Fraction,
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
    "steps": (whole(1, 100), None),
    "CFGScale": (Annotated[float, Field(ge=0, le=50)], None),
    "strength": (Fraction, None),
    "promptWeighting": (Literal["sdEmbeds"], None),
    "trueCFGScale": (float, None),
}

MODELS: dict[str, Model] = {
    each.air: each
    for each in (
        model("runware:108@1", 0.0077, SAMPLING, _SIZE, _MASKING, _CONTROL, _SETTINGS),
        model("runware:108@20", 0.0077, SAMPLING, _OPTIONAL_SIZE, _EDIT, _SETTINGS),
        model("runware:108@22", 0.0077, SAMPLING, _SIZE, _EDIT, _SETTINGS),
        model("alibaba:qwen-image@2.0", 0.035, _OPTIONAL_SIZE, _MAY_EDIT, _FREE_FORM),
        model("alibaba:qwen-image@2.0-pro", 0.075, _OPTIONAL_SIZE, _MAY_EDIT, _FREE_FORM),
        model("runware:100@1", 0.0006, SAMPLING, _SIZE, _MASKING, _FLUX),
        model("runware:101@1", 0.0038, SAMPLING, _SIZE, _MASKING, _CONTROL, _FLUX),
    )
}
