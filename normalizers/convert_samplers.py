"""A sampler and its noise schedule: one word of ours, or two, into the two fields that a provider has for them."""

from collections.abc import Mapping
from typing import Any

from normalizers.errors import CannotConvert


def sampler_and_schedule(value: str, table: Mapping[str, Any]) -> dict[str, str]:
    """`euler_a/karras` -> `{"sampleMethod": "euler_a", "schedule": "karras"}`; either part may be left out.

    The table names the fields in `sampler_to` and `schedule_to`, and the provider's words for ours in `samplers` and
    `schedules`.
    """
    sampler, slash, schedule = (part.strip().lower().replace(" ", "_") for part in value.partition("/"))
    fields: dict[str, str] = {}
    if sampler:
        fields[table["sampler_to"]] = word(sampler, table["samplers"], "sampler")
    if schedule:
        fields[table["schedule_to"]] = word(schedule, table["schedules"], "schedule")
    if not fields or (slash and not schedule):
        raise CannotConvert("must be a sampler such as euler, or a sampler and a schedule such as euler/karras")
    return fields


def word(ours: str, words: Mapping[str, str], what: str) -> str:
    if ours not in words:
        raise CannotConvert(f"names an unknown {what}; known are {', '.join(words)}")
    return words[ours]
