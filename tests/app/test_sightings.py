"""Which id tags chargers have reported: noted with a start, seldom without, never without bound."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app import clock
from app.charging import sightings
from app.charging.sightings import AT_ONCE, FORGOTTEN_AFTER, ONE_EVERY
from data.announcements import Topic
from data.database import Change, Database
from data.models import TagSighting
from data.types import Authorization
from tests.app.test_sessions import World
from tests.world import NOW, add_mapping, add_session, add_sighting


class Held(World):
    """A world whose clock the test moves."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(database)
        self.now = NOW
        monkeypatch.setattr(clock, "now", lambda: self.now)

    async def hold(self, tag: str) -> Authorization:
        return await self.sessions.authorize(self.charger, tag)

    def seen(self, tag: str) -> Any:
        of = select(TagSighting.times, TagSighting.last_seen_at, TagSighting.connector_number)
        return self.database.ask_now(lambda db: db.execute(of.where(TagSighting.id_tag == tag)).one_or_none())

    def count(self) -> int:
        return self.database.ask_now(lambda db: db.scalar(select(func.count()).select_from(TagSighting)) or 0)


@pytest.fixture
def held(database: Database, monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(database, monkeypatch)


async def test_c10_a_start_s_tag_is_seen_with_its_session(held: Held) -> None:
    """C10: whoever looks for the session of an unknown tag finds the tag; pages are told which, and where."""
    await held.start(id_tag="stranger")
    assert held.seen("STRANGER") == (1, NOW, 1)
    told = [one.values for one in held.told if one.topic is Topic.TAGS]
    assert told == [{"id_tag": "STRANGER", "charger_id": held.charger}]
    held.hush()
    await held.start(id_tag="stranger")  # told once more (C9)
    assert (held.seen("STRANGER").times, held.topics(Topic.TAGS)) == (1, [])


async def test_c13_a_replayed_start_is_no_newer_sighting(held: Held) -> None:
    """C13: what happened long ago does not tell where the card is now."""
    await held.hold("CARD1")
    await held.start(-3600, late=3600, id_tag="CARD1")
    assert held.seen("CARD1")[:2] == (2, NOW)


async def test_a_card_held_again_is_written_seldom(held: Held) -> None:
    """Each few seconds at most; the answer is the same every time."""
    for seconds, times in ((0, 1), (4, 1), (6, 2), (7, 2), (12, 3)):
        held.now = NOW + timedelta(seconds=seconds)
        assert await held.hold("card1") is Authorization.ACCEPTED
        assert held.seen("CARD1").times == times


async def test_t57_a_charger_that_invents_tags_fills_nothing(held: Held) -> None:
    """T57: some at once, then a few an hour; known cards are seen all the same."""
    for number in range(AT_ONCE + 20):
        assert await held.hold(f"FUZZ{number}") is Authorization.INVALID
    assert held.count() == AT_ONCE
    await held.hold("CARD1")
    assert held.seen("CARD1") is not None
    held.now += 2 * ONE_EVERY
    for number in range(10):
        await held.hold(f"MORE{number}")
    assert held.count() == AT_ONCE + 3
    await held.start(id_tag="REAL")  # a session is stored, and so its tag is
    assert held.seen("REAL") is not None


async def test_what_nobody_has_and_no_session_needs_is_forgotten(held: Held) -> None:
    """After half a year; mapped tags stay, and those whose sessions wait for a driver (C10)."""
    before = NOW - FORGOTTEN_AFTER - timedelta(days=1)

    def fill(change: Change) -> None:
        for tag in ("OLD", "CARD1", "ONCE", "WAITS"):
            add_sighting(change, tag, held.charger, before)
        add_sighting(change, "YOUNG", held.charger, NOW - timedelta(days=1))
        add_mapping(change, held.driver, "ONCE", active=False)
        add_session(
            change, charger=held.charger, connector=1, account=None, id_tag="WAITS", started_at=before
        )

    held.database.change_now(fill)
    await held.hold("NEW")
    left = held.database.ask_now(lambda db: set(db.scalars(select(TagSighting.id_tag))))
    assert left == {"CARD1", "ONCE", "WAITS", "YOUNG", "NEW"}


async def test_an_answer_does_not_wait_for_a_note_that_fails(
    held: Held, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """C5: whoever stands at the charger is answered; and no log holds a whole tag (T63)."""

    def broken(*args: object) -> None:
        raise RuntimeError("no room on the disk")

    with monkeypatch.context() as patched:
        patched.setattr(sightings, "note", broken)
        assert await held.hold("CARD1") is Authorization.ACCEPTED
    assert "could not be noted" in caplog.text
    assert "CARD1" not in caplog.text
    await held.hold("CARD1")  # the next one is noted, without waiting
    assert held.seen("CARD1") is not None


async def test_cards_of_sessions_from_elsewhere_were_seen_too(held: Held) -> None:
    """An import and the demo: by the latest session of each tag; a newer sighting stays."""
    await held.hold("CARD1")
    rows = [
        {"id_tag": tag, "charger_id": held.other, "started_at": NOW - timedelta(days=days)}
        for tag, days in (("past", 3), ("PAST", 1), ("CARD1", 2), ("", 1))
    ]
    held.database.change_now(sightings.note_past, rows)
    assert held.seen("PAST").last_seen_at == NOW - timedelta(days=1)
    assert (held.seen("CARD1").last_seen_at, held.count()) == (NOW, 2)
