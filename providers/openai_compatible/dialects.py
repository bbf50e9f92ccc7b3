"""How the servers that call themselves OpenAI-compatible differ on the wire.

Facts read 2026-11-21: OpenAI API reference (Images); vLLM-Omni docs, Image Generation API; SGLang docs, Diffusion
OpenAI API; stable-diffusion.cpp examples/server/api.md; LocalAI core/http/endpoints/openai/image.go; Xinference docs,
Images; Lumenfall docs, OpenAI compatibility.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from providers.base import Call, Json, Operation
from providers.errors import Kind, ProviderError

_GENERATIONS: Mapping[Operation, str] = {"generate": "/images/generations"}
_OPENAI_FIELDS = frozenset({"model", "prompt", "n", "size", "response_format", "user"})
_SD_SERVER_FIELDS = frozenset({"prompt", "n", "size", "output_format", "output_compression"})

SD_MARKER = "<sd_cpp_extra_args"

Rewrite = Callable[[Json], Json]


def as_it_is(payload: Json) -> Json:
    """Extras stand at the top level, beside OpenAI's own fields."""
    return payload


def extras_in_prompt(payload: Json) -> Json:
    """sd-server reads everything but five fields from JSON between two markers in the prompt.

    `<` is written as an escape inside, so that no value can end the block; a prompt with a marker of its own would
    set fields past every check, and is refused.
    """
    prompt = str(payload.get("prompt", ""))
    if SD_MARKER in prompt.lower():
        raise ProviderError(Kind.BAD_REQUEST, f"a prompt may not hold {SD_MARKER}>", param="prompt")
    body = {name: value for name, value in payload.items() if name in _SD_SERVER_FIELDS}
    extras = {name: value for name, value in payload.items() if name not in _SD_SERVER_FIELDS | {"model"}}
    if extras:
        text = _dumped(extras).replace("<", "\\u003c")
        body["prompt"] = f"{prompt} <sd_cpp_extra_args>{text}</sd_cpp_extra_args>"
    return body


def extras_in_kwargs(payload: Json) -> Json:
    """Xinference takes a size with a star and all diffusion parameters as a JSON string under `kwargs`."""
    body = {name: value for name, value in payload.items() if name in _OPENAI_FIELDS | {"kwargs"}}
    extras = {name: value for name, value in payload.items() if name not in _OPENAI_FIELDS | {"kwargs"}}
    if isinstance(size := body.get("size"), str):
        body["size"] = re.sub(r"(?<=\d)[xX×](?=\d)", "*", size)
    if extras:
        body["kwargs"] = _dumped(extras)
    return body


def negative_after_bar(payload: Json) -> Json:
    """LocalAI reads `positive|negative` from the prompt; a bar of the caller's own would cut the prompt there."""
    prompt = payload.get("prompt")
    negative = payload.get("negative_prompt")
    if isinstance(prompt, str) and "|" in prompt:
        raise ProviderError(
            Kind.BAD_REQUEST, "this server would read a prompt's | as a negative prompt", param="prompt"
        )
    body = {name: value for name, value in payload.items() if name != "negative_prompt"}
    if isinstance(negative, str) and negative.strip():
        body["prompt"] = f"{prompt}|{negative}"
    return body


@dataclass(frozen=True, slots=True)
class Dialect:
    """`formats` are the values of `response_format` that it may be sent; empty where the field is not sent at all.

    `formatless` matches upstream ids that refuse the field: OpenAI's GPT image models answer base64 only.
    """

    name: str
    paths: Mapping[Operation, str] = field(default_factory=lambda: _GENERATIONS)
    place: Rewrite = as_it_is
    formats: tuple[str, ...] = ("b64_json",)
    formatless: re.Pattern[str] | None = None

    def path(self, call: Call) -> str:
        """Where the call goes; BAD_REQUEST for an operation that this adapter does not speak."""
        if call.operation not in self.paths:
            raise ProviderError(Kind.BAD_REQUEST, f"this provider does not serve {call.operation} requests")
        return self.paths[call.operation]

    def body(self, call: Call) -> Json:
        """The payload as this server reads it; a `response_format` of the plan's own stays."""
        body = self.place(call.payload)
        if "response_format" in body or not self.formats:
            return body
        if self.formatless is not None and self.formatless.match(call.upstream):
            return body
        wanted = "url" if call.want == "url" and "url" in self.formats else "b64_json"
        return {**body, "response_format": wanted}


DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            "openai",
            formats=("url", "b64_json"),
            formatless=re.compile(r"(?:.*/)?(?:gpt|chatgpt)-image", re.IGNORECASE),
        ),
        Dialect("vllm-omni"),  # `url` is refused with 422
        Dialect("sglang"),  # `url` needs cloud storage there
        Dialect("sd-server", place=extras_in_prompt, formats=()),  # always base64, the field is not read
        Dialect("localai", place=negative_after_bar),  # its URLs name the host it believes to be
        Dialect("xinference", place=extras_in_kwargs),  # its URL may be a path of its own disk
        Dialect("lumenfall", formats=("url", "b64_json")),
    )
}


def _dumped(extras: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(cast(dict[str, Any], extras)).decode()
    except TypeError:
        raise ProviderError(Kind.BAD_REQUEST, "the request cannot be written as JSON") from None
