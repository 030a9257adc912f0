"""The chargers of a driver's dashboard, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, update

from data.database import Change, Database
from data.models import Charger, ChargerGroup, Connector, GroupAccount, GroupCharger
from data.queries import chargers
from data.queries.chargers import (
    ChargerStatus,
    VisibleCharger,
    VisibleChargers,
    natural_key,
    visible_chargers,
)
from data.types import Admission, ConnectorStatus, ReservationStatus
from tests.world import (
    NOW,
    add_charger,
    add_driver,
    add_mapping,
    add_reservation,
    add_session,
    add_site,
    key,
)

S = ConnectorStatus


class Site:
    """One site, two drivers, and what a test adds."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.site = database.change_now(add_site)
        self.dana = database.change_now(add_driver, tag="DANA")
        self.eve = database.change_now(add_driver, "Eve Other", tag="EVE")

    def charger(
        self,
        name: str = "Bay 1",
        *statuses: ConnectorStatus,
        seen: datetime | None = NOW,
        error: str | None = None,
        **values: object,
    ) -> int:
        def add(change: Change) -> int:
            charger = add_charger(
                change,
                f"CP {name}",
                site=self.site,
                name=name,
                connectors=len(statuses or (S.AVAILABLE,)),
                seen=seen,
                **values,
            )
            for number, status in enumerate(statuses, 1):
                change.execute(
                    update(Connector)
                    .where(Connector.charger_id == charger, Connector.number == number)
                    .values(status=status, error_code=error)
                )
            return charger

        return self.database.change_now(add)

    def reserve(self, charger: int, number: int | None = None, **values: object) -> int:
        def add(change: Change) -> int:
            mapping = add_mapping(change, self.eve, f"EVE{charger}-{number}")
            arguments = {"starts_at": NOW - timedelta(minutes=30), "minutes": 90, **values}
            return add_reservation(
                change,
                account=self.eve,
                mapping=mapping,
                charger=charger,
                connector_number=number,
                **arguments,
            )

        return self.database.change_now(add)

    def session(self, charger: int, account: int, number: int = 1, **values: object) -> int:
        def add(change: Change) -> int:
            connector = (
                change.connection.execute(
                    Connector.__table__.select().where(
                        Connector.charger_id == charger, Connector.number == number
                    )
                )
                .one()
                .id
            )
            arguments = {"started_at": NOW - timedelta(hours=1), "ended": False, **values}
            return add_session(change, charger=charger, connector=connector, account=account, **arguments)

        return self.database.change_now(add)

    def see(self, search: str = "", now: datetime = NOW) -> VisibleChargers:
        return self.database.ask_now(visible_chargers, self.dana, now, search)

    def one(self, now: datetime = NOW) -> VisibleCharger:
        (charger,) = self.see(now=now).shown
        return charger


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database)


@pytest.mark.parametrize(
    ("statuses", "expected", "free"),
    [
        ([S.AVAILABLE], ChargerStatus.ONLINE, 1),
        ([S.UNKNOWN], ChargerStatus.ONLINE, 1),
        *[
            ([status], ChargerStatus.IN_USE, 0)
            for status in (
                S.PREPARING,
                S.CHARGING,
                S.SUSPENDED_EV,
                S.SUSPENDED_EVSE,
                S.FINISHING,
                S.OCCUPIED,
            )
        ],
        ([S.RESERVED], ChargerStatus.RESERVED, 0),
        ([S.UNAVAILABLE], ChargerStatus.OFFLINE, 0),
        ([S.FAULTED], ChargerStatus.OFFLINE, 0),
        ([S.FAULTED, S.UNAVAILABLE], ChargerStatus.OFFLINE, 0),
        ([S.CHARGING, S.AVAILABLE], ChargerStatus.ONLINE, 1),
        ([S.CHARGING, S.FAULTED], ChargerStatus.IN_USE, 0),
        ([S.CHARGING, S.RESERVED], ChargerStatus.IN_USE, 0),
        ([S.RESERVED, S.FAULTED], ChargerStatus.RESERVED, 0),
        ([S.FAULTED, S.AVAILABLE], ChargerStatus.ONLINE, 1),
        ([S.AVAILABLE, S.AVAILABLE, S.CHARGING], ChargerStatus.ONLINE, 2),
    ],
)
def test_p20_status_follows_what_the_connectors_report(
    site: Site, statuses: list[ConnectorStatus], expected: ChargerStatus, free: int
) -> None:
    site.charger("Bay 1", *statuses)
    charger = site.one()
    assert (charger.status, charger.free, charger.connectors) == (expected, free, len(statuses))


def test_p20_exactly_sixty_minutes_of_silence_are_not_yet_offline(site: Site) -> None:
    site.charger(seen=NOW - timedelta(minutes=60))
    assert site.one().status is ChargerStatus.ONLINE
    later = site.one(now=NOW + timedelta(microseconds=1))
    assert (later.status, later.last_seen_at) == (ChargerStatus.OFFLINE, NOW - timedelta(minutes=60))
    assert (later.out_of_service, later.free) == (None, 0)


def test_p20_a_charger_that_was_never_heard_is_offline(site: Site) -> None:
    site.charger(seen=None)
    assert (site.one().status, site.one().last_seen_at) == (ChargerStatus.OFFLINE, None)


def test_p20_offline_comes_before_in_use(site: Site) -> None:
    site.charger("Bay 1", S.CHARGING, seen=NOW - timedelta(hours=2))
    assert site.one().status is ChargerStatus.OFFLINE


@pytest.mark.parametrize(
    ("statuses", "error", "words"),
    [
        ([S.FAULTED], "GroundFailure", "GroundFailure"),
        ([S.FAULTED], "NoError", "Faulted"),
        ([S.FAULTED], None, "Faulted"),
        ([S.UNAVAILABLE, S.UNAVAILABLE], None, "Unavailable"),
        ([S.UNAVAILABLE], "NoError", "Unavailable"),
        ([S.UNAVAILABLE, S.FAULTED], "HighTemperature", "HighTemperature"),
    ],
)
def test_p20_out_of_service_says_why(
    site: Site, statuses: list[ConnectorStatus], error: str | None, words: str
) -> None:
    site.charger("Bay 1", *statuses, error=error)
    charger = site.one()
    assert (charger.status, charger.out_of_service) == (ChargerStatus.OFFLINE, words)
    assert charger.last_seen_at is None  # it talks: silence is not what explains it


def test_p20_a_charger_that_is_unavailable_as_a_whole_is_offline(site: Site) -> None:
    """Connector 0 stands for the charger and is no plug (OCPP 1.6 §4.9)."""
    charger = site.charger("Bay 1", S.AVAILABLE, S.AVAILABLE)
    site.database.change_now(
        lambda change: change.execute(
            insert(Connector), {"charger_id": charger, "number": 0, "status": S.UNAVAILABLE}
        )
    )
    assert (site.one().status, site.one().connectors) == (ChargerStatus.OFFLINE, 2)
    assert site.one().out_of_service == "Unavailable"


def test_p20_reserved_by_a_reservation_of_the_whole_charger(site: Site) -> None:
    charger = site.charger("Bay 1", S.AVAILABLE, S.AVAILABLE)
    site.reserve(charger)
    seen = site.one()
    assert (seen.status, seen.until, seen.free) == (ChargerStatus.RESERVED, NOW + timedelta(hours=1), 0)


def test_p20_a_reserved_connector_leaves_the_other_one_free(site: Site) -> None:
    charger = site.charger("Bay 1", S.AVAILABLE, S.AVAILABLE)
    site.reserve(charger, 2)
    assert (site.one().status, site.one().free) == (ChargerStatus.ONLINE, 1)
    site.reserve(charger, 1, minutes=40)
    assert (site.one().status, site.one().until) == (ChargerStatus.RESERVED, NOW + timedelta(minutes=10))


def test_p20_in_use_if_what_is_not_occupied_is_reserved(site: Site) -> None:
    charger = site.charger("Bay 1", S.CHARGING, S.AVAILABLE)
    site.reserve(charger, 2)
    assert site.one().status is ChargerStatus.IN_USE


def test_p20_a_reservation_covers_its_start_and_not_its_end(site: Site) -> None:
    charger = site.charger("Bay 1")
    site.reserve(charger, starts_at=NOW + timedelta(minutes=10), minutes=20)
    statuses = [site.one(NOW + timedelta(minutes=minute)).status for minute in (9, 10, 29, 30)]
    assert statuses == [
        ChargerStatus.ONLINE,
        ChargerStatus.RESERVED,
        ChargerStatus.RESERVED,
        ChargerStatus.ONLINE,
    ]


@pytest.mark.parametrize("values", [{"cancelled_at": NOW}, {"status": ReservationStatus.CANCELLED}])
def test_p20_a_cancelled_reservation_reserves_nothing(site: Site, values: dict[str, object]) -> None:
    site.reserve(site.charger("Bay 1"), **values)
    assert site.one().status is ChargerStatus.ONLINE


def test_p20_a_place_of_ocpp_201_is_reserved_by_its_evse(site: Site) -> None:
    charger = site.charger("Bay 1", S.AVAILABLE, S.AVAILABLE)

    def renumber(change: Change) -> None:
        for number in (1, 2):
            change.execute(
                update(Connector)
                .where(Connector.charger_id == charger, Connector.number == number, Connector.evse == 0)
                .values(evse=number, number=1)
            )

    site.database.change_now(renumber)
    site.reserve(charger, 2)
    assert (site.one().status, site.one().free) == (ChargerStatus.ONLINE, 1)


@pytest.mark.parametrize("status", [S.AVAILABLE, S.UNKNOWN])
def test_p20_a_plug_with_a_session_in_progress_is_not_free(site: Site, status: ConnectorStatus) -> None:
    """P19, P20: whatever its charger has not reported yet, or reports a moment later."""
    charger = site.charger("Bay 1", status)
    site.session(charger, site.eve)
    seen = site.one()
    assert (seen.status, seen.free, seen.since) == (ChargerStatus.IN_USE, 0, NOW - timedelta(hours=1))
    assert site.see().online == 0


def test_p20_a_plug_with_a_session_in_progress_leaves_the_other_one_free(site: Site) -> None:
    charger = site.charger("Bay 1", S.AVAILABLE, S.AVAILABLE)
    site.session(charger, site.dana, number=2)
    seen = site.one()
    assert (seen.status, seen.free, seen.mine) == (ChargerStatus.ONLINE, 1, True)


def test_p20_a_session_that_goes_on_while_the_charger_goes_out_of_service_is_in_use(site: Site) -> None:
    """OCPP 1.6 §5.2: to be unavailable is scheduled for when the transaction is over."""
    charger = site.charger("Bay 1", S.AVAILABLE)
    site.session(charger, site.eve)
    site.database.change_now(
        lambda change: change.execute(
            insert(Connector), {"charger_id": charger, "number": 0, "status": S.UNAVAILABLE}
        )
    )
    assert site.one().status is ChargerStatus.IN_USE


def test_p20_a_session_without_a_plug_takes_the_only_one(site: Site) -> None:
    """OCPP 2.0.1: a transaction may begin before anybody says at which connector."""
    charger = site.charger("Bay 1", S.AVAILABLE)
    site.database.change_now(
        lambda change: change.execute(insert(Connector), {"charger_id": charger, "number": 0})
    )
    site.session(charger, site.eve, number=0)
    assert (site.one().status, site.one().free) == (ChargerStatus.IN_USE, 0)


@pytest.mark.parametrize(
    ("status", "expected"), [(S.AVAILABLE, ChargerStatus.ONLINE), (S.CHARGING, ChargerStatus.IN_USE)]
)
def test_p20_c13_a_replayed_session_occupies_nothing(
    site: Site, status: ConnectorStatus, expected: ChargerStatus
) -> None:
    """It may be over for hours: until it is seen alive what the plug reports counts, and since then."""
    charger = site.charger("Bay 1", status)
    site.session(charger, site.eve, replayed=True)
    assert site.one().status is expected
    assert site.one().since == (NOW if status is S.CHARGING else None)


def test_p19_plugs_of_chargers_that_nobody_sees_are_not_read(site: Site) -> None:
    """A stranger that was let in as pending (C2) can't make every dashboard slower."""
    site.charger("Bay 1")
    site.charger("Pending", *[S.AVAILABLE] * 5, admission=Admission.PENDING)
    site.charger("Blocked", *[S.AVAILABLE] * 5, admission=Admission.BLOCKED)
    rows = site.database.ask_now(lambda db: db.execute(chargers.plugs).all())
    assert len(rows) == 1


def test_p19_in_use_says_since_when(site: Site) -> None:
    """By its session where there is one; the status alone changes with each pause of the car."""
    charger = site.charger("Bay 1", S.SUSPENDED_EV)
    assert site.one().since == NOW
    site.session(charger, site.eve)
    assert site.one().since == NOW - timedelta(hours=1)
    assert not site.one().mine


def test_p19_my_running_session_first_then_free_ones_then_by_name(site: Site) -> None:
    for name in ("Bay 10", "bay 2", "Bay 1", "Äpfel 3"):
        site.charger(name)
    site.charger("Aisle 1", S.CHARGING)
    site.charger("Aisle 0", seen=None)
    mine = site.charger("Zone 9", S.CHARGING)
    site.session(mine, site.dana)
    shown = site.see().shown
    assert [charger.name for charger in shown] == [
        "Zone 9",
        "Äpfel 3",
        "Bay 1",
        "bay 2",
        "Bay 10",
        "Aisle 0",
        "Aisle 1",
    ]
    assert [charger.mine for charger in shown] == [True] + [False] * 6


@pytest.mark.parametrize(
    ("values", "account"), [({"replayed": True}, "dana"), ({"ended": True}, "dana"), ({}, "eve")]
)
def test_p19_only_my_session_in_progress_comes_first(
    site: Site, values: dict[str, object], account: str
) -> None:
    """C13: a replayed one is not in progress as far as anybody can tell."""
    site.charger("Bay 1")
    site.session(site.charger("Bay 2"), getattr(site, account), **values)
    assert [(charger.name, charger.mine) for charger in site.see().shown] == [
        ("Bay 1", False),
        ("Bay 2", False),
    ]


def test_p19_visible_to_everybody_or_to_my_groups(site: Site) -> None:
    site.charger("Public")
    hidden = site.charger("Staff", visible_to_all=False)
    site.charger("Nobody's", visible_to_all=False)
    site.charger("Pending", admission=Admission.PENDING)
    site.charger("Blocked", admission=Admission.BLOCKED)

    def group(change: Change) -> None:
        for name, account in (("A", site.dana), ("B", site.dana), ("C", site.eve)):
            group = key(change.execute(insert(ChargerGroup), {"name": name}))
            change.execute(insert(GroupCharger), {"group_id": group, "charger_id": hidden})
            change.execute(insert(GroupAccount), {"group_id": group, "account_id": account})

    def names(account: int) -> list[str]:
        seen = site.database.ask_now(visible_chargers, account, NOW)
        assert seen.visible == seen.matching == len(seen.shown)
        return [charger.name for charger in seen.shown]

    assert names(site.dana) == ["Public"]
    site.database.change_now(group)
    stranger = site.database.change_now(lambda change: add_driver(change, "Zoe Third"))
    assert names(site.dana) == names(site.eve) == ["Public", "Staff"]
    assert names(stranger) == ["Public"]


def test_p4_a_driver_without_a_mapping_sees_the_chargers_of_everybody(site: Site) -> None:
    site.charger("Public")
    new = site.database.change_now(lambda change: add_driver(change, "Nora New"))
    assert [charger.name for charger in site.database.ask_now(visible_chargers, new, NOW).shown] == ["Public"]


def test_p19_p21_at_most_fifty_the_search_and_the_counts_reach_beyond(site: Site) -> None:
    for number in range(1, 61):
        site.charger(f"Bay {number}", S.AVAILABLE if number != 60 else S.FAULTED)
    seen = site.see()
    assert [charger.name for charger in seen.shown] == [f"Bay {number}" for number in range(1, 51)]
    assert (seen.online, seen.visible, seen.matching) == (59, 60, 60)
    found = site.see("  bAY 60 ")
    assert [charger.name for charger in found.shown] == ["Bay 60"]
    assert (found.online, found.visible, found.matching) == (59, 60, 1)
    assert site.see("harbour").matching == 60  # the site's name
    assert site.see("%").matching == site.see("nowhere").matching == 0


def test_p19_a_card_names_types_and_power(site: Site) -> None:
    charger = site.charger("Bay 1", S.AVAILABLE, S.AVAILABLE, S.AVAILABLE)

    def types(change: Change) -> None:
        for number, (type_, power) in enumerate([("CCS", 50_000), ("Type 2", 22_000), ("CCS", None)], 1):
            change.execute(
                update(Connector)
                .where(Connector.charger_id == charger, Connector.number == number)
                .values(type=type_, max_power_w=power)
            )

    site.database.change_now(types)
    seen = site.one()
    assert (seen.connector_types, seen.max_power_w) == (("CCS", "Type 2"), 50_000)
    assert seen.site_name == "Harbour car park"


def test_p19_unknown_types_and_power_are_left_out(site: Site) -> None:
    site.charger("Bay 1")
    site.database.change_now(
        lambda change: change.execute(update(Connector).values(type=None, max_power_w=None))
    )
    assert (site.one().connector_types, site.one().max_power_w) == ((), None)


@given(st.lists(st.integers(0, 10**6), max_size=20), st.sampled_from(["Bay ", "bay", "Bäy-", ""]))
def test_p19_natural_order_is_the_order_of_the_numbers(numbers: list[int], prefix: str) -> None:
    assert sorted((f"{prefix}{number}" for number in numbers), key=natural_key) == [
        f"{prefix}{number}" for number in sorted(numbers)
    ]


@given(st.lists(st.text(max_size=30), max_size=10))
def test_p19_natural_order_takes_any_name(names: list[str]) -> None:
    assert len(sorted(names, key=natural_key)) == len(names)


def test_p20_last_seen_is_read_at_the_moment_asked_for(site: Site) -> None:
    charger = site.charger(seen=NOW - timedelta(hours=2))
    assert site.one().status is ChargerStatus.OFFLINE
    site.database.change_now(
        lambda change: change.execute(update(Charger).where(Charger.id == charger).values(last_seen_at=NOW))
    )
    assert site.one().status is ChargerStatus.ONLINE
