"""`/admin/cards`: what is listed, and what its dialogs do to cards and their sessions (C10, P4, T5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from nicegui import ui
from nicegui.element import Element
from nicegui.testing.user import User
from sqlalchemy import select, update

from app import clock
from app.portal import Portal
from components.card_table import CardTable
from components.driver_choice import DriverChoice
from data.announcements import Announcement, Topic
from data.database import Change
from data.models import ChargingSession, Mapping, TagSighting
from tests.app.test_admin_overview import rows as drawn
from tests.app.test_admin_people import Town, Visit, fill, press
from tests.waiting import until
from tests.world import add_charger, add_mapping, add_session, add_sighting, add_site


class Garage(Town):
    """The town with a charger to which cards are held."""

    def __init__(self, portal: Portal) -> None:
        super().__init__(portal)
        self.now = clock.now()
        self.charger = self.add(add_charger, site=self.add(add_site), name="Garage left")
        self.database = portal.database
        self.database.change_now(add_sighting, "NEW", self.charger, self.now - timedelta(minutes=3))

    def session(self, tag: str, account: int | None, days: int) -> int:
        return self.add(
            add_session,
            charger=self.charger,
            connector=1,
            account=account,
            id_tag=tag,
            started_at=self.now - timedelta(days=days),
            finalized=False,
        )

    def running(self, tag: str, account: int, days: int) -> None:
        started_at = self.now - timedelta(days=days)
        where = {"charger": self.charger, "connector": 1, "account": account, "id_tag": tag}
        self.add(add_session, **where, started_at=started_at, ended=False)

    def owner(self, session: int) -> int | None:
        of = select(ChargingSession.account_id).where(ChargingSession.id == session)
        return self.database.ask_now(lambda db: db.execute(of).scalar_one())

    def mappings(self, tag: str) -> list[tuple[int, bool, bool]]:
        of = select(Mapping.account_id, Mapping.active, Mapping.blocked).where(Mapping.id_tag == tag)
        return self.database.ask_now(lambda db: [tuple(row) for row in db.execute(of.order_by(Mapping.id))])


@pytest.fixture
def garage(portal: Portal) -> Garage:
    return Garage(portal)


def of_kind(user: User, kind: type[Any]) -> Any:
    """The newest element of *kind* on *user*'s page."""
    assert user.client is not None
    return [one for one in user.client.elements.values() if isinstance(one, kind)][-1]


def the_button(user: User, words: str) -> Any:
    """The newest button that says *words*."""
    assert user.client is not None
    found = [one for one in user.client.elements.values() if isinstance(one, ui.button)]
    return [one for one in found if words in str(one.text)][-1]


def rows(user: User) -> list[dict[str, Any]]:
    table: CardTable = of_kind(user, CardTable)
    found: list[dict[str, Any]] = (table._rows.values or {})["rows"]
    return found


def pick(user: User, tag: str) -> None:
    """Click the row of *tag*, as Quasar tells of it."""
    table: CardTable = of_kind(user, CardTable)
    key = next(row["key"] for row in rows(user) if row["tag"] == tag)
    clicked(user, table, [{}, {"key": key}, None])


def clicked(user: User, table: Element, args: Any) -> None:
    listener = next(one for one in table._event_listeners.values() if one.type == "rowClick")
    table._handle_event({"listener_id": listener.id, "args": args})


def choose(user: User, account: int) -> None:
    of_kind(user, DriverChoice).set_value(account)


async def test_cards_are_listed_and_follow_what_happens(visit: Visit, garage: Garage) -> None:
    """Issue 4: all tags, mapped or not, last seen where; a new one is there without a reload."""
    user = await visit(garage.olga, "/admin/cards")
    assert [(row["tag"], row["state"], row["driver"]["text"], row["seen"]["meta"]) for row in rows(user)] == [
        ("NEW", "Unknown", "Nobody", "Garage left"),
        ("DANA", "Active", "Dana Driver", "not yet held to a charger"),
    ]
    assert rows(user)[1]["driver"]["href"] == f"/admin/drivers/{garage.dana}"

    def held(change: Change) -> None:
        add_sighting(change, "LATER", garage.charger, garage.now)
        change.announce(Announcement(Topic.TAGS))

    await garage.database.change(held)
    await until(lambda: rows(user)[0]["tag"] == "LATER")


async def test_t5_unknown_filters_widen_nothing(visit: Visit, garage: Garage) -> None:
    """T5: a state that there is not shows nothing; a cursor that is none begins at the beginning."""
    assert rows(await visit(garage.olga, "/admin/cards?state=everything")) == []
    assert len(rows(await visit(garage.olga, "/admin/cards?after=x&before=m%27"))) == 2
    assert [row["tag"] for row in rows(await visit(garage.olga, "/admin/cards?state=unknown"))] == ["NEW"]
    assert [row["tag"] for row in rows(await visit(garage.olga, "/admin/cards?search=dana"))] == ["DANA"]


async def test_c10_an_unknown_card_is_linked_with_its_sessions(visit: Visit, garage: Garage) -> None:
    """C10: what nobody had becomes the driver's with the card."""
    session = garage.session("NEW", None, 1)
    user = await visit(garage.olga, "/admin/cards")
    pick(user, "NEW")
    await user.should_see(kind=ui.label, content="Card NEW")
    await user.should_see("Link to a driver")
    await user.should_see("10.0 kWh")
    await user.should_not_see("kWh kWh")
    press(user, "Link to a driver")
    await user.should_see("Link card NEW to a driver")
    press(user, "Link card NEW")
    await user.should_see("Please choose a driver.")
    choose(user, garage.eve)
    press(user, "Link card NEW")
    await user.should_not_see("Please choose a driver.")
    await until(lambda: garage.owner(session) == garage.eve)
    assert (garage.owner(session), garage.mappings("NEW")) == (garage.eve, [(garage.eve, True, False)])


async def test_moving_asks_with_both_names_which_sessions_go_along(visit: Visit, garage: Garage) -> None:
    """Issue 4, P4: nobody's by default, and those since a day if the operator says so."""
    old, new = garage.session("DANA", garage.dana, 9), garage.session("DANA", garage.dana, 1)
    user = await visit(garage.olga, "/admin/cards")
    pick(user, "DANA")
    await user.should_see(kind=ui.label, content="Card DANA")
    press(user, "Move to another driver")
    await user.should_see("Move card DANA to another driver")
    choose(user, garage.eve)
    press(user, "Continue")
    await user.should_see("Move card DANA from Dana Driver to Eve Other?")
    choice = of_kind(user, ui.radio)
    choice.set_value("since")
    press(user, "Move from Dana Driver to Eve Other")
    await user.should_see("Please choose the day")
    for typed in ("0002-11-01", "0202-11-01", "2999-01-01"):  # years as they are typed, and one to come
        fill(user, "Since", typed)
        await user.should_not_see("goes along")
    press(user, "Move from Dana Driver to Eve Other")
    await user.should_see("Please choose the day")
    fill(user, "Since", (garage.now - timedelta(days=5)).date().isoformat())
    await user.should_see("1 session of Dana Driver goes along")
    press(user, "Move from Dana Driver to Eve Other")
    await until(lambda: garage.owner(new) == garage.eve)
    assert (garage.owner(old), garage.owner(new)) == (garage.dana, garage.eve)
    assert garage.mappings("DANA") == [(garage.dana, False, False), (garage.eve, True, False)]


async def test_the_answer_about_the_day_that_was_typed_last_counts(visit: Visit, garage: Garage) -> None:
    """The button does what was counted, however the answers come, and the words name all of it."""
    garage.session("DANA", garage.dana, 2)
    early = garage.now - timedelta(days=90)

    def own(change: Change) -> None:
        change.execute(update(Mapping).values(created_at=garage.now - timedelta(days=10)))

    garage.database.change_now(own)
    garage.session("DANA", None, 40)
    garage.running("DANA", garage.dana, 3)
    user = await visit(garage.olga, "/admin/cards")
    pick(user, "DANA")
    await user.should_see("Move to another driver")
    press(user, "Move to another driver")
    await user.should_see("Move card DANA to another driver")
    choose(user, garage.eve)
    press(user, "Continue")
    await user.should_see("1 session of nobody goes along and is billed to Eve Other.")
    of_kind(user, ui.radio).set_value("since")
    for day in (garage.now - timedelta(days=1), early, garage.now - timedelta(days=5), early):
        fill(user, "Since", day.date().isoformat())
    assert not the_button(user, "Move from Dana Driver").enabled  # until it is counted
    for words in (
        "2 sessions of Dana Driver go along.",
        "1 session of nobody goes along and is billed to Eve Other.",
        "1 of them is going on now.",
    ):
        await user.should_see(words)
    await until(lambda: the_button(user, "Move from Dana Driver").enabled)
    await user.should_not_see("Counting")


async def test_a_card_is_blocked_and_deactivated(visit: Visit, garage: Garage) -> None:
    """Issue 4: each action names the card on its button."""
    garage.add(add_mapping, garage.eve, "EVE")
    user = await visit(garage.olga, "/admin/cards")
    for tag, action, expected in (("DANA", "Block", (True, True)), ("EVE", "Deactivate", (False, False))):
        pick(user, tag)
        await user.should_see(kind=ui.label, content=f"Card {tag}")
        press(user, action)
        await user.should_see(f"{action} card {tag}?")
        press(user, f"{action} card {tag}")
        await until(lambda tag=tag, expected=expected: garage.mappings(tag)[0][1:] == expected)  # type: ignore[misc]
    assert [one for one in garage.actions() if one.startswith("card.")] == ["card.block", "card.deactivate"]


async def test_t3_what_a_browser_sends_is_anything(visit: Visit, garage: Garage) -> None:
    """T3: no row that is none, and no key that is none, opens or breaks anything."""
    user = await visit(garage.olga, "/admin/cards")
    table: CardTable = of_kind(user, CardTable)
    for sent in (
        None,
        [],
        [{}, None, None],
        [{}, {"key": 7}, None],
        [{}, {"key": "s1'"}, None],
        [{}, {"key": "s999"}, None],
    ):
        clicked(user, table, sent)
    await user.should_see("This card is gone.")


async def test_a_driver_s_page_adds_a_card_that_somebody_has_only_on_purpose(
    visit: Visit, garage: Garage
) -> None:
    """Issue 4: it asks, with both names; plan, sessions, reservations and groups stand beside."""
    user = await visit(garage.olga, f"/admin/drivers/{garage.eve}")
    for words in ("No cards yet.", "No plan.", "No sessions yet.", "Nothing reserved.", "Charger groups"):
        await user.should_see(words)
    press(user, "Add a card")
    await user.should_see("Add a card of Eve Other")
    fill(user, "Card number", "dana")
    press(user, "Add card")
    await user.should_see("Move card DANA from Dana Driver to Eve Other?")
    assert garage.mappings("DANA") == [(garage.dana, True, False)]
    press(user, "Move from Dana Driver to Eve Other")
    await until(lambda: garage.mappings("DANA")[-1] == (garage.eve, True, False))
    press(user, "Change groups")
    await user.should_see("Charger groups of Eve Other")
    fill(user, "A new group (may stay empty)", "Staff")
    press(user, "Save")
    await user.should_see("Staff")


async def test_an_unknown_card_leads_from_the_overview_into_its_dialog(visit: Visit, garage: Garage) -> None:
    """Issue 4: its action is one click away; of a card that is linked meanwhile, or unknown, it is said."""
    garage.session("NEW", None, days=1)
    overview = await visit(garage.olga, "/admin")
    line = next(one for one in drawn(overview, "lines") if one["key"].startswith("tag"))
    assert line["action"] == "Assign card"
    user = await visit(garage.olga, line["href"])
    await user.should_see("Card NEW")
    press(user, "Link to a driver")
    await user.should_see("Link card NEW to a driver")
    garage.add(add_mapping, garage.dana, "NEW")
    user = await visit(garage.olga, line["href"])
    await user.should_see("NEW is Dana Driver's already: there is nothing to do.")
    assert user.client is not None
    assert not [one for one in user.client.elements.values() if isinstance(one, ui.dialog)]
    for key in ("s999", "m999", "x", "<b>"):
        user = await visit(garage.olga, f"/admin/cards?card={key}")
        await user.should_see("Nobody knows this card")


async def test_a_card_that_can_not_be_linked_says_so(visit: Visit, garage: Garage) -> None:
    """And offers what can be done: it is no news any more."""
    garage.add(lambda change: add_sighting(change, " ÄÖ", garage.charger, garage.now))
    of = select(TagSighting.id).where(TagSighting.id_tag == " ÄÖ")
    number = garage.database.ask_now(lambda db: db.execute(of).scalar_one())
    user = await visit(garage.olga, f"/admin/cards?card=s{number}")
    await user.should_see("no card can be linked by")
    await user.should_see("Ignore")
    await user.should_not_see("Link to a driver")
