"""`easel teams`: who shares keys, pictures and a budget."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gateway.cli import fields, options
from gateway.cli.tenants import TEAMS, bounds_words, connected, day, everything, fields_of, state_words, team_path
from gateway.cli.terminal import note, out, plain, say, say_json, table

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Team = Annotated[str, typer.Argument(metavar="TEAM", help="Its id or name.")]


@commands.command("list")
def list_(*, as_json: options.AsJson = False, url: options.Url = None, api_key: options.ApiKey = None) -> None:
    """List the teams, the newest first."""
    teams = connected(lambda gateway: list(everything(gateway, TEAMS)), url, api_key)
    if as_json:
        say_json(teams)
        return
    rows = [[each["name"], each["id"], bounds_words(each), state_words(each), day(each["created"])] for each in teams]
    out().print(table(["team", "id", "may", "state", "created"], rows))


@commands.command()
def create(
    *,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    budget_usd: fields.BudgetUsd = None,
    budget_period: fields.BudgetPeriod = None,
    models: fields.Models = None,
    providers: fields.Providers = None,
    requests_per_minute: fields.RequestsPerMinute = None,
    images_per_minute: fields.ImagesPerMinute = None,
    megapixels_per_minute: fields.MegapixelsPerMinute = None,
    max_concurrent_images: fields.MaxConcurrentImages = None,
    image_ttl: fields.ImageTtl = None,
    job_ttl: fields.JobTtl = None,
    disabled: fields.Disabled = None,
    more: fields.More = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Make a team; its id goes to standard output."""
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
        budget_period=budget_period,
        disabled=disabled,
    )
    team = connected(lambda gateway: gateway.ask("POST", TEAMS, body), url, api_key)
    if as_json:
        say_json(team)
        return
    note(in_words(team))
    say(plain(team["id"]))


@commands.command()
def show(
    *, team: Team, as_json: options.AsJson = False, url: options.Url = None, api_key: options.ApiKey = None
) -> None:
    """Show a team."""
    found = connected(lambda gateway: gateway.ask("GET", team_path(team)), url, api_key)
    if as_json:
        say_json(found)
    else:
        out().print(table(["field", "value"], fields_of(found)))


@commands.command()
def change(
    *,
    team: Team,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    budget_usd: fields.BudgetUsd = None,
    budget_period: fields.BudgetPeriod = None,
    models: fields.Models = None,
    providers: fields.Providers = None,
    requests_per_minute: fields.RequestsPerMinute = None,
    images_per_minute: fields.ImagesPerMinute = None,
    megapixels_per_minute: fields.MegapixelsPerMinute = None,
    max_concurrent_images: fields.MaxConcurrentImages = None,
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
        budget_period=budget_period,
        disabled=disabled,
    )
    changed = connected(lambda gateway: gateway.ask("PATCH", team_path(team), body), url, api_key)
    if as_json:
        say_json(changed)
    else:
        say(in_words(changed))


def in_words(team: Mapping[str, Any]) -> str:
    return plain(f"team {team['name']} ({team['id']}), {state_words(team)}: {bounds_words(team) or 'no bounds'}")
