"""How SQLite and PostgreSQL are connected to, what connections are set to, how transactions begin."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

BUSY_MS = 15_000
NETWORK: Mapping[str, int] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Of connections to PostgreSQL, s and ms: without them the end of a network is noticed after a quarter of an
hour. What the address of the database says itself goes before.
"""
WRITES = "polaris_write"
"""The option of an engine whose transactions write."""


class DatabaseUnavailable(RuntimeError):
    """The database can't be opened or reached; the text says what to do about it."""


def address(url: str | URL) -> URL:
    """*url* with the driver that we speak with. Raises `DatabaseUnavailable` for other databases."""
    url = make_url(url)
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise DatabaseUnavailable(
            f"{backend!r} is no database that Polaris Express speaks: sqlite, postgresql"
        )
    return url


def engine(url: URL, pool_size: int) -> Engine:
    """The engine for *url*, without a connection yet. Raises `DatabaseUnavailable`."""
    if url.get_backend_name() == "postgresql":
        return create_engine(
            url,
            pool_size=pool_size,
            max_overflow=2,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args=network(url),
        )
    if url.database and url.database != ":memory:":
        folder = Path(url.database).absolute().parent
        if not folder.is_dir():
            raise DatabaseUnavailable(f"the folder of the database file does not exist: {folder}")
    # What a statement was given stays out of errors, and so out of the log (T63).
    made = create_engine(url, pool_size=pool_size, max_overflow=2, hide_parameters=True)

    @event.listens_for(made, "connect")
    def prepare(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not behind our back
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -16000")
        connection.execute("PRAGMA temp_store = MEMORY")

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE for writers: a transaction that reads first and writes later would fail otherwise.
        write = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return made


def for_writing(engine: Engine) -> Engine:
    """*engine*, with the same connections, for transactions that write."""
    return engine.execution_options(**{WRITES: True}) if engine.dialect.name == "sqlite" else engine


def network(url: URL) -> dict[str, int]:
    """What a connection to *url* is given of `NETWORK`: all that it does not say itself."""
    return {name: value for name, value in NETWORK.items() if name not in url.query}
