"""`easel check`: the configuration and all that it points to, every problem in one go."""

import asyncio
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

import typer

from gateway import logs
from gateway.cli import options
from gateway.cli.findings import Finding, Verdict, of_configuration
from gateway.cli.terminal import cell, out, table
from gateway.settings import ConfigurationError, Settings, read_settings
from gateway.store.database import DatabaseError, answers, open_database
from gateway.store.embedded import EMBEDDED, EmbeddedStoreError
from gateway.store.pictures import Pictures, PictureStoreError
from gateway.store.redis import connect

PATIENCE = 30.0  # seconds for the stores; a bucket's own retries end after 20
MARKS: dict[Verdict, tuple[str, str]] = {"fine": ("✓", "green"), "off": ("–", "dim"), "wrong": ("✗", "bold red")}


def command(*, config: options.Config = None) -> None:
    """Check the configuration and all that it points to; status 1 when anything is wrong."""
    logs.silence()
    settings, findings = read(config)
    if settings is not None:
        findings = [*findings, *of_configuration(settings), *asyncio.run(of_stores(settings))]
    show(findings)
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(1)


def read(config: Path | None) -> tuple[Settings | None, list[Finding]]:
    """The settings and what is wrong with them; the tables that can be read are checked all the same."""
    try:
        return read_settings(config), [Finding("fine", "configuration", f"{read_from(config)}, environment")]
    except ConfigurationError as wrong:
        found = [Finding("wrong", *split(problem)) for problem in wrong.problems]
        return without_wrong_tables(config or Path("easel.toml"), wrong.problems), found


def read_from(config: Path | None) -> str:
    """`easel.toml`, or that there is none: a typo in its name would pass as defaults otherwise."""
    return str(config or ("easel.toml" if Path("easel.toml").is_file() else "no easel.toml"))


def split(problem: str) -> tuple[str, str]:
    """`server.deadline: Input should be…` → its place and its text."""
    place, colon, text = problem.partition(": ")
    return (place, text) if colon else ("configuration", problem)


def without_wrong_tables(file: Path, problems: Sequence[str]) -> Settings | None:
    """None when the file is no TOML, or when what is wrong does not stand in it."""
    wrong = {problem.partition(":")[0].partition(".")[0] for problem in problems}
    try:
        document = tomllib.loads(file.read_text("utf-8"))
        with tempfile.NamedTemporaryFile(suffix=".toml") as empty:
            return read_settings(Path(empty.name), {name: part for name, part in document.items() if name not in wrong})
    except (OSError, ValueError, ConfigurationError):
        return None


async def of_stores(settings: Settings) -> list[Finding]:
    """What has to be tried: the data directory, then Redis and the pictures at once."""
    directory = of_data_dir(settings.server.data_dir)
    if directory.verdict == "wrong" and EMBEDDED in settings.redis.url and settings.storage.url == "file":
        return [directory]
    return [directory, *await asyncio.gather(of_database(settings), of_redis(settings), of_pictures(settings))]


def of_data_dir(path: Path) -> Finding:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"easel check")
    except OSError as error:
        remedy = "make it writable, or set server.data_dir to another folder"
        return Finding("wrong", "server.data_dir", f"{path}: {error.strerror or error}; {remedy}")
    return Finding("fine", "server.data_dir", str(path))


async def of_database(settings: Settings) -> Finding:
    """The URL may hold a password and is not told. Tables are left as they are: the next start brings them up."""
    what = "PostgreSQL" if settings.database.url.startswith("postgres") else "the SQLite file"
    try:
        async with asyncio.timeout(PATIENCE):
            database = open_database(settings.database.url, settings.server.data_dir)
            try:
                await database.read(answers)
            finally:
                await database.close()
    except (DatabaseError, ValueError) as error:
        return Finding("wrong", "database.url", f"{error}; start it, or set database.url to sqlite")
    except TimeoutError:
        return Finding("wrong", "database.url", f"{what} does not answer in time; start it, or use sqlite")
    return Finding("fine", "database.url", f"{what} answers")


async def of_redis(settings: Settings) -> Finding:
    """The URL may hold a password and is not told."""
    what = "the bundled Valkey" if settings.redis.url == EMBEDDED else "the Redis server"
    try:
        async with asyncio.timeout(PATIENCE):
            connection = await connect(settings.redis.url, settings.server.data_dir)
            try:
                problem = await connection.ping()
            finally:
                await connection.close()
    except (EmbeddedStoreError, ValueError) as error:
        return Finding("wrong", "redis.url", str(error))
    except TimeoutError:
        problem = "no answer in time"
    if problem is None:
        return Finding("fine", "redis.url", f"{what} answers")
    return Finding("wrong", "redis.url", f"{what} does not answer ({problem}); start it, or set redis.url to embedded:")


async def of_pictures(settings: Settings) -> Finding:
    storage = settings.storage
    if not storage.keep:
        return Finding("off", "storage.url", "not used: storage.keep is false")
    try:
        async with asyncio.timeout(PATIENCE):
            problem = await Pictures.open(storage.url, settings.server.data_dir).check()
    except (PictureStoreError, ValueError) as error:
        problem = str(error)
    except TimeoutError:
        problem = "the picture store did not answer in time"
    if problem is None:
        return Finding("fine", "storage.url", "a picture can be written, read and removed")
    remedy = "make it writable" if storage.url == "file" else "check the bucket, its region and its credentials"
    return Finding("wrong", "storage.url", f"{problem}; {remedy}")


def show(findings: Sequence[Finding]) -> None:
    """What is wrong comes last, where the eye is."""
    order: list[Verdict] = ["fine", "off", "wrong"]
    rows = [
        [cell(MARKS[finding.verdict][0], MARKS[finding.verdict][1]), finding.what, finding.told]
        for finding in sorted(findings, key=lambda finding: order.index(finding.verdict))
    ]
    out().print(table(["", "checked", "result"], rows))
