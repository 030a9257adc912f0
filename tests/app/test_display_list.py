"""The console's list of displays: what it finds, in which order, and what it costs (K7)."""

from __future__ import annotations

from typing import Any

import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import event, insert

from app import clock
from app.about import VERSION
from app.pages import admin_displays, admin_sites
from app.portal import Portal
from components import display_list as shown
from components.drawn import Drawn
from components.filters import Filters
from data.database import Change, Database
from data.models import Display
from data.queries import display_list
from data.queries.display_list import Sort, State
from tests.app.test_admin_displays import SECOND, Hall, choose, elements
from tests.app.test_admin_overview import rows
from tests.app.test_admin_people import Visit, fill
from tests.waiting import until
from tests.world import NOW, add_display, add_site

LATELY = NOW - 30 * SECOND
LONG_AGO = NOW - 3600 * SECOND


def build(change: Change) -> dict[str, int]:
    """Five displays at two sites: one of each state, and one that was just paired."""
    north, south = add_site(change, "North"), add_site(change, "South")
    add_display(change, "Box", site=north, created_at=LONG_AGO)
    seen = add_display(change, "Door 10", site=north, last_seen_at=LATELY, version=VERSION)
    old = add_display(change, "Door 2", site=south, last_seen_at=NOW, version="0.0.9")
    silent = add_display(change, "Gate", site=south, last_seen_at=LONG_AGO, version="0.0.10")
    add_display(change, "Älvsjö", site=south, last_seen_at=LONG_AGO - SECOND, version=VERSION)
    return {"north": north, "south": south, "seen": seen, "silent": silent, "old": old}


@pytest.fixture
def hall(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Hall:
    """The same clock for the page and the test."""
    hall = Hall(portal)
    monkeypatch.setattr(clock, "now", lambda: hall.now)
    monkeypatch.setattr(admin_displays, "AT_MOST_EVERY", 0.05)
    monkeypatch.setattr(admin_sites, "AT_MOST_EVERY", 0.05)
    return hall


def names(user: User) -> list[str]:
    """Whom the list shows, in its order."""
    return [line["cells"][0]["text"] for line in rows(user, "lines")]


URGENT_FIRST = ["Älvsjö", "Gate", "Box", "Door 2", "Door 10"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, URGENT_FIRST),
        ({"descending": True}, ["Door 10", "Door 2", "Box", "Älvsjö", "Gate"]),
        ({"state": State.UNSEEN}, ["Älvsjö", "Gate", "Box"]),
        ({"state": State.NEVER}, ["Box"]),
        ({"state": State.OLD}, ["Door 2"]),
        ({"state": State.SEEN}, ["Door 2", "Door 10"]),
        ({"site_id": 0}, []),
        ({"nothing": True}, []),
        ({"search": "alvs"}, ["Älvsjö"]),
        ({"search": "door south"}, ["Door 2"]),
        ({"state": State.UNSEEN, "search": "north"}, ["Box"]),
        ({"sort": Sort.NAME}, ["Älvsjö", "Box", "Door 2", "Door 10", "Gate"]),
        ({"sort": Sort.SITE, "descending": True}, ["Älvsjö", "Door 2", "Gate", "Box", "Door 10"]),
        ({"sort": Sort.SEEN}, ["Älvsjö", "Gate", "Door 10", "Door 2", "Box"]),
        ({"sort": Sort.SEEN, "descending": True}, ["Door 2", "Door 10", "Gate", "Älvsjö", "Box"]),
        ({"sort": Sort.VERSION}, ["Door 2", "Gate", "Door 10", "Älvsjö", "Box"]),
    ],
)
def test_filters_and_orders(sqlite_database: Database, asked: dict[str, Any], found: list[str]) -> None:
    """Those that are not seen are as many as the overview misses; what is unknown stands last."""
    sqlite_database.change_now(build)
    displays = sqlite_database.ask_now(display_list.listed)
    assert [one.name for one in displays.matching(NOW, VERSION, **asked)] == found
    if asked.get("state") is State.UNSEEN and len(asked) == 1:
        everybody, seen = sqlite_database.ask_now(display_list.counted, NOW)
        assert everybody - seen == len(found)


async def test_the_address_says_what_is_looked_for_and_no_order_is_the_usual_one(
    visit: Visit, hall: Hall
) -> None:
    """Each head sorts, and the other way round when it does already."""
    ids = hall.add(build)
    user = await visit(hall.olga, f"/admin/displays?sort=-drop&page=x&site={ids['south']}")
    assert names(user) == ["Älvsjö", "Gate", "Door 2"]
    assert rows(user, "told") == "3 of 5 displays"
    heads = {head["label"]: (head["href"], head["sorted"]) for head in rows(user, "heads")}
    here = f"/admin/displays?site={ids['south']}"
    assert heads["Now"] == (f"{here}&sort=-state", "ascending")
    assert heads["Last heartbeat"] == (f"{here}&sort=seen", "")
    assert heads["Languages"] == ("", "")
    user = await visit(hall.olga, f"{here}&sort=-state")
    assert names(user) == ["Door 2", "Älvsjö", "Gate"]
    assert rows(user, "heads")[2]["href"] == here
    user = await visit(hall.olga, "/admin/displays?site=x")
    assert rows(user, "empty") == "No display matches what you look for."
    assert (rows(user, "way_on"), rows(user, "words_on")) == ("/admin/displays", "Show all displays")


async def test_t5_a_state_that_is_none_finds_nothing_until_a_filter_is_chosen(
    visit: Visit, hall: Hall
) -> None:
    """In any order: nobody takes all displays for those of a state. What is chosen then counts alone."""
    hall.add(build)
    user = await visit(hall.olga, "/admin/displays?state=nonsense")
    assert rows(user, "empty") == "No display matches what you look for."
    assert rows(user, "heads")[0]["href"] == "/admin/displays?state=unknown&sort=name"
    fill(user, "Search by name or site", "gate")
    await until(lambda: names(user) == ["Gate"])
    user = await visit(hall.olga, "/admin/displays?state=unknown&sort=name")
    assert rows(user, "empty") == "No display matches what you look for."


async def test_a_filter_is_chosen_and_the_list_follows_what_happens(visit: Visit, hall: Hall) -> None:
    """By push and by time alone; the state that asks for a hand is marked."""
    ids = hall.add(build)
    user = await visit(hall.olga, "/admin/displays?page=7")
    assert names(user) == URGENT_FIRST
    assert rows(user, "told") == "5 displays, 2 seen now · 1 shows another version"
    program = rows(user, "lines")[3]["cells"][4]
    assert (program["text"], program["kind"]) == ("0.0.9", "settling")
    assert program["meta"] == f"{VERSION} runs here"
    assert "kind" not in rows(user, "lines")[0]["cells"][4], "a silent screen loads it when it is back"
    hall.beat(ids["seen"], NOW - 90 * SECOND)
    await until(lambda: rows(user, "lines")[4]["cells"][3]["text"] == "1 min ago")
    choose(user, "State", "unseen")
    await until(lambda: names(user) == ["Älvsjö", "Gate", "Box"])
    hall.now += SECOND  # nobody tells the page anything
    await until(lambda: names(user) == ["Door 10", "Älvsjö", "Gate", "Box"])
    fill(user, "Search by name or site", "gate")
    await until(lambda: names(user) == ["Gate"])
    hall.beat(ids["silent"])
    await until(lambda: rows(user, "empty") == "No display matches what you look for.")


async def test_what_is_missed_is_named_with_its_site_and_leads_to_the_list(visit: Visit, hall: Hall) -> None:
    """At 60 sites there are 60 called Entrance; the one with another version says what to do."""
    ids = hall.add(build)
    hall.display("Entrance", last_seen_at=LONG_AGO - 2 * SECOND)
    hall.portal.watch.started_at = LONG_AGO
    user = await visit(hall.olga, "/admin")
    line = next(one for one in rows(user, "lines") if one["key"].startswith("display"))
    assert (line["what"], line["href"]) == ("4 displays are not seen", "/admin/displays?state=unseen")
    assert line["meta"] == "Entrance (Harbour car park), Älvsjö (South), Gate (South), Box (North)"
    assert rows(user, "missing") == "Not seen: Entrance (Harbour car park), Box (North), Älvsjö (South) …"
    user = await visit(hall.olga, f"/admin/displays/{ids['old']}")
    said = rows(user, "notes")[0]
    assert said.startswith(
        f"The last to answer this screen was a portal of version 0.0.9; this one is {VERSION}."
    )
    assert "another portal with 0.0.9 works on this database" in said


async def test_nothing_to_list_says_what_can_be_done(visit: Visit, hall: Hall) -> None:
    """Without a display: how one is paired, and no filters; where all are well, that they are."""
    user = await visit(hall.olga, "/admin/displays?state=unseen&search=x")
    assert "Open http://127.0.0.1/kiosk on it" in rows(user, "empty")
    assert rows(user, "way_on") == ""  # it stands above
    assert [
        one.props["href"]
        for one in elements(user)
        if isinstance(one, ui.link) and one.text == "Pair a display"
    ] == ["/admin/displays/new"]
    (filters,) = [one for one in elements(user) if isinstance(one, Filters)]
    assert not filters.visible
    hall.beat(hall.display())
    await until(lambda: filters.visible)
    user = await visit(hall.olga, "/admin/displays?state=unseen")
    assert rows(user, "empty") == "Every display is seen now."
    assert rows(user, "way_on") == "/admin/displays"


async def test_250_displays_are_three_pages_of_one_table(visit: Visit, hall: Hall) -> None:
    """Whatever their number: as many elements and statements as for one; a page keeps what is looked for."""
    hall.display("Only")
    user = await visit(hall.olga, "/admin/displays")
    few = len(elements(user))
    assert (rows(user, "previous"), rows(user, "next")) == ("", "")
    crowd = [
        {"site_id": hall.site, "name": f"Door {n}", "token_hash": str(n), "created_at": NOW}
        for n in range(249)
    ]
    hall.portal.database.change_now(lambda change: change.execute(insert(Display), crowd))
    asked: list[str] = []
    event.listen(hall.portal.database.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    user = await visit(hall.olga, "/admin/displays?state=unseen&sort=-name&page=2")
    assert len(elements(user)) == few
    assert len([one for one in asked if "FROM displays" in one]) == 1
    assert names(user) == [f"Door {n}" for n in range(149, 49, -1)]
    assert rows(user, "told") == "250 displays, 0 seen now · 101 to 200 are listed here"
    here = "/admin/displays?state=unseen&sort=-name"
    assert (rows(user, "previous"), rows(user, "next")) == (here, f"{here}&page=3")
    user = await visit(hall.olga, f"{here}&page=99")
    assert names(user) == [f"Door {n}" for n in range(49, -1, -1)]
    assert (rows(user, "previous"), rows(user, "next")) == (f"{here}&page=2", "")
    choose(user, "State", "")
    await until(lambda: names(user)[0] == "Only")


async def test_a_site_lists_its_displays_and_adds_one(visit: Visit, hall: Hall) -> None:
    """With its own, no other's; a new one is asked for with the site chosen, and there is a way back."""
    other = hall.add(add_site, "Airport")
    hall.display("Elsewhere", site=other, last_seen_at=NOW)
    page = f"/admin/sites/{hall.site}"
    user = await visit(hall.olga, page)
    await user.should_see("No display hangs here yet.")
    (add,) = [one for one in elements(user) if isinstance(one, ui.link) and one.text == "Add a display"]
    assert add.props["href"] == f"/admin/displays/new?site={hall.site}"
    gate = hall.display("Gate", last_seen_at=LONG_AGO)
    hall.beat(hall.display("Door"), NOW - 90 * SECOND)

    def told() -> list[list[str]]:
        (card,) = [one for one in elements(user) if isinstance(one, shown.SiteDisplays)]
        (table,) = [one for one in card.descendants() if isinstance(one, Drawn)]
        assert table.values is not None
        return [[cell["text"] for cell in line["cells"]] for line in table.values["lines"]]

    await until(lambda: told() == [["Door", "Seen", "1 min ago"], ["Gate", "Not seen", "1 h ago"]])
    hall.now += SECOND
    await until(lambda: [line[1] for line in told()] == ["Not seen", "Not seen"])
    assert gate
    user = await visit(hall.olga, add.props["href"])
    (site,) = [one for one in elements(user) if one.props.get("label") == "Site"]
    assert site.value == hall.site
    links = {one.text: one.props["href"] for one in elements(user) if isinstance(one, ui.link)}
    assert (links["← Harbour car park"], links["Cancel"]) == (page, page)
    user = await visit(hall.olga, "/admin/displays/new?site=99")
    (site,) = [one for one in elements(user) if one.props.get("label") == "Site"]
    assert site.value is None
