"""Jobs with their calls, pictures and events; callers' keys, what is sent to callers, teams, processes."""

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
    UniqueConstraint,
    text,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "teams",
        Column("id", Text, nullable=False),
        Column("created", Double, nullable=False),
        Column("job_ttl", Integer),
        Column("image_ttl", Integer),
        PrimaryKeyConstraint("id", name="teams_pkey"),
    )
    op.create_table(
        "processes",
        Column("id", Text, nullable=False),
        Column("started", Double, nullable=False),
        Column("beat", Double, nullable=False),
        PrimaryKeyConstraint("id", name="processes_pkey"),
    )
    jobs()
    calls()
    pictures()
    events()
    idempotency()
    deliveries()
    op.create_table(
        "webhook_secrets",
        Column("id", Text, nullable=False),
        Column("team", Text, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        Column("created", Double, nullable=False),
        Column("expires", Double),
        PrimaryKeyConstraint("id", name="webhook_secrets_pkey"),
        ForeignKeyConstraint(["team"], ["teams.id"], name="webhook_secrets_team_fkey", ondelete="CASCADE"),
    )


def jobs() -> None:
    op.create_table(
        "jobs",
        Column("id", Text, nullable=False),
        Column("team", Text, nullable=False),
        Column("caller", Text, nullable=False),
        Column("operation", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("owner", Text),
        Column("attempt", Integer, nullable=False),
        Column("deaths", Integer, nullable=False),
        Column("written", BigInteger, nullable=False),
        Column("body", Text, nullable=False),
        Column("request", LargeBinary),
        Column("images", Integer, nullable=False),
        Column("gone", Boolean, nullable=False),
        Column("found", Integer, nullable=False),
        Column("leftover", Boolean, nullable=False),
        Column("heir", Text),
        Column("cancelling", Boolean, nullable=False),
        Column("deleting", Boolean, nullable=False),
        Column("created", Double, nullable=False),
        Column("started", Double),
        Column("finished", Double),
        Column("provider", Text),
        Column("cost_micros", BigInteger),
        Column("result", LargeBinary),
        Column("error", LargeBinary),
        PrimaryKeyConstraint("id", name="jobs_pkey"),
    )
    op.create_index("jobs_by_team", "jobs", ["team", "created", "id"])
    op.create_index("jobs_by_body", "jobs", ["team", "body", "created", "id"])
    partial_index("jobs_leftover", "jobs", ["body"], sqlite="leftover = 1", postgresql="leftover")
    partial_index("jobs_open", "jobs", ["owner"], sqlite="finished IS NULL", postgresql="finished IS NULL")
    partial_index("jobs_deleting", "jobs", ["id"], sqlite="deleting = 1", postgresql="deleting")


def calls() -> None:
    op.create_table(
        "calls",
        Column("job", Text, nullable=False),
        Column("number", Integer, nullable=False),
        Column("provider", Text, nullable=False),
        Column("offer", Text, nullable=False),
        Column("call", Text, nullable=False),
        Column("indexes", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("ticket", Text),
        Column("images", Integer, nullable=False),
        Column("cost_micros", BigInteger),
        Column("cost_basis", Text),
        Column("reason", Text),
        Column("started", Double, nullable=False),
        Column("finished", Double),
        PrimaryKeyConstraint("job", "number", name="calls_pkey"),
        ForeignKeyConstraint(["job"], ["jobs.id"], name="calls_job_fkey", ondelete="CASCADE"),
    )


def pictures() -> None:
    op.create_table(
        "pictures",
        Column("job", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("place", Integer, nullable=False),
        Column("team", Text, nullable=False),
        Column("name", Text),
        Column("facts", LargeBinary),
        Column("cache_key", Text),
        Column("created", Double, nullable=False),
        PrimaryKeyConstraint("job", "role", "place", name="pictures_pkey"),
        ForeignKeyConstraint(["job"], ["jobs.id"], name="pictures_job_fkey", ondelete="CASCADE"),
    )
    op.create_index("pictures_by_name", "pictures", ["team", "name"])
    stored = "name IS NOT NULL"
    partial_index("pictures_by_age", "pictures", ["team", "role", "created"], sqlite=stored, postgresql=stored)


def events() -> None:
    op.create_table(
        "events",
        Column("seq", BigInteger().with_variant(Integer, "sqlite"), autoincrement=True, nullable=False),
        Column("team", Text, nullable=False),
        Column("job", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("at", Double, nullable=False),
        Column("data", Text, nullable=False),
        PrimaryKeyConstraint("seq", name="events_pkey"),
        ForeignKeyConstraint(["job"], ["jobs.id"], name="events_job_fkey", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_job", "events", ["job", "seq"])
    op.create_index("events_by_team", "events", ["team", "seq"])


def idempotency() -> None:
    op.create_table(
        "idempotency",
        Column("team", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("body", Text, nullable=False),
        Column("job", Text, nullable=False),
        Column("created", Double, nullable=False),
        PrimaryKeyConstraint("team", "key", name="idempotency_pkey"),
    )
    op.create_index("idempotency_by_age", "idempotency", ["created"])
    op.create_index("idempotency_by_job", "idempotency", ["job"])


def deliveries() -> None:
    op.create_table(
        "deliveries",
        Column("id", Text, nullable=False),
        Column("job", Text, nullable=False),
        Column("team", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("place", Integer, nullable=False),
        Column("url", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("due", Double, nullable=False),
        Column("created", Double, nullable=False),
        Column("last_at", Double),
        Column("last_status", Integer),
        Column("last_error", Text),
        PrimaryKeyConstraint("id", name="deliveries_pkey"),
        ForeignKeyConstraint(["job"], ["jobs.id"], name="deliveries_job_fkey", ondelete="CASCADE"),
        UniqueConstraint("job", "kind", "place", name="deliveries_job_kind_place_key"),
    )
    op.create_index("deliveries_due", "deliveries", ["state", "due"])


def partial_index(name: str, table: str, columns: list[str], *, sqlite: str, postgresql: str) -> None:
    """Of the rows that each database finds by its condition."""
    op.create_index(name, table, columns, sqlite_where=text(sqlite), postgresql_where=text(postgresql))
