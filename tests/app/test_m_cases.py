"""The meter values of real chargers (M1–M20), each through the real socket, with variants beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, select

from app import clock
from app.simulation.charge_point import ChargePoint
from data.database import Change, Database
from data.models import ChargingSession, EnergyStep, MeterSample, QuarantinedMessage
from data.queries.sessions import active
from tests.ocpp_server import OcppServer, ocpp_server
from tests.world import NOW, add_charger, add_driver, add_site

S = timedelta(seconds=1)
PASSWORD = "a charger's password"
INTERVAL = "Energy.Active.Import.Interval"
POWER = "Power.Active.Import"


@dataclass
class Field:
    """A charger at a real endpoint; time passes as its messages say."""

    server: OcppServer
    point: ChargePoint

    async def start(self, meter_start: int | float = 0, seconds: float = 0, **values: Any) -> int:
        answer = await self.say(
            "StartTransaction",
            seconds,
            {
                "connectorId": 1,
                "idTag": "CARD1",
                "meterStart": meter_start,
                "timestamp": stamp(seconds),
                **values,
            },
        )
        assert answer["idTagInfo"] == {"status": "Accepted"}
        return int(answer["transactionId"])

    async def read(
        self, session: int | None, seconds: float, *samples: Any, connector: int = 1, at: str | None = None
    ) -> None:
        sampled = [s if isinstance(s, dict) else {"value": s} for s in samples]
        payload = {
            "connectorId": connector,
            "meterValue": [{"timestamp": at or stamp(seconds), "sampledValue": sampled}],
        }
        if session is not None:
            payload["transactionId"] = session
        assert await self.say("MeterValues", seconds, payload) == {}

    async def stop(self, session: int, seconds: float, meter_stop: int, at: str | None = None) -> None:
        payload = {"transactionId": session, "meterStop": meter_stop, "timestamp": at or stamp(seconds)}
        await self.say("StopTransaction", seconds, payload)

    async def say(self, action: str, seconds: float, payload: dict[str, Any]) -> dict[str, Any]:
        if (by := NOW + seconds * S - clock.now()) > timedelta(0):
            clock.advance(by)
        return await self.point.call(action, payload)

    async def row(self, session: int) -> Any:
        return await self.server.database.ask(
            lambda db: db.execute(
                select(ChargingSession.__table__).where(ChargingSession.id == session)
            ).one()
        )

    async def steps(self, session: int) -> list[tuple[float, float, int]]:
        def query(db: Connection) -> list[tuple[float, float, int]]:
            found = db.execute(
                select(EnergyStep.started_at, EnergyStep.ended_at, EnergyStep.energy_wh)
                .where(EnergyStep.session_id == session)
                .order_by(EnergyStep.started_at)
            )
            return [((a - NOW) / S, (b - NOW) / S, wh) for a, b, wh in found]

        return await self.server.database.ask(query)

    async def samples(self) -> list[Any]:
        return await self.server.database.ask(
            lambda db: list(db.execute(select(MeterSample.__table__).order_by(MeterSample.id)))
        )


def stamp(seconds: float) -> str:
    return (NOW + seconds * S).isoformat().replace("+00:00", "Z")


def kwh(value: str | float, **more: str) -> dict[str, Any]:
    return {"value": str(value), "unit": "kWh", **more}


def wh(value: str | float, **more: str) -> dict[str, Any]:
    return {"value": str(value), "unit": "Wh", "measurand": "Energy.Active.Import.Register", **more}


def watts(value: float, **more: str) -> dict[str, Any]:
    return {"value": str(value), "unit": "W", "measurand": POWER, **more}


def place(change: Change) -> None:
    add_charger(change, "CP1", site=add_site(change), connectors=2, password=PASSWORD)
    add_driver(change, tag="CARD1")


@pytest.fixture
async def charger(sqlite_database: Database) -> AsyncIterator[Field]:
    sqlite_database.change_now(place)
    with clock.at(NOW):
        async with (
            ocpp_server(sqlite_database) as server,
            ChargePoint(server.url, "CP1", PASSWORD) as point,
        ):
            yield Field(server, point)


@dataclass
class Case:
    """Readings a minute apart, what is to come out, and a stop that closes it."""

    name: str
    start: int | float
    readings: list[list[Any]]
    """A message each: sampledValue entries, a plain text being a value with all defaults."""
    energy: int
    """Wh after the readings, before the stop."""
    stop: int | None = None
    after_stop: int | None = None
    flags: set[str] = field(default_factory=set)


CASES = [
    Case("M1 no measurand, no unit", 12_000, [["12345"]], 345),
    Case("M1 as a number", 12_000, [[{"value": 12345}]], 345),
    Case("M1 with blanks and a fraction", 12_000, [[" 12345.4 "]], 345),
    Case("M2 kWh among Wh", 12_000, [[kwh("12.345")], [wh(12400)], [kwh("12.5")]], 500),
    Case(
        "M2 register below meterStart is relative",
        50_000,
        [[wh(100)], [wh(250)]],
        250,
        flags={"register_is_session_relative"},
    ),
    Case(
        "M3 placeholder 0 at the beginning",
        0,
        [[wh(0, context="Transaction.Begin")], [wh(909_948)], [wh(910_031)]],
        83,
        flags={"register_jumped"},
    ),
    Case(
        "M3 meterStart 0 alone",
        0,
        [[wh(909_948)], [wh(910_031)]],
        83,
        910_050,
        102,
        flags={"register_jumped"},
    ),
    Case(
        "M4 lifetime start, session-relative values",
        4_076_000,
        [[kwh("0.104")], [kwh("0.228")]],
        228,
        4_076_300,
        300,
        flags={"register_is_session_relative"},
    ),
    Case(
        "M4 the stop is relative as well",
        4_076_000,
        [[kwh("0.104")], [kwh("0.228")]],
        228,
        300,
        300,
        flags={"register_is_session_relative"},
    ),
    Case(
        "M5 kWh integers labelled Wh",
        1000,
        [[wh(1000 + n // 6), watts(9400)] for n in range(20)],
        3,
        flags={"energy_implausible"},
    ),
    Case("M5 small and right", 1000, [[wh(1000 + 157 * n), watts(9400)] for n in range(20)], 19 * 157),
    Case(
        "M6 no energy in the batch",
        1000,
        [
            [wh(1100)],
            [
                {"value": "55", "measurand": "SoC", "unit": "Percent"},
                {"value": "16", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
                {"value": "230", "measurand": "Voltage", "unit": "V", "phase": "L1-N"},
            ],
        ],
        100,
    ),
    Case(
        "M8 phases and their sum",
        3000,
        [[wh(1100, phase="L1"), wh(1000, phase="L2"), wh(1050, phase="L3"), wh(3160)]],
        160,
    ),
    Case(
        "M8 phases alone",
        3000,
        [[wh(1100, phase="L1"), wh(1000, phase="L2"), wh(1050, phase="L3")]],
        150,
    ),
    Case("M10 meterStop -1", 1000, [[wh(1100)]], 100, -1, 100),
    Case("M10 without any reading", 1000, [], 0, -1, 0),
    Case(
        "M11 what is no energy",
        1000,
        [
            [
                "",
                {"value": "string", "phase": "L1"},
                {"value": "70", "measurand": "Temperature", "unit": "Fahrenheit"},
                {"value": "OCMF|{}|{}", "format": "SignedData", "context": "Transaction.Begin"},
                wh(1200, context="Sample.Periodic", location="Outlet"),
            ],
            [wh(1300)],
        ],
        300,
        flags={"value_unreadable"},
    ),
    Case("M12 register falls", 1000, [[wh(1500)], [wh(20)], [wh(120)]], 600, flags={"register_fell"}),
    Case("M12 falls to zero twice", 1000, [[wh(1500)], [wh(0)], [wh(100)], [wh(0)], [wh(50)]], 650),
    Case("M16 a spike", 1000, [[wh(1500)], [wh(9_000_000)], [wh(1600)]], 600, flags={"spike_dropped"}),
    Case("M16 a spike at the end", 1000, [[wh(1500)]], 500, 9_000_000, 500, flags={"spike_dropped"}),
    Case(
        "M17 intervals alone",
        1000,
        [[{"value": "50", "measurand": INTERVAL, "unit": "Wh"}] for _ in range(3)],
        150,
    ),
    Case(
        "M17 intervals in kWh",
        1000,
        [[{"value": "0.05", "measurand": INTERVAL, "unit": "kWh"}] for _ in range(3)],
        150,
        1150,
        150,
    ),
    Case("M19 a pause", 1000, [[wh(1200)], [wh(1200)], [wh(1200)], [wh(1300)]], 300),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_meter(charger: Field, case: Case) -> None:
    """M1–M6, M8, M10–M12, M16, M17, M19: the energy is right while it charges and at its end."""
    session = await charger.start(case.start)
    for n, reading in enumerate(case.readings, start=1):
        await charger.read(session, 60 * n, *reading)
    row = await charger.row(session)
    assert row.energy_wh == case.energy
    assert row.has_reading is bool(case.readings)
    if case.stop is not None:
        await charger.stop(session, 60 * len(case.readings) + 60, case.stop)
        row = await charger.row(session)
        assert row.energy_wh == case.after_stop
        assert row.ended_at == NOW + 60 * (len(case.readings) + 1) * S
    assert sum(step[2] for step in await charger.steps(session)) == row.energy_wh
    assert case.flags <= set(row.flags)
    if not case.flags:
        assert row.flags == [] or case.name.startswith("M12")


async def test_m5_is_flagged_and_the_energy_is_as_sent(charger: Field) -> None:
    """M5: an operator decides what an implausible meter means."""
    case = next(case for case in CASES if case.name.startswith("M5 kWh"))
    session = await charger.start(case.start)
    for n, reading in enumerate(case.readings, start=1):
        await charger.read(session, 60 * n, *reading)
    assert (await charger.row(session)).flags == ["energy_implausible"]


async def test_m6_keeps_everything(charger: Field) -> None:
    """M6, M11: what is no energy is stored."""
    session = await charger.start(1000)
    odd = ["", {"value": "string", "phase": "L1"}, {"value": "70", "unit": "Fahrenheit", "phase": "L2"}]
    await charger.read(session, 60, *odd, {"value": "OCMF", "format": "SignedData", "phase": "L3"})
    assert [(s.value, s.unit, s.format) for s in await charger.samples()] == [
        ("", "", "Raw"),
        ("string", "", "Raw"),
        ("70", "Fahrenheit", "Raw"),
        ("OCMF", "", "SignedData"),
    ]
    assert (await charger.row(session)).energy_wh == 0


@pytest.mark.parametrize("next_start", [1500, 1504], ids=["at the stop's value", "after the closing value"])
async def test_m7_closing_value_after_the_stop(charger: Field, next_start: int) -> None:
    """M7: the stop stands; the next session is not negative."""
    first = await charger.start(1000)
    await charger.stop(first, 60, 1500)
    await charger.read(None, 61, wh(1504))
    await charger.read(first, 62, wh(1504))
    second = await charger.start(next_start, 120)
    await charger.read(second, 180, wh(1604))
    assert (await charger.row(first)).energy_wh == 500
    assert (await charger.row(second)).energy_wh == 1604 - next_start


@pytest.mark.parametrize("connector", [0, 1])
async def test_m9_clock_aligned_values(charger: Field, connector: int) -> None:
    """M9: of the charger's own meter, or of the connector between its readings: no session's energy."""
    session = await charger.start(1000)
    await charger.read(None, 30, wh(99_000, context="Sample.Clock"), connector=connector)
    await charger.read(session, 60, wh(1100))
    assert (await charger.row(session)).energy_wh == 100
    assert [s.session_id for s in await charger.samples()] == [None, session]


@pytest.mark.parametrize("year", ["1970-01-01T00:00:05Z", "2000-01-01T00:00:05Z", "0001-01-01T00:00:00Z"])
async def test_m13_a_clock_that_was_never_set(charger: Field, year: str) -> None:
    """M13: the receive time; and a repeated start is the same one all the same (C9)."""
    session = await charger.start(1000, 0, timestamp=year)
    assert await charger.start(1000, 20, timestamp=year) == session
    await charger.read(session, 60, wh(1100), at=year)
    await charger.read(session, 120, wh(1200), at=year)
    await charger.stop(session, 180, 1300, at=year)
    row = await charger.row(session)
    assert (row.started_at, row.ended_at, row.energy_wh) == (NOW, NOW + 180 * S, 300)
    assert await charger.steps(session) == [(0, 60, 100), (60, 120, 100), (120, 180, 100)]
    assert {"clock_not_set", "time_unreadable"} & set(row.flags)


@pytest.mark.parametrize("behind", [False, True], ids=["ahead of UTC", "behind UTC"])
async def test_m14_local_time_labelled_z(sqlite_database: Database, behind: bool) -> None:
    """M14: until the first sync; order and energy are kept, it is flagged, and it is in the banner (P6)."""
    zone = "America/Lima" if behind else "Asia/Kolkata"
    offset = ZoneInfo(zone).utcoffset(NOW.replace(tzinfo=None)) or timedelta(0)

    def somewhere(change: Change) -> None:
        add_charger(change, "CP1", site=add_site(change, zone=zone), connectors=2, password=PASSWORD)
        add_driver(change, tag="CARD1")

    sqlite_database.change_now(somewhere)
    with clock.at(NOW):
        async with (
            ocpp_server(sqlite_database) as server,
            ChargePoint(server.url, "CP1", PASSWORD) as point,
        ):
            charger = Field(server, point)
            local = offset / S
            session = await charger.start(1000, 0, timestamp=stamp(local))
            await charger.read(session, 60, wh(1100), at=stamp(60 + local))
            await charger.read(session, 120, wh(1200), at=stamp(120 + local))
            assert (await charger.row(session)).replayed is False
            await charger.read(session, 180, wh(1300))  # synchronised
            await charger.stop(session, 240, 1400)
            row = await charger.row(session)
            assert (row.energy_wh, row.ended_at) == (400, NOW + 240 * S)
            assert "clock_skew" in row.flags
            steps = await charger.steps(session)
            assert [step[2] for step in steps] == [100] * 4
            assert all(a[1] <= b[0] for a, b in pairwise(steps))


@pytest.mark.parametrize("text", ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"])
async def test_m15_no_zone(charger: Field, text: str) -> None:
    """M15: the site's zone."""

    def local(seconds: float) -> str:
        return (NOW + seconds * S).astimezone(ZoneInfo("Europe/Berlin")).strftime(text)

    session = await charger.start(1000, 0, timestamp=local(0))
    await charger.read(session, 60, wh(1100), at=local(60))
    await charger.stop(session, 120, 1200, at=local(120))
    row = await charger.row(session)
    assert (row.started_at, row.ended_at, row.energy_wh) == (NOW, NOW + 120 * S, 200)
    assert "time_without_zone" in row.flags


async def test_m17_each_moment_once(charger: Field) -> None:
    """M17: an interval that comes twice counts once."""
    session = await charger.start(1000)
    fifty = {"value": "50", "measurand": INTERVAL, "unit": "Wh"}
    for seconds in (60, 60, 120, 60, 120):
        await charger.read(session, seconds, fifty)
    assert (await charger.row(session)).energy_wh == 100


@pytest.mark.parametrize("seconds", [20, 4], ids=["on the line", "right after connecting"])
async def test_m14_a_clock_somewhat_behind(charger: Field, seconds: int) -> None:
    """M14, P6, C13: a start dated 8 s ago is no replay, if the charger was on the line then already."""
    session = await charger.start(1000, seconds, timestamp=stamp(seconds - 8))
    assert (await charger.row(session)).replayed is (seconds < 8)


@pytest.mark.parametrize("repeat", [False, True], ids=["", "the last reading comes again"])
async def test_m18_a_restart_in_mid_session(sqlite_database: Database, repeat: bool) -> None:
    """M18: the process is another one; the total goes on where it was, and the banner is there (P6)."""
    sqlite_database.change_now(place)
    with clock.at(NOW):
        async with ocpp_server(sqlite_database) as server, ChargePoint(server.url, "CP1", PASSWORD) as point:
            before = Field(server, point)
            session = await before.start(1000)
            await before.read(session, 60, wh(1100))
        async with ocpp_server(sqlite_database) as server, ChargePoint(server.url, "CP1", PASSWORD) as point:
            await server.sessions.resume()
            (asked,) = await sqlite_database.ask(active, 1)
            live = server.live.session(asked.reading)
            assert live.reading.energy_wh == 100
            after = Field(server, point)
            if repeat:
                await after.read(session, 60, wh(1100))
            await after.read(session, 120, wh(1250))
            assert live.reading.energy_wh == 250
            await after.stop(session, 180, 1300)
            assert await after.steps(session) == [(0, 60, 100), (60, 120, 150), (120, 180, 50)]


async def test_m19_resumed_by_another_state(charger: Field) -> None:
    """M19: SuspendedEV and Charging again: one session, the pause without energy."""
    session = await charger.start(1000)
    for status, seconds, register in (
        ("Charging", 60, 1100),
        ("SuspendedEV", 120, 1150),
        ("SuspendedEV", 3600, 1150),
        ("Charging", 3660, 1250),
    ):
        await charger.say(
            "StatusNotification",
            seconds,
            {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": stamp(seconds)},
        )
        await charger.read(session, seconds, wh(register))
    await charger.stop(session, 3700, 1300)
    assert await charger.steps(session) == [
        (0, 60, 100),
        (60, 120, 50),
        (3600, 3660, 100),
        (3660, 3700, 50),
    ]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 2, 1, 3, 3, 1)], ids=str)
async def test_m20_duplicates_and_disorder(charger: Field, order: tuple[int, ...]) -> None:
    """M20: each (transaction, time, measurand, phase, context) once, in the order of device time."""
    session = await charger.start(1000)
    clock.advance(300 * S)
    for n in order:
        await charger.read(session, 60 * n, wh(1000 + 100 * n), watts(6000))
    assert len(await charger.samples()) == 6
    await charger.stop(session, 400, 1350)
    assert await charger.steps(session) == [(0, 60, 100), (60, 120, 100), (120, 180, 100), (180, 400, 50)]


async def test_power_is_measured_or_derived(charger: Field) -> None:
    """P7: phases summed; else from two register readings, and marked as derived."""
    session = await charger.start(1000)
    await charger.read(session, 60, wh(1100), *(watts(2000, phase=phase) for phase in ("L1", "L2", "L3")))
    row = await charger.row(session)
    assert (row.power_w, row.power_derived) == (6000, False)
    second = await charger.start(1000, 70, connectorId=2)
    await charger.read(second, 130, wh(1100))
    await charger.read(second, 190, wh(1200))
    row = await charger.row(second)
    assert (row.power_w, row.power_derived) == (6000, True)


async def test_nothing_of_all_this_is_quarantined(charger: Field) -> None:
    """C11: odd meters are no odd stops."""
    session = await charger.start(4_076_000)
    await charger.read(session, 60, kwh("0.104"))
    await charger.stop(session, 120, 4_076_300)
    found = await charger.server.database.ask(lambda db: db.execute(select(QuarantinedMessage.id)).all())
    assert found == []


def test_now_is_a_moment_in_utc() -> None:
    """The cases above count on it."""
    assert NOW.tzinfo is UTC
