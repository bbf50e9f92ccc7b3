"""Is a value of the right type, in range, one of the words? Each check answers None, or the reason why not."""

import math
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, Literal

Type = Literal["integer", "number", "string", "boolean", "object", "array", "any"]
Check = Callable[[Any], str | None]

MOST_WORDS = 20  # of an enum in an error
TOLERANCE = 1e-6  # of a step: 0.29 / 0.01 is not quite 29
INT64_END = 2.0**63  # JSON readers make a float of an integer that is much larger

JSON_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
# Values of exactly these types need no second look; a float may still be infinite, and an int may be a bool.
PLAIN: dict[str, frozenset[type]] = {
    "integer": frozenset({int}),
    "number": frozenset({int}),
    "string": frozenset({str}),
    "boolean": frozenset({bool}),
    "object": frozenset({dict}),
    "array": frozenset({list}),
    "any": frozenset(),
}
ARTICLE = {"integer": "an integer", "boolean": "true or false", "object": "an object", "array": "a list"}


def is_type(value: object, kind: Type) -> bool:
    """JSON's types, told apart as JSON does: `true` is no number, 1.0 is no integer, NaN is nothing."""
    if kind == "any":
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, JSON_TYPES[kind])


def make_check(
    kind: Type = "any",
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    words: Sequence[Any] = (),
    min_length: int = 0,
    max_length: int | None = None,
    max_items: int | None = None,
) -> Check:
    """One function for a parameter's whole legality; ranges are inclusive, lengths in characters."""
    allowed = tuple(words)
    plain = PLAIN[kind]

    def check(value: Any) -> str | None:  # noqa: PLR0911 - one return a reason
        if type(value) not in plain and not is_type(value, kind):
            too_long = kind == "integer" and isinstance(value, float) and abs(value) >= INT64_END
            return f"must be {ARTICLE.get(kind, f'a {kind}')}{' of at most 64 bits' if too_long else ''}"
        if allowed and value not in allowed:
            return f"must be one of {listed(value, allowed)}"
        if low is not None and value < low:
            return f"must be {span(low, high)}"
        if high is not None and value > high:
            return f"must be {span(low, high)}"
        if step is not None and abs(value / step - round(value / step)) > TOLERANCE:
            return f"must be a multiple of {step}, such as {round(round(value / step) * step, 9):g}"
        if max_length is not None and len(value) > max_length:
            return f"is {len(value)} characters long; at most {max_length} are allowed"
        if min_length and len(value) < min_length:
            return "must not be empty"
        if max_items is not None and len(value) > max_items:
            return f"has {len(value)} items; at most {max_items} are allowed"
        return None

    return check


def listed(value: Any, words: Sequence[Any]) -> str:
    """The legal words; of very many those that are most like the value, and how many others there are."""
    if len(words) <= MOST_WORDS:
        return ", ".join(map(str, words))
    by_case = {str(word).casefold(): str(word) for word in words}
    near = get_close_matches(str(value)[:100].casefold(), by_case, n=MOST_WORDS // 2, cutoff=0.4)
    first = dict.fromkeys([*(by_case[word] for word in near), *map(str, words)])
    named = list(first)[:MOST_WORDS]
    return f"{', '.join(named)} and {len(words) - len(named)} others, which /v1/models lists"


def span(low: float | None, high: float | None) -> str:
    """`from 1 to 10`, or the one-sided form."""
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def make_schema(
    kind: Type = "any",
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    words: Sequence[Any] = (),
    min_length: int = 0,
    max_length: int | None = None,
    max_items: int | None = None,
) -> dict[str, Any]:
    """The same limits as a JSON Schema, for those who ask what is legal."""
    limits = {
        "type": None if kind == "any" else kind,
        "minimum": low,
        "maximum": high,
        "multipleOf": step,
        "enum": list(words) or None,
        "minLength": min_length or None,
        "maxLength": max_length,
        "maxItems": max_items,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}
