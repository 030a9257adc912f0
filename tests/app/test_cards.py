"""Cards and their drivers: linked, moved, blocked, deactivated (C10, P4, T4, T63)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app import clock
from app.charging import tags
from app.charging.care import Care
from app.operating.cards import Along, Already, Cards, NoSuchCard, NoSuchDriver, NoTag, Taken, TooMany
from app.settings import Settings
from data.announcements import Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import AuditEntry, ChargingSession, Mapping, Reservation, TagSighting
from data.queries import cards_along
from data.queries.cards_along import Going
from data.types import Authorization, ReservationStatus, Role
from tests.app.test_sessions import World
from tests.world import NOW, add_account, add_driver, add_reservation, add_session, add_sighting

DAY = timedelta(days=1)


class Desk(World):
    """A world with a second driver, an operator, and the service."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.eve = database.change_now(add_driver, "Eve Other")
        self.olga = database.change_now(add_account, "Olga Operator", Role.OPERATOR)
        self.by = Caller(self.olga, Role.OPERATOR, self.olga)
        self.cards = Cards(database, Care(database, self.sessions, Settings.model_construct()))

    def past(self, tag: str, account: int | None, days: int, **values: Any) -> int:
        return self.database.change_now(
            add_session,
            charger=self.other,
            connector=3,
            account=account,
            id_tag=tag,
            started_at=NOW - days * DAY,
            **values,
        )

    def set_up(self, account: int, tag: str, since: Any) -> None:
        """The card has been the driver's since then."""
        which = update(Mapping).where(Mapping.id_tag == tag, Mapping.account_id == account)
        self.database.change_now(lambda change: change.execute(which.values(created_at=since)))

    def owner(self, session: int) -> Any:
        of = select(ChargingSession.account_id, ChargingSession.mapping_id)
        return self.ask(of.where(ChargingSession.id == session))[0]

    def ask(self, statement: Any) -> list[Any]:
        return self.database.ask_now(lambda db: [tuple(row) for row in db.execute(statement)])

    def audit(self) -> list[Any]:
        columns = AuditEntry.action, AuditEntry.subject_id, AuditEntry.about, AuditEntry.reason
        return self.ask(select(*columns).where(AuditEntry.action.startswith("card.")).order_by(AuditEntry.id))

    def answer(self, tag: str) -> Authorization:
        return self.database.ask_now(tags.bearer, tag).authorization


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_c10_what_nobody_has_becomes_the_driver_s(desk: Desk) -> None:
    """C10: all sessions of the tag that are nobody's, also one in progress, whose banner appears."""
    running = await desk.start(id_tag="New1")
    await desk.read(running, 10, 500)
    old, others = desk.past("NEW1", None, 3, finalized=False), desk.past("OTHER", None, 3)
    desk.hush()
    mapping = await desk.cards.map(desk.by, " new1 ", desk.eve)
    assert [desk.owner(one) for one in (running, old, others)] == [
        (desk.eve, mapping),
        (desk.eve, mapping),
        (None, None),
    ]
    assert desk.answer("nEW1") is Authorization.ACCEPTED
    assert desk.audit() == [("card.link", desk.eve, f"mapping {mapping}", "")]
    assert {Topic.PEOPLE, Topic.SESSIONS, Topic.TAGS, Topic.ATTENTION} <= {one.topic for one in desk.told}
    desk.hush()
    await desk.read(running, 20, 900)
    assert desk.topics(Topic.READING) == [desk.eve]


async def test_nobody_s_sessions_can_stay_nobody_s(desk: Desk) -> None:
    """Issue 4: the operator is asked."""
    old = desk.past("NEW1", None, 3)
    await desk.cards.map(desk.by, "NEW1", desk.eve, Along(of_nobody=False))
    assert desk.owner(old) == (None, None)


async def test_p4_a_moved_card_leaves_its_sessions_behind(desk: Desk) -> None:
    """P4: those since a day go along if the operator says so; the others stay with their mapping."""
    old, late = desk.past("CARD1", desk.driver, 9, mapping_id=1), desk.past("CARD1", desk.driver, 2)
    with pytest.raises(Taken) as taken:
        await desk.cards.map(desk.by, "card1", desk.eve)
    assert (taken.value.account_id, taken.value.name) == (desk.driver, "Dana Driver")
    with pytest.raises(Taken):  # asked about somebody who does not have it
        await desk.cards.move(desk.by, "card1", desk.eve, owner_id=desk.eve)
    mapping = await desk.cards.move(
        desk.by, "card1", desk.eve, Along(since=NOW - 3 * DAY), owner_id=desk.driver
    )
    assert [desk.owner(one) for one in (old, late)] == [(desk.driver, 1), (desk.eve, mapping)]
    rows = select(Mapping.account_id, Mapping.active).order_by(Mapping.id)
    assert desk.ask(rows) == [(desk.driver, False), (desk.eve, True)]
    assert [one[:2] for one in desk.audit()] == [("card.deactivate", desk.driver), ("card.move", desk.eve)]
    assert {desk.driver, desk.eve} <= set(desk.topics(Topic.PEOPLE))


async def test_t63_no_whole_tag_in_the_audit(desk: Desk) -> None:
    """T63: enough to tell two cards apart, not enough to charge with."""
    await desk.cards.map(desk.by, "04A1B2C3D4", desk.eve)
    (details,) = desk.ask(select(AuditEntry.details))
    assert details == ({"card": "04…D4", "sessions": 0},)


async def test_a_deactivated_card_ends_and_what_it_charges_goes_on(desk: Desk) -> None:
    """P4: its session in progress goes on and stays the driver's; coming reservations are given up."""
    running = await desk.start()

    def book(change: Change) -> tuple[int, ...]:
        return tuple(
            add_reservation(
                change,
                account=desk.driver,
                mapping=1,
                charger=desk.other,
                starts_at=clock.now() + days * DAY,
                status=status,
            )
            for days, status in ((1, ReservationStatus.HELD), (-1, ReservationStatus.HELD))
        )

    desk.database.change_now(book)
    await desk.cards.deactivate(desk.by, 1, "left the company")
    assert desk.answer("CARD1") is Authorization.INVALID
    assert (await desk.row(running)).ended_at is None
    assert desk.owner(running) == (desk.driver, 1)
    cancelled = select(Reservation.cancelled_at.is_not(None)).order_by(Reservation.id)
    assert desk.ask(cancelled) == [(True,), (False,)]
    assert desk.audit() == [("card.deactivate", desk.driver, "mapping 1", "left the company")]
    with pytest.raises(NoSuchCard):
        await desk.cards.deactivate(desk.by, 1)
    for unknown in (1, 2**63, -(2**70)):  # T3
        with pytest.raises(NoSuchCard):
            await desk.cards.block(desk.by, unknown)


async def test_a_blocked_card_is_refused_until_it_is_not(desk: Desk) -> None:
    """C10: a lost card stays the driver's, and charges nothing."""
    await desk.cards.block(desk.by, 1, " lo\0st\n")
    assert desk.audit()[-1][3] == "lo st"  # PostgreSQL takes no zero byte
    assert desk.answer("CARD1") is Authorization.BLOCKED
    await desk.cards.unblock(desk.by, 1)
    await desk.cards.unblock(desk.by, 1)
    assert desk.answer("CARD1") is Authorization.ACCEPTED
    assert [one[0] for one in desk.audit()] == ["card.block", "card.unblock"]


async def test_an_unknown_card_can_be_ignored(desk: Desk) -> None:
    """Issue 4: and looked at again."""
    with pytest.raises(NoSuchCard):
        await desk.cards.ignore(desk.by, "NOISE")
    desk.database.change_now(add_sighting, "NOISE", desk.charger)
    ignored = select(TagSighting.ignored_at.is_not(None))
    await desk.cards.ignore(desk.by, "noise")
    assert desk.ask(ignored) == [(True,)]
    await desk.cards.unignore(desk.by, "NOISE")
    assert desk.ask(ignored) == [(False,)]


async def test_what_can_t_be_linked(desk: Desk) -> None:
    """T3, T4: no tag, no driver, an operator, a deleted account, their own card; nothing is written."""
    erased = desk.database.change_now(add_driver, "Deleted account", disabled_at=NOW, erased_at=NOW)
    for tag, account, error in (
        ("  ", desk.eve, NoTag),
        ("A\x07B", desk.eve, NoTag),
        ("!!ö nonsense", desk.eve, NoTag),
        ("A" * 37, desk.eve, NoTag),
        ("NEW1", 999, NoSuchDriver),
        ("NEW1", desk.olga, NoSuchDriver),
        ("NEW1", erased, NoSuchDriver),
        ("card1", desk.driver, Already),
    ):
        with pytest.raises(error):
            await desk.cards.map(desk.by, tag, account)
    assert desk.ask(select(Mapping.id)) == [(1,)]
    assert desk.audit() == []


async def test_of_two_operators_one_links_a_card(desk: Desk) -> None:
    """T8: at the same moment; the other is told, and nobody loses the card unasked."""
    desk.database.start()
    asked = [desk.cards.map(desk.by, "NEW1", account) for account in (desk.eve, desk.driver) * 5]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, int) for one in done) == 1
    assert all(isinstance(one, int | Taken | Already) for one in done)
    active = select(Mapping.id).where(Mapping.id_tag == "NEW1", Mapping.active)
    assert len(desk.ask(active)) == 1


async def test_a_card_and_its_sessions_move_together(desk: Desk) -> None:
    """What fails, or is killed, half-way has not happened: the audit log tells what truly moved."""
    late, of_nobody = desk.past("CARD1", desk.driver, 1), desk.past("CARD1", None, 2)
    desk.set_up(desk.driver, "CARD1", NOW - DAY)
    along = Along(since=NOW - 3 * DAY)
    with pytest.raises(RuntimeError):  # on the command line nobody hands sessions over
        await Cards(desk.database).move(desk.by, "CARD1", desk.eve, along)
    assert [desk.owner(one)[0] for one in (late, of_nobody)] == [desk.driver, None]
    assert desk.ask(select(Mapping.account_id, Mapping.active)) == [(desk.driver, True)]
    assert desk.audit() == []
    await desk.cards.move(desk.by, "CARD1", desk.eve, along)
    (details,) = desk.ask(select(AuditEntry.details).where(AuditEntry.action == "card.move"))
    assert details == ({"card": "…", "sessions": 2, "from": desk.driver},)


async def test_too_many_sessions_do_not_go_along_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is billed anew in the one transaction, which keeps all chargers waiting."""
    monkeypatch.setattr(cards_along, "MOST", 1)
    for days in (1, 2):
        desk.past("CARD1", desk.driver, days)
    with pytest.raises(TooMany):
        await desk.cards.move(desk.by, "CARD1", desk.eve, Along(since=NOW - 3 * DAY))
    assert desk.ask(select(Mapping.account_id)) == [(desk.driver,)]


async def test_what_a_blocked_card_charged_is_not_the_next_driver_s(desk: Desk) -> None:
    """C10: it was Dana's card, and blocked; "since a day" takes of nobody's what began since then."""
    desk.set_up(desk.driver, "CARD1", NOW - 5 * DAY)
    blocked = desk.past("CARD1", None, 2, ended=False)
    long_ago, before = desk.past("CARD1", None, 20), desk.past("CARD1", None, 6)
    hers = desk.past("CARD1", desk.driver, 1)
    ask = desk.database.ask_now
    assert ask(cards_along.going, "CARD1") == Going(of_nobody=2)
    assert ask(cards_along.going, "CARD1", desk.driver, NOW - 7 * DAY) == Going(of_nobody=1, theirs=1)
    await desk.cards.move(desk.by, "CARD1", desk.eve, Along(since=NOW - 7 * DAY))
    assert [desk.owner(one)[0] for one in (blocked, long_ago, before, hers)] == [
        None,
        None,
        desk.eve,
        desk.eve,
    ]
    await desk.cards.move(desk.by, "CARD1", desk.driver)
    assert [desk.owner(one)[0] for one in (blocked, long_ago)] == [None, desk.driver]


async def test_a_session_that_goes_on_goes_along(desk: Desk) -> None:
    """Also one whose charger's clock is ahead; it is counted."""
    session = await desk.start(id_tag="NEW1")
    ahead = clock.now() + DAY
    desk.database.change_now(lambda change: change.execute(update(ChargingSession).values(started_at=ahead)))
    assert desk.database.ask_now(cards_along.going, "NEW1") == Going(of_nobody=1, running=1)
    await desk.cards.map(desk.by, "NEW1", desk.eve)
    assert desk.owner(session)[0] == desk.eve
