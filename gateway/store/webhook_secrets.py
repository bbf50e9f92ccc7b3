"""A team's secrets that sign its webhooks. More than one is in use while receivers change from an old to a new one.

Each function is part of somebody's transaction; moments are Unix seconds.
"""

import base64
import secrets
from dataclasses import dataclass, fields, replace

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from gateway.store.sealing import Seal
from gateway.store.tables import webhook_secrets
from gateway.store.tenant_tables import teams

SECRET_BYTES = 32  # 24 to 64 are allowed (Standard Webhooks 1.0.0, Signature scheme, read 2026-11-21)
MOST = 10  # in use by a team at once: each is a signature more in the headers of every webhook


class TooManySecrets(Exception):
    """A team has MOST secrets in use."""


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """In use until `expires`, or for good; `sealed` is opened with its id as the owner."""

    id: str
    team: str
    sealed: bytes
    created: float
    expires: float | None = None

    def __repr__(self) -> str:
        return f"<WebhookSecret {self.id}>"


ROW = [webhook_secrets.c[field.name] for field in fields(WebhookSecret)]
IN_USE = and_(
    webhook_secrets.c.team == bindparam("of"),
    or_(webhook_secrets.c.expires.is_(None), webhook_secrets.c.expires > bindparam("now")),
)
READ = select(*ROW).where(IN_USE).order_by(webhook_secrets.c.created.desc(), webhook_secrets.c.id)
SHORTEN = (
    update(webhook_secrets)
    .where(
        webhook_secrets.c.team == bindparam("of"),
        or_(webhook_secrets.c.expires.is_(None), webhook_secrets.c.expires > bindparam("end")),
    )
    .values(expires=bindparam("end"))
)
FORGET_EXPIRED = delete(webhook_secrets).where(
    webhook_secrets.c.team == bindparam("of"), webhook_secrets.c.expires <= bindparam("now")
)
FORGET = delete(webhook_secrets).where(
    webhook_secrets.c.team == bindparam("of"), webhook_secrets.c.id == bindparam("which")
)
ONE_AT_A_TIME = select(teams.c.id).where(teams.c.id == bindparam("of")).with_for_update()


def make_secret(team: str, seal: Seal, now: float) -> tuple[WebhookSecret, str]:
    """A new one, and its text as receivers need it: `whsec_…`."""
    text = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    id = f"whs_{secrets.token_hex(12)}"
    return WebhookSecret(id, team, seal.seal(text, id), now), text


def in_use(connection: Connection, team: str, now: float) -> tuple[WebhookSecret, ...]:
    """The newest first."""
    return tuple(WebhookSecret(*row) for row in connection.execute(READ, {"of": team, "now": now}))


def in_use_or(connection: Connection, made: WebhookSecret) -> tuple[WebhookSecret, ...]:
    """Those that the team of `made` has in use; a team without any has `made` from now on."""
    connection.execute(ONE_AT_A_TIME, {"of": made.team})
    found = in_use(connection, made.team, made.created)
    if not found:
        connection.execute(insert(webhook_secrets).values(as_values(made)))
    return found or (made,)


def rotate(connection: Connection, made: WebhookSecret, overlap: float) -> None:
    """`made` signs from now on, the others for `overlap` seconds more at most. Raises TooManySecrets."""
    connection.execute(ONE_AT_A_TIME, {"of": made.team})
    connection.execute(FORGET_EXPIRED, {"of": made.team, "now": made.created})
    connection.execute(SHORTEN, {"of": made.team, "end": made.created + overlap})
    if len(in_use(connection, made.team, made.created)) >= MOST:
        raise TooManySecrets
    connection.execute(insert(webhook_secrets).values(as_values(replace(made, expires=None))))


def forget(connection: Connection, team: str, id: str) -> bool:
    """It signs nothing any more; False where the team has no such secret."""
    return connection.execute(FORGET, {"of": team, "which": id}).rowcount == 1


def as_values(secret: WebhookSecret) -> dict[str, object]:
    return {field.name: getattr(secret, field.name) for field in fields(WebhookSecret)}
