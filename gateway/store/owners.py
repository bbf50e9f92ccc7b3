"""Keys by what people call them. Part of somebody's transaction."""

from sqlalchemy import Connection, bindparam, or_, select

from gateway.store.tenant_tables import keys

MOST_NAMESAKES = 10
CALLED = (
    select(keys.c.id)
    .where(or_(keys.c.id == bindparam("called"), keys.c.name == bindparam("called")))
    .order_by(keys.c.id != bindparam("called"), keys.c.created, keys.c.id)
    .limit(MOST_NAMESAKES)
)


def find_keys(connection: Connection, id_or_name: str, team: str | None) -> list[str]:
    """The ids of those that are called so, of one team or of all; only the one whose id it is, where there is one."""
    wanted = CALLED if team is None else CALLED.where(keys.c.team == team)
    found = list(connection.scalars(wanted, {"called": id_or_name}))
    return found[:1] if id_or_name in found else found
