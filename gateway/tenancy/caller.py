"""Who asks: the key of a request with its team, and what both of them allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from gateway.store.periods import Period
from normalizers.asked import ResponseFormat

Role = Literal["user", "team_admin", "admin"]
Patterns = tuple[str, ...] | None  # names, where a star stands for anything; None: all

ADMIN_KEY = "admin"  # the id of the key that the configuration names
DEFAULT_TEAM = "default"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one key, team, model or provider; None where there is none."""

    requests_per_minute: int | None = None
    images_per_minute: int | None = None
    megapixels_per_minute: float | None = None
    max_concurrent_images: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What the key or team `owner` (its id) may spend in a period, in micro-dollars."""

    owner: str
    limit: int
    period: Period


@dataclass(frozen=True, slots=True)
class Rights:
    """Which models, by their public id or as `provider/model`, and which providers."""

    models: Patterns = None
    providers: Patterns = None

    def allow(self, model: str, provider: str) -> bool:
        """`model` is the public id."""
        return among(self.providers, provider) and (
            among(self.models, model) or among(self.models, f"{provider}/{model}")
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """`key` is the id of the key. `rights` are those of the key and of its team: all have to allow it. So with `limits`
    (each with its owner's id) and `budgets`.

    `strict` and `response_format` are the key's defaults, None where the configuration decides. `joins_retries`: an
    SDK's repeated request joins the job of the first. Without `shares_cache` its pictures are for this key alone.
    """

    team: str = DEFAULT_TEAM
    key: str = ADMIN_KEY
    role: Role = "user"
    rights: tuple[Rights, ...] = ()
    limits: tuple[tuple[str, Limits], ...] = ()
    budgets: tuple[Budget, ...] = ()
    strict: bool | None = None
    response_format: ResponseFormat | None = None
    joins_retries: bool = True
    shares_cache: bool = True

    @property
    def admin(self) -> bool:
        return self.role == "admin"

    @property
    def cache_scope(self) -> str:
        """Whose cached pictures it sees, and adds to."""
        return self.team if self.shares_cache else f"{self.team}/{self.key}"

    def may_use(self, model: str, provider: str) -> bool:
        return all(rights.allow(model, provider) for rights in self.rights)

    def may_use_any(self, model: str, providers: Sequence[str]) -> bool:
        return not self.rights or any(self.may_use(model, provider) for provider in providers)

    def __repr__(self) -> str:
        return f"<Caller {self.key} of {self.team}, {self.role}>"


def among(patterns: Patterns, name: str) -> bool:
    return patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)
