"""What a person sees and takes away of their own account, on both databases (P24, T2, T6, T30)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from data import audit
from data.caller import Caller
from data.database import Change, Database
from data.models import Browser, Identity, SignIn
from data.queries.own_account import own_account
from data.queries.own_data import owned_data, owned_sessions
from data.queries.support_visits import support_visits
from data.types import HowSignedIn, Role
from tests import world
from tests.world import NOW

HOUR = timedelta(hours=1)


class World:
    """Two drivers with everything that a driver can have, and an operator."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.dana, self.eve, self.olga = database.change_now(self._people)
        self.first = self.has_everything(self.dana, "DANA", "Garage left")
        self.others = self.has_everything(self.eve, "EVE", "Garage right")

    def _people(self, change: Change) -> tuple[int, int, int]:
        return (
            world.add_driver(change, "Dana Driver"),
            world.add_driver(change, "Eve Other"),
            world.add_account(change, "Olga Operator", Role.OPERATOR),
        )

    def has_everything(self, account: int, tag: str, charger_name: str) -> int:
        """Gives *account* a row in each table of the download; its session's id."""

        def add(change: Change) -> int:
            site = world.add_site(change, f"Site of {tag}")
            charger = world.add_charger(change, tag, site=site, name=charger_name)
            card = world.add_mapping(change, account, tag)
            world.add_plan(change, account, name=f"Plan {tag}")
            world.add_reservation(change, account=account, mapping=card, charger=charger, starts_at=NOW)
            row = {"token_hash": tag, "created_at": NOW, "cookie_at": NOW, "stale": False}
            browser = world.key(change.execute(insert(Browser), row))
            change.execute(
                insert(SignIn),
                {
                    "browser_id": browser,
                    "account_id": account,
                    "how": HowSignedIn.PASSWORD,
                    "created_at": NOW,
                    "fresh_at": NOW,
                    "last_seen_at": NOW,
                    "idle_seconds": 60,
                    "ends_at": NOW + HOUR,
                    "expires_at": NOW + HOUR,
                    "browser_name": f"Browser of {tag}",
                },
            )
            identity = {"account_id": account, "provider": "test", "issuer": "https://id.example.org"}
            identity |= {"subject": tag, "email": f"{tag}@id.example.org"}
            change.execute(insert(Identity), {**identity, "created_at": NOW, "last_used_at": NOW})
            return world.add_session(
                change, charger=charger, connector=charger, account=account, started_at=NOW, id_tag=tag
            )

        return self.database.change_now(add)

    def visit(self, account: int, number: int, reason: str, minutes: int | None = 10) -> None:
        """An operator acted as *account* in sign-in *number*; *minutes* ``None``: no end is written down."""
        begun = NOW + number * HOUR

        def add(change: Change) -> None:
            about = f"sign-in {number}"
            audit.record(
                change,
                Caller(self.olga, Role.OPERATOR, self.olga),
                "acting.begin",
                begun,
                about=about,
                subject_id=account,
                reason=reason,
            )
            who = Caller(account, Role.DRIVER, self.olga)
            audit.record(change, who, "acting.page", begun, about="/")
            if minutes is not None:
                audit.record(change, who, "acting.end", begun + timedelta(minutes=minutes), about=about)

        self.database.change_now(add)


@pytest.fixture
def here(database: Database) -> World:
    return World(database)


def test_p24_t30_each_visit_has_its_end_role_and_reason(here: World) -> None:
    """P24, T30: two that overlap keep their own ends; a number that is given out again is another visit."""

    def both(change: Change) -> None:
        begin, end = Caller(here.olga, Role.OPERATOR, here.olga), Caller(here.dana, Role.DRIVER, here.olga)
        for number, reason in ((7, "first"), (8, "second")):
            audit.record(
                change,
                begin,
                "acting.begin",
                NOW,
                about=f"sign-in {number}",
                subject_id=here.dana,
                reason=reason,
            )
        for number in (8, 7):
            audit.record(change, end, "acting.end", NOW + number * HOUR, about=f"sign-in {number}")

    here.database.change_now(both)
    here.visit(here.dana, 7, "again", minutes=None)
    here.visit(here.eve, 9, "somebody else's")
    found = here.database.ask_now(support_visits, here.dana)
    assert [(one.reason, one.ended_at) for one in found] == [
        ("again", None),
        ("second", NOW + 8 * HOUR),
        ("first", NOW + 7 * HOUR),
    ]
    assert {one.role for one in found} == {Role.OPERATOR}


def test_p24_older_visits_follow_where_the_page_ended(here: World) -> None:
    for number in range(5):
        here.visit(here.dana, number, f"reason {number}")
    newest = here.database.ask_now(support_visits, here.dana, limit=3)
    older = here.database.ask_now(support_visits, here.dana, before=newest[-1].id)
    assert [one.reason[-1] for one in (*newest, *older)] == ["4", "3", "2", "1", "0"]


def test_t2_t6_nothing_of_anybody_else_is_in_the_copy(here: World) -> None:
    """T2, T6."""
    here.visit(here.dana, 1, "hers")
    here.visit(here.eve, 2, "not hers")
    found = here.database.ask_now(owned_data, here.dana, NOW)
    assert found.account.email == "dana@example.org"
    assert [one.id_tag for one in found.cards] == ["DANA"]
    assert [one.plan for one in found.subscriptions] == ["Plan DANA"]
    assert [one.charger for one in found.reservations] == ["Garage left"]
    assert [one.browser_name for one in found.sign_ins] == ["Browser of DANA"]
    assert [one.subject for one in found.identities] == ["DANA"]
    assert [one.reason for one in found.support_visits] == ["hers"]
    sessions = here.database.ask_now(owned_sessions, here.dana)
    assert [(one.id, one.charger, one.site, one.id_tag) for one in sessions] == [
        (here.first, "Garage left", "Site of DANA", "DANA")
    ]
    page = here.database.ask_now(own_account, here.dana, NOW)
    assert (page.sessions, page.has_password) == (1, True)
    assert [one.email for one in page.identities] == ["DANA@id.example.org"]
    assert [one.browser_name for one in page.sign_ins] == ["Browser of DANA"]
    assert [one.reason for one in page.visits] == ["hers"]


def test_sessions_come_page_by_page_each_once(here: World) -> None:
    """Also those that began at the same moment, at whichever of them a page ends."""

    def add(change: Change) -> None:
        for number in range(9):
            started_at = NOW - (number // 3) * HOUR
            world.add_session(change, charger=1, connector=1, account=here.dana, started_at=started_at)

    here.database.change_now(add)
    all_at_once = here.database.ask_now(owned_sessions, here.dana)
    assert len(all_at_once) == 10
    assert [one.begun_at for one in all_at_once] == sorted(one.begun_at for one in all_at_once)
    for limit in (1, 2, 3, 4):
        got, after = [], None
        while page := here.database.ask_now(owned_sessions, here.dana, after, limit=limit):
            got += page
            after = page[-1].begun_at, page[-1].id
        assert tuple(got) == all_at_once
