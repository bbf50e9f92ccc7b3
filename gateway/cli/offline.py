"""Models and plans from the tables of this installation, in the shapes in which a gateway would answer them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.cli.client import GatewayFailed
from gateway.flow.order import default_response_format
from gateway.settings import ConfigurationError, Settings, read_settings
from normalizers.asked import Asked, Options, read_asked
from normalizers.catalog import Catalog, Entry, UnknownModel
from normalizers.errors import NormalizerError, Refused, TableError
from normalizers.offer import Offer
from normalizers.plan import Plan, plan
from normalizers.price import MICROS, Price
from normalizers.rules import ABSENT, Rule
from providers.registry import ProviderSettings, read_catalog


class Tables:
    """What this installation knows without a gateway: the catalog, and which providers are configured here."""

    def __init__(self, settings: Settings) -> None:
        """Raises GatewayFailed for a table that is wrong."""
        self.settings = settings
        self.providers = settings.provider_settings()
        try:
            self.catalog = catalog_of(settings, self.providers)
        except TableError as wrong:
            raise GatewayFailed(str(wrong)) from wrong

    @classmethod
    def read(cls, config: Path | None = None) -> "Tables":
        """Raises GatewayFailed, with a line for each problem of the configuration."""
        try:
            return cls(read_settings(config))
        except ConfigurationError as wrong:
            raise GatewayFailed("\n".join(wrong.problems)) from wrong

    def models(self) -> list[dict[str, Any]]:
        return [self.told(entry) for entry in self.catalog.entries.values()]

    def model(self, id: str) -> dict[str, Any]:
        """Raises GatewayFailed, naming the nearest ids."""
        try:
            return self.told(self.catalog.find(id, "generate").entry)
        except UnknownModel as unknown:
            raise GatewayFailed(str(unknown)) from unknown

    def plan(self, body: dict[str, Any], *, strict: bool) -> dict[str, Any]:
        """Raises GatewayFailed for what no provider could mend."""
        try:
            asked = read_asked(body)
            found = self.catalog.find(asked.model, "generate")
            wanted = default_response_format(asked.model, self.settings.defaults.response_format)
            keep, strict = self.settings.storage.keep, strict or self.settings.defaults.strict
            options = Options(response_format=wanted, keep=keep, strict=strict)
            candidates = [self.candidate(asked, offer, options) for offer in found.offers]
        except NormalizerError as wrong:
            raise GatewayFailed(str(wrong)) from wrong
        return {"object": "image.plan", "model": asked.model, "operation": "generate", "candidates": candidates}

    def candidate(self, asked: Asked, offer: Offer, options: Options) -> dict[str, Any]:
        """One provider's part in a plan; what it refuses excludes it."""
        about = self.about(offer)
        try:
            made = plan(asked, offer, options, self.catalog.known)
        except Refused as refused:
            excluded = {"param": refused.param, "reason": refused.reason, "code": "unsupported_parameter"}
            return {**about, "excluded": excluded}
        return {**about, "excluded": None, **planned(made)}

    def told(self, entry: Entry) -> dict[str, Any]:
        facts = entry.facts
        offers = [
            {
                **self.about(offer),
                "operation": offer.operation,
                "upstream": offer.upstream,
                "source": offer.source,
                "checked": offer.checked,
                "parameters": {name: row(rule) for name, rule in offer.rules.items()},
                "n": {"max_per_call": offer.count.max},
                "output_formats": {"native": list(offer.output.native)},
                "price": price(offer.price),
            }
            for offer in entry.offers
        ]
        return {"id": facts.id, "object": "model", "owned_by": facts.owner, "title": facts.title, "providers": offers}

    def about(self, offer: Offer) -> dict[str, Any]:
        provider = self.providers[offer.provider]
        return {
            "provider": offer.provider,
            "provider_name": provider.title,
            "id": offer.id,
            # The sketch engine needs nothing: `easel serve` starts a worker for it.
            "available": provider.configured or provider.kind == "local",
        }


def catalog_of(settings: Settings, providers: Mapping[str, ProviderSettings]) -> Catalog:
    """Raises TableError."""
    routes = {name: tuple(route.route) for name, route in settings.models.items() if route.route is not None}
    return read_catalog(providers, routes)


def planned(made: Plan) -> dict[str, Any]:
    micros = None if made.price is None else made.price * made.n
    return {
        "calls": [
            {"upstream": made.offer.upstream, "images": len(call.indexes), "seed": call.seed, "body": call.payload}
            for call in made.calls()
        ],
        "parameters": [decision._asdict() for decision in made.decisions],
        "defaults": [default._asdict() for default in made.defaults],
        "cost": None if micros is None else micros / MICROS,
        "price": price(made.offer.price),
    }


def row(rule: Rule) -> dict[str, Any]:
    told: dict[str, Any] = {"behavior": rule.how, "sent_as": rule.sent_as}
    if rule.default is not ABSENT:
        told["default"] = rule.default
    return {**told, "note": rule.because} if rule.because else told


def price(known: Price) -> dict[str, float | None]:
    return {
        "per_image": known.per_image / MICROS if known.known else None,
        "per_megapixel": known.per_megapixel / MICROS if known.known else None,
        "max": None if known.max is None else known.max / MICROS,
    }
