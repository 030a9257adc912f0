"""The demo: a world that shows every card, chargers that come through the front door, and a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import psutil
import pytest
from sqlalchemy import Connection, create_engine, func, select, text

from app.access.passwords import matches
from app.boards.rhythm import turn
from app.simulation.car import Car
from app.simulation.demo import is_dimmed
from app.simulation.site import Demo, build
from data.database import Database
from data.models import Account, Charger, ChargingSession, EnergyStep, Site
from data.periods import Period, window
from data.queries.chargers import ChargerStatus, visible_chargers
from data.queries.plans import plan_use
from data.queries.reservations import next_reservation
from data.queries.sessions import recent
from data.queries.usage import usage
from tests.world import NOW

ROOT = Path(__file__).resolve().parent.parent.parent
BERLIN = ZoneInfo("Europe/Berlin")


def _account(db: Connection, email: str) -> int:
    return db.execute(select(Account.id).where(Account.email == email)).scalar_one()


@pytest.fixture
def demo(sqlite_database: Database) -> Demo:
    """The demo's world with a thirteen months' past."""
    return build(sqlite_database, now=NOW, days=400, drivers=2, password="harbour demo 1")


def _past(db: Connection, email: str) -> list[tuple[datetime, datetime, int, datetime | None, int]]:
    session = ChargingSession
    columns = session.started_at, session.ended_at, session.energy_wh, session.finalized_at, session.id
    mine = select(*columns).where(session.account_id == _account(db, email)).order_by(session.started_at)
    return [tuple(row) for row in db.execute(mine)]  # type: ignore[misc]


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("email", ["robin@demo.example", "kim@demo.example"])
def test_thirteen_months_hold_what_a_dashboard_can_show(sqlite_database: Database, email: str) -> None:
    """Issue 2: sessions over midnight, over both changes of the clocks, a large one, one settling."""
    past = sqlite_database.ask_now(_past, email)
    assert NOW - past[0][0] > timedelta(days=390)
    for (_, end, *_), (start, *_) in pairwise(past):
        assert end <= start, "one car at a time"
    local = [(start.astimezone(BERLIN), end.astimezone(BERLIN)) for start, end, *_ in past if end]
    assert sum(start.date() != end.date() for start, end in local) > 20
    changes = [(start, end) for start, end in local if start.utcoffset() != end.utcoffset()]
    assert {start.month for start, _ in changes} == {3, 10}
    assert sum(energy > 90_000 for _, _, energy, _, _ in past) == 1
    settling = [row for row in past if row[3] is None]
    assert settling == past[-1:]

    def whole(db: Connection) -> None:
        sums = select(EnergyStep.session_id, func.sum(EnergyStep.energy_wh)).group_by(EnergyStep.session_id)
        by_steps = dict(tuple(row) for row in db.execute(sums))
        assert all(by_steps[session] == energy for _, _, energy, _, session in past)

    sqlite_database.ask_now(whole)


@pytest.mark.usefixtures("demo")
def test_every_card_has_something_to_show(sqlite_database: Database) -> None:
    """P10–P21 for the demo's driver, in the moment after the start."""

    def look(db: Connection) -> None:
        robin = _account(db, "robin@demo.example")
        assert len(recent(db, robin)) == 5
        reservation = next_reservation(db, robin, NOW)
        assert reservation is not None
        assert timedelta(minutes=1) < reservation.starts_at - NOW < timedelta(minutes=10)
        use = plan_use(db, robin, "Europe/Berlin", NOW)
        assert use is not None
        assert use.plan.included_wh is not None
        assert use.used_wh > use.plan.included_wh, "so that the banner's estimate is not 0"
        for period in Period:
            assert usage(db, robin, window(period, NOW, "Europe/Berlin", use.plan.anchor_day)).total_wh > 0
        chargers = visible_chargers(db, robin, NOW)
        assert 50 == len(chargers.shown) < chargers.visible < 60
        every = visible_chargers(db, robin, NOW, limit=100).shown
        assert {ChargerStatus.ONLINE, ChargerStatus.RESERVED, ChargerStatus.OFFLINE} <= {
            one.status for one in every
        }
        assert {one.out_of_service for one in every} >= {"GroundFailure", "Unavailable"}
        assert any(one.status is ChargerStatus.OFFLINE and not one.out_of_service for one in every)
        assert max(one.connectors for one in every) == 3
        kim = visible_chargers(db, _account(db, "kim@demo.example"), NOW)
        assert kim.visible < chargers.visible, "some are for a group that Robin is in"

    sqlite_database.ask_now(look)


def test_three_sites_sixty_chargers_and_passwords(demo: Demo, sqlite_database: Database) -> None:
    """Issue 2; T50: each charger has its own password, stored hashed."""

    def look(db: Connection) -> None:
        by_site = (
            select(Site.name, func.count()).join(Charger, Charger.site_id == Site.id).group_by(Site.name)
        )
        counts = dict(tuple(row) for row in db.execute(by_site))
        assert counts == {"Harbour car park": 8, "Market hall garage": 28, "Airport P4": 24}
        hashes = dict(tuple(row) for row in db.execute(select(Charger.identity, Charger.password_hash)))
        assert all(str(hashed).startswith("$argon2id$") for hashed in hashes.values())
        for planned in demo.chargers[:3]:
            assert matches(hashes[planned.identity], planned.password or "")

    sqlite_database.ask_now(look)
    passwords = {planned.password for planned in demo.chargers}
    assert len(passwords) == len(demo.chargers)
    assert min(len(password or "") for password in passwords) >= 22


def test_a_large_demo_is_made_at_once(sqlite_database: Database) -> None:
    """`--drivers`: further drivers with an ordinary past."""
    seen: list[int] = []
    made = build(sqlite_database, now=NOW, days=100, drivers=52, seed=3, progress=seen.append)
    assert sum(seen) == 1_750 < made.sessions
    assert len(made.password) >= 16, "made anew where none is given"


@pytest.mark.parametrize("day", [date(2026, 3, 30), date(2026, 10, 26), date(2024, 2, 29), date(2026, 1, 1)])
@pytest.mark.parametrize("days", [1, 2, 30])
def test_a_demo_can_start_on_any_day(sqlite_database: Database, day: date, days: int) -> None:
    """Also right after a change of the clocks, and with next to no past."""
    now = datetime(day.year, day.month, day.day, 0, 30, tzinfo=UTC)
    build(sqlite_database, now=now, days=days, drivers=2, password="harbour demo 1")
    assert all(row[1] <= now for row in sqlite_database.ask_now(_past, "robin@demo.example"))


def test_a_fast_charge_tapers_and_a_slow_one_is_flat() -> None:
    """Constant current, then constant voltage; the battery takes no more than it holds."""
    fast, slow = Car(soc=0.1), Car(soc=0.1)
    powers, energy = [], 0.0
    while fast.soc < 1:
        powers.append(fast.power_w(150_000, dc=True))
        energy += fast.charge(30, 150_000, dc=True)
    peak = powers.index(max(powers))
    assert powers[:peak] == sorted(powers[:peak])
    assert powers[peak:] == sorted(powers[peak:], reverse=True)
    assert powers[-1] < max(powers) / 5
    assert energy == pytest.approx(0.9 * fast.battery_wh)
    assert fast.power_w(150_000, dc=True) == 0 == fast.charge(30, 150_000, dc=True)
    assert Car(soc=0.3).power_w(50_000, dc=True) == 50_000
    assert {slow.power_w(22_000, dc=False) for _ in range(10) if slow.charge(600, 22_000, dc=False)} == {
        11_000
    }


# -- the real process

START = 40.0


@contextmanager
def _running(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`main.py demo`, its output in a file, its data below *folder*."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NICEGUI_", "PYTEST_", "POLARIS_"))
    }
    environment |= {"TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    output = folder / "output.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), "demo", "--port", "0", "--password", "harbour demo 1"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, output
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _until(found: object, what: str, output: Path) -> object:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if got := found():  # type: ignore[operator]
            return got
        time.sleep(0.1)
    raise AssertionError(f"{what} never came; the demo said:\n{output.read_text()}")


def _gone(pid: int) -> bool:
    with_status = psutil.pid_exists(pid) and psutil.Process(pid).status()
    return with_status in (False, psutil.STATUS_ZOMBIE)


def _reading(folder: Path) -> int | None:
    """The kWh of the demo driver's running session, read from outside."""
    (file,) = folder.glob("polaris-demo-*/demo.db")
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        told = connection.execute(
            text(
                "SELECT max(energy_wh) FROM sessions JOIN accounts ON accounts.id = account_id"
                " WHERE ended_at IS NULL AND has_reading AND email = 'robin@demo.example'"
            )
        ).scalar()
    engine.dispose()
    return None if told is None else int(told)


def test_it_says_that_the_board_is_dimmed_when_it_is() -> None:
    """K14: who looks at a black board at night is told that it is meant so."""
    quarters = [NOW + timedelta(minutes=15 * at) for at in range(24 * 4)]
    dimmed = [is_dimmed(moment) for moment in quarters]
    assert dimmed == [turn(moment, BERLIN, 1, 1, 0).is_night for moment in quarters]
    assert set(dimmed) == {True, False}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_the_demo_runs_and_ends_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    """A kWh climbs by OCPP; at the end exit code 0, no traceback, no charger and no data left (T22)."""
    with _running(tmp_path) as (process, output):
        _until(lambda: "Polaris Express is at" in output.read_text(), "the address", output)
        url = output.read_text().split("Polaris Express is at ")[1].split()[0]
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/sign-in").status_code == 200
        said = output.read_text()
        assert "robin@demo.example" in said
        kiosk = said.split("Kiosk board, without a sign-in: ")[1].split()[0]
        with httpx.Client(follow_redirects=True) as screen:
            board = screen.get(kiosk)
        assert str(board.url) == f"{url}/kiosk"
        assert "Harbour car park" in board.text
        first = _until(lambda: _reading(tmp_path), "a reading", output)
        _until(lambda: (_reading(tmp_path) or 0) > int(str(first)), "a higher reading", output)
        (child,) = psutil.Process(process.pid).children()
        process.send_signal(how)
        assert process.wait(15) == 0, output.read_text()
        assert _gone(child.pid)
        assert "Traceback" not in output.read_text()
        assert list(tmp_path.glob("polaris-demo-*")) == []


def test_the_chargers_die_with_the_demo(tmp_path: Path) -> None:
    """SIGKILL: nobody can say goodbye, and the second process ends all the same."""
    with _running(tmp_path) as (process, output):
        _until(lambda: "Polaris Express is at" in output.read_text(), "the address", output)
        _until(lambda: psutil.Process(process.pid).children(), "the second process", output)
        (child,) = psutil.Process(process.pid).children()
        process.kill()
        process.wait()
        _until(lambda: _gone(child.pid), "the end of the second process", output)
        assert "Traceback" not in output.read_text()
