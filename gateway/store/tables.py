"""The tables of jobs: what must outlive a process.

No column holds a picture or a key. `jobs.request` holds the prompt as long as the job runs, `jobs.result` as long as it
is kept: its rows say what was asked.
"""

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
    UniqueConstraint,
    false,
    text,
)

from gateway.store.metadata import Serial, metadata
from gateway.store.tenant_tables import teams

# Gateways that run, or ran: `beat` is renewed, and the jobs of one that no longer renews it are taken up by others.
processes = Table(
    "processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started", Double, nullable=False),
    Column("beat", Double, nullable=False),
)

# `owner` is a process, `attempt` grows with each new owner: together they are the lease. `deaths` is how many owners
# died with it. `caller` is the key's id, `body` a hash of the request. `written` is the number of the journal's last
# entry about it, so that none is written twice. `gone`: whoever asked has left; `found` is how often a request sent
# again has led here. `leftover`: it failed, and pictures that it made may still be used; `heir` is the job that uses
# them. `result` is the answer without its pictures, `error` the answer of a failed job. `held_micros` is what is held
# for it, in each of `budgets`: a JSON list of `[owner, period]` of `spending`.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
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
    Column("held_micros", BigInteger, nullable=False, server_default=text("0")),
    Column("budgets", Text),
)
Index("jobs_by_team", jobs.c.team, jobs.c.created, jobs.c.id)
Index("jobs_by_caller", jobs.c.caller, jobs.c.created)
Index("jobs_by_body", jobs.c.team, jobs.c.body, jobs.c.created, jobs.c.id)
Index("jobs_leftover", jobs.c.body, sqlite_where=text("leftover = 1"), postgresql_where=text("leftover"))
Index("jobs_open", jobs.c.owner, sqlite_where=text("finished IS NULL"), postgresql_where=text("finished IS NULL"))
Index("jobs_deleting", jobs.c.id, sqlite_where=text("deleting = 1"), postgresql_where=text("deleting"))

# Calls to providers. `state` is sending, accepted (the ticket is known), done, failed, unknown (it may have been paid)
# or cancelled. `indexes` are the places of its pictures among the job's, `pixels` and `planned_micros` what all of them
# were planned to have and to cost, and `price` how that was found; `own_key`: it went out under the team's own key.
calls = Table(
    "calls",
    metadata,
    Column("job", Text, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
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
    Column("pixels", BigInteger),
    Column("planned_micros", BigInteger),
    Column("price", Text),
    Column("own_key", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("job", "number"),
)

# Which job needs which stored object (`name` under its team); `role` is image or source. An object without a row here
# may be deleted. `facts` are those of the cache's record, `cache_key` is where that record lies.
pictures = Table(
    "pictures",
    metadata,
    Column("job", Text, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("role", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("team", Text, nullable=False),
    Column("name", Text),
    Column("facts", LargeBinary),
    Column("cache_key", Text),
    Column("created", Double, nullable=False),
    PrimaryKeyConstraint("job", "role", "place"),
)
Index("pictures_by_name", pictures.c.team, pictures.c.name)
Index(
    "pictures_by_age",
    pictures.c.team,
    pictures.c.role,
    pictures.c.created,
    sqlite_where=text("name IS NOT NULL"),
    postgresql_where=text("name IS NOT NULL"),
)

# What happened, in the order of `seq`; nothing is added below a `seq` that could already be read.
events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("team", Text, nullable=False),
    Column("job", Text, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("type", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("data", Text, nullable=False),
    sqlite_autoincrement=True,
)
Index("events_by_job", events.c.job, events.c.seq)
Index("events_by_team", events.c.team, events.c.seq)

# The first job under a caller's key wins; `body` is a hash of its request.
idempotency = Table(
    "idempotency",
    metadata,
    Column("team", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("created", Double, nullable=False),
    PrimaryKeyConstraint("team", "key"),
)
Index("idempotency_by_age", idempotency.c.created)
Index("idempotency_by_job", idempotency.c.job)

# What is to be sent to callers' addresses: `kind` is webhook, or upload (of the picture at `place`). `state` is
# pending, delivered or failed; `due` is when it is tried next, or until when somebody is trying.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("job", Text, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
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
    UniqueConstraint("job", "kind", "place"),
)
Index("deliveries_due", deliveries.c.state, deliveries.c.due)

# A team's secrets that sign its webhooks, sealed with the key of `[secrets]`; each is in use until `expires`.
webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("team", Text, ForeignKey(teams.c.id, ondelete="CASCADE"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
)
