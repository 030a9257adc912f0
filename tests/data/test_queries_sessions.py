"""The banner's, the recent list's and the reservation card's queries, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from data.database import Database
from data.models import Connector, Mapping
from data.queries.reservations import NextReservation, next_reservation
from data.queries.sessions import active, recent
from data.types import ReservationStatus
from tests.world import NOW, add_charger, add_driver, add_mapping, add_reservation, add_session, add_site

HOUR = timedelta(hours=1)


class World:
    """Two chargers (one and two connectors) and two drivers."""

    def __init__(self, database: Database) -> None:
        self.database = database
        site = database.change_now(add_site)
        self.dana = database.change_now(lambda change: add_driver(change))
        self.eve = database.change_now(lambda change: add_driver(change, "Eve Other"))
        self.cards = {
            account: database.change_now(add_mapping, account, f"TAG{account}")
            for account in (self.dana, self.eve)
        }
        self.single = database.change_now(lambda c: add_charger(c, "CP1", site=site, name="Garage left"))
        self.double = database.change_now(
            lambda c: add_charger(c, "CP2", site=site, name="Roof 1", connectors=2, reading_interval=30)
        )

    def connector(self, charger: int, number: int = 1) -> int:
        return self.database.ask_now(
            lambda db: db.execute(
                select(Connector.id).where(Connector.charger_id == charger, Connector.number == number)
            ).scalar_one()
        )

    def session(self, *, charger: int | None = None, number: int = 1, **values: object) -> int:
        charger = charger or self.single
        arguments = {
            "account": self.dana,
            "charger": charger,
            "connector": self.connector(charger, number),
            "started_at": NOW - HOUR,
            **values,
        }
        return self.database.change_now(lambda change: add_session(change, **arguments))

    def reserve(self, **values: object) -> int:
        account = values.get("account", self.dana)
        arguments = {
            "account": account,
            "mapping": self.cards[account],
            "charger": self.single,
            "starts_at": NOW + HOUR,
            **values,
        }
        return self.database.change_now(lambda change: add_reservation(change, **arguments))

    def next(self, account: int | None = None, after: timedelta = timedelta(0)) -> NextReservation | None:
        return self.database.ask_now(next_reservation, account or self.dana, NOW + after)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def test_p6_the_sessions_in_progress_of_the_driver_by_start(world: World) -> None:
    second = world.session(charger=world.double, number=2, ended=False, power_w=7_200)
    first = world.session(ended=False, started_at=NOW - 2 * HOUR)
    world.session(charger=world.double, number=1, ended=False, account=world.eve)
    world.session(started_at=NOW - 9 * HOUR)
    sessions = world.database.ask_now(active, world.dana)
    assert [session.id for session in sessions] == [first, second]
    assert [session.charger_name for session in sessions] == ["Garage left", "Roof 1"]
    assert [session.connector_type for session in sessions] == ["Type 2", "Type 2"]
    assert [session.reading_interval for session in sessions] == [60, 30]
    assert sessions[1].started_at == NOW - HOUR
    reading = sessions[1].reading
    assert (reading.session_id, reading.energy_wh, reading.power_w) == (second, 10_000, 7_200)
    assert reading.reading_at == NOW


def test_p7_a_connector_is_named_only_where_there_are_several(world: World) -> None:
    world.session(ended=False, started_at=NOW - 2 * HOUR)
    world.session(charger=world.double, number=2, ended=False)
    # The charger as a whole is no plug: it does not make several out of one.
    world.database.change_now(
        lambda change: change.execute(insert(Connector), {"charger_id": world.single, "number": 0})
    )
    sessions = world.database.ask_now(active, world.dana)
    assert [session.connector_number for session in sessions] == [None, 2]


def test_p7_a_place_of_ocpp_201_is_named_by_its_evse(world: World) -> None:
    connector = world.connector(world.double, 2)
    world.database.change_now(
        lambda change: change.execute(
            update(Connector).where(Connector.id == connector).values(evse=2, number=1)
        )
    )
    world.database.change_now(
        lambda change: add_session(
            change,
            account=world.dana,
            charger=world.double,
            connector=connector,
            started_at=NOW,
            ended=False,
        )
    )
    (session,) = world.database.ask_now(active, world.dana)
    assert session.connector_number == 2


def test_p8_before_the_first_reading_the_energy_is_unknown(world: World) -> None:
    world.session(ended=False, has_reading=False, energy_wh=0, steps=[], reading_at=None)
    (session,) = world.database.ask_now(active, world.dana)
    assert (session.reading.energy_wh, session.reading.reading_at) == (None, None)
    (row,) = world.database.ask_now(recent, world.dana)
    assert (row.energy_wh, row.ended_at, row.finalized) == (None, None, False)


def test_c13_a_replayed_session_is_in_no_banner(world: World) -> None:
    world.session(ended=False, replayed=True)
    assert world.database.ask_now(active, world.dana) == []


def test_p10_the_five_latest_by_start_newest_first(world: World) -> None:
    ids = [world.session(started_at=NOW - hours * HOUR, minutes=30) for hours in (9, 7, 8, 3, 5, 4)]
    world.session(account=world.eve, started_at=NOW - 2 * HOUR)
    world.session(account=None, started_at=NOW - 3 * HOUR)
    charging = world.session(ended=False, charger=world.double)
    rows = world.database.ask_now(recent, world.dana)
    assert [row.id for row in rows] == [charging, ids[3], ids[5], ids[4], ids[1]]
    assert [row.ended_at is None for row in rows] == [True, False, False, False, False]
    assert rows[0].charger_name == "Roof 1"


def test_p10_equal_starts_come_in_one_order(world: World) -> None:
    ids = [world.session(minutes=30 + number) for number in range(6)]
    assert [row.id for row in world.database.ask_now(recent, world.dana)] == ids[:0:-1]


def test_p10_times_are_when_energy_flowed(world: World) -> None:
    world.session(energy_started_at=NOW - timedelta(minutes=50), energy_ended_at=NOW - timedelta(minutes=20))
    (row,) = world.database.ask_now(recent, world.dana)
    assert (row.started_at, row.ended_at) == (NOW - timedelta(minutes=50), NOW - timedelta(minutes=20))


@pytest.mark.parametrize("finalized", [True, False])
def test_p11_finalized_or_settling(world: World, finalized: bool) -> None:
    world.session(finalized=finalized)
    (row,) = world.database.ask_now(recent, world.dana)
    assert row.finalized is finalized


def test_p10_energy_that_never_was_read_is_unknown_and_not_zero(world: World) -> None:
    world.session(has_reading=False, energy_wh=0, steps=[])
    imported = world.session(has_reading=False, energy_wh=4_000, started_at=NOW - 5 * HOUR)
    rows = world.database.ask_now(recent, world.dana)
    assert [row.energy_wh for row in rows] == [None, 4_000]
    assert rows[1].id == imported


def test_p4_sessions_of_a_deactivated_mapping_stay(world: World) -> None:
    world.session(mapping_id=world.cards[world.dana])
    world.database.change_now(
        lambda change: change.execute(update(Mapping).values(active=False, deactivated_at=NOW))
    )
    assert len(world.database.ask_now(recent, world.dana)) == 1


def test_p12_the_earliest_by_start_whose_end_is_in_the_future(world: World) -> None:
    world.reserve(starts_at=NOW - 2 * HOUR, minutes=120)  # ends at this moment: over
    later = world.reserve(starts_at=NOW + 4 * HOUR)
    soon = world.reserve(starts_at=NOW + HOUR, minutes=30, charger=world.double)
    assert world.next() == NextReservation(soon, "Roof 1", None, NOW + HOUR, NOW + 1.5 * HOUR)
    assert world.next(after=1.5 * HOUR).id == later
    assert world.next(after=1.5 * HOUR - timedelta(microseconds=1)).id == soon
    assert world.next(after=9 * HOUR) is None


def test_p12_one_that_is_running_is_the_next(world: World) -> None:
    running = world.reserve(starts_at=NOW - HOUR)
    world.reserve(starts_at=NOW + HOUR)
    assert world.next().id == running


def test_p12_cancelled_ones_and_those_of_others_are_none_of_mine(world: World) -> None:
    world.reserve(cancelled_at=NOW, status=ReservationStatus.CANCELLED)
    world.reserve(starts_at=NOW + 4 * HOUR, status=ReservationStatus.CANCELLED)
    others = world.reserve(account=world.eve)
    assert world.next() is None
    assert world.next(world.eve).id == others


def test_p12_ties_by_id(world: World) -> None:
    first = world.reserve(charger=world.double, connector_number=2)
    world.reserve(charger=world.double, connector_number=1)
    assert world.next().id == first
    assert world.next().connector_number == 2


def test_p12_a_single_connector_is_not_named(world: World) -> None:
    world.reserve(connector_number=1)
    assert world.next().connector_number is None
