"""What `make trust` looks for, it finds: a harness that can't fail proves nothing."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from data.database import Change, Database
from data.models import Charge, Charger, Connector
from data.queries.site_board import site_board
from tests.trust import board_check, ledger, place, traffic
from tests.trust.__main__ import failed
from tests.trust.board_check import Said, said
from tests.trust.line import Line, State
from tests.trust.moved_clock import MovedClock
from tests.trust.place import Place
from tests.trust.screen import LAUNCHER, Shown, Tile, read, switches
from tests.world import NOW, add_session

PAGE = """
<div class="k-turn"><main><header class="k-head" lang="de"><h1>Harbour</h1>
<p class="k-count is-free">1 von 2 Ladestationen frei</p><time class="k-clock">13:00</time></header>
<ul class="k-tiles"><li class="k-bay is-online"><p class="k-name">Bay 1</p><i class="p-icon">x</i>
<p class="k-word">Frei</p><p class="k-details"><span>22 kW · Type 2</span></p></li>
<li class="k-bay"><p class="k-name">Bay 2</p><p class="k-word">Belegt</p>
<p class="k-details"><span>seit 12:30</span><span>1,2 kWh</span></p></li></ul>
<img src="x"><p class="k-updated"><i class="p-icon">y</i><span>Stand 13:00</span></p></main></div>
"""


@pytest.fixture
def there(sqlite_database: Database) -> Place:
    there = sqlite_database.change_now(place.make, NOW)
    sqlite_database.change_now(lambda change: change.execute(update(Charger).values(last_seen_at=NOW)))
    return there


def shown_and_said(database: Database, there: Place) -> tuple[Shown, dict[str, Said]]:
    """What the database says, and a screen that shows just that."""
    board = database.ask_now(site_board, there.site, NOW)
    assert board is not None
    all_of_it = said(board, NOW)
    lang, one = next(iter(all_of_it.items()))
    tiles = tuple(sorted(one.tiles, key=str))
    return Shown(language=lang, count=one.count, updated=min(one.updated), tiles=tiles), all_of_it


def test_a_board_is_read_from_its_page() -> None:
    shown = read(PAGE)
    assert (shown.language, shown.count, shown.clock, shown.updated) == (
        "de",
        "1 von 2 Ladestationen frei",
        "13:00",
        "Stand 13:00",
    )
    assert shown.tiles == (
        Tile("Bay 1", "Frei", ("22 kW · Type 2",)),
        Tile("Bay 2", "Belegt", ("seit 12:30", "1,2 kWh")),
    )


def test_a_screen_that_says_something_else_is_found(sqlite_database: Database, there: Place) -> None:
    sqlite_database.change_now(lambda change: change.execute(update(Connector).values(status_since=NOW)))
    shown, all_of_it = shown_and_said(sqlite_database, there)
    of_late = [(100.0, all_of_it)]
    assert len(shown.tiles) == place.BAYS
    assert board_check.differences(shown, of_late) == []
    first, *rest = shown.tiles
    for wrong in (
        Shown(),
        replace(shown, tiles=(replace(first, word="Free for all"), *rest)),
        replace(shown, tiles=(replace(first, details=("since 3:14",)), *rest)),
        replace(shown, tiles=(replace(first, name="Bay 99"), *rest)),
        replace(shown, count="99 of 12 chargers free"),
        replace(shown, updated="Updated 3:14"),
        replace(shown, language="tlh"),
        replace(shown, stale=True),
        replace(shown, in_trouble=True),
    ):
        assert board_check.differences(wrong, of_late) != [], wrong


def test_only_energy_may_be_some_seconds_old(sqlite_database: Database, there: Place) -> None:
    shown, all_of_it = shown_and_said(sqlite_database, there)
    first, *rest = shown.tiles

    def with_details(*details: str) -> dict[str, Said]:
        tile = replace(first, details=details)
        said = all_of_it[shown.language]
        return {shown.language: replace(said, tiles=frozenset((tile, *rest)))}

    before = replace(shown, tiles=(replace(first, details=("since 12:00", "1.0 kWh")), *rest))
    energy = [(80.0, with_details("since 12:00", "1.0 kWh")), (100.0, with_details("since 12:00", "1.2 kWh"))]
    assert board_check.differences(before, energy) == []
    since = [(80.0, with_details("since 12:00", "1.0 kWh")), (100.0, with_details("since 12:30", "1.0 kWh"))]
    assert board_check.differences(before, since) != []


def test_sessions_that_are_lost_double_or_wrong_are_found(sqlite_database: Database, there: Place) -> None:
    def add(change: Change, meter_start: int, **values: object) -> int:
        account, _ = there.drivers[0]
        row = {"charger": there.chargers[0], "connector": 1, "account": account, "started_at": NOW}
        return add_session(change, **{**row, "meter_start": meter_start, "energy_wh": 1_000, **values})  # type: ignore[arg-type]

    def fill(change: Change) -> None:
        for meter_start in (1_000, 2_000, 2_000, 5_000):
            add(change, meter_start)
        add(change, 3_000, energy_wh=900)
        add(change, 4_000, steps=[(NOW, NOW + timedelta(hours=1), 1)])

    sqlite_database.change_now(fill)
    charges = [
        traffic.Charge("BAY-1", "TRUST001", start, start + 1_000)
        for start in (1_000, 2_000, 3_000, 4_000, 6_000)
    ]
    found = sqlite_database.ask_now(ledger.wrong_energy, charges)
    assert [line.split(":")[0] for line in found] == [
        "BAY-1 2000–3000 Wh",
        "BAY-1 3000–4000 Wh",
        "BAY-1 4000–5000 Wh",
        "BAY-1 6000–7000 Wh",
        found[-1].split(":")[0],
    ]
    assert "no charger had it" in found[-1]


def test_bills_that_are_missing_or_wrong_are_found(sqlite_database: Database, there: Place) -> None:
    def fill(change: Change) -> list[int]:
        made = []
        for number, (billed_wh, amount) in enumerate(((10_000, 300), (9_000, 300), (10_000, 299), (0, 0))):
            account, _ = there.drivers[number]
            where = {"charger": there.chargers[number], "connector": 1, "account": account}
            session = add_session(change, **where, started_at=NOW, energy_wh=10_000)
            made.append(session)
            line = {"key": str(number), "session_id": session, "account_id": account, "currency": "EUR"}
            if billed_wh:
                row = {**line, "energy_wh": billed_wh, "amount": amount, "created_at": NOW}
                change.execute(insert(Charge), row)
        return made

    good, *bad = sqlite_database.change_now(fill)
    found, total = sqlite_database.ask_now(ledger.wrong_money)
    assert total == 300 + 300 + 299
    assert not [line for line in found if f"session {good} " in line]
    assert all(any(f"session {one} " in line for line in found) for one in bad)


def test_a_moved_clock_is_moved_for_all_who_share_its_file(tmp_path: Path) -> None:
    one, other = MovedClock(tmp_path / "clock"), MovedClock(tmp_path / "clock")
    one.move(timedelta(hours=-3))
    one.move(timedelta(hours=10))
    assert other.ahead == timedelta(hours=7)


async def test_a_line_refuses_swallows_and_comes_back() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    line = Line(server.sockets[0].getsockname()[1])
    await line.begin()
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    writer.write(b"a")
    assert await reader.read(1) == b"a"
    await line.become(State.SWALLOWS)
    writer.write(b"b")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.3)
    await line.become(State.OPEN)
    assert await reader.read(1) == b"b"
    await line.become(State.REFUSES)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(1), 10) == b""
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", line.port)
    await line.become(State.OPEN)
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    writer.write(b"c")
    assert await reader.read(1) == b"c"
    writer.close()
    await line.end()
    server.close()


def test_the_screen_of_the_hour_has_the_switches_of_the_documented_launcher() -> None:
    found = switches(LAUNCHER.read_text())
    assert {"--kiosk", "--no-first-run", "--js-flags=--max-old-space-size=32"} <= set(found)
    assert len(found) == len({switch.partition("=")[0] for switch in found}), "of two the last one counts"
    assert not [switch for switch in found if "$" in switch or '"' in switch]


def test_a_traceback_counts_but_that_of_a_page_whose_time_was_over() -> None:
    late = r"ERROR Traceback\n  File \"app/pages/time_limit.py\", line 37, in limited\nTimeoutError"
    worse = r"ERROR Traceback\n  File \"app/pages/kiosk.py\", line 3, in kiosk\nTimeoutError"
    assert failed("WARNING all is well") == (0, 0)
    assert failed(f"{late}\n{worse}\n{late}\n") == (1, 2)
