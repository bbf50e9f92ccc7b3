"""Token counts of several calls, added up as OpenAI reports them for one.

There are two levels: counts, and objects of counts such as `input_tokens_details`. What else a provider writes there
is left out: no usage is worth the pictures that it comes with.
"""

from typing import TypeGuard, cast

MOST = 2**40  # tokens; a sum of such counts is still a number of JSON

Counts = dict[str, int]
Usage = dict[str, int | Counts]


def add_usage(before: Usage | None, told: object) -> Usage | None:
    """`told` is what one more answer holds under `usage`; None as long as no answer held any."""
    if not isinstance(told, dict):
        return before
    total: Usage = dict(before or {})
    for name, value in cast("dict[str, object]", told).items():
        known = total.get(name)
        if isinstance(value, dict) and not isinstance(known, int):
            total[name] = add_counts(known or {}, cast("dict[str, object]", value))
        elif not isinstance(known, dict) and is_count(cast("object", value)):
            total[name] = (known or 0) + cast("int", value)
    return total


def add_counts(before: Counts, told: dict[str, object]) -> Counts:
    return before | {name: before.get(name, 0) + value for name, value in told.items() if is_count(value)}


def is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST
