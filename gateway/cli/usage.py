"""`easel usage`: what was spent, of all teams with an admin's key, of one's own team with any other."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import typer

from gateway.cli import options
from gateway.cli.client import GatewayFailed
from gateway.cli.tenants import connected, moment_words
from gateway.cli.terminal import out, plain, say, say_json, table
from gateway.rows.words import money

Answer = TypeVar("Answer")

ALL_TEAMS, OWN_TEAM = "/v1/admin/usage", "/v1/usage"
MEGAPIXEL = 1024 * 1024
MICROS = 1_000_000
# Shown where there is any of it.
RARE = ("cached_images", "assumed_micros", "own_key_micros", "unpriced_images")
COLUMNS = {
    "requests": "requests",
    "images": "images",
    "cached_images": "cached",
    "pixels": "megapixels",
    "cost_micros": "cost",
    "assumed_micros": "assumed",
    "own_key_micros": "own keys",
    "unpriced_images": "price unknown",
}


def command(
    *,
    from_: Annotated[str | None, typer.Option("--from", metavar="WHEN", help="2026-11-01, or Unix seconds.")] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="WHEN", help="2026-11-30 (with that day), or Unix seconds.")
    ] = None,
    team: Annotated[str | None, typer.Option("-t", "--team", help="Its id or name.")] = None,
    key: Annotated[str | None, typer.Option("-k", "--key", help="Its id or name.")] = None,
    model: Annotated[str | None, typer.Option("-m", "--model", help="A model's public id.")] = None,
    provider: Annotated[str | None, typer.Option("-p", "--provider", help="A provider's name.")] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option("-g", "--group-by", help="day, month, team, key, model, provider; repeatable, or with commas."),
    ] = None,
    format: Annotated[Literal["table", "json", "csv"], typer.Option("--format", help="How to print it.")] = "table",
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show what was spent: of all teams with an admin's key, of your own team with any other."""
    query = {
        "from": from_,
        "to": to,
        "team": team,
        "key": key,
        "model": model,
        "provider": provider,
        "group_by": ",".join(group_by) if group_by else None,
    }
    if format == "csv":
        query["format"] = "csv"
        text = connected(lambda gateway: asked(lambda path: gateway.text(path, query)), url, api_key)
        typer.echo(text, nl=False)
        return
    told = connected(lambda gateway: asked(lambda path: gateway.ask("GET", path, query=query)), url, api_key)
    if format == "json":
        say_json(told)
    else:
        show(told)


def asked(question: Callable[[str], Answer]) -> Answer:
    """Of all teams, if the key may see them."""
    try:
        return question(ALL_TEAMS)
    except GatewayFailed as failed:
        if failed.code != "not_allowed":
            raise
    return question(OWN_TEAM)


def show(told: Mapping[str, Any]) -> None:
    """A line for each group, and their sum; requests are not added up, because one may be in several groups."""
    rows: list[dict[str, Any]] = told["data"]
    if narrowed := about(told):
        say(plain(narrowed))
    groups: list[str] = told["group_by"]
    columns = [name for name in COLUMNS if name not in RARE or any(row[name] for row in rows)]
    lines = [
        [*(group_words(row, name) for name in groups), *(words(row[name], name) for name in columns)] for row in rows
    ]
    if len(rows) > 1:
        sums = {name: sum(row[name] for row in rows) for name in columns}
        added = ["" if name == "requests" else words(sums[name], name) for name in columns]
        lines.append(["together", *[""] * (len(groups) - 1), *added])
    out().print(table([*groups, *(COLUMNS[name] for name in columns)], lines))


def about(told: Mapping[str, Any]) -> str:
    """`from 2026-11-01 00:00 UTC, model qwen-image`: nothing where it is about everything."""
    times = [f"{name} {moment_words(told[name])}" for name in ("from", "to") if told[name] is not None]
    others = [f"{name} {told[name]}" for name in ("team", "key", "model", "provider") if told[name] is not None]
    return ", ".join([*times, *others])


def group_words(row: Mapping[str, Any], name: str) -> str:
    """A team or key by its name, if it has one."""
    return row.get(f"{name}_name") or row[name]


def words(value: int, name: str) -> str:
    if name.endswith("_micros"):
        return money(value / MICROS)
    return f"{value / MEGAPIXEL:.2f}" if name == "pixels" else str(value)
