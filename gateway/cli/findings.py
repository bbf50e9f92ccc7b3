"""What can be said about a configuration without asking anyone: its tables, routes, addresses and keys."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.jobs.hook_tokens import is_callable
from gateway.otlp import MISSING, installed
from gateway.settings import Settings
from normalizers.errors import TableError
from providers.base_urls import check_base_url
from providers.registry import CALLS_BACK, ProviderSettings, read_catalog

Verdict = Literal["fine", "off", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `told` says of a wrong one what to do."""

    verdict: Verdict
    what: str
    told: str


def of_configuration(settings: Settings) -> list[Finding]:
    """Every finding that the configuration alone gives away."""
    providers = settings.provider_settings()
    return [*of_mistakes(settings), *(of_key(provider, settings) for provider in providers.values())]


def of_mistakes(settings: Settings) -> list[Finding]:
    """What no gateway should start with when it is wrong. A missing key is none: that provider is off."""
    providers = settings.provider_settings()
    offered: dict[str, set[str]] = {}
    findings: list[Finding] = []
    for name, provider in providers.items():
        # Each provider's table by itself, so that one bad row does not hide another.
        try:
            catalog = read_catalog({name: provider}, {})
        except TableError as wrong:
            findings.append(Finding("wrong", "catalog", str(wrong)))
        else:
            for model in catalog.entries:
                offered.setdefault(model, set()).add(name)
    findings.append(Finding("fine", "catalog", f"{len(offered)} models"))
    findings.extend(of_routes(settings, offered))
    findings.extend(finding for provider in providers.values() for finding in of_addresses(provider))
    findings.extend(of_hooks(settings))
    findings.extend(of_traces(settings))
    return findings


def of_routes(settings: Settings, offered: Mapping[str, set[str]]) -> Iterator[Finding]:
    """A route that leads nowhere would show only when somebody asks for the model."""
    for model, route in settings.models.items():
        if model not in offered:
            yield Finding("wrong", f"models.{model}", "no provider offers it; `easel models` lists what there is")
            continue
        strangers = [name for name in route.route or () if name not in offered[model]]
        if strangers:
            known = ", ".join(sorted(offered[model]))
            yield Finding("wrong", f"models.{model}.route", f"{', '.join(strangers)} does not offer it; use {known}")


def of_addresses(provider: ProviderSettings) -> Iterator[Finding]:
    """Only what is wrong: https, or http on loopback or with allow_http."""
    named = {"base_url": provider.base_url, "queue_url": provider.queue_url, "rest_url": provider.rest_url}
    workers = [*provider.workers, *(server.url for server in provider.foreign)]
    for field, url in [*named.items(), *(("workers", url) for url in workers)]:
        try:
            if url is not None:
                check_base_url(url, allow_http=provider.allow_http)
        except ValueError as problem:
            yield Finding("wrong", f"providers.{provider.name}.{field}", str(problem))


def of_hooks(settings: Settings) -> Iterator[Finding]:
    """Nobody would notice that webhooks do not come: the pictures do."""
    for name in (name for name, provider in settings.providers.items() if provider.webhooks):
        where = f"providers.{name}.webhooks"
        if name not in CALLS_BACK:
            yield Finding("wrong", where, f"{name} sends none; {', '.join(sorted(CALLS_BACK))} do")
        elif not is_callable(settings.server.public_url or ""):
            remedy = "set server.public_url to the https address at which the provider reaches this gateway"
            yield Finding("wrong", where, remedy)


def of_traces(settings: Settings) -> Iterator[Finding]:
    """Where they go stands in the environment, perhaps with a password, and is not told."""
    if settings.telemetry.traces == "otlp":
        there = installed()
        yield Finding("fine" if there else "wrong", "telemetry.traces", "can be sent" if there else MISSING)


def of_key(provider: ProviderSettings, settings: Settings) -> Finding:
    """Whether a provider has what it needs; one that the configuration names is meant to."""
    where = f"providers.{provider.name}"
    if provider.kind == "local" and not provider.configured:
        return Finding("fine", where, "the sketch engine; `easel serve` runs its worker")
    if provider.configured:
        return Finding("fine", where, "has what it needs")
    if provider.name in settings.providers:
        return Finding("wrong", where, f"has no key; {provider.remedy}")
    return Finding("off", where, provider.remedy)
