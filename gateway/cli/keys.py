"""`easel keys`: handed out, changed, rotated and revoked. A key goes to standard output alone, once."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gateway.cli import fields, options
from gateway.cli.client import Gateway, GatewayFailed
from gateway.cli.tenants import (
    KEYS,
    TEAMS,
    bounds_words,
    connected,
    day,
    everything,
    fields_of,
    is_over,
    key_path,
    only_team,
    state_words,
    team_path,
)
from gateway.cli.terminal import note, out, plain, say, say_json, table

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Key = Annotated[str, typer.Argument(metavar="KEY", help="Its id, or its name.")]
Team = Annotated[str | None, typer.Option("-t", "--team", metavar="TEAM", help="A team's id or name.")]


@commands.command("list")
def list_(
    *,
    team: Team = None,
    with_ended: Annotated[bool, typer.Option("--all", help="Also those that are revoked or expired.")] = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List the keys, the newest first."""

    def found(gateway: Gateway) -> tuple[list[dict[str, Any]], dict[str, str]]:
        keys = [each for each in everything(gateway, KEYS, team=team) if with_ended or not is_over(each)]
        return keys, {} if as_json else {each["id"]: each["name"] for each in everything(gateway, TEAMS)}

    keys, teams = connected(found, url, api_key)
    if as_json:
        say_json(keys)
        return
    rows = [
        [
            each["name"],
            teams.get(each["team"], each["team"]),
            each["id"],
            f"{each['prefix']}…",
            each["role"],
            bounds_words(each),
            state_words(each),
            day(each["last_used"]) or "never",
        ]
        for each in keys
    ]
    out().print(table(["key", "team", "id", "begins", "role", "may", "state", "last used"], rows))


@commands.command()
def create(
    *,
    name: Annotated[str, typer.Argument(help="What people call it: who has it, or what it is for.")],
    team: Team = None,
    create_team: Annotated[bool, typer.Option("--create-team", help="Make the team if it is not there.")] = False,
    role: fields.Role = None,
    expires: fields.Expires = None,
    budget_usd: fields.BudgetUsd = None,
    budget_period: fields.BudgetPeriod = None,
    models: fields.Models = None,
    providers: fields.Providers = None,
    requests_per_minute: fields.RequestsPerMinute = None,
    images_per_minute: fields.ImagesPerMinute = None,
    megapixels_per_minute: fields.MegapixelsPerMinute = None,
    max_concurrent_images: fields.MaxConcurrentImages = None,
    strict: fields.Strict = None,
    response_format: fields.ResponseFormat = None,
    join_retries: fields.JoinRetries = None,
    share_cache: fields.ShareCache = None,
    image_ttl: fields.ImageTtl = None,
    job_ttl: fields.JobTtl = None,
    disabled: fields.Disabled = None,
    more: fields.More = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Make a key and print it: KEY=$(easel keys create ada --team acme). It is shown only now.

    Without --team it is one of the only team that there is.
    """
    body = fields.body(
        more,
        name=name,
        budget_usd=budget_usd,
        requests_per_minute=requests_per_minute,
        images_per_minute=images_per_minute,
        megapixels_per_minute=megapixels_per_minute,
        max_concurrent_images=max_concurrent_images,
        image_ttl=image_ttl,
        job_ttl=job_ttl,
        models=models,
        providers=providers,
        expires_at=expires,
        budget_period=budget_period,
        role=role,
        strict=strict,
        response_format=response_format,
        join_retries=join_retries,
        share_cache=share_cache,
        disabled=disabled,
    )
    if create_team and team is None:
        raise typer.BadParameter("needs --team with the name of the team", param_hint="--create-team")

    def make(gateway: Gateway) -> dict[str, Any]:
        wanted = only_team(gateway) if team is None else team
        if create_team:
            make_sure_of(gateway, wanted)
        return gateway.ask("POST", KEYS, {"team": wanted, **body})

    hand_over(connected(make, url, api_key), as_json=as_json)


@commands.command()
def show(
    *,
    key: Key,
    team: Team = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show a key, without the key itself."""
    found = connected(lambda gateway: gateway.ask("GET", key_path(gateway, key, team)), url, api_key)
    if as_json:
        say_json(found)
    else:
        out().print(table(["field", "value"], fields_of(found)))


@commands.command()
def change(
    *,
    key: Key,
    team: Team = None,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    role: fields.Role = None,
    expires: fields.Expires = None,
    budget_usd: fields.BudgetUsd = None,
    budget_period: fields.BudgetPeriod = None,
    models: fields.Models = None,
    providers: fields.Providers = None,
    requests_per_minute: fields.RequestsPerMinute = None,
    images_per_minute: fields.ImagesPerMinute = None,
    megapixels_per_minute: fields.MegapixelsPerMinute = None,
    max_concurrent_images: fields.MaxConcurrentImages = None,
    strict: fields.Strict = None,
    response_format: fields.ResponseFormat = None,
    join_retries: fields.JoinRetries = None,
    share_cache: fields.ShareCache = None,
    image_ttl: fields.ImageTtl = None,
    job_ttl: fields.JobTtl = None,
    disabled: fields.Disabled = None,
    more: fields.More = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Change what is given, and leave the rest as it is."""
    body = fields.body(
        more,
        name=name,
        budget_usd=budget_usd,
        requests_per_minute=requests_per_minute,
        images_per_minute=images_per_minute,
        megapixels_per_minute=megapixels_per_minute,
        max_concurrent_images=max_concurrent_images,
        image_ttl=image_ttl,
        job_ttl=job_ttl,
        models=models,
        providers=providers,
        expires_at=expires,
        budget_period=budget_period,
        role=role,
        strict=strict,
        response_format=response_format,
        join_retries=join_retries,
        share_cache=share_cache,
        disabled=disabled,
    )
    changed = connected(lambda gateway: gateway.ask("PATCH", key_path(gateway, key, team), body), url, api_key)
    if as_json:
        say_json(changed)
    else:
        say(in_words(changed))


@commands.command()
def rotate(
    *,
    key: Key,
    team: Team = None,
    grace: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long the old one still works: seconds, 12h, 7d.")
    ] = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Print a new key in the place of an old one, with the same rights."""
    body = fields.body(None, grace_seconds=grace)
    rotated = connected(
        lambda gateway: gateway.ask("POST", f"{key_path(gateway, key, team)}/rotate", body), url, api_key
    )
    hand_over(rotated, as_json=as_json)


@commands.command()
def revoke(*, key: Key, team: Team = None, url: options.Url = None, api_key: options.ApiKey = None) -> None:
    """End a key, for good and at once."""

    def end(gateway: Gateway) -> str:
        path = key_path(gateway, key, team)
        gateway.tell("DELETE", path)
        return path.rpartition("/")[2]

    say(f"{connected(end, url, api_key)} is revoked")


def make_sure_of(gateway: Gateway, team: str) -> None:
    """That it is there."""
    try:
        gateway.ask("GET", team_path(team))
    except GatewayFailed as failed:
        if failed.code != "not_found":
            raise
        gateway.ask("POST", TEAMS, {"name": team})
        note(f"team {plain(team)} is made")


def hand_over(made: Mapping[str, Any], *, as_json: bool) -> None:
    """The key on standard output, where a script reads it; all else beside it."""
    if as_json:
        say_json(made)
        return
    note(in_words(made))
    note("It is shown only now. In a script: KEY=$(easel keys create …)")
    say(plain(made["key"]))


def in_words(key: Mapping[str, Any]) -> str:
    who = f"key {key['name']} ({key['id']}) of {key['team']}, {key['role']}, {state_words(key)}"
    return plain(f"{who}: {bounds_words(key) or 'no bounds of its own'}")
