"""Clocks set back in mid-session: OCPP 2.0.1 numbers its messages, and registers don't lie (C13, C14)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import clock
from app.charging.metering.device_time import read
from app.charging.metering.meter import Meter, rebuild
from app.charging.metering.order import Order, Told, in_order
from app.charging.reports import INTERVAL, Place, Sample, Stop, Values
from app.simulation.charge_point import ChargePoint
from data.database import Change, Database
from data.models import ChargingSession, EnergyStep
from tests.app.test_sessions import World, sample
from tests.app.test_sessions_201 import event
from tests.ocpp_server import ocpp_server
from tests.world import NOW, add_charger, add_driver, add_site

S = timedelta(seconds=1)
BERLIN = "Europe/Berlin"
PASSWORD = "a charger's password"


@dataclass(frozen=True)
class Heard:
    """An event as it came: what the clock said, when it really was, and the register."""

    number: int
    said: float
    real: float
    wh: int


@st.composite
def transactions(draw: st.DrawFn, most: int = 10) -> list[Heard]:
    """A charger's clock steps to and fro while it counts; whole seconds, as most send them."""
    steps = st.sampled_from([0] * 8 + [-1, -60, -70, -1200, -3600, 60, 180, 1200, 3600, 7200, -7200])
    heard, real, ahead, wh = [], 0.0, draw(st.sampled_from([0, 0, 180, 7200, -1200])), 50_000
    for number in range(draw(st.integers(2, most))):
        heard.append(Heard(number, real + ahead, real, wh))
        real += draw(st.sampled_from([1, 2, 10, 30, 60, 300]))
        ahead += draw(steps)
        wh += draw(st.sampled_from([0, 1, 7, 60, 400]))
    return heard


def told(one: Heard, last: int) -> tuple[Told, Sample]:
    received = NOW + one.real * S
    at = read((NOW + one.said * S).isoformat(), received, BERLIN).at
    context = {0: "Transaction.Begin", last: "Transaction.End"}.get(one.number, "Sample.Periodic")
    return Told(one.number, at, received, one.number == last), Sample(at, str(one.wh), context=context)


@settings(max_examples=300, deadline=None)
@given(transactions(), st.randoms(use_true_random=False))
def test_c14_any_clock_and_any_order_give_last_register_minus_first(
    heard: list[Heard], random: Random
) -> None:
    """Live and from what is stored, in the order of the numbers or not; steps go forward and add up."""
    last = len(heard) - 1
    known = [told(one, last) for one in heard]
    energy = heard[-1].wh - heard[0].wh
    order, meter = Order(), Meter(known[0][0].at, None)
    steps: list[Any] = []
    for one, reading in known[:-1]:
        progress = meter.add(order.take(one, [reading])[1])
        steps += progress.steps
    at, samples = order.take(known[-1][0], [known[-1][1]])
    progress = meter.stop(max(at, known[0][0].at), None, samples)
    steps += progress.steps
    assert (progress.energy_wh, sum(step.energy_wh for step in steps)) == (energy, energy)
    assert all(a.ended_at <= b.started_at for a, b in pairwise(steps))
    assert not progress.flags

    shuffled = random.sample(known, len(known))
    again, counted = in_order([one for one, _ in shuffled], {one.seq_no: [reading] for one, reading in known})
    end = max(known[-1][0].at, again.ended_at or known[-1][0].at)
    _, stored = rebuild(known[0][0].at, None, counted, (max(end, known[0][0].at), None))
    assert (stored.energy_wh, stored.steps) == (energy, tuple(steps))
    assert again.is_noticed == order.is_noticed
    backwards = max((a[0].at - b[0].at for a, b in pairwise(known)), default=0 * S)
    assert again.is_back == (backwards > 0 * S)
    latest = max(one.at for one, _ in known) + S
    assert all(step.ended_at <= max(latest, known[-1][0].received_at + 5 * 60 * S) for step in steps)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


numbers = count()


@settings(
    max_examples=12,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(transactions(most=6), st.randoms(use_true_random=False))
async def test_c14_whatever_comes_when_the_session_has_its_energy(
    world: World, heard: list[Heard], random: Random
) -> None:
    """Late ones with lower numbers, repeated ones, and a process that starts anew meanwhile."""
    name, last = f"tx-{next(numbers)}", len(heard) - 1
    coming = sorted(heard, key=lambda one: one.number + random.choice([0, 0, 0, 3]))
    coming += random.sample(heard, 1)
    for place, one in enumerate(coming):
        kind: Any = {0: "Started", last: "Ended"}.get(one.number, "Updated")
        known, reading = told(one, last)
        received = NOW + max(before.real for before in coming[: place + 1]) * S
        await world.sessions.event(
            world.charger,
            event(
                kind,
                one.number,
                0,
                id_tag="CARD1" if kind == "Started" else None,
                transaction_id=name,
                at=known.at,
                received_at=received,
                samples=(reading,),
            ),
        )
        if random.random() < 0.2:
            world.restart()
    session = next(row for row in await world.rows(ChargingSession) if row.ocpp_transaction_id == name)
    steps = await world.steps(session.id)
    energy = heard[-1].wh - heard[0].wh
    assert (session.energy_wh, sum(wh for *_, wh in steps)) == (energy, energy)
    assert session.ended_at is not None
    assert not {flag for flag in session.flags if not flag.startswith("clock")}
    assert all(before[1] <= after[0] for before, after in pairwise(steps))


@pytest.mark.parametrize(
    ("steps", "flags"),
    [
        ({1: -60, 2: -60, 4: -60}, ["clock_set_back"]),
        ({2: -1200}, ["clock_set_back"]),
        ({1: 7200, 3: -7200}, ["clock_skew"]),
        ({1: -2, 3: -2}, []),
    ],
    ids=["minutes", "-20 min", "+2 h and back", "kept right"],
)
async def test_m12_m14_a_clock_that_is_set_in_mid_session_loses_no_energy(
    database: Database, steps: dict[int, float], flags: list[str]
) -> None:
    """Through the real socket: the register from Begin to End, at the times of the receipts."""

    def somewhere(change: Change) -> None:
        add_charger(change, "CP1", site=add_site(change, zone=BERLIN), connectors=1, password=PASSWORD)
        add_driver(change, tag="CARD1")

    database.change_now(somewhere)
    with clock.at(NOW):
        async with (
            ocpp_server(database) as server,
            ChargePoint(server.url, "CP1", PASSWORD, protocol="ocpp2.0.1") as point,
        ):
            ahead = 0.0
            point.clock = lambda: clock.now() + ahead * S
            point.plugs[1].meter_wh = 10_000
            await point.start(1, "CARD1")
            for number in range(1, 6):
                clock.advance(30 * S)
                ahead += steps.get(number, 0)
                await point.meter_values(1, 10_000 + number * 100, power_w=12_000)
            clock.advance(30 * S)
            await point.stop(1, 10_600)
            (session,) = await server.database.ask(
                lambda db: list(db.execute(select(ChargingSession.__table__)).all())
            )
            assert (session.energy_wh, session.flags) == (600, flags)
            spans = await server.database.ask(
                lambda db: list(
                    db.execute(select(EnergyStep.ended_at).order_by(EnergyStep.started_at)).scalars()
                )
            )
            assert [abs((at - NOW) / S - 30 * n) < 5 for n, at in enumerate(spans, 1)] == [True] * 6
            assert abs(session.ended_at - NOW - 180 * S) < 5 * S


async def test_m12_numbers_that_make_no_sense_give_way_to_times(world: World) -> None:
    """C6: a charger that numbers its messages backwards is no reason to add up what it says."""
    for number, wh in enumerate((1000, 1200, 1400, 1700)):
        kind: Any = {0: "Started", 3: "Ended"}.get(number, "Updated")
        tag = "CARD1" if number == 0 else None
        await world.sessions.event(world.charger, event(kind, 90 - number, 60 * number, wh, id_tag=tag))
    (session,) = await world.rows(ChargingSession)
    assert (session.energy_wh, session.ended_at, session.flags) == (700, NOW + 180 * S, [])


async def test_m12_an_exchanged_meter_is_one_although_the_clock_was_set_back(world: World) -> None:
    """The register falls by the numbers too: the positive steps, flagged; by its times it would be more."""
    for number, (at, wh) in enumerate([(0, 1000), (60, 1100), (-600, 0), (-540, 50), (-480, 90)]):
        kind: Any = {0: "Started", 4: "Ended"}.get(number, "Updated")
        await world.sessions.event(
            world.charger,
            event(
                kind,
                number,
                at,
                wh,
                id_tag="CARD1" if number == 0 else None,
                received_at=NOW + 60 * number * S,
            ),
        )
    (session,) = await world.rows(ChargingSession)
    assert session.energy_wh == 190
    assert {"clock_set_back", "register_fell"} <= set(session.flags)


def test_m17_intervals_keep_their_times_and_count_once() -> None:
    order = Order()
    counted: list[Sample] = []
    for number, at in enumerate((0, 60, 120, 30, 60, 90, 150)):
        moment = NOW + at * S
        one = Sample(moment, "100", measurand=INTERVAL)
        counted += order.take(Told(number, moment, NOW + 60 * number * S), [one])[1]
    assert rebuild(NOW, None, counted)[1].energy_wh == 600, "one timestamp came twice"


def test_readings_told_again_at_the_end_add_nothing() -> None:
    """TxEnded lists the whole session; after a set-back its older times can't be placed."""
    order = Order()
    counted: list[Sample] = []
    for number, (at, wh) in enumerate([(0, 0), (60, 100), (10, 200), (70, 300)]):
        moment = NOW + at * S
        received = NOW + 60 * number * S
        samples = [Sample(moment, str(wh))]
        if number == 3:
            samples = [Sample(NOW + a * S, str(b)) for a, b in ((0, 0), (60, 100), (10, 200), (70, 300))]
        counted += order.take(Told(number, moment, received, number == 3), samples)[1]
    progress = rebuild(NOW, None, counted)[1]
    assert (progress.energy_wh, progress.flags) == (300, frozenset())


@settings(
    max_examples=12,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(transactions(most=7))
async def test_m12_without_numbers_the_registers_of_start_and_stop_are_the_energy(
    world: World, heard: list[Heard]
) -> None:
    """OCPP 1.6: as it came the register only rose, so it was the clock that went back."""
    known = [told(one, len(heard) - 1) for one in heard]
    tag = f"T{next(numbers)}"  # of its own: the same start told again is no new session
    begin = known[0][0]
    session = await world.start(
        (begin.at - NOW) / S, late=(begin.received_at - begin.at) / S, meter_start=heard[0].wh, id_tag=tag
    )
    for message, reading in known[1:-1]:
        values = Values(
            Place(1), message.received_at, (replace(reading, context="Sample.Periodic"),), session
        )
        await world.sessions.values(world.charger, values)
    end = known[-1][0]
    await world.sessions.stop(world.charger, Stop(end.at, end.received_at, heard[-1].wh, session))
    row = await world.row(session)
    steps = await world.steps(session)
    energy = heard[-1].wh - heard[0].wh
    assert (row.energy_wh, sum(wh for *_, wh in steps)) == (energy, energy)
    assert "register_fell" not in row.flags


@pytest.mark.parametrize("ours", [0, -70], ids=["", "ours too"])
async def test_m12_a_clock_set_back_by_more_than_a_reading_is_no_exchanged_meter(
    world: World, ours: float
) -> None:
    """1.6: by their times the register seems to fall and rise twice, 900 Wh instead of 800."""
    session = await world.start()
    for number in range(1, 8):
        at = 60 * number - (70 if number > 2 else 0)
        received = NOW + (60 * number + (ours if number > 2 else 0)) * S
        values = Values(Place(1), received, (sample(at, 1000 + 100 * number),), session)
        await world.sessions.values(world.charger, values)
    await world.sessions.stop(world.charger, Stop(NOW + 410 * S, NOW + (480 + ours) * S, 1800, session))
    row = await world.row(session)
    assert (row.energy_wh, row.flags) == (800, ["clock_set_back"])
