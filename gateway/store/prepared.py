"""Statements whose text is made once, when the program starts, for what every request needs.

SQLAlchemy's own way costs more than what SQLite then does (docs/decisions/0008). What it would do to each value is not
done, and not needed: both drivers take text, bytes, booleans, floats and None as they are. SQLite gives 0 and 1 for
booleans.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Text, any_, bindparam, column, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import ClauseElement

# As the engines have them, without a connection.
COMPILERS: dict[str, Dialect] = {"sqlite": sqlite.dialect(), "postgresql": asyncpg.dialect()}
INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Compiled(NamedTuple):
    """`values` brings a row's values into the order of the text's placeholders."""

    text: str
    values: Callable[[Mapping[str, Any]], tuple[Any, ...]]


class Prepared:
    """`make` gives the statement for a dialect; all its values are named parameters."""

    def __init__(self, make: Callable[[str], ClauseElement]) -> None:
        self._compiled = {name: compiled(make(name), compiler) for name, compiler in COMPILERS.items()}

    def text_for(self, dialect: str) -> str:
        """As the database gets it."""
        return self._compiled[dialect].text

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Once for each row; not at all for none."""
        if not rows:
            return
        dialect = connection.dialect.name
        statement = self._compiled[dialect]
        values = list(map(statement.values, rows))
        if dialect == "sqlite":
            sqlite_connection(connection).executemany(statement.text, values)
        else:
            connection.exec_driver_sql(statement.text, values)

    def fetch(self, connection: Connection, **values: Any) -> Sequence[Any]:
        """The rows that it gives."""
        dialect = connection.dialect.name
        statement = self._compiled[dialect]
        if dialect == "sqlite":
            return sqlite_connection(connection).execute(statement.text, statement.values(values)).fetchall()
        return connection.exec_driver_sql(statement.text, statement.values(values)).all()


def compiled(statement: ClauseElement, compiler: Dialect) -> Compiled:
    made = statement.compile(dialect=compiler)
    names: list[str] = getattr(made, "positiontup", None) or []
    return Compiled(str(made), in_order(names))


def in_order(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """As `itemgetter`, which gives no tuple for less than two."""
    return itemgetter(*names) if len(names) > 1 else lambda row: tuple(row[name] for name in names)


def sqlite_connection(connection: Connection) -> Any:
    """Python's own: it has nothing to recover from when a statement fails, for which SQLAlchemy would have to know."""
    return connection.connection.dbapi_connection


def one_of(dialect: str, wanted: Column[str], name: str) -> ColumnElement[bool]:
    """Whether a column is among the values of the parameter `name`, which `several` gives."""
    if dialect == "postgresql":
        return wanted == any_(bindparam(name, type_=ARRAY(Text)))
    return wanted.in_(select(column("value", Text)).select_from(func.json_each(bindparam(name))))


def several(connection: Connection, values: Collection[str]) -> Any:
    """A parameter's value for `one_of`."""
    return list(values) if connection.dialect.name == "postgresql" else orjson.dumps(list(values)).decode()
