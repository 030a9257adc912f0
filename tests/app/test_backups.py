"""Backups and their way back: consistent while the portal writes, never half, for nobody else's eyes."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import alembic.command
import pytest
from sqlalchemy import func, insert, select, text

from app import alone, clock
from app.access import sign_in_rows
from app.access.lifetimes import Lifetime
from app.access.link_rows import Purpose
from app.access.sign_in_rows import Arrival
from app.access.tokens import hashed
from app.operating import backups, restoring
from app.operating.backups import BackupFailed
from data.caller import COMMAND_LINE
from data.database import Change, Database
from data.migrate import config, revision
from data.models import AuditEntry, Browser, OneTimeLink, SignIn, Site
from data.types import HowSignedIn
from tests import world
from tests.postgres import Postgres

DAY = timedelta(days=1)
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
        before = restoring.restore(again, made.path)
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


def test_nobody_is_signed_in_by_an_old_backup(sqlite_database: Database, tmp_path: Path) -> None:
    """T14, T16: a sign-in or a link that ended since would live again; and the audit log tells of it."""
    database, now = sqlite_database, clock.now()
    token = hashed(secrets.token_urlsafe(32))

    def fill(change: Change) -> None:
        dana = world.add_driver(change, "Dana Driver")
        arrival = Arrival(dana, HowSignedIn.PASSWORD, address="x", browser_name="x")
        sign_in_rows.arrive(change, arrival, now, lambda role: Lifetime(DAY, DAY), None, token)
        for number, used_at in enumerate((None, now)):
            row = {"token_hash": f"hash {number}", "purpose": Purpose.PASSWORD_RESET, "account_id": dana}
            times = {"created_at": now, "expires_at": now + DAY, "used_at": used_at}
            change.execute(insert(OneTimeLink), {**row, **times})

    database.change_now(fill)
    made = backups.back_up(database, tmp_path / "one")
    database.close()
    restoring.restore(database, made.path)
    restored = Database(database.url)
    try:
        with restored.engine.connect() as db:
            assert db.scalar(select(func.count()).select_from(SignIn)) == 0
            assert db.scalar(select(func.count()).select_from(Browser)) == 0
            assert list(db.scalars(select(OneTimeLink.token_hash))) == ["hash 1"]
            entry = db.execute(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.action, entry.about, entry.actor_name) == (
            "backup.restore",
            str(made.path),
            "command line",
        )
        assert entry.details == {"sign_ins": 1, "links": 1}
    finally:
        restored.close()
    with sqlite3.connect(made.path) as untouched:
        assert untouched.execute("SELECT count(*) FROM sign_ins").fetchone() == (1,)
    untouched.close()


def test_an_older_backup_is_brought_up_to_date_on_the_way(sqlite_database: Database, tmp_path: Path) -> None:
    """So that what is in it can be seen to before anybody is let in."""
    path = tmp_path / "old"
    old = Database(f"sqlite:///{path}")
    with old.engine.connect() as connection:
        alembic.command.upgrade(config(connection), "0001")
        connection.commit()
    old.close()
    sqlite_database.close()
    restoring.restore(sqlite_database, path)
    assert backups.checked(Path(str(sqlite_database.url.database))) == revision()


CRASH = """
import os, shutil, signal, sys
from pathlib import Path
from app.operating import restoring
from data.database import Database

EVENTS = {"os.rename", "os.link", "os.remove"}
folder = Path(sys.argv[1])
for number in range(100):
    there = folder / str(number)
    shutil.copytree(folder / "before", there)
    child = os.fork()
    if child == 0:
        left = [number]
        def hook(event, arguments):
            of_copy = event == "os.remove" and ".restoring" in str(arguments)
            if event in EVENTS and str(there) in str(arguments) and not of_copy:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        restoring.restore(Database(f"sqlite:///{there / 'polaris.db'}"), folder / "one")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
"""


def test_a_restore_that_is_killed_leaves_a_database(sqlite_database: Database, tmp_path: Path) -> None:
    """Killed at any step, the next start finds the old or the restored one, and nothing has gone."""
    database = sqlite_database
    database.change_now(add, "old")
    backups.back_up(database, tmp_path / "one")
    database.change_now(add, "new")
    (tmp_path / "before").mkdir()
    file = Path(str(database.url.database))
    for rest in ("", "-wal"):  # as a killed portal leaves it: what came last stands in the log
        shutil.copyfile(f"{file}{rest}", tmp_path / "before" / f"polaris.db{rest}")
    run = subprocess.run(
        [sys.executable, "-c", CRASH, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    tried = sorted((path for path in tmp_path.iterdir() if path.name.isdigit()), key=lambda p: int(p.name))
    assert len(tried) > 4
    found = []
    for there in tried:
        assert (there / "polaris.db").exists(), there.name
        now = Database(f"sqlite:///{there / 'polaris.db'}")
        found.append(names(now))
        now.close()
        if found[-1] == 2:
            (kept,) = there.glob("*.before-restore-*Z")
            before = Database(f"sqlite:///{kept}")
            assert names(before) == 4
            before.close()
    assert found == sorted(found, reverse=True)
    assert set(found) == {2, 4}


def test_a_log_that_cannot_be_settled_is_kept(sqlite_database: Database, tmp_path: Path) -> None:
    """A damaged database may be why somebody restores: what stands beside it can save the rest of it."""
    sqlite_database.change_now(add, "mine")
    made = backups.back_up(sqlite_database, tmp_path / "one")
    file = tmp_path / "broken" / "polaris.db"
    file.parent.mkdir()
    file.write_bytes(b"x" * 8_192)
    wal = Path(f"{sqlite_database.url.database}-wal").read_bytes()
    Path(f"{file}-wal").write_bytes(wal)
    before = restoring.restore(Database(f"sqlite:///{file}"), made.path)
    assert before.read_bytes() == b"x" * 8_192
    assert Path(f"{before}-wal").read_bytes() == wal
    restored = Database(f"sqlite:///{file}")
    assert names(restored) == 2
    restored.close()


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
            restoring.restore(again, path)
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
        restoring.restore(postgres_database, made.path)
    program = str(postgres.binaries / "pg_restore")
    with postgres.database() as url:
        subprocess.run([program, f"--dbname={url}", str(made.path)], check=True, capture_output=True)
        other = Database(url)
        assert names(other) == 2
        told = "DELETE FROM sign_ins; DELETE FROM browsers; DELETE FROM one_time_links WHERE used_at IS NULL"
        assert told in (ROOT / "docs" / "backup.md").read_text()
        with other.engine.begin() as connection:
            connection.execute(text(told))
        other.close()
