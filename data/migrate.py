"""Migrations: run at every start, from code, without an ini file."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from data.database import Database
from data.engines import DatabaseUnavailable

_LOCK = 0x506F6C61726973
"""Key of PostgreSQL's advisory lock: of several processes that start at once, one migrates."""


def migrate(database: Database) -> str | None:
    """Bring *database* to this program's revision; returns the one it had, ``None`` for an empty one.

    Raises `DatabaseUnavailable` if it can't be reached or is newer than this program.
    """
    try:
        with database.engine.connect() as connection:
            if database.dialect == "postgresql":
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            try:
                return _migrate(connection)
            finally:
                if database.dialect == "postgresql":
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                    connection.commit()
    except OperationalError as error:
        raise DatabaseUnavailable(
            f"POLARIS_DATABASE_URL={database.url.render_as_string()}: the database can't be opened "
            f"({' '.join(str(error.orig).split())}); start it, or correct the setting"
        ) from error


def revision() -> str:
    """The revision that this program needs."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str | None:
    """The revision of the database, ``None`` for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def known(had: str) -> bool:
    """True if this program can bring a database of the revision *had* up to date."""
    try:
        return ScriptDirectory.from_config(config()).get_revision(had) is not None
    except CommandError:
        return False


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, made here instead of in a file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def _migrate(connection: Connection) -> str | None:
    had = current(connection)
    if had is not None and not known(had):
        raise DatabaseUnavailable(
            f"the database is newer than this program (it has revision {had}, this program knows up to "
            f"{revision()}): start the version that wrote it, or restore a backup"
        )
    if had != revision():
        command.upgrade(config(connection), "head")
        connection.commit()
    return had
