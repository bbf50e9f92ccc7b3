"""A form's texts as the values that they write: numbers, lists and objects, as OpenAI's clients write them.

`seed[]=1`, `outpaint[top]=64`, `loras[][model]=fox` and `loras[][weight]=0.8`; or one text of JSON for any of these.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from workers.errors import Refusal
from workers.form import Form

_WHOLE = frozenset(
    {"n", "seed", "num_inference_steps", "output_compression", "partial_images", "width", "height"}
    | {"top", "right", "bottom", "left"}
)
_NUMBERS = frozenset({"cfg_scale", "guidance", "strength", "weight"})
_NESTED = frozenset({"seed", "loras", "outpaint"})
_NAME = re.compile(r"([a-z_]{1,32})(\[\])?(?:\[([a-z_]{1,32})\])?")
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?")


def typed(given: Form) -> dict[str, Any]:
    """By name; of several texts of a plain name the last one counts. Raises `Refusal`."""
    values: dict[str, Any] = {}
    columns: dict[str, dict[str, list[Any]]] = {}
    objects: dict[str, dict[str, Any]] = {}
    for name, texts in given.texts.items():
        shape = _NAME.fullmatch(name)
        base, listed, key = shape.groups() if shape else (name, None, None)
        if shape is None or base not in _NESTED or not (listed or key):
            values[name] = _value(name, texts[-1], nested=name in _NESTED)
        elif key is None:
            values[base] = [_value(base, text) for text in texts]
        elif listed:
            columns.setdefault(base, {})[key] = [_value(key, text) for text in texts]
        else:
            objects.setdefault(base, {})[key] = _value(key, texts[-1])
    return values | objects | {base: _rows(base, each) for base, each in columns.items()}


def _value(name: str, text: str, *, nested: bool = False) -> Any:
    if name in _WHOLE and _INTEGER.fullmatch(text):
        return int(text)
    if name in _NUMBERS and _DECIMAL.fullmatch(text):
        return float(text)
    if name == "stream" and text in ("true", "false"):
        return text == "true"
    if nested and text[:1] in ("[", "{"):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            raise Refusal(f"'{name}' is not valid JSON.", param=name) from None
    return text


def _rows(name: str, columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """The objects of a list whose fields came apart: each of them has to have every field."""
    if len({len(column) for column in columns.values()}) != 1:
        raise Refusal(f"Each of '{name}' needs the same fields; or send JSON.", param=name)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
