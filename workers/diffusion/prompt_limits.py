"""How long prompts may be: pipelines cut off what is too much, and say nothing. Here it is refused before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.engine import Unsupported

_TEXTS = ("prompt", "negative_prompt")
_ADDED = 2  # tokens, at the beginning and the end of a text
_PICTURE = "<|image_pad|>"  # where Qwen's pipelines put a reference into the text


@dataclass(frozen=True, slots=True)
class PromptLimit:
    """`tokens` is how many the pipelines keep of a text with what they put around it, by each of `tokenizers`. None:
    there is no limit."""

    tokenizers: tuple[str, ...] = ()
    tokens: int = 0


def check_prompts(pipeline: Any, arguments: Mapping[str, Any], limit: PromptLimit, title: str) -> None:
    """Raises `Unsupported` for a text of which something would be lost, or that has a picture's mark in it."""
    template = getattr(pipeline, "prompt_template_encode", "{}")
    dropped = getattr(pipeline, "prompt_template_encode_start_idx", 0)
    for name in _TEXTS:
        text = arguments.get(name)
        if not text:
            continue
        if _PICTURE in text:
            raise Unsupported(f"'{name}' has {_PICTURE} in it, which stands for a picture", param=name)
        whole = template.format(text)
        if whole.isascii() and len(whole) + _ADDED <= limit.tokens:
            continue  # a token is a letter at least; letters of other alphabets may be rewritten as several
        for tokenizer in (getattr(pipeline, each) for each in limit.tokenizers):
            around = _tokens(tokenizer, template.format(""))
            most = limit.tokens - (around - dropped)
            found = _tokens(tokenizer, whole) - around
            if found > most:
                raise Unsupported(f"'{name}' has {found} tokens; {title} reads {most} at most", param=name)


def _tokens(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, truncation=False, verbose=False)["input_ids"])
