"""What all tables of the SQL database belong to. Times are Unix seconds, money integer micro-dollars."""

from sqlalchemy import BigInteger, Integer, MetaData

# Every constraint has a name, by which a migration can find it: the one that Postgres would give it.
metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
    }
)
Serial = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts up by itself in SQLite
