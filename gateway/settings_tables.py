"""The tables of easel.toml: their keys, defaults and bounds. A key that nobody knows is a mistake."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    field_validator,
    model_validator,
)

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Dollars = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


class Part(BaseModel):
    """A table of easel.toml; a key that nobody reads is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Server(Part):
    public_url: str | None = None
    data_dir: Path = Path("~/.local/share/easel")
    allowed_hosts: list[str] = ["*"]
    deadline: Seconds = 600
    max_body_mb: int = Field(default=64, ge=1, le=1024)
    cors_origins: list[str] = []
    max_in_flight: int = Field(default=1000, ge=1)
    max_held_mb: int = Field(default=1024, ge=1)

    @field_validator("data_dir")
    @classmethod
    def at_home(cls, path: Path) -> Path:
        return path.expanduser()

    @field_validator("public_url")
    @classmethod
    def no_slash(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/") if url else url


class Auth(Part):
    required: bool = True
    admin_key: SecretStr | None = None


class Redis(Part):
    url: str = "embedded:"

    @field_validator("url")
    @classmethod
    def known_scheme(cls, url: str) -> str:
        if not url.startswith(("embedded:", "redis://", "rediss://", "unix://")):
            raise ValueError("must be embedded: or start with redis://, rediss:// or unix://")
        return url


class Database(Part):
    url: str = "sqlite"

    @field_validator("url")
    @classmethod
    def known_scheme(cls, url: str) -> str:
        if url != "sqlite" and not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("must be sqlite, sqlite:///path/to/file or postgresql://user:password@host/name")
        return url


class Storage(Part):
    keep: bool = True
    url: str = "file"
    signing_keys: list[SecretStr] = []
    url_ttl: int = Field(default=3600, ge=1, le=31_536_000)


class Cache(Part):
    policy: Literal["seeded", "always", "off"] = "seeded"
    ttl: int = Field(default=86_400, ge=1)


class Jobs(Part):
    lease: float = Field(default=10, ge=0.5, le=600, allow_inf_nan=False)
    deadline: Seconds = 3600
    max_running: int = Field(default=1000, ge=1)
    max_queued: int = Field(default=10_000, ge=0)
    join_retries: bool = True
    job_ttl: int = Field(default=2_592_000, ge=60)
    image_ttl: int = Field(default=2_592_000, ge=60)


class Delivery(Part):
    own_origins: list[str] = []

    @field_validator("own_origins")
    @classmethod
    def origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if not re.fullmatch(r"https?://[^/\s?#@]+", origin):
                raise ValueError("must be origins such as https://hooks.internal:8443, without a path")
        return origins


class Defaults(Part):
    response_format: Literal["url", "b64_json", "both"] = "url"
    strict: bool = False


class Pricing(Part):
    usd_per_buzz: Dollars = 0.001
    usd_per_cny: Dollars = 0.14


class Telemetry(Part):
    traces: Literal["off", "otlp"] = "off"
    service_name: str = Field(default="easel", min_length=1, max_length=100)
    sample: float = Field(default=1.0, ge=0, le=1, allow_inf_nan=False)
    trust_traceparent: bool = False


class Secrets(Part):
    key: SecretStr | None = None


class Limited(Part):
    """What all callers together may ask of a model or provider."""

    requests_per_minute: int | None = Field(default=None, ge=1, le=1_000_000_000)
    images_per_minute: int | None = Field(default=None, ge=1, le=1_000_000_000)
    megapixels_per_minute: float | None = Field(default=None, gt=0, le=1_000_000_000, allow_inf_nan=False)
    max_concurrent_images: int | None = Field(default=None, ge=1, le=1_000_000_000)


class PriceOf(Part):
    per_image: Dollars | None = None
    per_megapixel: Dollars | None = None
    max: Dollars | None = None


class ForeignWorker(Part):
    """A server of another make in a worker's place. `models`: ours, and its own name of each."""

    url: str
    dialect: Literal["vllm-omni", "sglang", "sd-server"]
    models: dict[str, str] = Field(min_length=1)
    api_key: SecretStr | None = None
    together: int = Field(default=1, ge=1, le=64)


def kind_of_worker(given: Any) -> str:
    return "address" if isinstance(given, str) else "server"


Worker = Annotated[
    Annotated[str, Tag("address")] | Annotated[ForeignWorker, Tag("server")],
    Discriminator(kind_of_worker),
]


class Provider(Limited):
    """One provider: built in, or (with `kind`) a server of the user's own."""

    kind: Literal["openai_compatible"] | None = None
    dialect: Literal["openai", "vllm-omni", "sglang", "sd-server", "localai", "xinference", "lumenfall"] = "openai"
    api_key: SecretStr | None = None
    base_url: str | None = None
    queue_url: str | None = None
    rest_url: str | None = None
    timeout: Seconds = 300
    max_concurrency: int = Field(default=64, ge=1, le=10_000)
    allow_http: bool = False
    webhooks: bool = False
    prices: dict[str, PriceOf] = {}
    models: dict[str, str] = {}
    offers: dict[str, dict[str, Any]] = {}
    workers: list[Worker] = []
    announced: bool = True
    spill_after: Seconds | None = None
    max_waiting: int = Field(default=2000, ge=0, le=100_000)


class Route(Limited):
    """Who draws a model, and in which order they are asked."""

    route: list[str] | None = None
    policy: Literal["priority", "cheapest", "fastest", "weighted"] = "priority"
    weights: dict[str, Weight] = {}

    @model_validator(mode="after")
    def weights_are_used(self) -> Self:
        if self.weights and self.policy != "weighted":
            raise ValueError(f'weights are not used with policy {self.policy}; set policy = "weighted"')
        outside = sorted(set(self.weights) - set(self.route)) if self.route is not None else []
        if outside:
            raise ValueError(f"weights: {', '.join(outside)} is not in the route")
        return self
