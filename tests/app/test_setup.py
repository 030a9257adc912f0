"""The first run, the sites and the form of a new charger, as operators see them (T4, T5, T41, C2, P25)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import insert, select, update

from app.charging.ocpp.refusals import Why
from app.portal import Portal
from components import amounts, currencies, words
from data.announcements import Announcement, Topic
from data.caller import COMMAND_LINE
from data.database import Change
from data.models import Charger, ChargerGroup, Mapping, Plan, Site, Subscription, TagSighting
from data.types import Role
from tests.app.test_admin_people import fill, press
from tests.waiting import until
from tests.world import add_account, add_charger, add_driver, add_plan, add_site

Visit = Callable[..., Awaitable[User]]
HOSTILE = "<img src=x onerror=alert(1)> {{7*7}}"


@pytest.fixture
def olga(portal: Portal) -> int:
    return portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR)


def rows(portal: Portal, *columns: Any) -> list[tuple[Any, ...]]:
    return portal.database.ask_now(lambda db: [tuple(row) for row in db.execute(select(*columns))])


async def sees(user: User, text: str) -> None:
    """*text* is on *user*'s page, or comes."""
    await user.should_see(text)


def choose(user: User, label: str, value: Any) -> None:
    """Choose *value* in the field that is called *label*."""
    assert user.client is not None
    (field,) = [
        one
        for one in user.client.elements.values()
        if isinstance(one, ui.select) and one.props.get("label") == label
    ]
    field.set_value(value)


async def test_p25_a_site_takes_the_zone_and_currency_of_the_browser(
    visit: Visit, portal: Portal, olga: int
) -> None:
    """P25: the currency follows the zone until one is chosen; the step is done for everybody then."""
    user = await visit(olga, "/admin/setup")
    await sees(user, "Where are your chargers?")
    press(user, "Add the site")
    await sees(user, "A name has from 1 to 200 characters.")
    fill(user, "Name", HOSTILE)
    choose(user, "Time zone", "Europe/Zurich")
    press(user, "Add the site")
    await until(lambda: bool(rows(portal, Site.id)))
    assert rows(portal, Site.name, Site.time_zone, Site.currency) == [(HOSTILE, "Europe/Zurich", "CHF")]
    await sees(user, "Connect the first charger")
    other = await visit(olga, "/admin/setup")  # the first that is open
    await sees(other, "Connect the first charger")
    await visit(olga, "/admin/setup?step=site", browser=other)
    await sees(other, HOSTILE)
    await other.should_not_see("Add the site")


async def test_a_charger_is_waited_for_and_refusals_are_told(visit: Visit, portal: Portal, olga: int) -> None:
    """C2, T50: by push, with the reason; what a charger is called is text (T41); the password shows once."""
    portal.database.change_now(add_site)
    user = await visit(olga, "/admin/setup")
    fill(user, "Identity", "CP 1")
    press(user, "Add the charger")
    await sees(user, "without spaces and : / ? #")
    fill(user, "Identity", "CP1")
    fill(user, "Name for drivers (optional)", HOSTILE)
    press(user, "Add the charger")
    await sees(user, "The password is shown only now.")
    ((charger,),) = rows(portal, Charger.id)
    portal.endpoint.refusals.note("CP1", "192.0.2.9", Why.WRONG_PASSWORD)
    portal.endpoint.refusals.note(HOSTILE, "192.0.2.9", Why.UNKNOWN)
    await sees(user, "tried as CP1 from 192.0.2.9 with a wrong password.")
    await sees(user, f"a charger tried as {HOSTILE} from 192.0.2.9. No charger has this identity.")

    again = await visit(olga, "/admin/setup?step=charger")
    await sees(again, "Make another password")
    await again.should_not_see("The password is shown only now.")

    def connects(change: Change) -> None:
        heard = {"last_seen_at": datetime.now(UTC), "vendor": HOSTILE, "protocol": "ocpp2.0.1"}
        change.execute(update(Charger).where(Charger.id == charger).values(**heard))
        change.announce(Announcement(Topic.CHARGERS, charger))

    await portal.database.change(connects)
    for page in (user, again):
        await sees(page, "Connected")
        await sees(page, HOSTILE)
        await sees(page, "OCPP 2.0.1")
        await page.should_not_see("Refused so far")
        await sees(page, "Next: Driver")
    await again.should_not_see("Make another password")  # who has connected needs none
    await sees(user, "The password is shown only now.")  # it may not have been noted yet


async def test_the_next_unknown_card_is_offered_and_one_click_links_it(
    visit: Visit, portal: Portal, olga: int
) -> None:
    """C10: what chargers report appears by push; a card that somebody has, or that is ignored, does not."""
    user = await visit(olga, "/admin/setup?step=card")
    await sees(user, "First the portal needs a driver.")
    dana = portal.database.change_now(add_driver, "Dana Driver")
    charger = portal.database.change_now(
        lambda change: add_charger(change, site=add_site(change), name="Garage left")
    )
    await visit(olga, "/admin/setup?step=card", browser=user)
    await sees(user, "Waiting for a card …")

    def held(change: Change, tag: str, **values: Any) -> None:
        now = datetime.now(UTC)
        row = {"id_tag": tag, "first_seen_at": now, "last_seen_at": now, "charger_id": charger, **values}
        change.execute(insert(TagSighting), row)
        change.announce(Announcement(Topic.TAGS, values={"id_tag": tag}))

    await portal.database.change(held, "IGNORED", ignored_at=datetime.now(UTC))
    await portal.database.change(held, HOSTILE.upper())
    await sees(user, HOSTILE.upper())
    await sees(user, "Garage left")
    await user.should_not_see("IGNORED")
    press(user, "This is it")
    await until(lambda: bool(rows(portal, Mapping.id)))
    assert rows(portal, Mapping.id_tag, Mapping.account_id) == [(HOSTILE.upper(), dana)]


async def test_a_card_can_be_typed_and_a_plan_added(visit: Visit, portal: Portal, olga: int) -> None:
    """P25: a price with a point or a comma in 1/10,000; what could be meant in two ways is asked about."""
    dana = portal.database.change_now(add_driver, "Dana Driver")
    user = await visit(olga, "/admin/setup?step=card")
    press(user, "Link the card")
    await sees(user, "A card number has 1 to 36 characters")
    fill(user, "Card number", "!!ö nonsense nonsense nonsense")
    press(user, "Link the card")
    await sees(user, "A card number has 1 to 36 characters")
    fill(user, "Card number", " 04a2 ")
    press(user, "Link the card")
    await until(lambda: rows(portal, Mapping.id_tag) == [("04A2",)])
    await sees(user, "Linked: card 04A2 belongs to Dana Driver now.")
    await user.should_not_see("Link the card")
    await visit(olga, "/admin/setup?step=plan", browser=user)
    await sees(user, "Set the first price")
    press(user, "Add the plan")
    await sees(user, "Please enter a price such as 0.39")
    fill(user, "Price per kWh", "0,3955")
    fill(user, "Included kWh per month (optional)", "1.000")
    press(user, "Add the plan")
    await sees(user, "without a separator for thousands")
    fill(user, "Included kWh per month (optional)", "200")
    press(user, "Add the plan")
    await until(lambda: bool(rows(portal, Subscription.id)))
    assert rows(portal, Plan.name, Plan.currency, Plan.price_per_kwh, Plan.included_wh) == [
        ("Standard", "EUR", 3_955, 200_000)
    ]
    assert rows(portal, Subscription.account_id, Subscription.ended_on) == [(dana, None)]


async def test_a_driver_is_invited_and_the_end_says_what_is_open(
    visit: Visit, portal: Portal, olga: int
) -> None:
    """T5: a step that does not exist is none; skipped ones come back; German too."""
    user = await visit(olga, "/admin/setup?step=driver")
    await sees(user, "Skip to: Card")
    press(user, "Invite")
    fill(user, "Name", "Dana Driver")
    fill(user, "E-mail", "dana@example.org")
    press(user, "Invite")
    await sees(user, "A link for Dana Driver")
    await sees(user, "Next: Card")
    await visit(olga, "/admin/setup?step=ready", browser=user)
    await sees(user, "Almost ready")
    await sees(user, "No card is linked to a driver yet.")
    await sees(user, "Drivers can sign in and see their charging live.")
    await visit(olga, "/admin/setup?step=nonsense", browser=user)
    await sees(user, "Where are your chargers?")
    hans = portal.database.change_now(add_account, "Hans Betreiber", Role.OPERATOR, language="de")
    german = await visit(hans, "/admin/setup")
    await sees(german, "Wo stehen Ihre Ladestationen?")
    await sees(german, "Überspringen, weiter zu: Station")


async def test_ready_follows_what_others_do(visit: Visit, portal: Portal, olga: int) -> None:
    """A second operator's work shows on an open page; when all is done it says so, and where to look."""

    def all_but_the_plan(change: Change) -> int:
        add_charger(change, site=add_site(change))
        return add_driver(change, tag="A1")

    dana = portal.database.change_now(all_but_the_plan)
    user = await visit(olga, "/admin/setup?step=ready")
    await sees(user, "Hang up a display")
    await sees(user, "No driver has a plan yet.")

    def plan(change: Change) -> None:
        add_plan(change, dana)
        change.announce(Announcement(Topic.PLAN, dana))

    await portal.database.change(plan)
    await sees(user, "Somebody can charge now, see it live and be billed for it.")
    await sees(user, "All plans")


async def test_sites_are_listed_changed_and_removed(visit: Visit, portal: Portal, olga: int) -> None:
    """The list follows by push; what is not there is 404 (T2); a site with chargers can't be removed."""
    user = await visit(olga, "/admin/sites")
    await sees(user, "No sites yet.")
    site = await portal.sites.add(COMMAND_LINE, HOSTILE, "Europe/Lisbon", "Kai 7")
    await sees(user, HOSTILE)
    charger = portal.database.change_now(add_charger, site=site, name="Left")
    await visit(olga, f"/admin/sites/{site}", browser=user)
    await sees(user, "Left")
    fill(user, "Name", "Harbour")
    press(user, "Save")
    await until(lambda: rows(portal, Site.name) == [("Harbour",)])
    await portal.chargers.remove(COMMAND_LINE, charger)
    await sees(user, "Remove Harbour")
    press(user, "Remove Harbour")
    await sees(user, "Remove the site Harbour?")
    press(user, "Remove Harbour")
    await until(lambda: rows(portal, Site.id) == [])
    for path in (f"/admin/sites/{site}", "/admin/sites/x", "/admin/sites/99999999999999999999"):
        assert (await user.http_client.get(path)).status_code == 404


async def test_groups_are_kept_on_the_page_of_sites(visit: Visit, portal: Portal, olga: int) -> None:
    """P19: made, filled and removed; an address with a group that is not there opens none (T5)."""
    dana = portal.database.change_now(add_driver, "Dana Driver")
    charger = portal.database.change_now(lambda change: add_charger(change, site=add_site(change), name="L"))
    user = await visit(olga, "/admin/sites?group=77")
    await sees(user, "No groups yet: every driver sees every charger.")
    press(user, "Add a group")
    fill(user, "Name", "Staff")
    press(user, "Add a group")
    await until(lambda: rows(portal, ChargerGroup.name) == [("Staff",)])
    ((group,),) = rows(portal, ChargerGroup.id)
    await visit(olga, f"/admin/sites?group={group}", browser=user)
    choose(user, "Chargers", [charger])
    choose(user, "Drivers", [dana])
    press(user, "Save")
    await sees(user, "Dana Driver")
    await visit(olga, f"/admin/sites?group={group}", browser=user)
    press(user, "Remove Staff")
    await sees(user, "Remove the group Staff?")
    press(user, "Remove Staff")
    await until(lambda: rows(portal, ChargerGroup.id) == [])


async def test_a_charger_is_added_with_connectors_and_groups(visit: Visit, portal: Portal, olga: int) -> None:
    """P19: the same form as the set-up's, and all of it; then it is waited for."""
    user = await visit(olga, "/admin/chargers/new")
    await sees(user, "A charger belongs to a site, and there is none yet.")
    portal.database.change_now(add_site)
    await visit(olga, "/admin/chargers/new", browser=user)
    choose(user, "Connector 1: type", "CCS")
    choose(user, "Only for these groups", ["Staff"])
    press(user, "Add the charger")
    await sees(user, "Waiting")
    assert rows(portal, Charger.identity, Charger.visible_to_all) == [("CP1", False)]
    assert rows(portal, ChargerGroup.name) == [("Staff",)]


def test_numbers_as_people_type_them() -> None:
    """P25: no float in between; what is finer than it can be kept, zeros too, is no number."""
    typed = ("0.39", "0,39", " 7 ", "0,39000", "1,2,3", "-1", "", "x")
    assert [amounts.scaled(text, 4) for text in typed] == [3_900, 3_900, 70_000, *[None] * 5]


def test_p25_currencies_are_guessed_by_the_zone_and_named() -> None:
    guessed = [currencies.currency_of(zone) for zone in ("Europe/Oslo", "Asia/Calcutta", "UTC", "Mars/Base")]
    assert guessed == ["NOK", "INR", "EUR", "EUR"]
    assert currencies.named_currencies(words.reader("de", None))["CHF"] == "CHF · Schweizer Franken"
