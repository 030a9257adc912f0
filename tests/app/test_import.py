"""`import-sessions`: what is taken, what is refused and told, and that it can be repeated."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from app import clock
from app.commands import commands, sessions_import
from app.commands.import_rows import Format, Reader, Refused, WrongRow
from app.commands.import_store import Store
from data.database import Database
from data.models import Account, Charger, ChargingSession, Connector, Mapping, Site
from data.periods import Window
from data.queries.usage import usage
from data.types import Admission
from tests.conftest import shared
from tests.world import NOW, add_charger, add_driver, add_site

DUNDEE = [
    *("--column", "id=Charging event", "--column", "driver=User ID", "--column", "charger=CP ID"),
    *("--column", "connector=Connector", "--column", "site=Site", "--column", "energy=Total kWh"),
    *("--column", "start=Start Date+Start Time", "--column", "end=End Date+End Time"),
    *("--date-format", "%d/%m/%Y %H:%M", "--time-zone", "Europe/London", "--source", "dundee"),
    *("--drivers", "create", "--chargers", "create"),
]
Import = Callable[..., Result]


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def run(database: Database, monkeypatch: pytest.MonkeyPatch) -> Import:
    """Runs the command on the test's database."""
    monkeypatch.setenv("POLARIS_DATABASE_URL", database.url.render_as_string(hide_password=False))

    def run(file: Path | str, *options: str) -> Result:
        return CliRunner().invoke(commands(print), ["import-sessions", str(file), *options])

    return run


@pytest.fixture
def place(database: Database) -> None:
    """Charger CP1 with connector 1 (Berlin), and Dana with card A1."""
    database.change_now(lambda change: add_charger(change, "CP1", site=add_site(change)))
    database.change_now(lambda change: add_driver(change, "Dana Driver", tag="A1"))


def _file(folder: Path, *rows: str, header: str = "id,driver,charger,start,end,energy") -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def _count(db: Connection, table: type) -> int:
    return db.execute(select(func.count()).select_from(table)).scalar_one()


def _sessions(db: Connection) -> list[tuple[object, ...]]:
    session = ChargingSession
    statement = select(session.source_id, session.id_tag, session.account_id, session.energy_wh)
    return [tuple(row) for row in db.execute(statement.order_by(session.source_id))]


def test_dundee(run: Import, database: Database, tmp_path: Path) -> None:
    """P15: each of the 827 users' daily bars add up to their total; the dirt is told; again adds nothing."""
    file, rejected = shared("dundee-2018-06-to-09.csv"), tmp_path / "rejected.csv"
    result = run(file, *DUNDEE, "--rejected", str(rejected))
    assert result.exit_code == 0, result.output
    for line in (
        "19,227 rows read",
        "19,146 sessions imported",
        "827 drivers made",
        "81 refused:",
        "72  no end",
        "8  negative energy",
        "1  more energy than --most-kwh allows (line 5527)",
        "733  without energy (0 kWh)",
        "24  without a driver: belongs to nobody",
    ):
        assert line in result.output
    with rejected.open() as lines:
        reasons = [row["reason"] for row in csv.DictReader(lines)]
    assert (len(reasons), reasons.count(Refused.NO_END)) == (81, 72)

    told: dict[str, int] = {}
    with file.open(encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            if row["User ID"] and row["End Date"] and 0 <= float(row["Total kWh"]) < 1000:
                tag = row["User ID"].upper()
                told[tag] = told.get(tag, 0) + round(float(row["Total kWh"]) * 1000)
            elif row["User ID"]:
                told.setdefault(row["User ID"].upper(), 0)
    assert len(told) == 827

    def bars(db: Connection) -> dict[str, int]:
        window = Window(date(2018, 6, 1), date(2018, 10, 1), "Europe/London")
        owners = db.execute(select(Mapping.id_tag, Mapping.account_id)).all()
        found = {}
        for tag, account in owners:
            used = usage(db, account, window)
            assert sum(day.energy_wh for day in used.days) == used.total_wh
            found[tag] = used.total_wh
        return found

    assert database.ask_now(bars) == told

    again = run(file, *DUNDEE)
    assert "0 sessions imported" in again.output
    assert "19,146 were there already" in again.output
    assert database.ask_now(_count, ChargingSession) == 19_146


def test_a_dry_run_tells_the_same_and_stores_nothing(
    run: Import, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts over several batches too, in which the same charger and card are met again."""
    monkeypatch.setattr(sessions_import, "BATCH", 2)
    rows = [f"{n},T{n % 2},CP{n % 3},2026-01-0{n} 10:00,2026-01-0{n} 11:00,{n}" for n in range(1, 8)]
    file = _file(tmp_path, *rows, rows[0], "2,T0,CP2,2026-01-02 10:00,2026-01-02 11:00,99")
    options = ["--drivers", "create", "--chargers", "create", "--site", "Old town"]
    dry = run(file, "--dry-run", *options)
    assert dry.exit_code == 0
    for table in (ChargingSession, Account, Charger, Site, Mapping):
        assert database.ask_now(_count, table) == 0
    wet = run(file, *options)

    def numbers(result: Result) -> list[str]:
        told = result.output.replace("would be ", "").replace(
            "id is stored already", "id stands in the file twice"
        )
        return [line for line in told.splitlines() if "seconds" not in line]

    assert numbers(dry) == numbers(wet)
    for told in (
        "7 sessions would be imported, 28.0 kWh",
        "1 sites",
        "3 chargers",
        "2 drivers",
        "1 were there",
    ):
        assert told in dry.output
    assert "1  id stands in the file twice, with another start or energy (line 10)" in dry.output


@pytest.mark.usefixtures("place")
def test_each_reason_is_told_with_its_line(run: Import, database: Database, tmp_path: Path) -> None:
    """Refused rows change nothing; the good one between them is stored."""
    bad = {
        Refused.MALFORMED: "1,A1,CP1,2026-01-01 10:00",
        Refused.NO_ID: ",A1,CP1,2026-01-01 10:00,2026-01-01 11:00,5",
        Refused.NO_CHARGER: "2,A1,,2026-01-01 10:00,2026-01-01 11:00,5",
        Refused.NO_START: "3,A1,CP1,,2026-01-01 11:00,5",
        Refused.BAD_START: "4,A1,CP1,yesterday,2026-01-01 11:00,5",
        Refused.NO_END: "5,A1,CP1,2026-01-01 10:00,,5",
        Refused.BAD_END: "6,A1,CP1,2026-01-01 10:00,2026-13-01 11:00,5",
        Refused.BACKWARDS: "7,A1,CP1,2026-01-01 10:00,2026-01-01 09:59,5",
        Refused.FUTURE: "8,A1,CP1,2026-11-22 12:00,2026-11-22 13:01,5",
        Refused.NO_ENERGY: "9,A1,CP1,2026-01-01 10:00,2026-01-01 11:00,",
        Refused.BAD_ENERGY: "10,A1,CP1,2026-01-01 10:00,2026-01-01 11:00,NaN",
        Refused.NEGATIVE: "11,A1,CP1,2026-01-01 10:00,2026-01-01 11:00,-0.001",
        Refused.TOO_MUCH: "12,A1,CP1,2026-01-01 10:00,2026-01-01 11:00,1e999999",
        Refused.TOO_LONG: f"13,{'x' * 256},CP1,2026-01-01 10:00,2026-01-01 11:00,5",
        Refused.UNKNOWN_CHARGER: "14,A1,CP2,2026-01-01 10:00,2026-01-01 11:00,5",
        Refused.UNKNOWN_DRIVER: "15,B2,CP1,2026-01-01 10:00,2026-01-01 11:00,5",
    }
    good = "16,a1,CP1,2026-01-01 10:00,2026-01-01 11:00,5"
    result = run(_file(tmp_path, *bad.values(), good), "--drivers", "refuse")
    assert result.exit_code == 0, result.output
    for line, reason in enumerate(bad, 2):
        assert f"1  {reason.value} (line {line})" in result.output
    assert "1 sessions imported, 5.0 kWh" in result.output
    (session,) = database.ask_now(_sessions)
    assert session[0] == "16"


@pytest.mark.usefixtures("place")
def test_sessions_of_unknown_cards_belong_to_nobody_until_linked(
    run: Import, database: Database, tmp_path: Path
) -> None:
    """C10: by default they are kept; linking the card later makes them the driver's."""
    rows = ("1,b2,CP1,2026-01-01 10:00,2026-01-01 11:00,5", "2,,CP1,2026-01-01 12:00,2026-01-01 13:00,6")
    result = run(_file(tmp_path, *rows))
    assert "1  of an unknown card: belongs to nobody until the card is linked (line 2)" in result.output
    assert "1  without a driver: belongs to nobody (line 3)" in result.output
    assert [row[2] for row in database.ask_now(_sessions)] == [None, None]
    linked = CliRunner().invoke(commands(print), ["add-mapping", "B2", "dana@example.org"])
    assert "1 earlier session of this card now belong to dana@example.org" in linked.output
    assert [row[2] is None for row in database.ask_now(_sessions)] == [False, True]


def test_created_chargers_are_no_open_door(run: Import, database: Database, tmp_path: Path) -> None:
    """T49: a charger known from a list alone may not connect, and drivers don't see it."""
    file = _file(tmp_path, "1,b2,CP9,2026-01-01 10:00,2026-01-01 11:00,5")
    assert "say with --site" in run(file, "--chargers", "create").output
    assert run(file, "--chargers", "create", "--site", "Old town").exit_code == 0

    def charger(db: Connection) -> tuple[object, ...]:
        columns = Charger.admission, Charger.visible_to_all, Charger.password_hash
        return tuple(db.execute(select(*columns).where(Charger.identity == "CP9")).one())

    assert database.ask_now(charger) == (Admission.BLOCKED, False, None)


@pytest.mark.usefixtures("place")
def test_other_ways_to_write(run: Import, database: Database, tmp_path: Path) -> None:
    """Columns by name, dates apart from times, semicolons, decimal commas, Wh, another encoding."""
    header = "Karte;Säule;Tag;Von;Bis;Wh;Stecker"
    path = tmp_path / "liste.csv"
    path.write_bytes(f"{header}\r\nA1;CP1;01.02.2026;10:00;11:30;1.234,4;2\r\n".encode("latin-1"))
    options = ["--delimiter", ";", "--encoding", "latin-1", "--decimal-comma", "--energy-unit", "Wh"]
    for column in (
        "driver=Karte",
        "charger=säule",
        "start=Tag+Von",
        "end=Tag+Bis",
        "energy=Wh",
        "connector=Stecker",
    ):
        options += ["--column", column]
    options += ["--date-format", "%d.%m.%Y %H:%M", "--time-zone", "America/New_York"]
    for told in ("1 sessions imported", "1 were there already"):  # without an id the row stands for itself
        assert told in run(path, *options).output

    def stored(db: Connection) -> tuple[object, ...]:
        session = ChargingSession
        columns = session.started_at, session.ended_at, session.energy_wh, Connector.number
        return tuple(db.execute(select(*columns).join(Connector, Connector.id == session.connector_id)).one())

    assert database.ask_now(stored) == (
        datetime(2026, 2, 1, 15, 0, tzinfo=UTC),
        datetime(2026, 2, 1, 16, 30, tzinfo=UTC),
        1_234,
        2,
    )


@pytest.mark.usefixtures("place")
def test_an_interruption_loses_nothing_that_was_told(
    run: Import, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report counts what is committed; the same command goes on from there."""
    monkeypatch.setattr(sessions_import, "BATCH", 3)
    rows = [f"{n},A1,CP1,2026-01-0{n} 10:00,2026-01-0{n} 11:00,{n}" for n in range(1, 9)]
    file = _file(tmp_path, *rows)
    add, batches = Store.add, []

    def add_twice(self: Store, given: object) -> object:
        if len(batches) == 2:
            raise KeyboardInterrupt
        batches.append(given)
        return add(self, given)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "add", add_twice)
    interrupted = run(file)
    assert interrupted.exit_code != 0
    assert "6 sessions imported" in interrupted.output
    assert "Not finished. What is reported is stored" in interrupted.output
    assert database.ask_now(_count, ChargingSession) == 6
    monkeypatch.setattr(Store, "add", add)
    assert "2 sessions imported" in run(file).output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--column", "end=Finish"], "the file has no column 'Finish'"),
        (["--column", "finish=end"], "give KEY=HEADER, where KEY is one of"),
        (["--time-zone", "Mars/Base"], "is no IANA time zone"),
        (["--encoding", "utf-99"], "is no encoding that Python knows"),
        (["--encoding", "utf-16"], "can't be read as CSV in utf-16"),
        (["--source", "ocpp"], "other than ocpp"),
        (["--delimiter", ";"], "the file has no column for start, end, energy, charger"),
        (["--rejected", "/nowhere/at/all.csv"], "No such file or directory"),
    ],
)
def test_failures_are_one_sentence(
    options: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code not 0, no traceback."""
    monkeypatch.setenv("POLARIS_DATABASE_URL", f"sqlite:///{tmp_path / 'polaris.db'}")
    file = _file(tmp_path, "1,A1,CP1,2026-01-01 10:00,2026-01-01 11:00,5")
    result = CliRunner().invoke(commands(print), ["import-sessions", str(file), *options])
    assert result.exit_code != 0
    assert sentence in " ".join(result.output.split())
    assert isinstance(result.exception, SystemExit)


_HEADER = ("id", "driver", "charger", "connector", "start", "end", "energy")
_cell = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "1", "-1", "1e400", "inf", "2026-01-01 10:00", "2026-01-01T10:00+99:00", "9999-12-31 23:59"]
    ),
)


@given(record=st.lists(_cell, min_size=6, max_size=8), zone=st.sampled_from(["UTC", "America/Santiago"]))
def test_no_row_can_stop_an_import(record: list[str], zone: str) -> None:
    """Whatever stands in a row: it is a session or it is refused with a reason."""
    for date_format in (None, "%Y-%m-%d %H:%M"):
        reader = Reader(_HEADER, {}, Format(date_format, zone), NOW)
        try:
            row = reader.read(2, record)
        except WrongRow:
            continue
        else:
            assert row.started_at <= row.ended_at <= NOW
            assert 0 <= row.energy_wh <= 1_000_000


def test_the_clocks_go_back_in_a_session() -> None:
    """An end that would lie before the start is the later of the two moments of that hour."""
    reader = Reader(_HEADER, {}, Format(zone="Europe/Berlin"), NOW)
    row = reader.read(2, ["1", "A1", "CP1", "1", "2026-10-25T02:50", "2026-10-25T02:10", "5"])
    assert (row.ended_at - row.started_at).total_seconds() == 20 * 60
    assert row.ended_at.astimezone(ZoneInfo("Europe/Berlin")).fold == 1
