"""The configuration: easel.toml, overridden by EASEL_… variables; provider keys also under their usual names.

Read once, at the start; every mistake is reported together.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.settings_tables import (
    Auth,
    Cache,
    Database,
    Defaults,
    Delivery,
    ForeignWorker,
    Jobs,
    Pricing,
    Provider,
    Redis,
    Route,
    Secrets,
    Server,
    Storage,
    Telemetry,
)
from providers.local.foreign import Foreign
from providers.registry import BUILT_IN, ProviderSettings

KEY_VARIABLES = {
    "fal": "FAL_KEY",
    "replicate": "REPLICATE_API_TOKEN",
    "alibaba": "DASHSCOPE_API_KEY",
    "runware": "RUNWARE_API_KEY",
    "civitai": "CIVITAI_TOKEN",
    "oxen": "OXEN_API_KEY",
    "lumenfall": "LUMENFALL_API_KEY",
    "openai": "OPENAI_API_KEY",
}
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class ConfigurationError(Exception):
    """What is wrong with the configuration: one line a problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """All of it. Build one with `read_settings`."""

    model_config = SettingsConfigDict(
        env_prefix="EASEL_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    server: Server = Server()
    auth: Auth = Auth()
    redis: Redis = Redis()
    database: Database = Database()
    storage: Storage = Storage()
    jobs: Jobs = Jobs()
    delivery: Delivery = Delivery()
    cache: Cache = Cache()
    defaults: Defaults = Defaults()
    pricing: Pricing = Pricing()
    telemetry: Telemetry = Telemetry()
    secrets: Secrets = Secrets()
    providers: dict[str, Provider] = {}
    models: dict[str, Route] = {}

    @model_validator(mode="after")
    def providers_make_sense(self) -> Self:
        problems = [problem for name, provider in self.providers.items() for problem in wrong_with(name, provider)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments over the environment over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def provider_settings(self) -> dict[str, ProviderSettings]:
        """Every provider that the registry can build: the configured ones first, as far as they have what they need."""
        names = [name for name, provider in self.providers.items() if provider.kind] + list(BUILT_IN)
        return {name: self.one_provider(name) for name in names}

    def routes(self) -> dict[str, tuple[str, ...]]:
        """The providers of each model whose order is configured."""
        return {name: tuple(model.route) for name, model in self.models.items() if model.route is not None}

    def one_provider(self, name: str) -> ProviderSettings:
        given = self.providers.get(name, Provider())
        variable = KEY_VARIABLES.get(name)
        key = given.api_key.get_secret_value() if given.api_key else os.environ.get(variable or "", "")  # noqa: TID251 - this is where settings are read
        return ProviderSettings(
            name=name,
            kind=given.kind or name,
            dialect=given.dialect,
            api_key=key or None,
            key_variable=variable,
            base_url=given.base_url,
            queue_url=given.queue_url,
            rest_url=given.rest_url,
            timeout=given.timeout,
            max_concurrency=given.max_concurrency,
            allow_http=given.allow_http,
            prices={model: price.model_dump(exclude_none=True) for model, price in given.prices.items()},
            usd_per={"CNY": self.pricing.usd_per_cny, "BUZZ": self.pricing.usd_per_buzz},
            models=given.models,
            offers=given.offers,
            workers=tuple(each for each in given.workers if isinstance(each, str)),
            foreign=tuple(foreign(each) for each in given.workers if isinstance(each, ForeignWorker)),
            announced=given.announced and name in self.providers,
            spill_after=given.spill_after,
            max_waiting=given.max_waiting,
        )


def foreign(server: ForeignWorker) -> Foreign:
    key = server.api_key.get_secret_value() if server.api_key else None
    return Foreign(server.url, server.dialect, server.models, key, server.together)


def wrong_with(name: str, provider: Provider) -> list[str]:
    """What cannot work about one provider."""
    problems: list[str] = []
    if provider.kind is None and name not in KEY_VARIABLES and name != "local":
        problems.append(
            f'providers.{name}: is not a built-in provider; a server of your own needs kind = "openai_compatible"'
        )
    if provider.kind is not None:
        if name in KEY_VARIABLES or name == "local" or not SLUG.fullmatch(name):
            problems.append(
                f"providers.{name}: name your server in lower-case letters, digits and dashes, unlike a built-in"
            )
        if not provider.base_url:
            problems.append(f"providers.{name}.base_url: is missing, such as http://127.0.0.1:8000/v1")
        if not provider.models:
            problems.append(
                f'providers.{name}.models: is empty; name a model, such as {{ "qwen-image" = "Qwen/Qwen-Image" }}'
            )
    return problems


def read_settings(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """From the file (default: ./easel.toml where there is one) and the environment. Raises ConfigurationError."""
    chosen = file or Path(os.environ.get("EASEL_CONFIG") or "easel.toml")  # noqa: TID251 - this is where settings are read
    if (file or "EASEL_CONFIG" in os.environ) and not chosen.is_file():  # noqa: TID251 - this is where settings are read
        raise ConfigurationError([f"{chosen}: there is no such file"])

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=chosen)

    try:
        return FromFile(**(overrides or {}))
    except ValidationError as wrong:
        raise ConfigurationError([problem(error) for error in wrong.errors(include_input=False)]) from wrong
    except ValueError as wrong:
        raise ConfigurationError([f"{chosen}: {wrong}"]) from wrong


def problem(error: Any) -> str:
    place = ".".join(str(step) for step in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{place}: is no key of the configuration; docs/configuration.md lists them all"
    return f"{place}: {error['msg']}" if place else str(error["msg"]).removeprefix("Value error, ")
