"""Backups: consistent while the portal runs, for this user's eyes alone (T62).

SQLite writes a copy of its own (`VACUUM INTO`): what was committed when it began is in it, and nothing
half. A copy of the file would not be: part of it may still stand in the log beside it. PostgreSQL's own
`pg_dump` does the same there. No backup holds a clear secret, because the database holds none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL

from app import clock, private_files
from app.changing import changing
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.migrate import known, revision
from data.types import Role

log = logging.getLogger("polaris")

STEP_SECONDS = 0.2
"""Between two looks at how far a backup has come."""
THERE = "{} is there already; name a new file, a backup overwrites nothing"


class BackupFailed(RuntimeError):
    """No backup was made, or none restored, and nothing was changed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that is there."""

    path: Path
    size: int
    """Bytes."""
    made_at: datetime


Progress = Callable[[float], None]
"""Told now and then how far it has come, from 0 to 1."""


class Backups:
    """The backups that the console's button makes, in one folder, one at a time."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder
        self.progress: float | None = None
        """How far the one that is being made has come, from 0 to 1; ``None``: none is."""
        self._database = database

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    @changing("backup.make", role=Role.OPERATOR)
    async def make(self, caller: Caller) -> Backup:
        """Make one now, in a thread. Raises `BackupFailed`, also while another is being made."""
        if self.progress is not None:
            raise BackupFailed("a backup is being made already")
        self.progress = 0.0
        try:
            path = self.folder / f"polaris-{clock.now():%Y%m%dT%H%M%SZ}.backup"
            made = await asyncio.to_thread(back_up, self._database, path, tell=self._tell)
            await self._database.change(written, caller, made)
        finally:
            self.progress = None
        log.info("backup made path=%s bytes=%s", made.path, made.size)
        return made

    def listed(self) -> list[Backup]:
        """Those that are there, newest first; reads the folder."""
        return listed(self.folder)

    def _tell(self, part: float) -> None:
        self.progress = part


def back_up(database: Database, path: Path, *, tell: Progress = lambda part: None) -> Backup:
    """Write a backup of *database* to the new file *path*; blocks until it is on the disk.

    *path* appears when it is whole. Raises `BackupFailed`.
    """
    path = path.absolute()
    if path.exists():
        raise BackupFailed(THERE.format(path))
    begun = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        private_files.make(begun)  # empty, for this user alone: both ways write into it
        if database.dialect == "sqlite":
            _sqlite(database, begun, tell)
        else:
            _postgresql(database.url, begun)
        with begun.open("rb+") as file:
            os.fsync(file.fileno())
        try:
            os.link(begun, path)  # unlike a rename it never replaces what came there meanwhile
        except FileExistsError as error:
            raise BackupFailed(THERE.format(path)) from error
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        raise BackupFailed(f"{path} could not be written ({_why(error)}); nothing was changed") from error
    finally:
        with contextlib.suppress(OSError):
            begun.unlink()
    tell(1.0)
    return Backup(path, path.stat().st_size, clock.now())


def checked(path: Path) -> str:
    """The revision of the backup *path*, if it is whole and of no newer program. Raises `BackupFailed`."""
    if not path.is_file():
        raise BackupFailed(f"there is no file {path}")
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as connection:
            (state,) = connection.execute("PRAGMA quick_check").fetchone()
            (had,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)
    except sqlite3.Error as error:
        raise BackupFailed(f"{path} is no backup of Polaris Express ({error})") from error
    if state != "ok":
        raise BackupFailed(f"{path} is damaged ({state}); take an older backup")
    if not known(had):
        raise BackupFailed(
            f"{path} was made by a newer version (revision {had}, this one knows up to {revision()}): "
            "restore it with that version"
        )
    return str(had)


def listed(folder: Path) -> list[Backup]:
    """The backups in *folder*, newest first."""
    found = []
    for path in folder.glob("polaris-*.backup") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            state = path.stat()
            found.append(
                Backup(path, state.st_size, datetime.fromtimestamp(state.st_mtime, clock.now().tzinfo))
            )
    return sorted(found, key=lambda backup: backup.made_at, reverse=True)


def written(change: Change, caller: Caller, backup: Backup) -> None:
    """Write into the audit log that *caller* made *backup*."""
    details = {"bytes": backup.size}
    audit.record(change, caller, "backup.make", clock.now(), about=str(backup.path), details=details)
    change.announce(Announcement(Topic.ATTENTION))


def _sqlite(database: Database, begun: Path, tell: Progress) -> None:
    """The copy, on a connection of its own, while the writer goes on beside it."""
    source = sqlite3.connect(str(database.url.database), isolation_level=None, check_same_thread=False)
    with contextlib.closing(source):
        pages = (
            source.execute("PRAGMA page_count").fetchone()[0]
            - source.execute("PRAGMA freelist_count").fetchone()[0]
        )
        expected = max(1, pages * source.execute("PRAGMA page_size").fetchone()[0])
        last = 0.0

        def look() -> int:
            nonlocal last
            if time.monotonic() - last >= STEP_SECONDS:
                last = time.monotonic()
                with contextlib.suppress(OSError):
                    tell(min(0.99, begun.stat().st_size / expected))
            return 0

        source.set_progress_handler(look, 100_000)
        source.execute("VACUUM INTO ?", (str(begun),))
    checked(begun)


def _postgresql(url: URL, begun: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupFailed(
            "pg_dump is not installed here (Debian: postgresql-client); docs/backup.md tells more"
        )
    environment = dict(os.environ)
    for name, value in (
        ("PGHOST", url.host),
        ("PGPORT", url.port),
        ("PGUSER", url.username),
        ("PGPASSWORD", url.password),
        ("PGDATABASE", url.database),
    ):
        if value is not None:  # not as arguments, which everybody on the machine can read
            environment[name] = str(value)
    run = subprocess.run(  # noqa: S603  # a program of the system's, and a file name of ours
        [program, "--format=custom", f"--file={begun}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise BackupFailed(f"pg_dump failed: {' '.join(run.stderr.split())[:500]}")


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
