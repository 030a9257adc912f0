"""Backups and their way back: consistent while the portal writes, never half, for nobody else's eyes."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from app import alone, clock
from app.operating import backups
from app.operating.backups import BackupFailed
from data.caller import COMMAND_LINE
from data.database import Change, Database
from data.models import AuditEntry, Site
from tests import world
from tests.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent.parent


def names(database: Database) -> int:
    return database.ask_now(lambda db: db.scalar(select(func.count()).select_from(Site)) or 0)


def add(change: Change, name: str) -> None:
    """Two rows that belong together: a backup has both or none."""
    for half in ("a", "b"):
        change.execute(insert(Site), {"name": f"{name} {half}", "time_zone": "UTC", "currency": "EUR"})


def test_a_backup_holds_whole_changes_while_others_write(sqlite_database: Database, tmp_path: Path) -> None:
    """What is committed when it begins is in it, and no half of anything; writers go on meanwhile."""
    database = sqlite_database
    database.change_now(add, "before")
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            database.change_now(add, f"while {number}")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [backups.back_up(database, tmp_path / f"{n}.backup") for n in range(5)]
    finally:
        stop.set()
        writer.join()
    for backup in made:
        assert stat.S_IMODE(backup.path.stat().st_mode) == 0o600  # T62
        with sqlite3.connect(backup.path) as copy:
            (count,) = copy.execute("SELECT count(*) FROM sites").fetchone()
            halves = copy.execute("SELECT count(*) FROM sites WHERE name LIKE '% a'").fetchone()[0]
            before = copy.execute("SELECT count(*) FROM sites WHERE name LIKE 'before%'").fetchone()[0]
        copy.close()
        assert before == 2
        assert count == 2 * halves
    assert names(database) > 2  # the writer got through
    assert not list(tmp_path.glob(".*part"))


def test_a_backup_overwrites_nothing_and_leaves_nothing_half(
    sqlite_database: Database, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    with pytest.raises(BackupFailed, match="there already"):
        backups.back_up(sqlite_database, there)
    assert there.read_text() == "mine"
    with pytest.raises(BackupFailed, match="could not be written"):
        backups.back_up(sqlite_database, tmp_path / "there" / "below" / "file")
    with pytest.raises(BackupFailed, match="could not be written"):
        backups.back_up(sqlite_database, Path("/proc/nowhere/backup"))
    assert sorted(path.name for path in tmp_path.iterdir() if "part" in path.name) == []


def test_progress_ends_at_the_whole(sqlite_database: Database, tmp_path: Path) -> None:
    told: list[float] = []
    backups.back_up(sqlite_database, tmp_path / "one", tell=told.append)
    assert told[-1] == 1.0
    assert told == sorted(told)


def test_the_audit_log_tells_who_made_it(sqlite_database: Database, tmp_path: Path) -> None:
    made = backups.back_up(sqlite_database, tmp_path / "one")
    sqlite_database.change_now(backups.written, COMMAND_LINE, made)
    actions = sqlite_database.ask_now(lambda db: list(db.scalars(select(AuditEntry.action))))
    assert actions == ["backup.make"]


def test_a_restored_backup_is_what_was_there(sqlite_database: Database, tmp_path: Path) -> None:
    """And what was there instead is kept beside it, with what still stood in the log."""
    database = sqlite_database
    database.change_now(add, "old")
    database.change_now(world.add_driver, "Dana Driver")
    made = backups.back_up(database, tmp_path / "one")
    database.change_now(add, "new")
    database.close()
    again = Database(database.url)
    try:
        before = backups.restore(again, made.path)
    finally:
        again.close()
    restored, kept = Database(database.url), Database(f"sqlite:///{before}")
    try:
        assert (names(restored), names(kept)) == (2, 4)
        restored.change_now(add, "and on")
        assert names(restored) == 4
    finally:
        restored.close()
        kept.close()
    assert stat.S_IMODE(Path(str(database.url.database)).stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["no file", "no database", "cut", "newer", "in use"])
def test_what_is_no_backup_is_refused_and_nothing_is_lost(
    sqlite_database: Database, tmp_path: Path, damage: str
) -> None:
    database = sqlite_database
    database.change_now(add, "mine")
    path = backups.back_up(database, tmp_path / "one").path
    database.close()
    let_go = alone.hold(database) if damage == "in use" else None
    if damage == "no file":
        path = tmp_path / "nothing"
    elif damage == "no database":
        path.write_bytes(b"x" * 10_000)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "newer":
        with sqlite3.connect(path) as copy:
            copy.execute("UPDATE alembic_version SET version_num = '9999'")
        copy.close()
    again = Database(database.url)
    try:
        with pytest.raises(BackupFailed):
            backups.restore(again, path)
        assert names(again) == 2
    finally:
        again.close()
        if let_go is not None:
            let_go()


def test_the_list_has_the_newest_first(sqlite_database: Database, tmp_path: Path) -> None:
    for hour in (1, 3, 2):
        made = backups.back_up(sqlite_database, tmp_path / f"polaris-{hour}.backup")
        os.utime(made.path, (hour * 3_600, hour * 3_600))
    (tmp_path / "else.txt").write_text("no backup")
    found = backups.listed(tmp_path)
    assert [backup.path.name[8] for backup in found] == ["3", "2", "1"]
    assert found[0].made_at.tzinfo is not None
    assert backups.listed(tmp_path / "nowhere") == []
    assert found[0].made_at < clock.now()


def test_commands(sqlite_database: Database, tmp_path: Path) -> None:
    """`backup` and `restore` as an operator types them; a running portal keeps the second from harm."""
    sqlite_database.change_now(add, "mine")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("POLARIS_")}
        environment["POLARIS_DATABASE_URL"] = str(sqlite_database.url)
        return subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    made = run("backup", "one.backup")
    assert made.returncode == 0, made.stderr
    assert "one.backup is written" in made.stdout
    again = run("backup", "one.backup")
    assert (again.returncode, "there already" in again.stderr) == (1, True)
    sqlite_database.change_now(add, "later")
    sqlite_database.close()
    restored = run("restore", "--yes", "one.backup")
    assert restored.returncode == 0, restored.stderr
    after = Database(sqlite_database.url)
    try:
        assert names(after) == 2
    finally:
        after.close()


def test_postgresql_is_backed_up_and_restored(
    postgres_database: Database, postgres: Postgres, tmp_path: Path
) -> None:
    """What docs/backup.md says, done: pg_dump by us, pg_restore into an empty database."""
    postgres_database.change_now(add, "mine")
    made = backups.back_up(postgres_database, tmp_path / "one")
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    with pytest.raises(BackupFailed, match="pg_restore"):
        backups.restore(postgres_database, made.path)
    program = str(postgres.binaries / "pg_restore")
    with postgres.database() as url:
        subprocess.run([program, f"--dbname={url}", str(made.path)], check=True, capture_output=True)
        other = Database(url)
        assert names(other) == 2
        other.close()
