"""Teams with rights, limits and budgets; their keys, also those at providers; what they spent."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    false,
    text,
)

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    teams()
    keys()
    spending()
    ledger()
    op.add_column("jobs", Column("held_micros", BigInteger, nullable=False, server_default=text("0")))
    op.add_column("jobs", Column("budgets", Text))
    op.create_index("jobs_by_caller", "jobs", ["caller", "created"])
    op.add_column("calls", Column("pixels", BigInteger))
    op.add_column("calls", Column("planned_micros", BigInteger))
    op.add_column("calls", Column("price", Text))
    op.add_column("calls", Column("own_key", Boolean, nullable=False, server_default=false()))


def teams() -> None:
    op.add_column("teams", Column("name", Text))
    op.add_column("teams", Column("disabled", Boolean, nullable=False, server_default=false()))
    for column in bounds():
        op.add_column("teams", column)
    op.execute("UPDATE teams SET name = id")
    op.create_index("teams_by_name", "teams", ["name"], unique=True)


def bounds() -> list[Column[object]]:
    return [
        Column("models", Text),
        Column("providers", Text),
        Column("requests_per_minute", Integer),
        Column("images_per_minute", Integer),
        Column("megapixels_per_minute", Double),
        Column("max_concurrent_images", Integer),
        Column("budget_micros", BigInteger),
        Column("budget_period", Text),
    ]


def keys() -> None:
    op.create_table(
        "keys",
        Column("id", Text, nullable=False),
        Column("team", Text, nullable=False),
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
        *bounds()[2:],
        Column("job_ttl", Integer),
        Column("image_ttl", Integer),
        PrimaryKeyConstraint("id", name="keys_pkey"),
        ForeignKeyConstraint(["team"], ["teams.id"], name="keys_team_fkey", ondelete="CASCADE"),
    )
    op.create_index("keys_by_team", "keys", ["team", "created", "id"])
    op.create_table(
        "key_hashes",
        Column("hash", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("created", Double, nullable=False),
        Column("expires", Double),
        PrimaryKeyConstraint("hash", name="key_hashes_pkey"),
        ForeignKeyConstraint(["key"], ["keys.id"], name="key_hashes_key_fkey", ondelete="CASCADE"),
    )
    op.create_index("key_hashes_by_key", "key_hashes", ["key"])
    op.create_table(
        "provider_keys",
        Column("team", Text, nullable=False),
        Column("provider", Text, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        Column("created", Double, nullable=False),
        PrimaryKeyConstraint("team", "provider", name="provider_keys_pkey"),
        ForeignKeyConstraint(["team"], ["teams.id"], name="provider_keys_team_fkey", ondelete="CASCADE"),
    )


def spending() -> None:
    op.create_table(
        "spending",
        Column("owner", Text, nullable=False),
        Column("period", Text, nullable=False),
        Column("spent", BigInteger, nullable=False),
        Column("held", BigInteger, nullable=False),
        PrimaryKeyConstraint("owner", "period", name="spending_pkey"),
    )


def ledger() -> None:
    op.create_table(
        "ledger",
        Column("id", BigInteger().with_variant(Integer, "sqlite"), autoincrement=True, nullable=False),
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
        PrimaryKeyConstraint("id", name="ledger_pkey"),
        sqlite_autoincrement=True,
    )
    once, adjusted = text("adjusts IS NULL"), text("adjusts IS NOT NULL")
    op.create_index(
        "ledger_once", "ledger", ["job", "number", "kind"], unique=True, sqlite_where=once, postgresql_where=once
    )
    op.create_index("ledger_by_team", "ledger", ["team", "at"])
    op.create_index("ledger_by_key", "ledger", ["key", "at"])
    op.create_index("ledger_by_time", "ledger", ["at"])
    op.create_index("ledger_adjusted", "ledger", ["adjusts"], sqlite_where=adjusted, postgresql_where=adjusted)
