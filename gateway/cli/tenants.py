"""Teams and keys at a running gateway: found by what people call them, and told in words."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from gateway.cli.client import Gateway, GatewayFailed
from gateway.cli.terminal import fail, plain
from gateway.rows.words import money

Answer = TypeVar("Answer")

TEAMS, KEYS = "/v1/admin/teams", "/v1/admin/keys"
PAGE = 100
MOMENTS = {"created", "last_used", "expires_at", "revoked"}
PERIODS = {"day": "a day", "month": "a month", "total": "in total"}
LIMITS = {
    "requests_per_minute": "requests a minute",
    "images_per_minute": "images a minute",
    "megapixels_per_minute": "megapixels a minute",
    "max_concurrent_images": "images at once",
}


def connected(work: Callable[[Gateway], Answer], url: str | None, key: str | None) -> Answer:
    """What the work comes to; what goes wrong is told, and ends the command."""
    try:
        with Gateway(url, key) as gateway:
            return work(gateway)
    except GatewayFailed as failed:
        fail([plain(line) for line in str(failed).splitlines()])


def everything(gateway: Gateway, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Page after page, the newest first."""
    after = None
    while True:
        page = gateway.ask("GET", path, query={**query, "limit": PAGE, "after": after})
        yield from page["data"]
        if not page["has_more"]:
            return
        after = page["last_id"]


def team_path(team: str) -> str:
    """By its id or name."""
    return f"{TEAMS}/{quote(team, safe='')}"


def only_team(gateway: Gateway) -> str:
    """The id of the one that there is to see: a team admin sees no other."""
    teams = list(everything(gateway, TEAMS))
    if len(teams) != 1:
        raise GatewayFailed(f"name the team with --team: {', '.join(sorted(each['name'] for each in teams))}")
    return teams[0]["id"]


def key_path(gateway: Gateway, key: str, team: str | None = None) -> str:
    """By its id, or by its name among those that are not revoked."""
    if key.startswith("key_"):
        return f"{KEYS}/{quote(key, safe='')}"
    found = [each for each in everything(gateway, KEYS, team=team) if each["name"] == key and not each["revoked"]]
    if not found:
        raise GatewayFailed(f"there is no key called {key}")
    if len(found) > 1:
        raise GatewayFailed(
            f"{len(found)} keys are called {key}; give the id: {', '.join(each['id'] for each in found)}"
        )
    return f"{KEYS}/{found[0]['id']}"


def bounds_words(row: Mapping[str, Any]) -> str:
    """`$50 a month, 60 requests a minute, models qwen-*`: what a team or key may; nothing where it may everything."""
    said: list[str] = []
    if row["budget_usd"] is not None:
        said.append(f"{money(row['budget_usd'])} {PERIODS[row['budget_period']]}")
    said += [f"{row[name]:g} {words}" for name, words in LIMITS.items() if row[name] is not None]
    said += [f"{name} {' '.join(row[name])}" for name in ("models", "providers") if row[name] is not None]
    return ", ".join(said)


def state_words(row: Mapping[str, Any]) -> str:
    """Whether it opens anything, and until when."""
    if row.get("revoked"):
        return f"revoked {day(row['revoked'])}"
    if row["disabled"]:
        return "disabled"
    expires = row.get("expires_at")
    if expires is None:
        return "active"
    return f"{'expired' if expires <= time.time() else 'until'} {moment_words(expires)}"


def fields_of(row: Mapping[str, Any]) -> list[list[object]]:
    """Name and value of all that is set."""
    return [
        [name, moment_words(value) if name in MOMENTS else value]
        for name, value in row.items()
        if value is not None and name != "object"
    ]


def is_over(row: Mapping[str, Any]) -> bool:
    """Revoked or expired: it is of no use to anybody."""
    return bool(row["revoked"]) or (row["expires_at"] is not None and row["expires_at"] <= time.time())


def day(moment: float | None) -> str:
    """UTC's."""
    return "" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def moment_words(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
