"""`import-chargers`: many chargers from a CSV file, and their passwords into another. See docs/import.md."""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click

from app.commands.chargers import REFUSALS
from app.commands.opening import opened
from app.operating.charger_import import (
    COLUMNS,
    LINES_AT_MOST,
    LONGEST,
    ChargerImport,
    Line,
    Plan,
    UnknownColumns,
)
from app.operating.chargers import NewCharger, ocpp_address
from app.operating.sites import CannotKeep
from app.settings import Settings, load
from components.sessions_csv import neutral
from data.caller import COMMAND_LINE
from data.database import Database

WRONG = {
    "no_site": "there is no site of this name; add-site makes one",
    "site_missing": "there are several sites: name one",
    "repeated": "an earlier line has the same identity",
    "no_identity": "The first line names columns, but none of them is identity.",
    "columns": f"The first line names unknown columns, or one twice; there are {', '.join(COLUMNS)}.",
    "too_many": f"A file has {LINES_AT_MOST:,} lines and {LONGEST:,} characters at most: split it.",
    "identity": "an identity has 1 to 255 characters, without spaces and : / ? #",
    "identity_taken": "Somebody else has added one of them in this moment: nothing was changed, try again.",
}


@click.command("import-chargers")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would become of each line, and write nothing.")
@click.option(
    "--passwords",
    "passwords",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new CSV file for identity, OCPP address and password of each, which only you can read.  "
    "[default: they are printed]",
)
@click.option("--encoding", default="utf-8-sig", show_default=True, help="Of the file.")
def import_chargers(file: Path, dry_run: bool, passwords: Path | None, encoding: str) -> None:
    """Add the chargers of the CSV FILE, each with a password of its own.

    Columns: identity, name, site, connectors ('Type 2:22|CCS:150', in kW), group. Lines that are wrong are
    told and left out; chargers that are there already stay as they are, so that it can be repeated.
    """
    settings, text = load(), _read(file, encoding)
    with opened() as database:
        try:
            if dry_run:
                _say_plan(asyncio.run(ChargerImport(database).plan(text)))
            else:
                _add(database, settings, text, passwords)
        except CannotKeep as refused:
            raise click.ClickException(WRONG.get(refused.why) or REFUSALS[refused.why]) from refused


def _add(database: Database, settings: Settings, text: str, passwords: Path | None) -> None:
    """The file for the passwords is there before any charger is: they are told this once."""
    plan = asyncio.run(ChargerImport(database).plan(text))
    if passwords is None or not plan.new:
        made = _written(database, text) if plan.new else ()
        _say(plan, {one.identity for one in made})
        for one in made:
            click.echo(f"  {one.identity}  {ocpp_address(settings, one.identity)}  {one.password}")
        if made:
            click.echo("Their passwords are shown this once.")
        return
    with _new_file(passwords) as kept:
        try:
            made = _written(database, text)
        except BaseException:
            with suppress(OSError):
                passwords.unlink()
            raise
        _write(kept, made, settings)
    _say(plan, {one.identity for one in made})
    click.echo(f"Their passwords are in {passwords}, which only you can read; they are kept nowhere else.")


def _written(database: Database, text: str) -> tuple[NewCharger, ...]:
    async def add() -> tuple[NewCharger, ...]:
        return await ChargerImport(database).add(COMMAND_LINE, text)

    return asyncio.run(add())


def _read(file: Path, encoding: str) -> str:
    try:
        return file.read_text(encoding)
    except LookupError as error:
        raise click.ClickException(f"{encoding!r} is no encoding; give one such as latin-1.") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not {encoding}; say with --encoding what it is.") from error


def _new_file(path: Path) -> TextIO:
    """A file that was not there before, for this user alone (T62)."""
    try:
        return os.fdopen(
            os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8", newline=""
        )
    except FileExistsError as error:
        raise click.ClickException(f"{path} is there already: give the name of a new file.") from error
    except OSError as error:
        raise click.ClickException(f"{path} can't be written ({error.strerror}).") from error


def _write(file: TextIO, made: Iterable[NewCharger], settings: Settings) -> None:
    table = csv.writer(file)
    table.writerow(["identity", "address", "password"])
    for one in made:
        table.writerow([neutral(one.identity), ocpp_address(settings, one.identity), one.password])


def _say_plan(plan: Plan) -> None:
    for line in plan.lines:
        groups = f" (makes the group {', '.join(line.new_groups)})" if line.new_groups else ""
        click.echo(_told(line, f"would be added{groups}"))
    _count(plan, f"{len(plan.new):,} would be added")
    if plan.unknown:
        raise UnknownColumns


def _say(plan: Plan, made: set[str]) -> None:
    for line in plan.lines:
        here = line.row is not None and not line.exists and line.row["identity"] in made
        click.echo(_told(line, "added" if here else "is there already"))
    _count(plan, f"{len(made):,} added")


def _told(line: Line, new: str) -> str:
    """Line number, identity as it was given, and what becomes of it."""
    outcome = new
    if line.problem:
        wrong = WRONG.get(line.problem) or REFUSALS[line.problem]
        outcome = f"left out: {wrong}"
    elif line.exists:
        outcome = "is there already"
    given = "".join(c if c.isprintable() else "?" for c in line.cells[0][:60])
    return f"line {line.number:>4}  {given or '(nothing)'}: {outcome}"


def _count(plan: Plan, new: str) -> None:
    click.echo(f"{new}, {plan.known:,} there already, {plan.wrong:,} left out.")
