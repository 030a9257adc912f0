"""`import-sessions`: past sessions from a CSV file. See docs/import.md."""

from __future__ import annotations

import csv
import io
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from app import clock
from app.commands.import_rows import KEYS, Format, Noted, Reader, Refused, Row, WrongColumns, WrongRow
from app.commands.import_store import NoSite, Policy, Store, Stored, Unknown
from app.commands.opening import Amount, TimeZone, opened
from app.settings import load

BATCH = 5_000
"""Rows a commit: a fraction of a second each, so that an interruption repeats little."""
LINES_SHOWN = 6


@dataclass
class Report:
    """What was read, and what became of it."""

    rows: int = 0
    sessions: int = 0
    energy_wh: int = 0
    known: int = 0
    refused: dict[Refused, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Line numbers by reason; a record of several lines counts as its last."""
    noted: dict[Noted, list[int]] = field(default_factory=lambda: defaultdict(list))
    sites: set[str] = field(default_factory=set)
    chargers: set[str] = field(default_factory=set)
    drivers: set[int | str] = field(default_factory=set)

    def add(self, stored: Stored) -> None:
        """Count a batch."""
        self.sessions += stored.sessions
        self.energy_wh += stored.energy_wh
        self.known += stored.known
        for row, note in stored.noted:
            self.noted[note].append(row.line)
        self.sites |= stored.made_sites.keys()
        self.chargers |= stored.made_chargers.keys()
        self.drivers |= stored.made_drivers

    def text(self, *, dry_run: bool = False) -> str:
        """For the terminal."""
        would = "would be " if dry_run else ""
        kwh = Decimal(self.energy_wh).scaleb(-3)
        lines = [
            f"{self.rows:>11,} rows read",
            f"{self.sessions:>11,} sessions {would}imported, {kwh:,.1f} kWh",
        ]
        made = (("sites", self.sites), ("chargers", self.chargers), ("drivers", self.drivers))
        lines += [f"{len(names):>11,} {word} {would}made" for word, names in made if names]
        lines.append(f"{self.known:>11,} were there already")
        lines.append(f"{sum(map(len, self.refused.values())):>11,} refused{':' if self.refused else ''}")
        lines += _counts(self.refused)
        if self.noted:
            lines.append("Taken, but worth a look:")
            lines += _counts(self.noted)
        return "\n".join(lines)


def _counts(by_reason: dict[Any, list[int]]) -> Iterator[str]:
    for reason, lines in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        shown = ", ".join(map(str, lines[:LINES_SHOWN])) + (", …" if len(lines) > LINES_SHOWN else "")
        yield f"{len(lines):>15,}  {reason.value} (line{'s' * (len(lines) > 1)} {shown})"


class _Rejects:
    """The optional file of refused rows: as they came, with line and reason before them."""

    def __init__(self, file: io.TextIOBase | None, delimiter: str, header: Sequence[str]) -> None:
        self._writer = csv.writer(file, delimiter=delimiter) if file is not None else None
        self._write(["line", "reason", *header])

    def add(self, line: int, reason: Refused, record: Sequence[str]) -> None:
        self._write([str(line), reason.value, *record])

    def _write(self, cells: list[str]) -> None:
        if self._writer is not None:
            self._writer.writerow(cells)


def _columns(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    columns = {}
    for pair in given:
        key, equals, header = pair.partition("=")
        if key.strip() not in KEYS or not equals or not header.strip():
            raise click.BadParameter(
                f"{pair!r}: give KEY=HEADER, where KEY is one of {', '.join(KEYS)}.", context, parameter
            )
        columns[key.strip()] = header
    return columns


def _delimiter(context: click.Context, parameter: click.Parameter, given: str) -> str:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(given, given)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise click.BadParameter("give one character, or 'tab'.", context, parameter)
    return delimiter


def _source(context: click.Context, parameter: click.Parameter, given: str) -> str:
    if not 0 < len(given) <= 32 or given == "ocpp":
        raise click.BadParameter(
            "give from 1 to 32 characters, other than ocpp (the chargers').", context, parameter
        )
    return given


@click.command(
    "import-sessions",
    epilog="Keys of --column: " + "; ".join(f"{key}: {meaning}" for key, meaning in KEYS.items()) + ".",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option(
    "--column",
    "columns",
    multiple=True,
    callback=_columns,
    metavar="KEY=HEADER",
    help="Which column tells what; repeatable. Two headers joined with + make a date with its time: "
    "start='Start Date+Start Time'.  [default: columns that are called as the keys below]",
)
@click.option(
    "--date-format",
    help="Such as '%d/%m/%Y %H:%M' (Python's strptime).  [default: ISO 8601]",
    metavar="FORMAT",
)
@click.option("--time-zone", type=TimeZone(), help="Zone of times that tell none.  [default: the setting]")
@click.option(
    "--energy-unit", type=click.Choice(["kWh", "Wh"]), default="kWh", show_default=True, help="Of the energy."
)
@click.option("--decimal-comma", is_flag=True, help="Numbers are written 1.234,5.")
@click.option("--delimiter", default=",", show_default=True, callback=_delimiter, help="Between columns.")
@click.option("--encoding", default="utf-8-sig", show_default=True, help="Of the file.")
@click.option(
    "--source",
    default="import",
    show_default=True,
    callback=_source,
    help="Name of the list; with the row's id it tells what is imported already.",
)
@click.option(
    "--drivers",
    type=click.Choice(["keep", "create", "refuse"]),
    default="keep",
    show_default=True,
    help="Sessions of unknown cards: keep them (they belong to nobody until the card is linked), create a "
    "driver for each card, or refuse them.",
)
@click.option(
    "--chargers",
    type=click.Choice(["refuse", "create"]),
    default="refuse",
    show_default=True,
    help="Sessions at unknown chargers: refuse them, or create the chargers (hidden, not let in).",
)
@click.option("--site", help="Site of chargers that are made, where the list tells none.")
@click.option(
    "--most-kwh", type=Amount(), default="1000", show_default=True, help="Sessions of more are refused."
)
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="File for refused rows.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, store nothing.")
def import_sessions(
    file: Path,
    columns: dict[str, str],
    date_format: str | None,
    time_zone: str | None,
    energy_unit: str,
    decimal_comma: bool,
    delimiter: str,
    encoding: str,
    source: str,
    drivers: str,
    chargers: str,
    site: str | None,
    most_kwh: Decimal,
    rejected: Path | None,
    dry_run: bool,
) -> None:
    """Import past sessions from the CSV FILE; can be repeated, and goes on where it was interrupted.

    Refuses rows that can't be true and says why, with line numbers.
    """
    zone = time_zone or load().default_time_zone
    written = Format(date_format, zone, energy_unit == "Wh", decimal_comma, round(most_kwh * 1000))
    policy = Policy(source, Unknown(drivers), Unknown(chargers), site, zone, dry_run)
    report, began, finished = Report(), time.monotonic(), False
    try:
        with (
            opened() as database,
            file.open("rb") as raw,
            io.TextIOWrapper(raw, encoding=encoding, newline="") as text,
            _rejects_file(rejected) as rejects,
            click.progressbar(length=file.stat().st_size, label=f"Importing {file.name}") as bar,
        ):
            reader = csv.reader(text, delimiter=delimiter)
            header = next(reader, [])
            _import(
                reader,
                Reader(header, columns, written, clock.now()),
                Store(database, policy, clock.now()),
                report,
                _Rejects(rejects, delimiter, header),
                lambda: bar.update(raw.tell() - bar.pos),
            )
        finished = True
    except (WrongColumns, NoSite) as error:
        raise click.ClickException(str(error)) from None
    except (csv.Error, UnicodeError) as error:
        raise click.ClickException(f"{file} can't be read as CSV in {encoding}: {error}") from None
    except LookupError:
        raise click.ClickException(f"{encoding!r} is no encoding that Python knows.") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}.") from None
    finally:
        if report.rows:
            click.echo(report.text(dry_run=dry_run))
            click.echo(f"{time.monotonic() - began:>11.1f} seconds")
        if report.rows and not finished:
            click.echo(
                "Not finished. What is reported is stored; the same command goes on from there.", err=True
            )


def _rejects_file(path: Path | None) -> Any:
    return nullcontext() if path is None else path.open("w", encoding="utf-8", newline="")


def _import(
    records: Any,
    reader: Reader,
    store: Store,
    report: Report,
    rejects: _Rejects,
    progress: Callable[[], None],
) -> None:
    """Read *records* (a ``csv.reader``) to the end; the report and the progress follow each commit."""
    for batch in _batches(records):
        rows: list[Row] = []
        refused: list[tuple[int, Refused]] = []
        originals = dict(batch)
        for line, record in batch:
            try:
                rows.append(reader.read(line, record))
            except WrongRow as error:
                refused.append((line, error.reason))
        stored = store.add(rows)
        refused += [(row.line, reason) for row, reason in stored.refused]
        report.rows += len(batch)
        report.add(stored)
        for line, reason in sorted(refused):
            report.refused[reason].append(line)
            rejects.add(line, reason, originals[line])
        progress()


def _batches(records: Any) -> Iterator[list[tuple[int, list[str]]]]:
    batch = []
    for record in records:
        if not any(cell.strip() for cell in record):
            continue  # an empty line says nothing
        batch.append((records.line_num, record))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
