"""Every gateway reads the same tables of models, which takes three quarters of its start: tests read them once."""

from collections.abc import Mapping

from gateway.settings import read_settings
from normalizers.offer import ModelFacts, Offer
from normalizers.tables import read_offers
from providers import registry

_known: dict[tuple[bytes, str, str], tuple[Offer, ...]] = {}


def _read(content: bytes, path: str, provider: str, models: Mapping[str, ModelFacts]) -> tuple[Offer, ...]:
    """`models` are those of providers/models.toml for every provider that is built in."""
    key = (content, path, provider)
    if key not in _known:
        _known[key] = read_offers(content, path, provider, models)
    return _known[key]


def remember_tables() -> None:
    """From now on no table is read a second time in this process, nor in those forked from it."""
    registry.read_offers = _read


def read_all_tables() -> None:
    remember_tables()
    registry.read_catalog(read_settings(None, {}).provider_settings(), {})
