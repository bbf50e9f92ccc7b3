"""Every offer that the registry knows, and adapters that reach the stand-ins: a new provider is in here by itself."""

from collections.abc import Mapping

from normalizers.catalog import Catalog
from normalizers.offer import Offer
from normalizers.tables import read_models
from providers.base import Adapter
from providers.openai_compatible.dialects import DIALECTS
from providers.registry import BUILT_IN, HERE, ProviderSettings, build_adapter, read_catalog
from simulators.server import SIMULATORS

STAND_INS = {simulator.slug for simulator in SIMULATORS}
OWN_SERVERS = [name for name in DIALECTS if name in STAND_INS and name not in BUILT_IN]
# What each server of one's own calls the model that it has loaded, as its stand-in knows it.
UPSTREAM = {"sd-server": "sd-cpp-local", "localai": "qwen-image"}


def settings_of(name: str, address: Mapping[str, str] | None = None) -> ProviderSettings:
    """The provider as a configuration would have it; without an address it can be planned for, not asked."""
    told = address or {"base_url": "http://127.0.0.1:1", "key": "none"}
    own = name in OWN_SERVERS
    return ProviderSettings(
        name=name,
        kind="openai_compatible" if own else name,
        dialect=name if own else "openai",
        api_key=told["key"],
        base_url=told["base_url"] if own or address else None,
        queue_url=told.get("queue_url"),
        rest_url=told.get("rest_url"),
        usd_per={"CNY": 0.14, "BUZZ": 0.001},
        models={"qwen-image": UPSTREAM.get(name, "Qwen/Qwen-Image")} if own else {},
    )


CATALOG: Catalog = read_catalog({name: settings_of(name) for name in (*BUILT_IN, *OWN_SERVERS)}, {})
MODELS = read_models((HERE / "models.toml").read_bytes(), "providers/models.toml")
OFFERS: dict[str, Offer] = {
    f"{offer.id} {offer.operation}": offer for entry in CATALOG.entries.values() for offer in entry.offers
}
SIMULATED = {key: offer for key, offer in OFFERS.items() if offer.provider in STAND_INS}


def adapter_for(provider: str, addresses: Mapping[str, Mapping[str, str]]) -> Adapter:
    return build_adapter(settings_of(provider, addresses[provider]))
