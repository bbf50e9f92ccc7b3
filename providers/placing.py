"""Where servers of one's own read what OpenAI's images API has no field for, whichever adapter asks them."""

import secrets

import orjson

from providers.base import Json
from providers.errors import Kind, ProviderError

SD_MARKER = "<sd_cpp_extra_args"


def extras_in_prompt(payload: Json) -> Json:
    """sd-server reads the object `sd_cpp_extra_args` as JSON between two markers at the end of the prompt.

    `<` is written as an escape inside, so that no value can end the block; a prompt with a marker of its own would
    set fields past every check, and is refused.
    """
    prompt = str(payload.get("prompt", ""))
    if holds_marker(prompt):
        raise ProviderError(Kind.BAD_REQUEST, f"a prompt may not hold {SD_MARKER}>", param="prompt")
    body = {name: value for name, value in payload.items() if name != "sd_cpp_extra_args"}
    if extras := payload.get("sd_cpp_extra_args"):
        text = dumped(extras).replace("<", "\\u003c")
        body["prompt"] = f"{prompt} <sd_cpp_extra_args>{text}</sd_cpp_extra_args>"
    return body


def holds_marker(prompt: str) -> bool:
    """Whether a caller's prompt would be read as parameters by sd-server."""
    return SD_MARKER in prompt.lower()


def seeded(payload: Json) -> Json:
    """SGLang draws with 1024 where no seed is sent: equal requests would always get the same pictures."""
    return {"seed": secrets.randbelow(2**32), **payload}


def dumped(extras: Json) -> str:
    """JSON; raises BAD_REQUEST for what cannot be written so."""
    try:
        return orjson.dumps(extras).decode()
    except TypeError:
        raise ProviderError(Kind.BAD_REQUEST, "the request cannot be written as JSON") from None
