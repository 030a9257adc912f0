"""The console's displays: which are seen, pairing, changes, start addresses, taking back (K1, K2, K7)."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import delete, insert, select, update

from app import clock
from app.about import VERSION
from app.access.tries import TooManyTries
from app.pages import admin, admin_displays
from app.portal import Portal
from data.announcements import Announcement, Topic
from data.database import Change
from data.models import AuditEntry, Display, Pairing, Site
from data.types import Orientation
from tests.app.test_admin_overview import rows
from tests.app.test_admin_people import Town, Visit, fill, press
from tests.waiting import until
from tests.world import NOW, add_charger, add_display, add_site

SECOND = timedelta(seconds=1)
CODE = "ABCD2345"


class Hall(Town):
    """A site that displays hang at; its clock stands still until a test moves it."""

    def __init__(self, portal: Portal) -> None:
        super().__init__(portal)
        self.site = self.add(add_site)
        self.now = NOW

    def display(self, name: str = "Entrance", **values: Any) -> int:
        return self.add(add_display, name, **{"site": self.site, **values})

    def waits(self, code: str = CODE, minutes: int = 10) -> None:
        """A screen shows *code*."""
        row = {"code": code, "token_hash": code * 8, "created_at": NOW}
        row["expires_at"] = NOW + minutes * 60 * SECOND
        self.portal.database.change_now(lambda change: change.execute(insert(Pairing), row))

    def beat(self, display: int, at: datetime | None = None, **values: Any) -> None:
        """Its screen answers, as `app.boards` writes it."""

        def write(change: Change) -> None:
            row = {"last_seen_at": at or self.now, "version": VERSION, **values}
            change.execute(update(Display).where(Display.id == display).values(row))
            change.announce(Announcement(Topic.DISPLAYS))

        self.portal.database.change_now(write)

    def rows(self, *columns: Any) -> list[Any]:
        return self.portal.database.ask_now(lambda db: [tuple(row) for row in db.execute(select(*columns))])


@pytest.fixture
def hall(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Hall:
    hall = Hall(portal)
    monkeypatch.setattr(clock, "now", lambda: hall.now)
    monkeypatch.setattr(admin, "BEAT", 0.05)
    monkeypatch.setattr(admin_displays, "AT_MOST_EVERY", 0.05)
    return hall


def listed(user: User) -> list[list[str]]:
    """The texts of the list's cells."""
    return [[cell["text"] for cell in line["cells"]] for line in rows(user, "lines")]


def pill(user: User) -> tuple[str, list[str]]:
    """The state that the page of a display tells, and its notes."""
    return rows(user, "state"), rows(user, "notes")


async def test_an_empty_list_says_what_a_display_is_and_how_one_is_paired(visit: Visit, hall: Hall) -> None:
    """In two sentences, with the address to open on the screen."""
    user = await visit(hall.olga, "/admin/displays")
    told = rows(user, "empty")
    assert told.count(". ") + told.count(".“") + told.endswith(".") == 2
    assert "Open http://127.0.0.1/kiosk on it" in told


async def test_k7_the_list_tells_what_each_said_and_goes_stale_by_time_alone(
    visit: Visit, hall: Hall
) -> None:
    """What is not seen first; a heartbeat brings it back by push; 90 s of silence are enough."""
    away = hall.display("Roof", last_seen_at=NOW - 3600 * SECOND, version="0.0.1", width=1080, height=1920)
    here = hall.display("Entrance", last_seen_at=NOW - 90 * SECOND, version=VERSION, languages="de,en")
    hall.display("Box", created_at=NOW)
    user = await visit(hall.olga, "/admin/displays")
    assert listed(user) == [
        ["Roof", "Harbour car park", "Not seen", "1 h ago", "0.0.1", "1080 × 1920", "English"],
        ["Box", "Harbour car park", "Never seen yet", "", "", "", "English"],
        ["Entrance", "Harbour car park", "Seen", "1 min ago", VERSION, "", "Deutsch, English"],
    ]
    assert rows(user, "told") == "3 displays, 1 seen now"
    hall.now += SECOND  # the page's own clock: nobody tells it anything
    await until(lambda: rows(user, "told") == "3 displays, 0 seen now")
    hall.beat(away)
    await until(lambda: rows(user, "told") == "3 displays, 1 seen now")
    assert [line[0] for line in listed(user)] == ["Entrance", "Box", "Roof"]
    assert here


async def test_k1_a_code_is_confirmed_and_the_page_tells_when_the_board_is_there(
    visit: Visit, hall: Hall
) -> None:
    """Typed in any case, with what stands between; the first heartbeat is told without a reload."""
    hall.waits()
    user = await visit(hall.olga, "/admin/displays/new")
    fill(user, "Code on the screen", " abcd-2345 ")
    fill(user, "Name", "Entrance")
    await user.should_see("The portal's address works on this machine only")
    choose(user, "How the screen hangs", Orientation.LEFT.value)
    choose(user, "Second language", "de")
    choose(user, "Chargers a page", 12)
    press(user, "Pair this display")
    await until(lambda: bool(hall.rows(Display.id)))
    assert hall.rows(
        Display.site_id, Display.name, Display.orientation, Display.languages, Display.bays_per_page
    ) == [(hall.site, "Entrance", Orientation.LEFT, "en,de", 12)]
    assert hall.rows(Pairing.id) == []
    display = hall.rows(Display.id)[0][0]
    await until(lambda: (user.back_history or [""])[-1] == f"/admin/displays/{display}")
    await user.should_see("turns into the board within a few seconds")
    assert pill(user)[0] == "Never seen yet"
    hall.beat(display, width=1920, height=1080, browser="Chromium on Linux")
    await user.should_see("The screen shows its board now.")
    assert pill(user) == ("Seen", ["The screen shows its board now."])
    facts = {name: value for name, value, _ in rows(user, "facts")}
    assert facts["Version"] == f"{VERSION}, the one that runs here"
    assert (facts["Size"], facts["Browser"]) == ("1920 × 1080", "Chromium on Linux")
    assert "display.confirm" in hall.actions()


async def test_k1_a_scanned_code_is_filled_in(visit: Visit, hall: Hall) -> None:
    """Also for whoever had to sign in first; what can't be a code is not put in (T5)."""
    user = await visit(hall.olga, "/admin/displays/new?code=abcd2345")
    assert box(user, "Code on the screen").value == "ABCD 2345"
    user = await visit(hall.olga, "/admin/displays/new?code=%3Cb%3Eabc")
    assert box(user, "Code on the screen").value == ""
    stranger = (await visit(None, "/sign-in")).http_client
    answer = await stranger.get("/admin/displays/new?code=ABCD2345", follow_redirects=False)
    assert parse_qs(urlsplit(answer.headers["location"]).query) == {
        "next": ["/admin/displays/new?code=ABCD2345"]
    }


async def test_t19_what_is_refused_says_what_to_do(visit: Visit, hall: Hall) -> None:
    """Wrong, used and old codes, a taken name, nothing chosen, too many tries; the code stays good."""
    hall.add(add_site, "Airport")
    hall.waits()
    hall.waits("OVER2345", minutes=0)
    hall.display("Entrance")
    user = await visit(hall.olga, "/admin/displays/new")
    for code, site, name, says in (
        ("", hall.site, "Door", "Please type in the code that the screen shows."),
        (CODE, None, "Door", "Please choose the site where it hangs."),
        (CODE, hall.site, " ", "Please give it a name of 1 to 200 characters."),
        ("OVER2345", hall.site, "Door", "older than ten minutes"),
        (CODE, hall.site, "Entrance", "Another display of this site has this name."),
        ("WRNG2345", hall.site, "Door", "Type in the one that the screen shows now."),
    ):
        fill(user, "Code on the screen", code)
        fill(user, "Name", name)
        choose(user, "Site", site)
        press(user, "Pair this display")
        await user.should_see(says)
    fill(user, "Code on the screen", CODE)
    press(user, "Pair this display")
    await until(lambda: len(hall.rows(Display.id)) == 2)
    user = await visit(hall.olga, "/admin/displays/new")
    fill(user, "Code on the screen", CODE)  # it was used just now
    fill(user, "Name", "Gate")
    choose(user, "Site", hall.site)
    press(user, "Pair this display")
    await user.should_see("used up")
    with contextlib.suppress(TooManyTries):
        while True:
            hall.portal.displays._confirms.take(str(hall.olga))
    press(user, "Pair this display")
    await user.should_see("Too many wrong codes. Please wait")
    assert len(hall.rows(Display.id)) == 2


async def test_a_display_is_changed_and_taken_back(visit: Visit, hall: Hall) -> None:
    """K2: the dialog names it and says what becomes of its screen; the row, its right, is gone."""
    other = hall.add(add_site, "Airport")
    display = hall.display(last_seen_at=NOW - 90 * SECOND, languages="de,en,xx")
    user = await visit(hall.olga, f"/admin/displays/{display}")
    assert pill(user) == ("Seen", ["The screen shows its board now."])
    hall.now += SECOND
    await user.should_see("Is the screen's computer on")
    assert pill(user)[0] == "Not seen"
    fill(user, "Name", "Gate")
    choose(user, "Site", other)
    await user.should_see("The portal's address works on this machine only")
    choose(user, "Language", "en")
    (second,) = (one for one in elements(user) if one.props.get("label") == "Second language")
    assert isinstance(second, ui.select)
    # A language is offered once.
    assert (second.options, second.value) == ({"": "None", "de": "Deutsch"}, "")
    press(user, "Save")
    await user.should_see("Saved. The screen follows by itself.")
    assert hall.rows(Display.name, Display.site_id, Display.languages) == [("Gate", other, "en")]
    await user.should_see("Take back Gate")
    assert [one.text for one in elements(user) if one.props.get("id") == "content"] == ["Gate"]
    press(user, "Take back Gate")
    await user.should_see("goes back to its code within 5 seconds")
    press(user, "Take back Gate")
    await until(lambda: not hall.rows(Display.id))
    await until(lambda: user.back_history[-1] == "/admin/displays")
    assert hall.actions()[-2:] == ["display.edit", "display.revoke"]


async def test_the_page_of_a_display_that_another_operator_takes_back_says_so(
    visit: Visit, hall: Hall
) -> None:
    """And what is tried there says it too; T3: of what is no display there is no page."""
    display = hall.display()
    user = await visit(hall.olga, f"/admin/displays/{display}")

    def revoke(change: Change) -> None:
        change.execute(delete(Display))
        change.announce(Announcement(Topic.DISPLAYS, display, {"what": "revoked"}))

    hall.portal.database.change_now(revoke)
    await user.should_see("This display has been taken back.")
    press(user, "Save")
    await until(lambda: [one.text for one in alerts(user)] == ["This display has been taken back."])
    for path in (f"/admin/displays/{display}", "/admin/displays/x", "/admin/displays/0"):
        assert (await user.http_client.get(path)).status_code == 404


async def test_k2_a_start_address_is_shown_once_and_ends_the_one_before(visit: Visit, hall: Hall) -> None:
    """As text and QR code; the second only after a question."""
    display = hall.display()
    user = await visit(hall.olga, f"/admin/displays/{display}")
    press(user, "Make a start address")
    await user.should_see("It is shown this once.")
    first = box(user, "Start address").value
    assert first.startswith("http://127.0.0.1/kiosk/")
    assert any(one.props.get("alt") == "QR code of the start address of Entrance" for one in elements(user))
    user = await visit(hall.olga, f"/admin/displays/{display}")
    await user.should_not_see(first)
    press(user, "Make a new start address")
    await user.should_see("The one that there is stops working at once")
    press(user, "Make a new address for Entrance")
    await until(lambda: "address" in "".join(hall.actions()[-1:]) and bool(boxes(user, "Start address")))
    second = box(user, "Start address").value
    assert second.startswith("http://127.0.0.1/kiosk/")
    assert second != first
    assert hall.actions()[-2:] == ["display.address", "display.address"]


async def test_k7_the_overview_tells_that_a_display_is_not_seen(visit: Visit, hall: Hall) -> None:
    """By time alone, in *Needs attention* with its page as the action, and how many are seen of all."""
    hall.add(add_charger, site=hall.site, password="x")
    user = await visit(hall.olga, "/admin")
    await user.should_not_see("All displays")
    display = hall.display(last_seen_at=NOW - 89 * SECOND)
    hall.portal.live.announce([Announcement(Topic.DISPLAYS)])
    await user.should_see("1 of 1 seen now")
    hall.portal.watch.started_at = NOW - 3600 * SECOND
    hall.now += 2 * SECOND
    await user.should_see("The display Entrance (Harbour car park) is not seen")
    await user.should_see("0 of 1 seen now")
    await user.should_see("Not seen: Entrance (Harbour car park)")
    assert rows(user, "list") == "/admin/displays?state=unseen"
    line = next(one for one in rows(user, "lines") if one["key"].startswith("display"))
    assert (line["href"], line["action"]) == (f"/admin/displays/{display}", "Open display")
    hall.beat(display)
    await user.should_not_see("The display Entrance (Harbour car park) is not seen")


async def test_a_site_says_whether_its_displays_show_energy_and_stays_while_one_hangs_there(
    visit: Visit, hall: Hall
) -> None:
    """K8: switched on by site only; a site with displays is kept, in a sentence."""
    hall.display()
    user = await visit(hall.olga, f"/admin/sites/{hall.site}")
    (switch,) = [one for one in elements(user) if isinstance(one, ui.checkbox)]
    assert switch.value is False
    switch.set_value(True)
    press(user, "Save")
    await until(lambda: hall.rows(Site.board_energy) == [(True,)])
    user = await visit(hall.olga, f"/admin/sites/{hall.site}")
    press(user, "Remove Harbour car park")
    await user.should_see("This can't be undone.")
    press(user, "Remove Harbour car park")
    await user.should_see("Displays hang at this site: take them back first")
    assert hall.rows(AuditEntry.details)[-1] == ({"board_energy": [False, True]},)


def elements(user: User) -> list[Any]:
    """All elements of the page."""
    assert user.client is not None
    return list(user.client.elements.values())


def boxes(user: User, label: str) -> list[Any]:
    """The boxes that are called *label*."""
    return [one for one in elements(user) if isinstance(one, ui.input) and one.props.get("label") == label]


def box(user: User, label: str) -> Any:
    """The last of them."""
    return boxes(user, label)[-1]


def choose(user: User, label: str, value: object) -> None:
    """Choose *value* in the box that is called *label*."""
    found = [one for one in elements(user) if isinstance(one, ui.select) and one.props.get("label") == label]
    found[-1].set_value(value)


def alerts(user: User) -> list[Any]:
    """What is told as an alert, and not hidden."""
    return [
        one
        for one in elements(user)
        if one.props.get("role") == "alert" and "hidden" not in one.classes and isinstance(one, ui.label)
    ]
