"""Cards as the console lists them: whose they are, where they were seen, page by page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from data.database import Change, Database
from data.queries import cards
from data.queries.cards import State
from tests.world import (
    NOW,
    add_charger,
    add_driver,
    add_mapping,
    add_session,
    add_sighting,
    add_site,
)


def fill(change: Change) -> None:
    site = add_site(change)
    charger = add_charger(change, site=site, name="Garage left")
    dana, eve = add_driver(change, "Dana Driver", tag="DANA"), add_driver(change, "Eve Other")
    add_mapping(change, eve, "EVE", blocked=True)
    add_mapping(change, eve, "OLD", active=False, deactivated_at=NOW)
    add_mapping(change, eve, "MOVED", active=False, deactivated_at=NOW)
    add_mapping(change, dana, "MOVED")
    for minutes, tag in enumerate(("DANA", "NEW", "OLD", "NOISE")):
        more = {"ignored_at": NOW} if tag == "NOISE" else {}
        add_sighting(change, tag, charger, NOW - timedelta(minutes=minutes), connector_number=1, **more)
    session = {"charger": charger, "connector": 1, "account": None, "id_tag": "NEW"}
    for hours in (3, 2):
        add_session(change, started_at=NOW - timedelta(hours=hours), energy_wh=1_500, **session)  # type: ignore[arg-type]


def test_all_tags_are_listed_the_last_seen_first(database: Database) -> None:
    """Issue 4: all tags, mapped or not, last seen where; what no charger has reported yet comes after."""
    database.change_now(fill)
    found = database.ask_now(cards.listed).cards
    assert [(one.id_tag, one.state.value, one.driver, one.charger, one.of_nobody) for one in found] == [
        ("DANA", "active", "Dana Driver", "Garage left", 0),
        ("NEW", "unknown", "", "Garage left", 2),
        ("OLD", "deactivated", "Eve Other", "Garage left", 0),
        ("NOISE", "ignored", "", "Garage left", 0),
        ("MOVED", "active", "Dana Driver", "", 0),
        ("EVE", "blocked", "Eve Other", "", 0),
    ]
    for state in State:
        narrowed = database.ask_now(cards.listed, "", state).cards
        assert [one.id_tag for one in narrowed] == [one.id_tag for one in found if one.state is state], state
    for search, tags in (
        ("an", ["DANA", "MOVED"]),
        ("other", ["OLD", "MOVED", "EVE"]),
        ("%", []),
        ("x y", []),
    ):
        assert [one.id_tag for one in database.ask_now(cards.listed, search).cards] == tags


def test_pages_follow_each_other_both_ways(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 4: paging by keys, over the edge between what was seen and what was not."""
    monkeypatch.setattr(cards, "SHOWN", 2)

    def work(change: Change) -> None:
        charger = add_charger(change, site=add_site(change))
        dana = add_driver(change)
        for number in range(3):
            add_sighting(change, f"S{number}", charger, NOW)
            add_mapping(change, dana, f"M{number}")

    database.change_now(work)
    pages, after, page = [], None, cards.Cards((), "", "")
    while True:
        page = database.ask_now(cards.listed, after=after)
        pages.append([one.id_tag for one in page.cards])
        if not page.next:
            break
        after = cards.place(page.next)
    assert pages == [["S2", "S1"], ["S0", "M2"], ["M1", "M0"]]
    back = []
    while page.previous:
        page = database.ask_now(cards.listed, before=cards.place(page.previous))
        back.append([one.id_tag for one in page.cards])
    assert back == [["S0", "M2"], ["S2", "S1"]]


@pytest.mark.parametrize("cursor", ["", "x", "s1", "s-1-1", "m", "m-1", "s1-1x", "m٣", "s" + "9" * 30 + "-1"])
def test_t5_what_is_no_cursor_is_none(cursor: str) -> None:
    """T5: an address that somebody made up begins at the beginning."""
    assert cards.place(cursor) is None


def test_the_details_of_a_card(database: Database) -> None:
    """Where it was seen, whose it was, and what waits for a driver (C10)."""
    database.change_now(fill)
    found = {one.id_tag: one.key for one in database.ask_now(cards.listed).cards}
    new = database.ask_now(cards.details, found["NEW"], NOW)
    assert new is not None
    assert (new.card.of_nobody, new.energy_wh, new.since) == (2, 3_000, NOW - timedelta(hours=3))
    moved = database.ask_now(cards.details, found["MOVED"], NOW)
    assert moved is not None
    assert [(one.driver, one.ended_at) for one in moved.mappings] == [
        ("Dana Driver", None),
        ("Eve Other", NOW),
    ]
    for key in ("s999", "m999", "NEW", "", "s", "s1;"):
        assert database.ask_now(cards.details, key, NOW) is None
