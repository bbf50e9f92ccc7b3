"""AIR URNs: how Civitai names a model, a LoRA or an embedding, wherever it is hosted.

`urn:air:qwen:lora:civitai:123456@789012` is the LoRA 123456 for Qwen at Civitai, in its version 789012. All before the
source may be left out (the pattern in the orchestrator's OpenAPI document, read 2026-11-21).
"""

import re

from normalizers.errors import CannotConvert

URN = re.compile(
    r"(?:urn:)?(?:air:)?(?:(?P<ecosystem>[A-Za-z0-9_-]{1,40}):(?P<type>[a-z]{1,20}):)?"
    r"(?P<model>[a-z0-9_-]{1,40}:[^:@\s/][^:@\s]{0,199}(?:@[^:@\s]{1,80})?)"
)


def read_urn(text: str, ecosystem: str) -> str:
    """The whole URN of a LoRA: `civitai:1@2` -> `urn:air:qwen:lora:civitai:1@2`. Raises CannotConvert."""
    found = URN.fullmatch(text)
    example = f"urn:air:{ecosystem}:lora:civitai:123456@789012"
    if found is None:
        raise CannotConvert(f"names a LoRA by no AIR URN; one looks like {example}")
    if (found["ecosystem"] or ecosystem).lower() != ecosystem.lower() or (found["type"] or "lora") != "lora":
        raise CannotConvert(f"names something else than a LoRA for {ecosystem}; one looks like {example}")
    return f"urn:air:{ecosystem}:lora:{found['model']}"
