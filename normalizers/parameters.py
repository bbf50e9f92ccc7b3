"""The canonical parameters: their names, their types, and what is a legal value whoever serves.

The names are OpenAI's where OpenAI has one (openai-python 3.52.0, read 2026-11-21), else the gateway's own.
An offer's table may narrow a value further, never widen it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from normalizers.checks import Check, Type, make_check, make_schema
from normalizers.finishing import FORMATS

MAX_PROMPT = 32_000  # characters; OpenAI's limit for GPT image models
MAX_SIDE = 14_142  # pixels; the largest side that any of the documented models takes
INT64 = 2**63 - 1
SWITCH = ("on", "off")


@dataclass(frozen=True, slots=True)
class Parameter:
    """`gateway`: handled by the gateway alone, never sent, and so in need of no row in an offer's table."""

    name: str
    type: Type
    check: Check
    schema: Mapping[str, Any]
    gateway: bool = False


def parameter(name: str, kind: Type = "any", *, gateway: bool = False, **limits: Any) -> Parameter:
    return Parameter(name, kind, make_check(kind, **limits), make_schema(kind, **limits), gateway)


ALL = (
    parameter("prompt", "string", min_length=1, max_length=MAX_PROMPT),
    parameter("negative_prompt", "string", max_length=MAX_PROMPT),
    parameter("n", "integer", low=1, high=10),
    parameter("size"),
    parameter("aspect_ratio"),
    parameter("resolution"),
    parameter("seed", "integer", low=-INT64 - 1, high=INT64),
    parameter("num_inference_steps", "integer", low=1, high=1000),
    parameter("cfg_scale", "number", low=0, high=100),
    parameter("guidance", "number", low=0, high=100),
    parameter("scheduler", "string", min_length=1, max_length=100),
    parameter("strength", "number", low=0, high=1),
    parameter("loras", "array", max_items=20),
    parameter("control_nets", "array", max_items=20),
    parameter("acceleration", "string", max_length=100),
    parameter("version", "string", max_length=100),
    parameter("safety", "string", words=SWITCH),
    parameter("prompt_enhancement", "string", words=SWITCH),
    parameter("outpaint", "object"),
    parameter("mask_margin", "integer", low=0, high=MAX_SIDE),
    parameter("scale_factor", "number", low=1, high=16),
    parameter("image"),
    parameter("mask"),
    parameter("quality", "string", max_length=100),
    parameter("style", "string", max_length=1000),
    parameter("background", "string", words=("auto", "opaque", "transparent")),
    parameter("input_fidelity", "string", words=("low", "high")),
    parameter("complexity", "string", words=("low", "medium", "high")),
    parameter("frame_count", "integer", low=2, high=16),
    parameter("frame_duration_ms", "integer", low=1, high=655_350),
    parameter("svg", "object"),
    parameter("user", "string", max_length=1000),
    parameter("safety_identifier", "string", max_length=1000),
    parameter("output_format", "string", words=FORMATS),
    parameter("output_compression", "integer", low=0, high=100),
    parameter("response_format", "string", words=("url", "b64_json", "both"), gateway=True),
    parameter("size_fit", "string", words=("nearest", "exact"), gateway=True),
    parameter("cache", "string", words=("seeded", "always", "off"), gateway=True),
    parameter("mix_providers", "boolean", gateway=True),
    parameter("cancel_on_disconnect", "boolean", gateway=True),
    parameter("webhook_url", "string", max_length=2048, gateway=True),
    parameter("upload_endpoint", "string", max_length=8192, gateway=True),
    parameter("stream", "boolean", gateway=True),
    parameter("partial_images", "integer", low=0, high=3, gateway=True),
)

PARAMETERS: dict[str, Parameter] = {entry.name: entry for entry in ALL}
GATEWAY_FIELDS = frozenset(entry.name for entry in ALL if entry.gateway)
NEEDS_ROW = frozenset(entry.name for entry in ALL if not entry.gateway)
# These are settled together, by an offer's [canvas], [count] and [output], not by a row each.
STRUCTURED = frozenset({"size", "aspect_ratio", "resolution", "n", "output_format", "output_compression"})
