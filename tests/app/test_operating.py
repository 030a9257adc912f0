"""Sites, chargers and groups as services: what they refuse, tell and write down (T3, T4, T50, C2, P19)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from app import clock
from app.operating.chargers import (
    Chargers,
    HasSessions,
    IdentityTaken,
    NoIdentity,
    NoPlug,
    NoSuchCharger,
    NoSuchConnector,
    ocpp_address,
)
from app.operating.groups import Groups, NoSuchGroup, NoSuchMember
from app.operating.sites import (
    AddressTooLong,
    CannotKeep,
    NameMissing,
    NameTaken,
    NoCurrency,
    NoSuchSite,
    NoTimeZone,
    SiteInUse,
    Sites,
)
from app.settings import Settings
from data.announcements import Announcement, Topic
from data.caller import COMMAND_LINE
from data.database import Database
from data.models import AuditEntry, Charger, Connector, GroupCharger, Site
from data.queries import setup, sites
from data.queries.chargers import visible_chargers
from data.queries.setup import Step
from data.types import Admission
from tests.world import (
    NOW,
    add_charger,
    add_driver,
    add_mapping,
    add_plan,
    add_session,
    add_site,
)

SETTINGS = Settings(_env_file=None)
ME = COMMAND_LINE


class Town:
    """The services on a database, and what they announce."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sites = Sites(database)
        self.chargers = Chargers(database, SETTINGS)
        self.groups = Groups(database)
        self.told: list[Announcement] = []
        database.announce = self.told.extend

    def add(self, add: Callable[..., int], *args: Any, **values: Any) -> int:
        return self.database.change_now(add, *args, **values)

    def rows(self, *columns: Any) -> list[tuple[Any, ...]]:
        return self.database.ask_now(lambda db: [tuple(row) for row in db.execute(select(*columns))])

    def actions(self) -> list[str]:
        return [action for _, action in sorted(self.rows(AuditEntry.id, AuditEntry.action))]

    def topics(self) -> set[tuple[Topic, int | None]]:
        told = {(one.topic, one.about) for one in self.told}
        self.told.clear()
        return told

    def seen_by(self, account: int) -> list[str]:
        with clock.at(NOW):
            found = self.database.ask_now(lambda db: visible_chargers(db, account, NOW))
        return [one.name for one in found.shown]


@pytest.fixture
def town(database: Database) -> Town:
    return Town(database)


async def test_a_site_is_kept_and_each_change_is_told_and_written_down(town: Town) -> None:
    """T63: with what it was before; what changes nothing leaves no trace."""
    site = await town.sites.add(ME, " Harbour ", "Europe/Lisbon", "  Kai 7 ", "eur")
    assert town.rows(Site.name, Site.time_zone, Site.address, Site.currency) == [
        ("Harbour", "Europe/Lisbon", "Kai 7", "EUR")
    ]
    assert town.topics() == {(Topic.SITES, None)}
    charger = town.add(add_charger, site=site)
    values = {"name": "Harbour", "time_zone": "Europe/Lisbon", "address": "Kai 7", "currency": "EUR"}
    await town.sites.edit(ME, site, **values)
    assert town.topics() == set()
    await town.sites.edit(ME, site, **{**values, "name": "Pier"})
    assert town.topics() == {(Topic.SITES, None), (Topic.CHARGERS, charger)}  # drivers search by it
    assert town.actions() == ["site.add", "site.edit"]
    assert town.rows(AuditEntry.about, AuditEntry.details)[1] == (
        "site Pier",
        {"name": ["Harbour", "Pier"]},
    )


@pytest.mark.parametrize(
    ("wrong", "values"),
    [
        (NameMissing, {"name": " \u200b"}),
        (NameMissing, {"name": "x" * 201}),
        (NameTaken, {"name": "Airport"}),
        (NoTimeZone, {"time_zone": "Mars/Base"}),
        (NoTimeZone, {"time_zone": "../etc/passwd"}),
        (NoCurrency, {"currency": "EURO"}),
        (AddressTooLong, {"address": "x" * 501}),
    ],
)
async def test_a_wrong_site_is_refused(
    sqlite_database: Database, wrong: type[CannotKeep], values: dict[str, str]
) -> None:
    """T4: the service checks by itself, for a new one and for one that is there."""
    town = Town(sqlite_database)
    town.add(add_site, "Airport")
    site = town.add(add_site, "Harbour")
    right = {"name": "Pier", "time_zone": "UTC", "address": "", "currency": "EUR"}
    with pytest.raises(wrong):
        await town.sites.add(ME, **{**right, **values})
    with pytest.raises(wrong):
        await town.sites.edit(ME, site, **{**right, **values})
    assert town.actions() == []


async def test_a_site_with_chargers_stays(town: Town) -> None:
    """A site can be removed once nothing belongs to it; what is not there can't (T3)."""
    site = town.add(add_site)
    charger = town.add(add_charger, site=site)
    with pytest.raises(SiteInUse):
        await town.sites.remove(ME, site)
    await town.chargers.remove(ME, charger)
    await town.sites.remove(ME, site)
    assert town.rows(Site.id) == []
    with pytest.raises(NoSuchSite):
        await town.sites.remove(ME, site)
    assert town.actions() == ["charger.remove", "site.remove"]


async def test_a_new_charger_has_a_password_that_is_kept_nowhere(town: Town) -> None:
    """T50, T62, T63: 16 random bytes, hashed; neither in the audit log nor in what a log line would print."""
    site = town.add(add_site)
    made = await town.chargers.add(ME, "CP 1".replace(" ", "-"), "", site, [("type2", 22_000), (None, None)])
    assert len(made.password) >= 22
    assert made.password not in repr(made)
    ((hashed, name, visible),) = town.rows(Charger.password_hash, Charger.name, Charger.visible_to_all)
    assert PasswordHasher().verify(hashed, made.password)
    assert (name, visible) == ("CP-1", True)
    plugs = town.rows(Connector.number, Connector.type, Connector.max_power_w)
    assert plugs == [(1, "Type 2", 22_000), (2, None, None)]
    assert (Topic.CHARGERS, made.id) in town.topics()
    renewed = await town.chargers.renew_password(ME, made.id)
    assert renewed != made.password
    assert town.topics() == {(Topic.CHARGERS, made.id), (Topic.SITES, None)}
    written = str(town.rows(AuditEntry.about, AuditEntry.details, AuditEntry.reason))
    assert made.password not in written
    assert renewed not in written
    with pytest.raises(IdentityTaken):
        await town.chargers.add(ME, "CP-1", "", site)
    for identity in ("", "a b", "a/b", "a?b", "a#b", "a:b", "a\n", "x" * 256, "\ufffd"):
        with pytest.raises(NoIdentity):
            await town.chargers.add(ME, identity, "", site)
    for plug in (("Type 9", None), ("CCS", 0), ("CCS", 10_000_001)):
        with pytest.raises(NoPlug):
            await town.chargers.add(ME, "CP2", "", site, [plug])
    with pytest.raises(NoSuchSite):
        await town.chargers.add(ME, "CP2", "", site + 1)
    for missing in (town.chargers.renew_password, town.chargers.accept, town.chargers.remove):
        with pytest.raises(NoSuchCharger):
            await missing(ME, made.id + 1)


async def test_who_sees_a_charger_is_said_at_it(town: Town) -> None:
    """P19: everybody, the drivers of its groups, or nobody; the dashboards of all are told."""
    site = town.add(add_site)
    dana, eve = town.add(add_driver, "Dana Driver"), town.add(add_driver, "Eve Other")
    charger = town.add(add_charger, site=site, name="Left")
    await town.groups.of_driver(ME, dana, ["Staff"])
    town.topics()
    values = {"name": "Left", "site_id": site}
    await town.chargers.edit(ME, charger, **values, visible_to_all=False, groups=["Staff"])
    assert (town.seen_by(dana), town.seen_by(eve)) == (["Left"], [])
    assert town.topics() == {(Topic.CHARGERS, charger), (Topic.SITES, None)}
    await town.chargers.edit(ME, charger, **values, visible_to_all=False)
    assert (town.seen_by(dana), town.seen_by(eve)) == ([], [])
    await town.chargers.edit(ME, charger, **values, visible_to_all=True)
    assert (town.seen_by(dana), town.seen_by(eve)) == (["Left"], ["Left"])
    town.topics()
    await town.chargers.edit(ME, charger, **values, visible_to_all=True)
    assert town.topics() == set()
    assert len(town.rows(GroupCharger.charger_id)) == 0


async def test_a_charger_with_sessions_stays(town: Town) -> None:
    """It can be blocked, which is written down once, and let in again (C2)."""
    site = town.add(add_site)
    charger = town.add(add_charger, site=site)
    ((connector,),) = town.rows(Connector.id)
    town.add(add_session, charger=charger, connector=connector, account=None, started_at=NOW)
    with pytest.raises(HasSessions):
        await town.chargers.remove(ME, charger)
    await town.chargers.block(ME, charger)
    await town.chargers.block(ME, charger)
    assert town.rows(Charger.admission) == [(Admission.BLOCKED,)]
    await town.chargers.accept(ME, charger)
    await town.chargers.edit_connector(ME, connector, kind="ccs 2", max_power_w=150_000)
    await town.chargers.edit_connector(ME, connector, kind="CCS 2", max_power_w=150_000)
    assert town.rows(Connector.type, Connector.max_power_w) == [("CCS 2", 150_000)]
    with pytest.raises(NoSuchConnector):
        await town.chargers.edit_connector(ME, connector + 1, kind=None, max_power_w=None)
    assert town.actions() == ["charger.block", "charger.accept", "charger.connector"]


async def test_a_group_has_its_chargers_and_drivers(town: Town) -> None:
    """P19, T3: exactly those that are named; those who see more or less are told, and nobody else."""
    site = town.add(add_site)
    left, right = (
        town.add(add_charger, one, site=site, name=one, visible_to_all=False) for one in ("L", "R")
    )
    dana, eve = town.add(add_driver, "Dana Driver"), town.add(add_driver, "Eve Other")
    group = await town.groups.add(ME, "Staff")
    with pytest.raises(NameTaken):
        await town.groups.add(ME, "Staff")
    town.topics()
    await town.groups.edit(ME, group, name="Staff", chargers=[left], drivers=[dana, eve])
    assert town.topics() == {
        *((Topic.PEOPLE, one) for one in (dana, eve)),
        (Topic.CHARGERS, left),
        (Topic.SITES, None),
    }
    await town.groups.edit(ME, group, name="Crew", chargers=[left, right], drivers=[dana])
    assert town.topics() == {(Topic.PEOPLE, eve), (Topic.CHARGERS, right), (Topic.SITES, None)}
    assert (town.seen_by(dana), town.seen_by(eve)) == (["L", "R"], [])
    (listed,) = await town.database.ask(sites.groups)
    assert (listed.name, [one.name for one in listed.chargers], len(listed.drivers)) == (
        "Crew",
        ["L", "R"],
        1,
    )
    assert await town.database.ask(sites.groups_of_driver, dana) == ("Crew",)
    assert await town.database.ask(sites.groups_of_charger, left) == ("Crew",)
    erased = town.add(add_driver, "Deleted account", erased_at=NOW)
    for chargers, drivers in (([right + 1], [dana]), ([left], [erased + 1]), ([left], [dana, erased])):
        with pytest.raises(NoSuchMember):
            await town.groups.edit(ME, group, name="Crew", chargers=chargers, drivers=drivers)
    with pytest.raises(NoSuchMember):
        await town.groups.of_driver(ME, erased, ["Crew"])
    await town.groups.remove(ME, group)
    assert town.seen_by(dana) == []
    with pytest.raises(NoSuchGroup):
        await town.groups.remove(ME, group)
    assert town.actions() == ["group.add", "group.edit", "group.edit", "group.remove"]


def test_the_address_that_a_charger_is_told() -> None:
    """Where the operator's browser found the portal, if no public address is set."""
    assert ocpp_address(SETTINGS, "CP1", "http://192.0.2.7:8080") == "ws://192.0.2.7:8080/ocpp/CP1"


async def test_the_steps_that_are_open_are_told_by_what_is_there(town: Town) -> None:
    """No flag is stored: a charger counts once it has connected, a plan once somebody has it."""
    opened = lambda: town.database.ask_now(setup.open_steps)  # noqa: E731
    assert opened() == tuple(Step)
    site = town.add(add_site)
    charger = town.add(add_charger, site=site, seen=None)
    assert opened() == (Step.CHARGER, Step.DRIVER, Step.CARD, Step.PLAN)
    assert setup_charger(town) == ("CP1", False)
    town.add(add_charger, "CP3", site=site, seen=NOW)
    dana = town.add(add_driver)
    town.add(add_mapping, dana, "A1", active=False)
    assert opened() == (Step.CARD, Step.PLAN)
    town.add(add_mapping, dana, "A1")
    town.add(add_plan, dana)
    assert opened() == ()
    assert setup_charger(town) == ("CP3", True)
    assert town.database.ask_now(setup.free_identity) == "CP4"
    (driver,) = town.database.ask_now(setup.drivers)
    assert (driver.has_card, driver.has_plan) == (True, True)
    assert charger > 0


def setup_charger(town: Town) -> tuple[str, bool] | None:
    found = town.database.ask_now(setup.new_charger)
    return None if found is None else (found.identity, found.has_connected)
