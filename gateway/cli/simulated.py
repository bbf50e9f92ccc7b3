"""What `easel serve --simulate` lays over the configuration: every provider is a stand-in in this process."""

from collections.abc import Mapping
from typing import Any

from gateway.settings import Settings
from providers.registry import BUILT_IN, read_catalog

SHARED = "qwen-image"  # what most providers have, and the stand-in for a server of one's own too

VLLM_OMNI = {
    "kind": "openai_compatible",
    "dialect": "vllm-omni",
    "models": {"qwen-image": "Qwen/Qwen-Image"},
}


def simulated_providers(addresses: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """The `[providers]` tables for these stand-ins: `{slug: {base_url, queue_url?, key}}`."""
    tables = {slug: table_of(addresses[slug]) for slug in BUILT_IN if slug in addresses}
    return {**tables, "vllm-omni": {**VLLM_OMNI, **table_of(addresses["vllm-omni"])}}


def simulated_routes(settings: Settings) -> dict[str, dict[str, Any]]:
    """The built-in providers first: without a route, a server of one's own would serve what fal is tried out for.

    Raises TableError.
    """
    if SHARED in settings.models:
        return {}
    tables = settings.provider_settings()
    offers = read_catalog(tables, {}).entries[SHARED].offers
    offering = dict.fromkeys(offer.provider for offer in offers)
    return {SHARED: {"route": sorted(offering, key=lambda name: name not in BUILT_IN)}}


def table_of(address: Mapping[str, str]) -> dict[str, Any]:
    urls = {name: value for name, value in address.items() if name.endswith("_url")}
    return {**urls, "api_key": address["key"]}
