"""Models and plans from the tables of this installation, in the shapes in which a gateway would answer them."""

from pathlib import Path
from typing import Any

from gateway.cli.client import GatewayFailed
from gateway.flow.order import default_response_format
from gateway.flow.routing import Routing
from gateway.rows.models import model_row
from gateway.rows.plans import excluded_row, plan_answer, planned_row
from gateway.settings import ConfigurationError, Settings, read_settings
from normalizers.asked import Asked, Options, read_asked
from normalizers.catalog import UnknownModel
from normalizers.errors import NormalizerError, Refused, TableError
from normalizers.offer import Offer
from normalizers.plan import Plan, plan
from providers.registry import read_catalog


class Tables:
    """What this installation knows without a gateway: the catalog, and which providers are configured here."""

    def __init__(self, settings: Settings) -> None:
        """Raises GatewayFailed for a table that is wrong."""
        self.settings = settings
        providers = settings.provider_settings()
        self.titles = {name: provider.title for name, provider in providers.items()}
        # The sketch engine needs nothing: `easel serve` starts a worker for it.
        self.available = {
            name for name, provider in providers.items() if provider.configured or provider.kind == "local"
        }
        try:
            self.catalog = read_catalog(providers, settings.routes())
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
        return [model_row(entry, self.titles, self.available) for entry in self.catalog.entries.values()]

    def model(self, id: str) -> dict[str, Any]:
        """Raises GatewayFailed, naming the nearest ids."""
        try:
            entry = self.catalog.find(id, "generate").entry
        except UnknownModel as unknown:
            raise GatewayFailed(str(unknown)) from unknown
        return model_row(entry, self.titles, self.available)

    def plan(self, body: dict[str, Any], *, strict: bool) -> dict[str, Any]:
        """Also for providers that are not configured. Raises GatewayFailed for what no provider could mend."""
        if "image" in body:
            raise GatewayFailed("a plan with pictures needs a gateway; start one with `easel serve`")
        try:
            asked = read_asked(body)
            found = self.catalog.find(asked.model, "generate")
            wanted = default_response_format(asked.model, self.settings.defaults.response_format)
            keep, strict = self.settings.storage.keep, strict or self.settings.defaults.strict
            options = Options(response_format=wanted, keep=keep, strict=strict)
            considered = [self.candidate(asked, offer, options) for offer in found.offers]
        except NormalizerError as wrong:
            raise GatewayFailed(str(wrong)) from wrong
        model = found.entry.facts.id
        plans = [entry for entry in considered if isinstance(entry, Plan)]
        rows = [self.row(made) for made in Routing(self.settings.models).expected(model, plans)]
        excluded = [entry for entry in considered if not isinstance(entry, Plan)]
        return plan_answer(model, "generate", [*rows, *excluded])

    def candidate(self, asked: Asked, offer: Offer, options: Options) -> Plan | dict[str, Any]:
        """One provider's part in a plan, or the row that says what it refuses."""
        try:
            return plan(asked, offer, options, self.catalog.known)
        except Refused as refused:
            title, available = self.titles[offer.provider], offer.provider in self.available
            return excluded_row(offer, title, available=available, param=refused.param, reason=refused.reason)

    def row(self, made: Plan) -> dict[str, Any]:
        provider = made.offer.provider
        return planned_row(made, self.titles[provider], available=provider in self.available)
