"""`easel migrate`: the database is up to date, or it is said why it is not."""

import sqlite3
from pathlib import Path

from gateway.store.migrate import HEAD, VERSION_TABLE
from tests.cli.running import easel
from tests.postgres import PostgresServer


def at(database: Path) -> str:
    connection = sqlite3.connect(database)
    try:
        return str(connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()[0])  # noqa: S608 - a constant
    finally:
        connection.close()


def test_a_new_database_gets_its_tables_and_an_old_one_stays(tmp_path: Path) -> None:
    env = {"EASEL_SERVER__DATA_DIR": str(tmp_path / "data")}
    for _time in range(2):
        done = easel("migrate", env=env, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"the database is up to date: {HEAD}\n", "")
        assert at(tmp_path / "data" / "easel.db") == HEAD


def test_one_that_is_configured(tmp_path: Path, postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database()
    (tmp_path / "mine.toml").write_text(f'[database]\nurl = "{url}"\n')
    assert easel("migrate", "--config", "mine.toml", cwd=tmp_path).returncode == 0
    assert postgres_server.run_sql(f"SELECT version_num FROM {VERSION_TABLE}", database=url).strip() == HEAD  # noqa: S608 - a constant


def test_why_it_cannot_be_is_said(tmp_path: Path) -> None:
    env = {"EASEL_DATABASE__URL": f"postgresql://easel:secret@/easel?host={tmp_path}"}
    done = easel("migrate", env=env, cwd=tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("easel: the database is away")
    assert "secret" not in line
    done = easel("migrate", env={"EASEL_DATABASE__URL": "mysql://nowhere"}, cwd=tmp_path)
    assert (done.returncode, "database.url" in done.stderr) == (2, True)
