"""`/account/sessions`: all sessions of a driver and what was billed for each, and nothing of anybody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from nicegui.testing.user import User
from sqlalchemy import insert, select, update

from app import clock
from app.pages import places
from app.portal import Portal
from app.simulation.history import fill as fill_history
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.models import Charge, ChargingSession, Connector
from data.queries import own_sessions
from data.queries.own_sessions import SHOWN
from data.queries.session_list import Place, Sort
from tests import world
from tests.app.window import window
from tests.world import NOW, add_charger, add_driver, add_session, add_site

Visit = Callable[..., Awaitable[User]]
HOUR = timedelta(hours=1)


def charge(change: Change, session: int, account: int, amount: int | None, revision: int = 0) -> None:
    row: dict[str, Any] = {
        "key": f"{session}:{account}:{revision}",
        "session_id": session,
        "account_id": account,
        "revision": revision,
        "energy_wh": 1_000,
        "amount": amount,
        "currency": None if amount is None else "EUR",
        "created_at": NOW - HOUR,
    }
    change.execute(insert(Charge), row)


class Town:
    """Dana with six sessions in as many states, Eve with one; a charger."""

    def __init__(self, change: Change) -> None:
        self.dana, self.eve = add_driver(change, "Dana Driver"), add_driver(change, "Eve Other", tag="EVE")
        self.charger = add_charger(change, site=add_site(change, "Harbour"), name="Bay 7", connectors=2)
        self.plug, other = change.execute(select(Connector.id).order_by(Connector.id)).scalars().all()
        where = {"charger": self.charger, "connector": self.plug, "account": self.dana}
        ended = {**where, "energy_wh": 12_300}
        self.billed = add_session(change, started_at=NOW - 40 * HOUR, finalized=True, **ended)
        self.free = add_session(change, started_at=NOW - 30 * HOUR, finalized=True, **ended)
        self.settling = add_session(change, started_at=NOW - 3 * HOUR, finalized=False, **ended)
        self.running = add_session(
            change, started_at=NOW - HOUR, ended=False, **{**where, "connector": other, "energy_wh": 4_000}
        )
        of_eve = {**ended, "account": self.eve, "energy_wh": 77_700}
        self.of_eve = add_session(change, started_at=NOW - 20 * HOUR, finalized=True, **of_eve)
        charge(change, self.billed, self.dana, 500)
        charge(change, self.billed, self.dana, -120, revision=1)
        charge(change, self.billed, self.eve, 9_900)  # whose it was before
        charge(change, self.billed, self.eve, -9_900, revision=1)
        charge(change, self.free, self.dana, None)
        self.included = add_session(change, started_at=NOW - 29 * HOUR, finalized=True, **ended)
        charge(change, self.included, self.dana, 0)
        self.before = add_session(change, started_at=NOW - 50 * HOUR, finalized=True, **ended)
        charge(change, self.of_eve, self.eve, 2_222)


async def test_p10_a_driver_sees_all_their_sessions_and_what_was_billed(visit: Visit, portal: Portal) -> None:
    """Billed, corrected, included, without a price, from before there were bills, settling, in progress.

    T2: nothing of anybody else.
    """
    town = portal.database.change_now(Town)
    with clock.at(NOW):
        user = await visit(town.dana, "/account/sessions")
        for words in (
            "Your sessions",
            "€3.80",
            "corrected 12:00: -€1.20",
            "no plan or no price",
            "included",
            "Not billed here",
            "Not billed yet",
            "Settling",
            "Charging",
            "12.3 kWh",
            "Harbour",
        ):
            await user.should_see(words)
        for words in ("77.7 kWh", "€22.22", "99.00"):
            await user.should_not_see(words)
        await visit(town.dana, "/", browser=user)
        await user.should_see("All sessions and what was billed")
        await visit(town.dana, "/account", browser=user)
        await user.should_see("All sessions and what was billed")


async def test_p10_the_times_are_those_of_energy(visit: Visit, portal: Portal) -> None:
    """As on the dashboard: a car that waits at a plug for hours has not charged for hours."""
    town = portal.database.change_now(Town)
    flowed = {
        "energy_started_at": NOW - 40 * HOUR + HOUR / 2,
        "energy_ended_at": NOW - 40 * HOUR + HOUR / 6 * 4,
    }

    def wait(change: Change) -> None:
        change.execute(update(ChargingSession).where(ChargingSession.id == town.billed).values(**flowed))

    portal.database.change_now(wait)
    with clock.at(NOW):
        user = await visit(town.dana, "/account/sessions")
        await user.should_see("21:30")
        await user.should_see("10 min")


async def test_past_the_end_is_the_beginning(visit: Visit, portal: Portal) -> None:
    town = portal.database.change_now(Town)
    for place in ("?after=0.0", "?before=9999999999999999.1"):
        user = await visit(town.dana, f"/account/sessions{place}")
        await user.should_see("12.3 kWh")
        await user.should_not_see("No sessions yet")


async def test_p8_the_open_page_follows(visit: Visit, portal: Portal) -> None:
    """What is settled while the page is open is told without a reload."""
    town = portal.database.change_now(Town)
    user = await visit(town.dana, "/account/sessions")
    await user.should_not_see("€9.99")

    def bill(change: Change) -> None:
        charge(change, town.billed, town.dana, 619, revision=2)
        change.announce(Announcement(Topic.SESSIONS, town.dana))

    portal.database.change_now(bill)
    await user.should_see("€9.99")


async def test_p23_who_acts_as_the_driver_sees_it_and_downloads_nothing(portal: Portal) -> None:
    town = portal.database.change_now(Town)
    async with window(portal) as here:
        await here.enter(town.dana)
        page = await here.get("/account/sessions")
        assert "/account/sessions.csv" in page
        olga = portal.database.change_now(world.add_account, "Olga Operator", world.Role.OPERATOR)
        await here.enter(olga)
        assert (await here.http.get("/account/sessions")).status_code == 404
        assert "All sessions and what" not in await here.get("/account")
        await here.act(town.dana)
        page = await here.get("/account/sessions")
        assert "12.3 kWh" in page
        assert "/account/sessions.csv" not in page


async def test_pages_lead_on_and_back(portal: Portal) -> None:
    """Each session once, newest first; an address that names no place is the beginning."""
    town = portal.database.change_now(Town)
    portal.database.change_now(
        lambda change: [
            add_session(
                change,
                charger=town.charger,
                connector=town.plug,
                account=town.dana,
                started_at=NOW - (100 + n // 2) * HOUR,
            )
            for n in range(2 * SHOWN)
        ]
    )
    ids, after = list[int](), None
    while True:
        own = portal.database.ask_now(own_sessions.page, town.dana, after)
        ids += [one.id for one in own.found.sessions]
        if own.found.next is None:
            break
        after = own.found.next
    assert len(ids) == len(set(ids)) == 2 * SHOWN + 6
    async with window(portal) as here:
        await here.enter(town.dana)
        first = await here.get("/account/sessions")
        assert "/account/sessions?after=" in first
        assert "before=" not in first
        assert after is not None
        last = await here.get(f"/account/sessions?after={places.named(after)}")
        assert "/account/sessions?before=" in last
        for nonsense in ("x", "9" * 60, "-1.1", "1.²", "1"):
            assert "€3.80" in await here.get(f"/account/sessions?after={nonsense}"), nonsense


def test_places_are_read_as_they_were_named() -> None:
    for place, sort in ((Place(NOW, 7), Sort.START), (Place(12_300, 9), Sort.ENERGY)):
        assert places.read(places.named(place), sort) == place
    for nonsense in ("", "1", "1.", ".1", "a.1", "1.b", "1" * 17 + ".1", "1." + "1" * 19, "١.1"):
        assert places.read(nonsense) is None


def test_t34_a_page_costs_the_same_with_ten_times_the_history(sqlite_database: Database) -> None:
    """Counted in steps of SQLite's machine, on the first page and in the middle."""
    sqlite_database.change_now(lambda change: add_charger(change, site=add_site(change), connectors=2))

    def steps() -> int:
        count = 0
        with sqlite_database.engine.connect() as db:
            raw: Any = db.connection.dbapi_connection
            middle = db.execute(
                select(ChargingSession.started_at, ChargingSession.id, ChargingSession.account_id)
                .where(ChargingSession.account_id.is_not(None))
                .order_by(ChargingSession.started_at)
                .offset(500)
                .limit(1)
            ).one()

            def tick() -> int:
                nonlocal count
                count += 100
                return 0

            raw.set_progress_handler(tick, 100)
            for after in (None, Place(middle[0], middle[1])):
                own_sessions.page(db, middle[2], after)
            raw.set_progress_handler(None, 0)
        return count

    fill_history(sqlite_database, sessions=2_000, now=NOW, drivers=5)
    small = steps()
    fill_history(sqlite_database, sessions=20_000, now=NOW + timedelta(days=400), drivers=5)
    assert steps() <= max(1.5 * small, 40_000)


@pytest.mark.parametrize("path", ["/account/sessions", "/account/sessions?after=1.1"])
async def test_p2_signed_out_it_leads_to_sign_in(portal: Portal, path: str) -> None:
    async with window(portal) as here:
        assert (await here.get(path, 303)).startswith("/sign-in")


async def test_a_session_in_progress_has_a_beginning_and_no_end(visit: Visit, portal: Portal) -> None:
    """Said as such to its driver, and on the console's page of the driver."""
    town = portal.database.change_now(Town)
    olga = portal.database.change_now(world.add_account, "Olga Operator", world.Role.OPERATOR)
    with clock.at(NOW):
        user = await visit(town.dana, "/account/sessions")
        await user.should_see("since 12:00")
        user = await visit(olga, f"/admin/drivers/{town.dana}")
        await user.should_see("since 12:00")
