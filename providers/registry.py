"""Which providers there are: reads their tables and builds their adapters."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from normalizers.catalog import Catalog, make_catalog
from normalizers.errors import TableError
from normalizers.offer import ModelFacts, Offer
from normalizers.price import configured_price
from normalizers.tables import merge, parse, read_models, read_offer, read_offers
from providers.account import Account
from providers.alibaba.adapter import Alibaba
from providers.base import Adapter
from providers.civitai.adapter import Civitai
from providers.fal.adapter import Fal
from providers.local.adapter import Local
from providers.local.foreign import Foreign, usual_of
from providers.openai_compatible.adapter import OpenAICompatible
from providers.oxen.adapter import Oxen
from providers.replicate.adapter import Replicate
from providers.runware.adapter import Runware

HERE = Path(__file__).parent
DIALECTS = "providers/openai_compatible/models.toml"

# The order in which providers are asked when the configuration names no route: what costs nothing first.
BUILT_IN = ("local", "fal", "openai", "lumenfall", "alibaba", "replicate", "runware", "civitai", "oxen")
PROVIDER_NAMES = {
    "fal": "fal.ai",
    "openai": "OpenAI",
    "lumenfall": "Lumenfall",
    "local": "Local workers",
    "alibaba": "Alibaba Cloud Model Studio",
    "replicate": "Replicate",
    "runware": "Runware",
    "civitai": "Civitai",
    "oxen": "Oxen",
}
BASE_URLS = {
    "fal": "https://fal.run",
    "openai": "https://api.openai.com/v1",
    "lumenfall": "https://api.lumenfall.ai/openai/v1",
    "alibaba": "https://dashscope-intl.aliyuncs.com/api/v1",
    "replicate": "https://api.replicate.com/v1",
    "runware": "https://api.runware.ai/v1",
    "civitai": "https://orchestration.civitai.com/v2/consumer",
    "oxen": "https://hub.oxen.ai/api",
}
DIALECT_OPERATIONS = ("edit", "image_to_image")  # beside `generate`, which every dialect has
FAL_QUEUE = "https://queue.fal.run"
FAL_REST = "https://rest.fal.ai"
# Oxen documents its URLs as presigned, and public clients of it report that some want the key (read 2026-11-21).
KEYED_DOWNLOADS = frozenset({"oxen"})
# Those that say by webhook when a call is over: their adapters are `Hooks`.
CALLS_BACK = frozenset({"fal", "replicate", "runware"})
# Adapters that an address and a key are enough for.
BY_KEY: dict[str, Callable[[Account], Adapter]] = {
    "alibaba": Alibaba,
    "civitai": Civitai,
    "oxen": Oxen,
    "replicate": Replicate,
    "runware": Runware,
}


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What the configuration says about one provider, in plain values; `timeout` in seconds.

    `usd_per` is what a unit of another currency is worth, for tables whose prices are in one. Of local workers only:
    `announced`, that more of them may announce themselves; `spill_after` and `max_waiting`, as `Local` has them.
    """

    name: str
    kind: str
    dialect: str = "openai"
    api_key: str | None = field(default=None, repr=False)
    key_variable: str | None = None
    base_url: str | None = None
    queue_url: str | None = None
    rest_url: str | None = None
    timeout: float = 300
    max_concurrency: int = 64
    allow_http: bool = False
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    usd_per: Mapping[str, float] = field(default_factory=dict[str, float])
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    offers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    workers: tuple[str, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    announced: bool = False
    spill_after: float | None = None
    max_waiting: int = 2000

    @property
    def configured(self) -> bool:
        """It has what it needs to be asked: a key, a worker, or an address of the user's own."""
        if self.kind == "openai_compatible":
            return bool(self.base_url)
        if self.kind == "local":
            return bool(self.workers or self.foreign or self.announced)
        return bool(self.api_key)

    @property
    def remedy(self) -> str:
        """What to do when it is not configured."""
        if self.kind == "local":
            return "set providers.local.workers"
        return f"set {self.key_variable} or providers.{self.name}.api_key"

    @property
    def title(self) -> str:
        """For people: `fal.ai`."""
        return PROVIDER_NAMES.get(self.name, self.name)


def read_catalog(settings: Mapping[str, ProviderSettings], routes: Mapping[str, tuple[str, ...]]) -> Catalog:
    """Every offer of every provider, configured or not: an unconfigured one is named when a model lacks a provider."""
    models = known_models()
    offers = [offer for provider in settings.values() for offer in offers_of(provider, models)]
    return make_catalog(offers, models, routes)


# The tables are part of the program: each is read once, however often it is asked for while a gateway starts.


@cache
def known_models() -> Mapping[str, ModelFacts]:
    """What is so of a model, whoever draws with it."""
    return read_models((HERE / "models.toml").read_bytes(), "providers/models.toml")


@cache
def built_in_offers(kind: str, name: str) -> tuple[Offer, ...]:
    """Those of the table of one kind of provider, which is called `name` here. Raises TableError."""
    content = (HERE / kind / "models.toml").read_bytes()
    return read_offers(content, f"providers/{kind}/models.toml", name, known_models())


@cache
def dialects() -> Mapping[str, Any]:
    """The table of servers of the user's own, as it is written."""
    return parse((HERE / "openai_compatible" / "models.toml").read_bytes(), DIALECTS)


def offers_of(provider: ProviderSettings, models: Mapping[str, ModelFacts]) -> Iterable[Offer]:
    """The offers of one provider, with the configuration's prices over the table's. Raises TableError."""
    own = provider.kind == "openai_compatible"
    offers = dialect_offers(provider, models) if own else built_in_offers(provider.kind, provider.name)
    unpriced = set(provider.prices) - {offer.model for offer in offers}
    if unpriced:
        raise TableError(f"providers.{provider.name}.prices.{min(unpriced)}", f"{provider.name} offers no such model")
    drawn = {upstream for server in provider.foreign for upstream in server.models}
    if unknown := drawn - {offer.upstream for offer in offers}:
        raise TableError(f"providers.{provider.name}.workers", f"no worker's table has the model {min(unknown)}")
    return [priced(offer, provider.prices.get(offer.model), provider.usd_per) for offer in offers]


def priced(offer: Offer, price: Mapping[str, float] | None, usd_per: Mapping[str, float]) -> Offer:
    """With the price in dollars: the configured one, else the table's."""
    known = offer.price
    if known.currency != "USD":
        known = known.in_dollars(usd_per[known.currency])
    if price is None:
        return replace(offer, price=known)
    made = configured_price(price.get("per_image"), price.get("per_megapixel"), price.get("max"), known)
    return replace(offer, price=made)


def dialect_offers(provider: ProviderSettings, models: Mapping[str, ModelFacts]) -> list[Offer]:
    """A server of the user's own: the rows of its dialect, with the user's over them, for each model it names.

    A model is offered for every operation that the dialect documents, or for those of `operations` in the user's table.
    """
    path, document = DIALECTS, dialects()
    dialect = next(row for row in document["dialect"] if row["name"] == provider.dialect)
    shared = {key: value for key, value in dialect.items() if key not in {"name", *DIALECT_OPERATIONS}}
    common = merge(document["common"], shared)
    if unknown := set(provider.offers) - set(provider.models):
        raise TableError(f"providers.{provider.name}.offers.{min(unknown)}", "is not among its models")
    rows: dict[str, Mapping[str, Any]] = {"generate": common}
    rows |= {name: merge(common, dialect[name]) for name in DIALECT_OPERATIONS if name in dialect}
    offers: list[Offer] = []
    for model, upstream in provider.models.items():
        own = dict(provider.offers.get(model, {}))
        where = f"providers.{provider.name}.offers" if own else f"{path}: dialect {provider.dialect}"
        for operation in wanted_operations(own.pop("operations", list(rows)), list(rows), where):
            row = {**merge(rows[operation], own), "operation": operation, "model": model, "upstream": upstream}
            offers.append(read_offer(row, where, provider.name, models))
    return offers


def wanted_operations(listed: Any, known: Collection[str], where: str) -> list[str]:
    """The user's `operations`. Raises TableError for what the dialect does not document."""
    names = cast("list[Any]", listed) if isinstance(listed, list) else []
    if not names or not all(name in known for name in names):
        raise TableError(f"{where}.operations", f"must be a list of {', '.join(known)}")
    return list(dict.fromkeys(names))


def build_adapter(provider: ProviderSettings) -> Adapter:
    """The adapter of a configured provider. Raises ValueError for an address that is not accepted."""
    account = Account(
        provider.base_url or BASE_URLS.get(provider.kind, ""),
        provider.api_key,
        timeout=provider.timeout,
        max_concurrency=provider.max_concurrency,
        allow_http=provider.allow_http,
    )
    if provider.kind in BY_KEY:
        return BY_KEY[provider.kind](account)
    match provider.kind:
        case "fal":
            return Fal(account, queue_url=provider.queue_url or FAL_QUEUE, rest_url=provider.rest_url or FAL_REST)
        case "local":
            return Local(
                account,
                provider.workers,
                foreign_of(provider),
                announced=provider.announced,
                spill_after=provider.spill_after,
                most_waiting=provider.max_waiting,
            )
        case _:
            dialect = provider.kind if provider.kind in {"openai", "lumenfall"} else provider.dialect
            return OpenAICompatible(account, name=provider.name, dialect=dialect)


def foreign_of(provider: ProviderSettings) -> list[Foreign]:
    """Its servers of another make, each with what a worker of ours would do where a call leaves a field out."""
    usual = usual_of(built_in_offers(provider.kind, provider.name))
    return [replace(server, usual=usual) for server in provider.foreign]


def download_headers(provider: ProviderSettings) -> dict[str, dict[str, str]]:
    """By origin, what a provider's own host wants to see before it gives out its pictures."""
    if provider.kind not in KEYED_DOWNLOADS:
        return {}
    own = provider.base_url or BASE_URLS[provider.kind]
    return {own: {"authorization": f"Bearer {provider.api_key}"}}


def own_origins(provider: ProviderSettings) -> list[str]:
    """The hosts that the configuration itself names for a provider: its pictures may be fetched there, wherever it is.

    Its own only: no provider may point the gateway at another one's host.
    """
    foreign = (server.url for server in provider.foreign)
    named = (provider.base_url, provider.queue_url, provider.rest_url, *provider.workers, *foreign)
    return sorted({url for url in named if url})
