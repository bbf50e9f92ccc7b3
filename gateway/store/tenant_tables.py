"""The tables of tenants: teams, their keys, what they spent and may spend. No column holds a key, but sealed."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
    text,
)

from gateway.store.metadata import Serial, metadata

# What a team allows its keys, NULL where there is no bound. `models` and `providers` are JSON lists of names, where a
# star stands for anything; `budget_period` is day, month or total. `job_ttl` and `image_ttl` are the seconds after
# which its finished jobs and its pictures are deleted; NULL: what the configuration says.
teams = Table(
    "teams",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created", Double, nullable=False),
    Column("job_ttl", Integer),
    Column("image_ttl", Integer),
    Column("name", Text),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("models", Text),
    Column("providers", Text),
    Column("requests_per_minute", Integer),
    Column("images_per_minute", Integer),
    Column("megapixels_per_minute", Double),
    Column("max_concurrent_images", Integer),
    Column("budget_micros", BigInteger),
    Column("budget_period", Text),
)
Index("teams_by_name", teams.c.name, unique=True)

# A team's keys, with the same columns, which bound the key alone. `role` is user, team_admin or admin, `prefix` the
# beginning of the key, for people; `maker` is the key that made it.
keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("team", Text, ForeignKey("teams.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("maker", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("last_used", Double),
    Column("expires", Double),
    Column("revoked", Double),
    Column("disabled", Boolean, nullable=False),
    Column("models", Text),
    Column("providers", Text),
    Column("strict", Boolean),
    Column("response_format", Text),
    Column("join_retries", Boolean, nullable=False),
    Column("share_cache", Boolean, nullable=False),
    Column("requests_per_minute", Integer),
    Column("images_per_minute", Integer),
    Column("megapixels_per_minute", Double),
    Column("max_concurrent_images", Integer),
    Column("budget_micros", BigInteger),
    Column("budget_period", Text),
    Column("job_ttl", Integer),
    Column("image_ttl", Integer),
)
Index("keys_by_team", keys.c.team, keys.c.created, keys.c.id)

# By what a key is found. A key that was rotated has two until the old one's `expires`.
key_hashes = Table(
    "key_hashes",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("key", Text, ForeignKey("keys.id", ondelete="CASCADE"), nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
)
Index("key_hashes_by_key", key_hashes.c.key)

# A team's own keys at providers, sealed with the key of `[secrets]`.
provider_keys = Table(
    "provider_keys",
    metadata,
    Column("team", Text, ForeignKey("teams.id", ondelete="CASCADE"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", Double, nullable=False),
    PrimaryKeyConstraint("team", "provider"),
)

# What the key or team `owner`, which has or had a budget, has spent in a period (2026-11-21, 2026-11 or total), and
# what is held for jobs that are not over. `held` is the sum of their `held_micros`.
spending = Table(
    "spending",
    metadata,
    Column("owner", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner", "period"),
)

# What was spent, for good: rows are added and never changed. `kind` is drawn (a call, `number` of its job), cached
# (pictures that cost nothing, `number` is -1) or adjustment (an admin's, of the row `adjusts`, made at `adjusted` with
# the key `adjuster`; `at` is the moment of the row that it adjusts). `upstream` is the provider's own id of the call.
# `price` says how the cost was found, `assumed` that nobody knows whether it was paid, `own_key` that the provider
# bills the team itself. `cost_micros` is NULL where nobody knows the price. `day` is UTC's.
ledger = Table(
    "ledger",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("job", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("upstream", Text),
    Column("outcome", Text, nullable=False),
    Column("images", Integer, nullable=False),
    Column("pixels", BigInteger, nullable=False),
    Column("price", Text),
    Column("cost_micros", BigInteger),
    Column("assumed", Boolean, nullable=False),
    Column("own_key", Boolean, nullable=False),
    Column("at", Double, nullable=False),
    Column("day", Text, nullable=False),
    Column("adjusts", BigInteger),
    Column("adjuster", Text),
    Column("adjusted", Double),
    Column("note", Text),
    sqlite_autoincrement=True,
)
Index(
    "ledger_once",
    ledger.c.job,
    ledger.c.number,
    ledger.c.kind,
    unique=True,
    sqlite_where=text("adjusts IS NULL"),
    postgresql_where=text("adjusts IS NULL"),
)
Index("ledger_by_team", ledger.c.team, ledger.c.at)
Index("ledger_by_key", ledger.c.key, ledger.c.at)
Index("ledger_by_time", ledger.c.at)
Index(
    "ledger_adjusted",
    ledger.c.adjusts,
    sqlite_where=text("adjusts IS NOT NULL"),
    postgresql_where=text("adjusts IS NOT NULL"),
)
