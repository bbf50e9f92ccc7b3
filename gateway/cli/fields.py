"""The options that bound teams and keys, the same for both, and the fields that they become.

`none` takes a bound away. What a value may be the gateway says: here it is only read.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from gateway.cli.options import one_more

NONE = "none"
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

BudgetUsd = Annotated[str | None, typer.Option(metavar="USD", help="What may be spent in a period; or none.")]
BudgetPeriod = Annotated[str | None, typer.Option(metavar="PERIOD", help="day, month or total; otherwise month.")]
Models = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Allowed models, such as 'qwen-*' or 'fal/*'; repeatable, or with commas. '*': all."
    ),
]
Providers = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Allowed providers; repeatable, or with commas. '*': all.")
]
RequestsPerMinute = Annotated[str | None, typer.Option(metavar="N", help="At most so many; or none.")]
ImagesPerMinute = Annotated[str | None, typer.Option(metavar="N", help="At most so many; or none.")]
MegapixelsPerMinute = Annotated[str | None, typer.Option(metavar="N", help="At most so many; or none.")]
MaxConcurrentImages = Annotated[str | None, typer.Option(metavar="N", help="At most so many at once; or none.")]
ImageTtl = Annotated[
    str | None, typer.Option(metavar="TIME", help="How long pictures are kept: seconds, 12h, 30d; or none.")
]
JobTtl = Annotated[str | None, typer.Option(metavar="TIME", help="How long finished jobs are kept.")]
Disabled = Annotated[bool | None, typer.Option("--disabled/--enabled", help="Whether it opens nothing for now.")]
Role = Annotated[str | None, typer.Option(metavar="ROLE", help="user, team_admin or admin.")]
Expires = Annotated[
    str | None, typer.Option(metavar="WHEN", help="2026-12-31 (its end, UTC), 30d from now, Unix seconds; or none.")
]
Strict = Annotated[bool | None, typer.Option("--strict/--no-strict", help="An error instead of a dropped value.")]
ResponseFormat = Annotated[str | None, typer.Option(metavar="FORMAT", help="url, b64_json or both, as default.")]
JoinRetries = Annotated[
    bool | None, typer.Option("--join-retries/--no-join-retries", help="An SDK's retry joins the first request's job.")
]
ShareCache = Annotated[
    bool | None, typer.Option("--share-cache/--own-cache", help="Whether cached pictures are shared with its team.")
]
More = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=JSON", help="Any field as in the API; repeatable.")
]


def body(more: list[str] | None, **given: Any) -> dict[str, Any]:
    """The fields that were given, as the API has them. Raises typer.BadParameter."""
    fields = {name: read(name, value) for name, value in given.items() if value is not None}
    return fields | dict(map(one_more, more or []))


def read(name: str, value: Any) -> Any:
    """Raises typer.BadParameter, which names the option."""
    reader = READERS.get(name)
    if reader is None:
        return value
    if value == NONE:
        return None
    try:
        return reader(value)
    except ValueError as wrong:
        raise typer.BadParameter(f"{value!r} is not {wrong}, nor none", param_hint=OPTIONS.get(name)) from None


def number(text: str) -> int | float:
    if not NUMBER.fullmatch(text):
        raise ValueError("a number")
    return int(text) if text.lstrip("-").isdigit() else float(text)


def seconds(text: str) -> int:
    """Also as `90m` or `30d`."""
    duration = DURATION.fullmatch(text)
    if duration:
        return int(duration[1]) * SECONDS[duration[2]]
    if not text.isdigit():
        raise ValueError("seconds, or a time such as 12h or 30d")
    return int(text)


def moment(text: str) -> int:
    """Unix seconds: the end of a day, or so long from now."""
    if text.isdigit():
        return int(text)
    if DURATION.fullmatch(text):
        return int(time.time()) + seconds(text)
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) + SECONDS["d"]
    except ValueError:
        raise ValueError("a day such as 2026-12-31, a time such as 30d, or Unix seconds") from None


def names(given: list[str]) -> list[str] | None:
    """None for the star alone, which is all."""
    found = [name.strip() for each in given for name in each.split(",") if name.strip()]
    return None if found == ["*"] else found


READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("budget_usd", "requests_per_minute", "images_per_minute"), number),
    **dict.fromkeys(("megapixels_per_minute", "max_concurrent_images"), number),
    **dict.fromkeys(("image_ttl", "job_ttl", "grace_seconds"), seconds),
    **dict.fromkeys(("models", "providers"), names),
    "expires_at": moment,
}
OPTIONS = {name: f"--{name.replace('_', '-')}" for name in READERS} | {
    "expires_at": "--expires",
    "grace_seconds": "--grace",
}
