"""The console's lists of people, and what was done about one of them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from data import audit
from data.caller import Caller
from data.database import Change, Database
from data.models import Account, AuditEntry, Browser, Identity, Mapping, OneTimeLink, SignIn, Subscription
from data.queries.accounts import SHOWN, Lack, State, Waiting, facts, identities, listed, waiting
from data.queries.audit import latest_about
from data.types import HowSignedIn, Role
from tests.world import NOW, add_account, add_driver, add_mapping, add_plan, key

HOUR = timedelta(hours=1)


def add_identity(change: Change, account: int, subject: str = "s1") -> None:
    row = {"provider": "company", "issuer": "https://id.example.org", "subject": subject}
    change.execute(
        insert(Identity),
        {**row, "account_id": account, "email": None, "created_at": NOW, "last_used_at": NOW},
    )


def add_sign_in(change: Change, account: int, seen: timedelta, **values: object) -> int:
    browser = {"token_hash": f"hash {account} {seen}", "created_at": NOW, "cookie_at": NOW}
    row = {
        "browser_id": key(change.execute(insert(Browser), browser)),
        "account_id": account,
        "how": HowSignedIn.PASSWORD,
        "created_at": NOW,
        "fresh_at": NOW,
        "last_seen_at": NOW + seen,
        "idle_seconds": 60,
        "ends_at": NOW + HOUR,
        "expires_at": NOW + HOUR,
    }
    return key(change.execute(insert(SignIn), {**row, **values}))


def test_the_list_tells_how_it_stands_with_each(database: Database) -> None:
    def rows(change: Change) -> None:
        anna = add_driver(change, "anna Active")
        add_sign_in(change, anna, -HOUR)
        add_sign_in(change, anna, -2 * HOUR)
        add_driver(change, "Ida Invited", password_hash=None)
        add_identity(change, add_driver(change, "Pia Provider", password_hash=None))
        add_driver(change, "Lea Leaving", deletion_requested_at=NOW)
        add_driver(change, "Dora Disabled", disabled_at=NOW, deletion_requested_at=NOW, password_hash=None)
        add_driver(change, "Deleted account", disabled_at=NOW, erased_at=NOW)
        add_account(change, "Olga Operator", Role.OPERATOR)

    database.change_now(rows)
    found = database.ask_now(listed, Role.DRIVER)
    assert [(one.name, one.state) for one in found.shown] == [
        ("anna Active", State.ACTIVE),
        ("Dora Disabled", State.DISABLED),
        ("Ida Invited", State.INVITED),
        ("Lea Leaving", State.LEAVING),
        ("Pia Provider", State.ACTIVE),
    ]
    assert [one.last_seen_at for one in found.shown] == [NOW - HOUR, None, None, None, None]
    assert (found.matching, found.all) == (5, 5)
    erased = database.ask_now(listed, Role.DRIVER, "", State.ERASED)
    assert [(one.name, one.state) for one in erased.shown] == [("Deleted account", State.ERASED)]
    for state in set(State) - {State.ERASED}:
        alone = database.ask_now(listed, Role.DRIVER, "", state)
        assert alone.shown == tuple(one for one in found.shown if one.state is state)
        assert (alone.matching, alone.all) == (len(alone.shown), 5)
    # Where nobody signs in with a password, whoever has nothing else has no way in.
    stuck = database.ask_now(listed, Role.DRIVER, "", State.NO_WAY_IN, passwords=False)
    assert [(one.name, one.state) for one in stuck.shown] == [("anna Active", State.NO_WAY_IN)]
    active = database.ask_now(listed, Role.DRIVER, "", State.ACTIVE, passwords=False)
    assert [one.name for one in active.shown] == ["Pia Provider"]
    leaving = Waiting(Role.DRIVER, State.LEAVING, 1)
    assert database.ask_now(waiting, passwords=True) == (leaving,)
    assert set(database.ask_now(waiting, passwords=False)) == {
        Waiting(Role.DRIVER, State.NO_WAY_IN, 1),
        Waiting(Role.OPERATOR, State.NO_WAY_IN, 1),
        leaving,
    }


def test_the_list_tells_who_has_no_card_and_no_plan(database: Database) -> None:
    """Of the day that is asked about; cards and plans that are over, or yet to come, are none."""
    today = NOW.date()
    day = timedelta(days=1)

    def held(change: Change, account: int, name: str, **days: Any) -> None:
        plan = add_plan(change, account, name=name)
        change.execute(update(Subscription).where(Subscription.plan_id == plan).values(**days))

    def rows(change: Change) -> None:
        anna = add_driver(change, "Anna Both", tag="A1")
        add_mapping(change, anna, "A2")
        held(change, anna, "Old", ended_on=today)
        held(change, anna, "Home", started_on=today)
        bea = add_driver(change, "Bea Former")
        add_mapping(change, bea, "B", active=False)
        held(change, bea, "Over", ended_on=today)
        cleo = add_driver(change, "Cleo Card", tag="C")
        held(change, cleo, "Soon", started_on=today + day)
        held(change, add_driver(change, "Dora Plan"), "Away", started_on=today - day)

    database.change_now(rows)
    found = database.ask_now(lambda db: listed(db, Role.DRIVER, today=today))
    assert [(one.name, one.cards, one.plan) for one in found.shown] == [
        ("Anna Both", 2, "Home"),
        ("Bea Former", 0, None),
        ("Cleo Card", 1, None),
        ("Dora Plan", 0, "Away"),
    ]
    for lack, names in ((Lack.CARD, ["Bea Former", "Dora Plan"]), (Lack.PLAN, ["Bea Former", "Cleo Card"])):
        some = database.ask_now(lambda db, of=lack: listed(db, Role.DRIVER, today=today, lacks=of))  # type: ignore[misc]
        assert [one.name for one in some.shown] == names
        assert (some.matching, some.all) == (2, 4)


SEARCHES = {
    "doe": ["Jane Doe", "John Doe"],
    "DOE jan": ["Jane Doe"],
    "doe other.example": ["John Doe"],  # a word in the name, another in the address
    "doe nobody": [],
    "\0doe\ud800 \x1bjan": ["Jane Doe"],
    "müller": ["MÜLLER & Co", "Max Müller"],
    "MÜLLER": ["MÜLLER & Co", "Max Müller"],
    "%": ["100% _under"],
    "_": ["100% _under"],
    "/ \\": ["Slash / Back \\"],
    "' OR 1=1 --": [],
    "  ": ["100% _under", "Jane Doe", "John Doe", "MÜLLER & Co", "Max Müller", "Slash / Back \\"],
}


def test_all_words_of_a_search_have_to_be_there(database: Database) -> None:
    def rows(change: Change) -> None:
        add_driver(change, "Jane Doe")
        add_driver(change, "John Doe", email="john@other.example")
        add_driver(change, "Max Müller")
        add_driver(change, "MÜLLER & Co", email="m2@example.org")
        add_driver(change, "100% _under", email="u@example.org")
        add_driver(change, "Slash / Back \\", email="s@example.org")

    database.change_now(rows)
    for search, found in SEARCHES.items():
        answer = database.ask_now(listed, Role.DRIVER, search)
        assert sorted(one.name for one in answer.shown) == sorted(found), search
        assert answer.matching == len(found)


@pytest.mark.alone
def test_five_thousand_drivers_are_listed_and_searched_fast(database: Database) -> None:
    """At most 100 are shown, and a search reaches all."""

    def many(change: Change) -> None:
        row = {"role": Role.DRIVER, "theme": "system", "created_at": NOW, "password_hash": "x"}
        change.execute(
            insert(Account),
            [{**row, "name": f"Driver {n:04d}", "email": f"d{n}@example.org"} for n in range(5_000)],
        )

        ids = list(change.execute(select(Account.id)).scalars())
        cards = [{"id_tag": f"T{n}", "account_id": n, "created_at": NOW} for n in ids if n % 5]
        change.execute(insert(Mapping), cards)

    database.change_now(many)
    started = time.perf_counter()
    found = database.ask_now(lambda db: listed(db, Role.DRIVER, today=NOW.date()))
    some = database.ask_now(listed, Role.DRIVER, "driver d49")
    took = time.perf_counter() - started
    for lack, number in ((Lack.CARD, 1_000), (Lack.PLAN, 5_000)):
        started = time.perf_counter()
        none = database.ask_now(lambda db, of=lack: listed(db, Role.DRIVER, today=NOW.date(), lacks=of))  # type: ignore[misc]
        assert time.perf_counter() - started < 0.25
        assert none.matching == number
    assert (len(found.shown), found.matching, found.all) == (SHOWN, 5_000, 5_000)
    assert (len(some.shown), some.matching) == (100, 111)
    assert took < 0.5


def test_the_facts_of_one(database: Database) -> None:
    def rows(change: Change) -> tuple[int, int]:
        dana = add_driver(change, "Dana Driver", tag="A")
        add_mapping(change, dana, "B", active=False)
        olga = add_account(change, "Olga Operator", Role.OPERATOR)
        mine = add_sign_in(change, olga, timedelta())
        add_sign_in(change, dana, -HOUR)
        acting = {"actor_id": olga, "actor_sign_in_id": mine, "reason": "x"}
        add_sign_in(change, dana, timedelta(), how=HowSignedIn.ACTING, **acting)
        add_identity(change, dana)
        for used, hours in ((None, 2), (NOW, 9)):
            row = {"token_hash": f"h{hours}", "purpose": "invitation", "account_id": dana, "used_at": used}
            change.execute(insert(OneTimeLink), {**row, "created_at": NOW, "expires_at": NOW + hours * HOUR})
        return dana, olga

    dana, olga = database.change_now(rows)
    known = database.ask_now(facts, dana, Role.DRIVER)
    assert known is not None
    assert (known.name, known.email, known.state) == ("Dana Driver", "dana@example.org", State.ACTIVE)
    assert (known.cards, known.has_password, known.invited_until) == (1, True, NOW + 2 * HOUR)
    assert known.last_seen_at == NOW - HOUR  # the operator who acts as her is not she
    assert database.ask_now(facts, dana, Role.OPERATOR) is None
    assert database.ask_now(facts, 4711, Role.DRIVER) is None
    assert [one.provider for one in database.ask_now(identities, dana)] == ["company"]
    assert database.ask_now(identities, olga) == ()


@pytest.mark.alone
def test_t30_the_latest_about_somebody_costs_no_more_with_a_long_log(database: Database) -> None:
    """T30: support visits and changes, without each single page; by index however long the log is."""

    def rows(change: Change) -> tuple[int, int]:
        olga = add_account(change, "Olga Operator", Role.OPERATOR)
        dana = add_driver(change, "Dana Driver")
        caller = Caller(olga, Role.OPERATOR, olga)
        for n, action in enumerate(("acting.begin", "acting.page", "acting.end", "account.disable")):
            audit.record(change, caller, action, NOW + n * HOUR, subject_id=dana, reason="why")
        audit.record(change, caller, "account.disable", NOW, subject_id=olga)
        return dana, olga

    dana, olga = database.change_now(rows)
    found = database.ask_now(latest_about, dana)
    assert [one.action for one in found] == ["account.disable", "acting.end", "acting.begin"]
    assert found[0].actor_name == "Olga Operator"
    assert found[0].reason == "why"

    def more(change: Change) -> None:
        row = {"subject_id": dana, "actor_id": olga, "at": NOW + 4 * HOUR}
        pages = [{**row, "action": "acting.page"} for _ in range(30_000)]
        change.execute(insert(AuditEntry), pages)
        change.execute(insert(AuditEntry), [{**row, "action": "sign_in.end"} for _ in range(30)])

    database.change_now(more)
    if database.dialect == "postgresql":
        database.change_now(lambda change: change.connection.exec_driver_sql("ANALYZE audit"))
    started = time.perf_counter()
    found = database.ask_now(latest_about, dana)
    assert time.perf_counter() - started < 0.05
    assert [one.action for one in found] == ["sign_in.end"] * 20
    assert list(found) == sorted(found, key=lambda one: -one.id)
