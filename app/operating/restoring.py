"""A backup put in the place of the SQLite file: at each moment one of the two is there, and nothing is lost.

Whoever was signed in on the day of the backup may have been signed out since, by themselves or because
they had to go: nobody is signed in by what is restored, and no link of that day opens (T14, T16).
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from app import alone, clock
from app.operating.backups import BackupFailed, checked
from data import audit
from data.caller import COMMAND_LINE
from data.database import Change, Database
from data.engines import DatabaseUnavailable
from data.migrate import migrate
from data.models import Browser, OneTimeLink, SignIn

log = logging.getLogger("polaris")

LOGS = ("-wal", "-journal")
"""What may stand beside a SQLite file and belong to its content."""


def restore(database: Database, path: Path) -> Path:
    """Put the backup *path* in the place of the SQLite file of *database*, which no portal may have open.

    What was there is kept beside it; returns where. Raises `BackupFailed`; then everything is as before.
    """
    if database.dialect != "sqlite" or not database.url.database:
        raise BackupFailed("PostgreSQL is restored by its own pg_restore: docs/backup.md says how")
    file = Path(database.url.database).absolute()
    had = checked(path)
    try:
        let_go = alone.hold(database)
    except DatabaseUnavailable as error:
        raise BackupFailed(f"{error}; a database is restored while no portal runs on it") from error
    new = file.with_name(f".{file.name}.restoring")
    try:
        before = file.with_name(f"{file.name}.before-restore-{clock.now():%Y%m%dT%H%M%SZ}")
        shutil.copyfile(path, new)
        new.chmod(0o600)
        if checked(new) != had:
            raise BackupFailed(f"{path} changed while it was copied; try again")
        _prepare(new, path)
        if file.exists():
            _keep(file, before)
        new.replace(file)
        _sync(file.parent)
        return before
    except (OSError, sqlite3.Error, SQLAlchemyError, DatabaseUnavailable) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BackupFailed(f"{file} could not be replaced ({why})") from error
    finally:
        for rest in ("", "-shm", *LOGS):
            Path(f"{new}{rest}").unlink(missing_ok=True)
        let_go()


def _prepare(new: Path, path: Path) -> None:
    """Bring the copy *new* of the backup *path* up to date, and sign everybody out in it."""
    copy = Database(f"sqlite:///{new}")
    try:
        migrate(copy)
        copy.change_now(_sign_out, path)
    finally:
        copy.close()  # puts what stands in its log into the file
    if any(_size(Path(f"{new}{rest}")) for rest in LOGS):
        raise BackupFailed(f"{new} could not be finished; try again")
    with new.open("rb+") as file:
        os.fsync(file.fileno())


def _sign_out(change: Change, path: Path) -> None:
    signed_in = change.execute(delete(SignIn)).rowcount
    change.execute(delete(Browser))
    links = change.execute(delete(OneTimeLink).where(OneTimeLink.used_at.is_(None))).rowcount
    details = {"sign_ins": signed_in, "links": links}
    audit.record(change, COMMAND_LINE, "backup.restore", clock.now(), about=str(path), details=details)


def _keep(file: Path, before: Path) -> None:
    """Let *before* be what *file* is now, which stays where it is; nothing of its log stays beside it."""
    _settle(file)
    try:
        os.link(file, before)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        begun = before.with_name(f".{before.name}.part")
        shutil.copyfile(file, begun)
        begun.chmod(0o600)
        begun.replace(before)
    for rest in LOGS:
        if _size(beside := Path(f"{file}{rest}")):
            log.warning("restore: %s could not be put into the database; it is kept too", beside)
            beside.replace(f"{before}{rest}")
        beside.unlink(missing_ok=True)
    Path(f"{file}-shm").unlink(missing_ok=True)
    _sync(file.parent)


def _settle(file: Path) -> None:
    """Put what stands in the log beside *file* into it, as far as it can be; else it stays beside it."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(str(file), isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # rolls a journal back


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sync(folder: Path) -> None:
    """Let the names in *folder* be on the disk."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
