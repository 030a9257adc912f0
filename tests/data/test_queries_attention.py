"""What needs an operator's hand: each kind appears, and leaves once it is seen to; the most urgent first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from data.database import Change, Database
from data.models import (
    Account,
    Charger,
    ChargingSession,
    Connector,
    Display,
    Mapping,
    OneTimeLink,
    QuarantinedMessage,
    Reservation,
    TagSighting,
)
from data.queries import display_list
from data.queries.attention import MOST, NAMED, attention
from data.queries.matters import Kind, Machine, Matter, Matters, Terms
from data.types import Admission, ConnectorStatus, ReservationStatus, Role
from tests.world import (
    NOW,
    add_account,
    add_charger,
    add_display,
    add_driver,
    add_mapping,
    add_reservation,
    add_session,
    add_sighting,
    add_site,
    key,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Yard:
    """A site with one charger that is in order, and a driver with a card."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.do(self._make)

    def _make(self, change: Change) -> None:
        self.site = add_site(change)
        self.charger = add_charger(change, "CP1", site=self.site, name="Bay 1", password="secret of Bay 1")
        self.dana = add_driver(change)
        self.mapping = add_mapping(change, self.dana, "DANA")

    def do(self, work: Callable[..., Any], *args: Any, **values: Any) -> Any:
        return self.database.change_now(work, *args, **values)

    def set(self, table: type[Any], id_: Any, **values: Any) -> None:
        column = table.id_tag if table is TagSighting else table.id
        self.do(lambda change: change.execute(update(table).where(column == id_).values(**values)))

    def add(self, table: type[Any], **values: Any) -> int:
        return int(self.do(lambda change: key(change.execute(insert(table), values))))

    def found(self, machine: Machine | None = None, **terms: Any) -> dict[Kind, Matters]:
        asked = self.database.ask_now(attention, NOW, machine or Machine(), Terms(**terms))
        return {one.kind: one for one in asked}


@pytest.fixture
def yard(database: Database) -> Yard:
    return Yard(database)


def session(yard: Yard, **values: Any) -> int:
    row = {"charger": yard.charger, "connector": 1, "account": yard.dana, "started_at": NOW - 2 * HOUR}
    return int(yard.do(add_session, **{**row, **values}))


def test_nothing_needs_attention_in_a_yard_that_is_in_order(yard: Yard) -> None:
    """Running and settled sessions, mapped and ignored tags, reservations that were kept."""
    session(yard)
    session(yard, ended=False, started_at=NOW - HOUR, minutes=59)
    yard.do(add_sighting, "DANA", yard.charger)
    yard.do(add_sighting, "PARKING", yard.charger, ignored_at=NOW)
    assert yard.found() == {}


def test_connector_faults_name_their_code_and_leave_when_mended_or_silent(yard: Yard) -> None:
    yard.set(Connector, 1, status=ConnectorStatus.FAULTED, error_code="GroundFailure")
    assert yard.found() == {
        Kind.FAULT: Matters(Kind.FAULT, 1, (Matter(yard.charger, "Bay 1", "GroundFailure", NOW, 1),))
    }
    yard.set(Connector, 1, status=ConnectorStatus.AVAILABLE, error_code="HighTemperature")
    assert yard.found()[Kind.FAULT].first[0].detail == "HighTemperature"
    yard.set(Charger, yard.charger, last_seen_at=NOW - 2 * HOUR)
    assert set(yard.found()) == {Kind.OFFLINE}
    yard.set(Charger, yard.charger, last_seen_at=NOW)
    yard.set(Connector, 1, error_code="NoError")
    assert yard.found() == {}


def test_p20_offline_chargers_the_longest_silent_first(yard: Yard) -> None:
    """P20: exactly 60 minutes is not yet offline; those that wait for admission are none of ours yet.

    Those that never connected are apart: nothing has failed, they are still to be put up.
    """
    add = {"site": yard.site, "password": "of all"}
    yard.do(add_charger, "HOUR", seen=NOW - HOUR, **add)
    new = yard.do(add_charger, "NEW", seen=None, **add)
    short = yard.do(add_charger, "SHORT", seen=NOW - HOUR - timedelta(seconds=1), **add)
    long = yard.do(add_charger, "LONG", seen=NOW - 3 * DAY, **add)
    yard.do(add_charger, "BLOCKED", seen=None, admission=Admission.BLOCKED, **add)
    offline = yard.found()[Kind.OFFLINE]
    assert ([one.id for one in offline.first], offline.number) == ([long, short], 2)
    assert list(yard.found()) == [Kind.OFFLINE, Kind.UNCONNECTED], "and they come after what has failed"
    assert yard.found()[Kind.UNCONNECTED].first == (Matter(new, "Charger NEW"),)


def test_c2_pending_chargers_and_chargers_without_a_password(yard: Yard) -> None:
    stranger = yard.do(add_charger, "WHO", site=yard.site, admission=Admission.PENDING)
    assert set(yard.found()) == {Kind.PENDING}
    assert yard.found()[Kind.PENDING].first == (Matter(stranger, "Charger WHO", "WHO", NOW),)
    yard.set(Charger, stranger, admission=Admission.ACCEPTED)
    assert set(yard.found()) == {Kind.PASSWORD}
    yard.set(Charger, stranger, password_hash="x")
    assert yard.found() == {}


def test_k7_displays_that_are_silent_for_more_than_90_seconds(yard: Yard) -> None:
    """The longest first, those that never told anything last; none right after pairing or a start."""
    second = timedelta(seconds=1)
    seen = yard.do(add_display, "Seen", site=yard.site, last_seen_at=NOW - 90 * second)
    yard.do(add_display, "New", site=yard.site, created_at=NOW - 90 * second)
    assert yard.found() == {}
    never = yard.do(add_display, "Never", site=yard.site, created_at=NOW - DAY)
    silent = yard.do(add_display, "Silent", site=yard.site, last_seen_at=NOW - HOUR)
    yard.set(Display, seen, last_seen_at=NOW - 91 * second)
    assert yard.found() == {
        Kind.DISPLAY: Matters(
            Kind.DISPLAY,
            3,
            (
                Matter(silent, "Silent", "Harbour car park", NOW - HOUR),
                Matter(seen, "Seen", "Harbour car park", NOW - 91 * second),
                Matter(never, "Never", "Harbour car park"),
            ),
        )
    }
    yard.set(Display, seen, last_seen_at=NOW + HOUR)  # the clock was set back
    assert yard.found()[Kind.DISPLAY].first[1] == Matter(seen, "Seen", "Harbour car park", NOW)
    assert yard.database.ask_now(display_list.counted, NOW) == (4, 0)
    listed = yard.database.ask_now(display_list.listed).all
    assert [(one.name, one.is_seen(NOW)) for one in listed] == [
        (name, False) for name in ("Never", "New", "Seen", "Silent")
    ]
    assert [one.id for one in yard.database.ask_now(display_list.heartbeats)] == [one.id for one in listed]
    assert yard.found(up_since=NOW - 89 * second) == {}
    assert set(yard.found(up_since=NOW - 90 * second)) == {Kind.DISPLAY}


def test_c10_unknown_tags_with_their_sessions_until_they_are_mapped_or_ignored(yard: Yard) -> None:
    """Sessions first, also of tags that no charger was seen to report since."""
    for hours in (30, 20):
        session(yard, account=None, id_tag="LOST", started_at=NOW - hours * HOUR, authorization="Invalid")
    session(
        yard, account=None, id_tag="DANA", started_at=NOW - 40 * HOUR
    )  # mapped since, and left out on purpose
    yard.do(add_sighting, "LOST", yard.charger)
    yard.do(add_sighting, "HELD", yard.charger)
    assert yard.found()[Kind.TAG] == Matters(
        Kind.TAG,
        2,
        (
            Matter(None, "", "LOST", NOW - 30 * HOUR, 2, "s1"),
            Matter(None, "Bay 1", "HELD", NOW, 0, "s2"),
        ),
    )
    yard.set(TagSighting, "HELD", ignored_at=NOW)
    mapping = yard.do(add_mapping, yard.dana, "LOST")
    assert yard.found() == {}
    yard.set(Mapping, mapping, active=False)
    assert yard.found()[Kind.TAG].number == 1


def test_c11_quarantined_messages_until_they_are_resolved(yard: Yard) -> None:
    message = {
        "charger_id": yard.charger,
        "received_at": NOW - HOUR,
        "last_received_at": NOW,
        "times": 3,
        "action": "StopTransaction",
        "payload": {"transactionId": 7},
        "reason": "no such transaction",
    }
    first = yard.add(QuarantinedMessage, digest="a", **message)
    yard.add(QuarantinedMessage, digest="b", **message, resolved_at=NOW)
    assert yard.found()[Kind.QUARANTINE] == Matters(
        Kind.QUARANTINE, 1, (Matter(first, "Bay 1", "StopTransaction", NOW - HOUR, 3),)
    )
    yard.set(QuarantinedMessage, first, resolved_at=NOW)
    assert yard.found() == {}


def test_m5_flagged_sessions_until_they_are_reviewed_and_meters_that_flag_often(yard: Yard) -> None:
    other = yard.do(add_charger, "CP2", site=yard.site, name="Bay 2", password="secret")
    ids = [
        session(yard, flags=["energy_implausible"], started_at=NOW - hours * HOUR, charger=other, connector=2)
        for hours in (50, 40, 30, 20, 10)
    ]
    one = session(yard, flags=["clock_skew", "spike_dropped"])
    found = yard.found()
    assert found[Kind.METER].first == (Matter(other, "Bay 2", number=5),)
    assert found[Kind.FLAGGED].first == (Matter(one, "Bay 1", "clock_skew", NOW - 2 * HOUR, 2),)
    yard.set(ChargingSession, ids[0], reviewed_at=NOW)
    assert yard.found()[Kind.FLAGGED].number == 5
    for id_ in (one, *ids[1:]):
        yard.set(ChargingSession, id_, reviewed_at=NOW)
    assert yard.found() == {}


@pytest.mark.parametrize("seconds", [301, -301])
def test_m14_clocks_that_are_wrong_by_more_than_minutes(yard: Yard, seconds: int) -> None:
    yard.set(Charger, yard.charger, clock_skew=seconds)
    assert yard.found()[Kind.CLOCK].first == (Matter(yard.charger, "Bay 1", number=seconds),)
    yard.set(Charger, yard.charger, clock_skew=300 if seconds > 0 else -300)
    assert yard.found() == {}


def test_sessions_without_end_are_silent_for_long_or_at_a_charger_that_is(yard: Yard) -> None:
    running = session(yard, ended=False, started_at=NOW - 14 * HOUR, minutes=60)
    assert yard.found()[Kind.UNENDED].first == (Matter(running, "Bay 1", since=NOW - 13 * HOUR),)
    yard.set(ChargingSession, running, reading_at=NOW - 2 * HOUR)
    assert yard.found() == {}
    yard.set(Charger, yard.charger, last_seen_at=NOW - 2 * HOUR)
    assert set(yard.found()) == {Kind.OFFLINE, Kind.UNENDED}
    yard.set(ChargingSession, running, ended_at=NOW - HOUR)
    assert set(yard.found()) == {Kind.OFFLINE}


def test_sessions_that_wait_to_be_settled_too_long_the_oldest_first(yard: Yard) -> None:
    late = session(yard, started_at=NOW - 3 * DAY, finalized=False)
    session(yard, started_at=NOW - 5 * HOUR, finalized=False)
    session(yard, started_at=NOW - 4 * DAY, finalized=False, account=None, id_tag="DANA")  # waits for its tag
    settling = yard.found(settling=DAY)[Kind.SETTLING]
    assert settling == Matters(Kind.SETTLING, 1, (Matter(late, "Bay 1", since=NOW - 3 * DAY + HOUR),))
    assert yard.found(settling=HOUR)[Kind.SETTLING].number == 2
    yard.set(ChargingSession, late, finalized_at=NOW)
    assert yard.found() == {}


def test_c15_reservations_that_the_charger_refused_until_they_are_over(yard: Yard) -> None:
    it = {"account": yard.dana, "mapping": yard.mapping, "charger": yard.charger}
    refused = yard.do(add_reservation, **it, starts_at=NOW - HOUR, status=ReservationStatus.REFUSED)
    assert yard.found()[Kind.REFUSED].first == (Matter(refused, "Bay 1", "Dana Driver", NOW - HOUR),)
    yard.set(Reservation, refused, status=ReservationStatus.CANCELLED)
    assert yard.found() == {}
    yard.set(Reservation, refused, status=ReservationStatus.REFUSED, ends_at=NOW)
    assert yard.found() == {}


def test_people_who_wait_for_something(yard: Yard) -> None:
    yard.do(add_account, "Ida Invited", Role.OPERATOR, password_hash=None)
    assert yard.found() == {}
    ida = yard.do(add_driver, "Ines Invited", password_hash=None, created_at=NOW - 90 * DAY)
    assert yard.found() == {}  # nobody has invited her
    link = {"purpose": "invitation", "account_id": ida, "expires_at": NOW - 8 * DAY}
    yard.add(OneTimeLink, token_hash="a", created_at=NOW - 15 * DAY, **link)
    leaving = yard.do(add_driver, "Lea Leaving", deletion_requested_at=NOW)
    assert yard.found() == {
        Kind.LEAVING: Matters(Kind.LEAVING, 1, (Matter(None, "driver", number=1),)),
        Kind.INVITED: Matters(Kind.INVITED, 1, (Matter(None, "driver", number=1),)),
    }
    again = yard.add(OneTimeLink, token_hash="b", created_at=NOW - DAY, **link)
    assert set(yard.found()) == {Kind.LEAVING}
    yard.set(OneTimeLink, again, used_at=NOW)
    assert yard.found(passwords=False)[Kind.NO_WAY_IN].number == 1  # Dana: who leaves is no matter of it
    for account in (ida, leaving):
        yard.set(Account, account, disabled_at=NOW)
    assert yard.found() == {}


def test_the_machine_and_the_first_run(yard: Yard) -> None:
    machine = Machine(disk_free=5, backlog=900, settlement_fails="OperationalError", setup=("plan",))
    assert list(yard.found(machine)) == [Kind.DISK, Kind.DATABASE, Kind.BILLING, Kind.SETUP]


def test_the_most_urgent_first_and_many_are_counted(yard: Yard) -> None:
    """What stands still before what is untidy; beyond a thousand nobody counts."""
    yard.set(Connector, 1, status=ConnectorStatus.FAULTED)
    yard.set(Charger, yard.charger, clock_skew=900)
    rows = [
        {
            "identity": f"OFF{n}",
            "name": f"Off {n}",
            "site_id": yard.site,
            "password_hash": "x",
            "last_seen_at": NOW - n * HOUR,
        }
        for n in range(2, MOST + 5)
    ]
    yard.do(lambda change: change.execute(insert(Charger), rows))
    found = yard.found(Machine(disk_free=5))
    assert list(found) == [Kind.DISK, Kind.FAULT, Kind.OFFLINE, Kind.CLOCK]
    offline = found[Kind.OFFLINE]
    assert (offline.number, offline.more, len(offline.first)) == (MOST, True, NAMED)
    assert offline.first[0].name == f"Off {MOST + 4}"
