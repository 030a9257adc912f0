"""A display's page as time goes by: K7, K11, K14, K15, K16, and what it says when the server goes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from nicegui import ElementFilter
from nicegui.element import Element
from nicegui.testing.user import User
from nicegui.testing.user_interaction import UserInteraction
from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import DBAPIError

from app import about, clock
from app.access import tokens
from app.boards import heartbeats, rhythm, screens
from app.boards.heartbeats import Answer, Heartbeats
from app.boards.rhythm import Turn
from app.boards.screens import AGAIN, ANSWERS, Screen
from app.boards.sites import Seen
from app.portal import Portal
from components.board import ANSWERED
from components.words import reader
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.live import Live
from data.models import Connector, Display
from data.queries.display_list import SEEN_WITHIN
from data.queries.displays import KnownDisplay
from data.queries.site_board import SiteBoard
from data.types import ConnectorStatus, Orientation
from tests.conftest import Visit
from tests.world import NOW, add_charger, add_display, add_site

EARLY = 13
"""The id of a display whose beats follow the clock's soonest."""
BEFORE, AFTER = timedelta(seconds=0.7), timedelta(seconds=2)
"""Before a beat, when the page is loaded; and how far the clock goes on then."""


async def screen(
    portal: Portal, visit: Visit, *, bays: int = 2, zone: str = "Europe/Berlin", **values: object
) -> User:
    """The open page of a display at a site with *bays*."""
    token = tokens.new()

    def rows(change: Change) -> None:
        site = add_site(change, zone=zone)
        for number in range(1, bays + 1):
            add_charger(change, f"CP{number}", name=f"Bay {number}", site=site, seen=clock.now())
        add_display(change, site=site, id=EARLY, token_hash=tokens.hashed(token), **values)

    await portal.database.change(rows)
    user = await visit(None, "/sign-in")
    user.http_client.cookies.set("polaris-display", token)
    await user.open("/kiosk")
    return user


def with_class(user: User, name: str) -> UserInteraction[Element]:
    """The element of the page that has this class."""
    with user:
        found = {one for one in ElementFilter(kind=Element) if name in one.classes}
    assert found, f"there is no {name}"
    return UserInteraction(user, found, None)


async def sees(user: User, text: str) -> None:
    """Wait for *text* until a beat must have brought it."""
    await user.should_see(text)


@pytest.mark.parametrize(
    ("zone", "moment", "before", "after"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "02:59", "02:00"),
        ("Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "01:59", "03:00"),
        ("Asia/Kolkata", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "06:29", "06:30"),
    ],
)
async def test_k15_the_clock_is_the_sites_and_right_over_a_change_of_it(
    portal: Portal, visit: Visit, zone: str, moment: datetime, before: str, after: str
) -> None:
    with clock.at(moment - BEFORE):
        user = await screen(portal, visit, zone=zone)
        await sees(user, before)
        await sees(user, reader("en", zone).text("board.updated", moment=before))
        clock.advance(AFTER)
        await sees(user, after)
        await user.should_not_see(before)


async def test_k15_the_clock_goes_on_while_nothing_is_renewed(portal: Portal, visit: Visit) -> None:
    """K15, K7: without a database the clock is right, and the moment of the last news stays what it was."""
    moment = NOW + timedelta(minutes=1)
    with clock.at(moment - BEFORE):
        user = await screen(portal, visit)
        await sees(user, "13:00")

        def lose(change: Change) -> None:
            change.execute(text("ALTER TABLE connectors RENAME TO away"))
            change.announce(Announcement(Topic.SITES))

        await portal.database.change(lose)
        failing = reader("en", None).text("board.failing", moment="13:00")
        await sees(user, failing)
        clock.advance(AFTER)
        await sees(user, "13:01")
        await user.should_see(failing)
        await portal.database.change(
            lambda change: change.execute(text("ALTER TABLE away RENAME TO connectors"))
        )


async def test_k16_languages_take_turns(portal: Portal, visit: Visit) -> None:
    with clock.at(NOW + timedelta(seconds=20) - BEFORE):
        user = await screen(portal, visit, languages="en,de")
        await sees(user, reader("en", None).text("board.invite"))
        clock.advance(AFTER)
        await sees(user, reader("de", None).text("board.invite"))
        await user.should_not_see(reader("en", None).text("board.invite"))


async def test_k11_pages_take_turns_and_can_be_turned(portal: Portal, visit: Visit) -> None:
    """9 bays on pages of 8: five and four. K20: a dot shows its page at once."""
    with clock.at(NOW + timedelta(seconds=12) - BEFORE):
        user = await screen(portal, visit, bays=9)
        await sees(user, "Bay 5")
        await user.should_not_see("Bay 6")
        clock.advance(AFTER)
        await sees(user, "Bay 6")
        await user.should_not_see("Bay 5")
        with user:
            dots = [one for one in ElementFilter(kind=Element) if one.tag == "button"]
        UserInteraction(user, {dots[0]}, None).trigger("click")
        await sees(user, "Bay 5")


async def test_k14_night_falls_at_22_and_the_place_changes(portal: Portal, visit: Visit) -> None:
    with clock.at(NOW.replace(hour=21) - BEFORE):
        user = await screen(portal, visit)
        (board,) = with_class(user, "k-screen").elements
        assert "is-night" not in board.classes
        (root,) = with_class(user, "k-board").elements
        before = root.style["--place"]
        clock.advance(AFTER)
        await sees(user, "22:00")
        assert "is-night" in board.classes
        assert root.style["--place"] != before


async def test_a_status_is_on_the_board_at_once(portal: Portal, visit: Visit) -> None:
    """Not with the next beat, which is ten seconds away."""
    with clock.at(NOW + timedelta(seconds=1)):
        user = await screen(portal, visit)
        await sees(user, "2 of 2")

        def plug(change: Change) -> None:
            row = {"charger_id": 1, "evse": 0, "number": 2, "status": ConnectorStatus.FAULTED}
            change.execute(insert(Connector), row)
            change.execute(Connector.__table__.update().values(status=ConnectorStatus.FAULTED))
            change.announce(Announcement(Topic.CHARGERS, 1))

        await portal.database.change(plug)
        await user.should_see(reader("en", None).text("board.all_offline"))
        portal.screens.leave()
        await sees(user, "Maintenance")


async def test_a_site_without_chargers_says_so_until_there_is_one(portal: Portal, visit: Visit) -> None:
    """In a sentence where the tiles would be, and in the line above; the first charger is shown at once."""
    told = reader("en", None)
    with clock.at(NOW + timedelta(seconds=1)):
        user = await screen(portal, visit, bays=0)
        await sees(user, told.text("board.empty"))
        await sees(user, told.text("board.none"))

        def put_up(change: Change) -> None:
            add_charger(change, "CP1", name="Bay 1", site=1, seen=clock.now())
            change.announce(Announcement(Topic.SITES))

        await portal.database.change(put_up)
        await user.should_see("Bay 1")
        await user.should_see(told.text("board.free.only"))
        await user.should_not_see(told.text("board.empty"))


async def test_no_board_s_trouble_keeps_the_server_from_ending(portal: Portal) -> None:
    """A board that can't be drawn is said in the log; the others are told, whichever comes first."""

    class Broken:
        is_there = True
        shown = 0

        def pages(self, board: SiteBoard) -> int:
            return 1

        def show(self, seen: Seen, turn: Turn) -> None:
            self.shown += 1
            raise RuntimeError("its page is gone")

        def beat(self, number: int) -> None: ...

        def reload(self) -> None: ...

    site = await portal.database.change(add_site)
    known = KnownDisplay(EARLY, site, "Entrance", Orientation.AUTO, ("en",), 8)
    pages = [Broken(), Broken()]
    opened = [await portal.screens.open(known, page, "") for page in pages]
    portal.screens.leave()
    assert [page.shown for page in pages] == [1, 1]
    for screen in opened:
        portal.screens.close(screen)


class Hung:
    """A page that counts; one that *answers* says so at each beat."""

    is_there = True

    def __init__(self, *, answers: bool) -> None:
        self.screen: Screen
        self.answers, self.beats, self.loads = answers, 0, 0

    def pages(self, board: SiteBoard) -> int:
        return 1

    def show(self, seen: Seen, turn: Turn) -> None: ...

    def beat(self, number: int) -> None:
        self.beats += 1
        if self.answers:
            self.screen.answered()

    def reload(self) -> None:
        self.loads += 1


async def test_k13_at_four_what_answers_loads_anew_once_and_nothing_else(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K13: neither a screen that has never answered, nor one that does not any more, nor one that is not
    there: it might not come back. It does once it answers again; tomorrow all that answer do.
    """
    for name, seconds in (("SHORTEST", 0.01), ("LONGEST", 0.02)):
        monkeypatch.setattr(screens, name, seconds)  # beats come whatever the clock says
    site = await portal.database.change(add_site, zone="Asia/Kolkata")
    known = KnownDisplay(EARLY, site, "Entrance", Orientation.AUTO, ("en",), 8)
    four = datetime(2026, 11, 23, 4, tzinfo=ZoneInfo("Asia/Kolkata")).astimezone(UTC)
    pages = [Hung(answers=answers) for answers in (True, False, True, True)]
    _, _, no_more, away = pages

    async def loads() -> list[int]:
        """How often each was loaded anew, some beats later."""
        least = {page: page.beats + 5 for page in pages if page.is_there}
        for _ in range(3_000):
            if all(page.beats >= beats for page, beats in least.items()):
                return [page.loads for page in pages]
            await asyncio.sleep(0.01)
        raise AssertionError("they do not beat")

    with clock.at(four - timedelta(hours=1)):
        for page in pages:
            page.screen = await portal.screens.open(known, page, "")
            page.screen.begin()
        assert await loads() == [0, 0, 0, 0]
        no_more.answers = False
        last = no_more.screen._answered_at
        assert last is not None
        no_more.screen._answered_at = last - ANSWERS
        clock.advance(timedelta(hours=1, seconds=-1))
        assert await loads() == [0, 0, 0, 0]
        away.is_there = False  # a moment ago it answered
        clock.advance(timedelta(seconds=5))
        assert await loads() == [1, 0, 0, 0]
        clock.advance(timedelta(hours=3))
        assert await loads() == [1, 0, 0, 0], "once a day, and none that is silent"
        no_more.answers = away.is_there = True
        assert await loads() == [1, 0, 1, 1]
        clock.advance(timedelta(hours=21))
        assert await loads() == [2, 0, 2, 2], "a day later"
    for page in pages:
        portal.screens.close(page.screen)


async def test_k5_a_browser_that_is_back_is_beaten_to_twice(portal: Portal) -> None:
    """Whichever of the two kinds of beats it painted last: the other one takes its signs away."""
    site = await portal.database.change(add_site)
    page = Hung(answers=True)
    known = KnownDisplay(EARLY, site, "Entrance", Orientation.AUTO, ("en",), 8)
    with clock.at(NOW.replace(second=1)):  # its next beat is nine seconds away
        page.screen = await portal.screens.open(known, page, "")
        page.screen.begin()
        page.screen.connected()
        assert page.beats == 1
        await asyncio.sleep(AGAIN + 0.5)
        assert page.beats == 2
    portal.screens.close(page.screen)


async def test_k5_a_page_counts_the_seconds_before_its_first_beat(portal: Portal, visit: Visit) -> None:
    """Its connection may be lost before it, and the sign of that is to come all the same."""
    user = await screen(portal, visit)
    drawn = (await user.http_client.get("/kiosk")).text
    assert '"k-beat","is-odd"' in drawn


async def stored(portal: Portal) -> Display:
    """The display as it is stored."""
    columns = Display.last_seen_at, Display.version, Display.width, Display.height, Display.browser
    found: Display = await portal.database.ask(lambda db: db.execute(select(*columns)).one())
    return found


async def test_k7_the_first_answer_of_a_page_is_known_at_once(portal: Portal, visit: Visit) -> None:
    """When, of which version, how large, by which browser; a size that no screen has is not believed."""
    told: list[Announcement] = []
    portal.live.listen(Topic.DISPLAYS, told.append)
    with clock.at(NOW):
        user = await screen(portal, visit)
        with user:
            (observer,) = [one for one in ElementFilter(kind=Element) if one.tag == "q-resize-observer"]
        resizes = UserInteraction(user, {observer}, None)
        assert (await stored(portal)).last_seen_at is None
        resizes.trigger("resize", {"width": 1920, "height": 1080})
        resizes.trigger("resize", {"width": 9_000_000, "height": -1})
        resizes.trigger("resize", {"width": "<b>", "height": None})
        with_class(user, "k-beat").trigger("animationend")
        for _ in range(200):
            if (known := await stored(portal)).last_seen_at is not None:
                break
            await asyncio.sleep(0.05)
        assert (known.last_seen_at, known.version) == (NOW, about.VERSION)
        assert (known.width, known.height) == (1920, 1080)
        assert [one.about for one in told] == [None]


async def test_k7_who_answers_is_written_in_time_to_count_as_seen(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K7: each third beat is answered, which is written at the latest so much later, not the first alone."""
    between = ANSWERED * max(rhythm.BEAT, rhythm.PAGE) + heartbeats.WRITE_EVERY
    assert timedelta(seconds=between + 15) <= SEEN_WITHIN, "and the network and the database take theirs"
    monkeypatch.setattr(heartbeats, "WRITE_EVERY", 0.1)
    live, told = Live(), asyncio.Event()
    database.announce = live.announce
    live.listen(Topic.DISPLAYS, lambda announcement: told.set())
    database.start()
    display = database.change_now(lambda change: add_display(change, site=add_site(change)))
    beats, answer = Heartbeats(database), Answer("Chromium on Linux")
    running = asyncio.create_task(beats.run())
    try:
        with clock.at(NOW):
            for _ in range(3):
                beats.answered(display, answer)
                async with asyncio.timeout(20):
                    await told.wait()
                told.clear()
                seen = database.ask_now(lambda db: db.scalar(select(Display.last_seen_at)))
                assert seen == clock.now()
                clock.advance(timedelta(seconds=30))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_k7_answers_are_written_together(database: Database) -> None:
    """Two hundred screens: one change, one announcement; what the database did not take is not forgotten."""
    live = Live()
    database.announce = live.announce
    told: list[Announcement] = []
    live.listen(Topic.DISPLAYS, told.append)

    def rows(change: Change) -> list[int]:
        site = add_site(change)
        return [add_display(change, f"Board {number}", site=site) for number in range(200)]

    displays = database.change_now(rows)
    beats = Heartbeats(database)
    pages = {one: Answer("Chromium on Linux") for one in displays}
    written: list[int] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, _: Any, many: bool) -> None:
        if many and statement.startswith("UPDATE displays"):
            rows = (row.values() if isinstance(row, dict) else row for row in parameters)
            written.extend(value for row in rows for value in row if value in displays)

    event.listen(database.engine, "before_cursor_execute", note)
    with clock.at(NOW):
        for one in reversed(displays):
            beats.answered(one, pages[one])
        await beats.write()
        assert len(told) == 1
        assert written == displays, "two processes would wait for each other's rows"
        await beats.write()
        assert len(told) == 1, "nothing is new"
        clock.advance(timedelta(seconds=30))
        beats.answered(displays[0], pages[displays[0]])
        database.change_now(lambda change: change.execute(text("ALTER TABLE displays RENAME TO away")))
        with pytest.raises(DBAPIError):
            await beats.write()
        database.change_now(lambda change: change.execute(text("ALTER TABLE away RENAME TO displays")))
        await beats.write()
        assert len(told) == 2

    def seen(change: Change) -> list[datetime | None]:
        return list(change.execute(select(Display.last_seen_at).order_by(Display.id)).scalars())

    assert database.change_now(seen) == [NOW + timedelta(seconds=30), *[NOW] * 199]
