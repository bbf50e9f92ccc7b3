"""How the servers that call themselves OpenAI-compatible differ on the wire.

Facts read 2026-11-21: OpenAI API reference (Images); vLLM-Omni docs, Image Generation API and Image Edit API; SGLang
docs, Diffusion OpenAI API; stable-diffusion.cpp examples/server/api.md; LocalAI core/http/endpoints/openai/image.go;
Xinference docs, Images; Lumenfall docs, OpenAI compatibility.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from normalizers.offer import Operation
from providers.base import Call, Json
from providers.errors import Kind, ProviderError
from providers.placing import dumped, extras_in_prompt, seeded

GENERATIONS, EDITS = "/images/generations", "/images/edits"
_OPENAI: Mapping[Operation, str] = {"generate": GENERATIONS, "edit": EDITS}
# sd-server's edits draw over their first picture, so that a strength makes them image-to-image; LocalAI takes pictures
# within the JSON of a generation; Xinference has image-to-image under the name of variations.
_SD_SERVER: Mapping[Operation, str] = {**_OPENAI, "image_to_image": EDITS}
_LOCALAI: Mapping[Operation, str] = {"generate": GENERATIONS, "edit": GENERATIONS, "image_to_image": GENERATIONS}
_XINFERENCE: Mapping[Operation, str] = {**_OPENAI, "image_to_image": "/images/variations"}

_GPT_IMAGE = re.compile(r"(?:.*/)?(?:gpt|chatgpt)-image", re.IGNORECASE)

Rewrite = Callable[[Json], Json]


def as_it_is(payload: Json) -> Json:
    """Every field stands at the top level, beside OpenAI's own."""
    return payload


def kwargs_as_text(payload: Json) -> Json:
    """Xinference takes all diffusion parameters as an object written into a string, and a size with a star."""
    body = dict(payload)
    if isinstance(kwargs := body.get("kwargs"), dict):
        body["kwargs"] = dumped(cast(Json, kwargs))
    if isinstance(size := body.get("size"), str):
        body["size"] = re.sub(r"(?<=\d)[xX×](?=\d)", "*", size)
    return body


def negative_after_bar(payload: Json) -> Json:
    """LocalAI reads `positive|negative` from the prompt; a bar of the caller's own would cut either text there."""
    for name in ("prompt", "negative_prompt"):
        if "|" in str(payload.get(name, "")):
            raise ProviderError(Kind.BAD_REQUEST, "this server would cut the text at its |", param=name)
    body = {name: value for name, value in payload.items() if name != "negative_prompt"}
    negative = payload.get("negative_prompt")
    if isinstance(negative, str) and negative.strip():
        body["prompt"] = f"{payload.get('prompt', '')}|{negative}"
    return body


@dataclass(frozen=True, slots=True)
class Dialect:
    """`place` puts what OpenAI's API has no field for where this server reads it.

    `formatless` matches upstream ids that refuse `response_format`, so that it is left out: OpenAI's GPT image models
    answer 400 `unknown_parameter` to it, and base64 always. `streaming` matches those that show a picture half done.
    `repeats` are the fields of an operation's form whose several values are sent under one plain name, where OpenAI's
    clients would write `name[]`.
    """

    name: str
    place: Rewrite = as_it_is
    paths: Mapping[Operation, str] = field(default_factory=lambda: _OPENAI)
    repeats: Mapping[Operation, frozenset[str]] = field(default_factory=dict[Operation, frozenset[str]])
    names_model: bool = True
    formatless: re.Pattern[str] | None = None
    streaming: re.Pattern[str] | None = None

    def path(self, call: Call) -> str:
        """Where the call goes; BAD_REQUEST for an operation that this adapter does not speak."""
        if call.operation not in self.paths:
            raise ProviderError(Kind.BAD_REQUEST, f"this provider does not serve {call.operation} requests")
        return self.paths[call.operation]

    def body(self, call: Call) -> Json:
        """The payload as this server reads it."""
        body = self.place(call.payload)
        if self.names_model:
            body = {"model": call.upstream, **body}
        if self.formatless is not None and self.formatless.match(call.upstream):
            body = {name: value for name, value in body.items() if name != "response_format"}
        return body


DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect("openai", formatless=_GPT_IMAGE, streaming=_GPT_IMAGE),
        Dialect("vllm-omni"),
        Dialect("sglang", place=seeded),
        # One model, whatever the request names.
        Dialect("sd-server", place=extras_in_prompt, paths=_SD_SERVER, names_model=False),
        Dialect("localai", place=negative_after_bar, paths=_LOCALAI),
        Dialect(
            "xinference",
            place=kwargs_as_text,
            paths=_XINFERENCE,
            repeats={"image_to_image": frozenset({"image"})},
        ),
        Dialect("lumenfall"),
    )
}
