"""The console's list of chargers: what it shows, finds and follows, and what it costs (P20, T5, T41)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from nicegui.testing.user import User
from sqlalchemy import insert, select, update

from app import clock
from app.pages.admin_chargers import Asked
from app.portal import Portal
from components.drawn import Drawn
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.models import Charger, Connector, Site
from data.queries import charger_list
from data.queries.attention import attention
from data.queries.charger_list import ConsoleStatus, Need, Sort
from data.queries.matters import Kind, Machine, Terms
from data.queries.overview import figures
from data.types import Admission, ConnectorStatus, Role
from tests.world import NOW, add_account, add_charger, add_driver, add_session, add_site

Visit = Callable[..., Awaitable[User]]
HOSTILE = "<img src=x onerror=alert(1)> {{constructor.constructor('alert(1)')()}}"
MIN = timedelta(minutes=1)


def fill(change: Change) -> dict[str, int]:
    """One charger of each status, at two sites."""
    north, south = add_site(change, "North"), add_site(change, "South")
    ids = {
        "online": add_charger(change, "CP-1", site=north, name="Bay 2", connectors=2, vendor="Acme"),
        "in_use": add_charger(
            change, "CP-2", site=north, name="Bay 10", status=ConnectorStatus.CHARGING, reading_interval=60
        ),
        "fault": add_charger(change, "CP-3", site=south, name="Roof", connectors=2),
        "offline": add_charger(change, "CP-4", site=south, seen=NOW - timedelta(hours=2)),
        "pending": add_charger(change, "CP-5", site=south, admission=Admission.PENDING, seen=None),
        "blocked": add_charger(change, "CP-6", site=south, admission=Admission.BLOCKED),
    }
    change.execute(
        update(Connector)
        .where(Connector.charger_id == ids["fault"], Connector.number == 2)
        .values(status=ConnectorStatus.FAULTED, error_code="GroundFailure")
    )
    plug = change.execute(select(Connector.id).where(Connector.charger_id == ids["in_use"])).scalar_one()
    dana = add_driver(change, tag="DANA")
    add_session(
        change, charger=ids["in_use"], connector=plug, account=dana, started_at=NOW - 30 * MIN, minutes=30,
        ended=False, power_w=7_400,
    )  # fmt: skip
    return ids | {"north": north, "south": south, "dana": dana}


def test_each_status_is_told_and_the_rule_is_that_of_p20(database: Database) -> None:
    """P20; and a fault of one connector of two, which drivers are not told, is told here."""
    ids = database.change_now(fill)
    found = database.ask_now(charger_list.listed, NOW)
    assert {one.id: one.status.value for one in found.shown} == {
        ids[status.value]: status.value for status in ConsoleStatus if status.value in ids
    }
    by_id = {one.id: one for one in found.shown}
    assert (by_id[ids["fault"]].trouble, by_id[ids["fault"]].free) == ("GroundFailure", 1)
    assert by_id[ids["in_use"]].power_w == 7_400
    assert by_id[ids["online"]].power_w is None
    assert (found.all, found.matching, found.counts[ConsoleStatus.FAULT]) == (6, 6, 1)
    later = database.ask_now(charger_list.listed, NOW + 2 * MIN + timedelta(seconds=1))
    assert {one.power_w for one in later.shown} == {None}, "a reading of two minutes ago is no power of now"
    silent = database.ask_now(charger_list.listed, NOW + 61 * MIN)
    assert {one.status.value for one in silent.shown} == {"offline", "pending", "blocked"}


def test_offline_and_out_of_service_are_counted_alike_everywhere(sqlite_database: Database) -> None:
    """The list, the tile and what needs attention follow one rule: offline is what is not heard of."""

    def more(change: Change) -> dict[str, int]:
        ids = fill(change)
        ids["closed"] = add_charger(
            change, "CP-7", site=ids["south"], connectors=2, status=ConnectorStatus.UNAVAILABLE
        )
        return ids

    ids = sqlite_database.change_now(more)
    found = sqlite_database.ask_now(charger_list.listed, NOW)
    assert {one.id: one.status for one in found.shown}[ids["closed"]] is ConsoleStatus.OUT_OF_SERVICE
    told = sqlite_database.ask_now(figures, NOW)
    assert (told.chargers, told.offline, told.out_of_service, told.faults) == (5, 1, 1, 1)
    assert [found.counts[one] for one in (ConsoleStatus.OFFLINE, ConsoleStatus.OUT_OF_SERVICE)] == [1, 1]
    terms = Terms(passwords=True, settling=timedelta(hours=1))
    needs = sqlite_database.ask_now(attention, NOW, Machine(), terms)
    offline = next(one for one in needs if one.kind is Kind.OFFLINE)
    listed = sqlite_database.ask_now(charger_list.listed, NOW, status=ConsoleStatus.OFFLINE)
    assert [one.id for one in offline.first] == [one.id for one in listed.shown] == [ids["offline"]]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["Bay 2", "Bay 10", "Charger CP-4", "Charger CP-5", "Charger CP-6", "Roof"]),
        ({"search": "bay"}, ["Bay 2", "Bay 10"]),
        ({"search": "cp-3"}, ["Roof"]),
        ({"search": "north acme"}, ["Bay 2"]),
        ({"status": ConsoleStatus.PENDING}, ["Charger CP-5"]),
        ({"needs": Need.PASSWORD}, ["Bay 10", "Roof"]),
        ({"needs": Need.CLOCK}, ["Bay 2", "Roof"]),
        ({"needs": Need.UNCONNECTED}, ["Charger CP-4"]),
        ({"needs": Need.CLOCK, "search": "bay"}, ["Bay 2"]),
        ({"site_id": 0}, []),
        ({"nothing": True}, []),
        ({"sort": Sort.STATUS}, ["Roof", "Charger CP-5", "Charger CP-4", "Charger CP-6", "Bay 10", "Bay 2"]),
        ({"sort": Sort.POWER, "descending": True, "limit": 2}, ["Bay 10", "Bay 2"]),
        ({"sort": Sort.NAME, "descending": True, "limit": 1}, ["Roof"]),
    ],
)
def test_filters_and_orders(sqlite_database: Database, asked: dict[str, Any], names: list[str]) -> None:
    """What one needs is counted as the overview does: of accepted ones, whatever their status."""
    ids = sqlite_database.change_now(fill)

    def lack(change: Change) -> None:
        for one, skew in (("online", -301), ("in_use", 300), ("fault", 4_000), ("pending", 4_000)):
            change.execute(update(Charger).where(Charger.id == ids[one]).values(clock_skew=skew))
        new = update(Charger).where(Charger.id.in_([ids["offline"], ids["pending"]]))
        change.execute(new.values(last_seen_at=None))
        has = [ids[one] for one in ("online", "offline")]
        change.execute(update(Charger).where(Charger.id.in_(has)).values(password_hash="x"))

    sqlite_database.change_now(lack)
    found = sqlite_database.ask_now(charger_list.listed, NOW, **asked)
    assert [one.name for one in found.shown] == names
    if asked.keys() == {"needs"}:
        matters = sqlite_database.ask_now(attention, NOW, Machine(), Terms(True, timedelta(days=1)))
        assert {one.kind.value: one.number for one in matters}[asked["needs"]] == len(names)


def rows(user: User) -> list[list[str]]:
    """The texts of the table on *user*'s page."""
    assert user.client is not None
    for element in user.client.elements.values():
        if isinstance(element, Drawn) and element.values and "lines" in element.values:
            return [[cell["text"] for cell in line["cells"]] for line in element.values["lines"]]
    raise AssertionError("there is no table")


async def test_the_page_follows_what_happens(visit: Visit, portal: Portal) -> None:
    """P22: within about a second, without a reload; T5: a site that can't be one is none."""
    ids = portal.database.change_now(fill)
    olga = portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR)
    with clock.at(NOW):
        user = await visit(olga, "/admin/chargers?sort=nonsense")
        assert len(rows(user)) == 6
        await user.should_see("6 chargers · Fault: 1")
        assert rows(user)[5][:2] == ["Roof", "Fault"]
        await user.should_see("ground failure (GroundFailure)")
        assert [row[0] for row in rows(await visit(olga, f"/admin/chargers?site={ids['north']}"))] == [
            "Bay 2",
            "Bay 10",
        ]
        lacking = await visit(olga, "/admin/chargers?needs=password&status=online")
        assert [row[0] for row in rows(lacking)] == ["Bay 2"]
        for foreign in ("999", "x", "-1", "9" * 40, "0"):
            assert await empty(visit, olga, f"/admin/chargers?site={foreign}"), foreign

        def repair(change: Change) -> None:
            change.execute(
                update(Connector)
                .where(Connector.charger_id == ids["fault"])
                .values(status=ConnectorStatus.AVAILABLE, error_code=None)
            )
            change.announce(Announcement(Topic.CHARGERS, ids["fault"]))

        portal.database.change_now(repair)
        await user.should_not_see("GroundFailure")
        assert rows(user)[5][:2] == ["Roof", "Online"]


async def empty(visit: Visit, olga: int, path: str) -> bool:
    """Whether the page at *path* shows no charger."""
    user = await visit(olga, path)
    await user.should_see("No charger matches what you look for.")
    return rows(user) == []


async def test_t5_a_word_that_is_none_finds_nothing(visit: Visit, portal: Portal) -> None:
    """Whatever else is asked for, and in any order; nobody takes all chargers for those of a status."""
    ids = portal.database.change_now(fill)
    olga = portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR)
    with clock.at(NOW):
        for asked in ("status=nonsense", "needs=nonsense", f"status=online&needs=x&site={ids['north']}"):
            assert await empty(visit, olga, f"/admin/chargers?{asked}"), asked
    again = Asked.of("bay", "", "nonsense", "", "-power").address(Sort.SITE)
    assert again == "/admin/chargers?search=bay&status=unknown&sort=site"
    assert Asked.of("bay", "", "unknown", "", "").nothing


async def test_no_chargers_yet_and_hostile_names(visit: Visit, portal: Portal) -> None:
    """T41: text stays text, and each list has an empty state."""
    olga = portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR)
    user = await visit(olga, "/admin/chargers")
    await user.should_see("No chargers yet.")

    def add(change: Change) -> None:
        site = add_site(change, HOSTILE)
        add_charger(change, "X", site=site, name=HOSTILE, vendor=HOSTILE, model="m" * 200)
        change.announce(Announcement(Topic.SITES))

    portal.database.change_now(add)
    await user.should_see(HOSTILE)


@pytest.mark.alone
async def test_500_chargers_are_one_table(visit: Visit, portal: Portal) -> None:
    """About 45 ms for the server (`make bench`); here the browser's part is in it, and any machine's pace."""
    olga = portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR)
    portal.database.change_now(crowd, 500)
    await visit(olga, "/admin/chargers")
    took = []
    for _ in range(5):
        begun = time.process_time()
        user = await visit(olga, "/admin/chargers")
        took.append(time.process_time() - begun)
        assert len(rows(user)) == 500
    assert min(took) < 0.25, took


def crowd(change: Change, number: int) -> None:
    """Chargers with two connectors each, a third of them charging."""
    key = change.execute(insert(Site).values(name="Fleet", time_zone="UTC")).inserted_primary_key
    assert key is not None
    chargers = [
        {
            "identity": f"CP{n:05}", "name": f"Bay {n}", "site_id": key[0], "last_seen_at": NOW,
            "vendor": "Acme", "model": "Wall 22", "protocol": "ocpp1.6",
        }
        for n in range(number)
    ]  # fmt: skip
    change.execute(insert(Charger), chargers)
    ids = list(change.execute(select(Charger.id)).scalars())
    plugs = [
        {
            "charger_id": one, "number": place, "type": "Type 2", "max_power_w": 22_000,
            "status": ConnectorStatus.CHARGING if one % 3 == 0 else ConnectorStatus.AVAILABLE,
            "status_since": NOW,
        }
        for one in ids
        for place in (1, 2)
    ]  # fmt: skip
    change.execute(insert(Connector), plugs)
