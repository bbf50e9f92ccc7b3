"""A team's own keys at providers, sealed. Each function is part of a transaction; moments are Unix seconds."""

from dataclasses import dataclass, fields

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.sealing import Seal
from gateway.store.tenant_tables import provider_keys


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """`sealed` is opened with `owner_of` as the owner; `created` is when the team gave this key."""

    team: str
    provider: str
    sealed: bytes
    created: float

    def __repr__(self) -> str:
        return f"<ProviderKey {self.team} {self.provider}>"


ROW = [provider_keys.c[field.name] for field in fields(ProviderKey)]
OF_TEAM = select(*ROW).where(provider_keys.c.team == bindparam("of")).order_by(provider_keys.c.provider)
ANY = select(provider_keys.c.provider).limit(1)


def owner_of(team: str, provider: str) -> str:
    """Under another team's or provider's name a key cannot be opened."""
    return f"{team}/{provider}"


def sealed_key(team: str, provider: str, text: str, seal: Seal, now: float) -> ProviderKey:
    return ProviderKey(team, provider, seal.seal(text, owner_of(team, provider)), now)


def keep_key(connection: Connection, key: ProviderKey) -> bool:
    """In the place of the one that the team has there; False when it had one."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {field.name: getattr(key, field.name) for field in fields(ProviderKey)}
    added = insert(provider_keys).values(**values).on_conflict_do_nothing().returning(provider_keys.c.team)
    if connection.execute(added).one_or_none() is not None:
        return True
    here = (provider_keys.c.team == key.team) & (provider_keys.c.provider == key.provider)
    connection.execute(update(provider_keys).where(here).values(sealed=key.sealed, created=key.created))
    return False


def keys_of_team(connection: Connection, team: str) -> tuple[ProviderKey, ...]:
    """By the provider's name."""
    return tuple(ProviderKey(*row) for row in connection.execute(OF_TEAM, {"of": team}))


def drop_key(connection: Connection, team: str, provider: str) -> bool:
    """False where the team has none there."""
    here = (provider_keys.c.team == team) & (provider_keys.c.provider == provider)
    return connection.execute(delete(provider_keys).where(here)).rowcount == 1


def any_keys(connection: Connection) -> bool:
    """Whether any team has brought one."""
    return connection.execute(ANY).first() is not None
