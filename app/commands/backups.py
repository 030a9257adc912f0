"""`backup FILE` and `restore FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from app.commands.opening import PROGRAM
from app.operating import backups, restoring
from app.settings import load, open_database
from data.caller import COMMAND_LINE
from data.migrate import current, revision

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command("backup")
@_FILE
def backup(file: Path) -> None:
    """Write a backup of the database to the new file FILE; the portal may go on running.

    SQLite: a database file. PostgreSQL: what pg_dump writes, for pg_restore.
    """
    database = open_database(load())  # not brought up to date first: before an upgrade one wants a backup
    try:
        with click.progressbar(length=100, label="Backup", file=sys.stderr) as bar:
            done = 0

            def tell(part: float) -> None:
                nonlocal done
                percent = int(part * 100)
                bar.update(percent - done)
                done = percent

            made = backups.back_up(database, file, tell=tell)
        if database.ask_now(current) == revision():
            database.change_now(backups.written, COMMAND_LINE, made)
    finally:
        database.close()
    click.echo(f"{made.path} is written ({made.size:,} bytes). To restore it: {PROGRAM} restore FILE")


@click.command("restore")
@_FILE
@click.confirmation_option(prompt="The database of the settings is replaced (and kept beside). Go on?")
def restore(file: Path) -> None:
    """Put the backup FILE in the place of the SQLite database. End the portal first.

    What was there is kept in a file beside it. Passwords are those of the backup; nobody is signed in, and
    links that nobody had used are void.
    """
    database = open_database(load())
    try:
        before = restoring.restore(database, file)
    finally:
        database.close()
    click.echo(
        f"{file} is restored; everybody signs in anew."
        + (f" What was there is kept: {before}" if before.exists() else "")
    )
