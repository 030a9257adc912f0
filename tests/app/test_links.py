"""One-time links: who makes them, how they end, one use is one (T4, T22, T25, T47); what a password is."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app import clock
from app.access import link_rows
from app.access.account_rules import COMMON, Refused, check_password
from app.access.one_time_links import LASTS, Link, Links, LinkUsed, Purpose
from app.access.own_password import Passwords
from app.access.tokens import hashed
from app.mail import Mail
from app.settings import Settings
from data.caller import COMMAND_LINE, Caller, NotAllowed, ReadOnly
from data.database import Database
from data.models import Account, OneTimeLink
from data.types import Role
from tests.app.mailbox import mailbox
from tests.world import NOW, PASSWORD, add_account, add_driver

NEW = "a better one than before"
DANA: dict[str, Any] = {"name": "Dana Driver", "email": "Dana@Example.org", "role": Role.DRIVER}
STRANGER = Caller(None, None, address="192.0.2.7")


def service(database: Database, **settings: Any) -> Links:
    """One-time links on *database*, without pages."""
    options = Settings(_env_file=None, **settings)  # type: ignore[call-arg]
    return Links(Passwords(database, options, Mail(options)))


@pytest.fixture
def links(sqlite_database: Database) -> Links:
    """The service alone."""
    return service(sqlite_database)


@pytest.fixture
def olga(sqlite_database: Database) -> Caller:
    """An operator at a page of theirs, who speaks German."""
    account = sqlite_database.change_now(add_account, "Olga Operator", Role.OPERATOR, language="de")
    return Caller(account, Role.OPERATOR, actor_id=account, actor_sign_in_id=1, address="192.0.2.1")


def token_of(link: Link) -> str:
    """The end of the address."""
    return link.address.rsplit("/", 1)[1]


def makers(links: Links) -> dict[Purpose, Any]:
    """What makes a link of each purpose, for ``(caller, account_id)``."""
    return {
        Purpose.INVITATION: links.invite_again,
        Purpose.PASSWORD_RESET: links.reset,
        Purpose.SIGN_IN: links.sign_in_link,
    }


async def use(links: Links, purpose: Purpose, token: str) -> None:
    """Use a link as its form does."""
    if purpose is Purpose.INVITATION:
        await links.join(STRANGER, token, name="Ina", password=NEW)
    elif purpose is Purpose.PASSWORD_RESET:
        await links.renew_password(STRANGER, token, NEW)
    else:
        await links.enter(STRANGER, token)


async def test_only_operators_make_links_and_nobody_while_acting(links: Links, olga: Caller) -> None:
    """T4, T25: the service refuses by itself, and makes nothing."""
    database = links.database
    dana = await database.change(add_driver)
    driver = Caller(dana, Role.DRIVER, actor_id=dana)
    acting = replace(driver, actor_id=olga.subject_id)
    for caller, refusal in ((driver, NotAllowed), (acting, ReadOnly)):
        for attempt in (
            links.invite(caller, name="Eva", email="eva@example.org", role=Role.OPERATOR),
            *(make(caller, dana) for make in makers(links).values()),
        ):
            with pytest.raises(refusal):
                await attempt
    with pytest.raises(ReadOnly):
        await links.passwords.change_password(acting, PASSWORD, NEW)
    assert await database.ask(lambda db: db.scalar(select(OneTimeLink.id))) is None
    assert await database.ask(lambda db: len(db.execute(select(Account.id)).all())) == 2


async def test_what_an_operator_can_t_invite(links: Links, olga: Caller) -> None:
    """Each with a word of its own; one person may have an account of each role."""
    made = await links.invite(olga, **DANA)
    for changed, why in (
        ({}, "taken"),
        ({"name": " \n "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"email": "dana"}, "email"),
        ({"email": "dana@a b.org"}, "email"),
    ):
        with pytest.raises(Refused) as raised:
            await links.invite(olga, **{**DANA, **changed})
        assert raised.value.why == why
    assert (await links.invite(olga, **{**DANA, "role": Role.OPERATOR})).account_id != made.account_id
    gone = await links.database.change(add_driver, "Gone Driver", disabled_at=NOW)
    eva = await links.database.change(add_driver, "Eva Driver")
    for make, account, why in (
        (links.invite_again, gone, "disabled"),
        (links.reset, gone, "disabled"),
        (links.invite_again, 9_999, "unknown"),
        (links.reset, 9_999, "unknown"),
        (links.invite_again, eva, "joined"),
        (links.sign_in_link, eva, "unknown"),  # the break-glass link is for operators alone
        (service(links.database, password_sign_in="off").reset, eva, "off"),
    ):
        with pytest.raises(Refused) as raised:
            await make(olga, account)
        assert raised.value.why == why


async def test_whoever_has_a_password_that_is_none_any_more_is_invited_again(
    links: Links, olga: Caller
) -> None:
    """T22: but once passwords work again, that invitation is no way to set another one."""
    eva = await links.database.change(add_driver, "Eva Driver")
    off = service(links.database, password_sign_in="off")
    token = token_of(await off.invite_again(olga, eva))
    to = await off.recipient(token, Purpose.INVITATION)
    assert to is not None
    assert to.account_id == eva
    assert await links.recipient(token, Purpose.INVITATION) is None
    with pytest.raises(LinkUsed):
        await links.join(STRANGER, token, name="Eva", password=NEW)
    with pytest.raises(LinkUsed):  # nor if nobody had looked before
        await links.database.change(link_rows.join, STRANGER, hashed(token), "Eva", "hash", clock.now())


@pytest.mark.parametrize(
    ("purpose", "lasts"),
    [
        (Purpose.INVITATION, timedelta(days=7)),
        (Purpose.PASSWORD_RESET, timedelta(hours=2)),
        (Purpose.SIGN_IN, timedelta(minutes=15)),
    ],
)
async def test_a_link_ends_by_itself_by_a_newer_one_and_with_its_account(
    links: Links, purpose: Purpose, lasts: timedelta
) -> None:
    """T22: and is for its purpose and account alone."""
    change = links.database.change
    first = await change(add_account, "Ina Operator", Role.OPERATOR, password_hash=None)
    other = await change(add_account, "Ole Operator", Role.OPERATOR, password_hash=None)
    make, disable = makers(links)[purpose], update(Account).where(Account.id == first)

    async def is_open(link: Link) -> bool:
        return await links.recipient(token_of(link), purpose) is not None

    with clock.at(NOW):
        old, theirs, new = [await make(COMMAND_LINE, account) for account in (first, other, first)]
        assert [await is_open(link) for link in (old, theirs, new)] == [False, True, True]
        assert new.expires_at == NOW + lasts == NOW + LASTS[purpose]
        for wrong in set(LASTS) - {purpose}:
            assert await links.recipient(token_of(new), wrong) is None
            with pytest.raises(LinkUsed):  # nor if nobody had looked before
                await change(link_rows.use, hashed(token_of(new)), wrong, NOW)
        clock.advance(lasts - timedelta(seconds=1))
        assert await is_open(new)
        await change(lambda unit: unit.execute(disable.values(disabled_at=NOW)))
        assert not await is_open(new)
        with pytest.raises(LinkUsed):
            await use(links, purpose, token_of(new))
        await change(lambda unit: unit.execute(disable.values(disabled_at=None)))
        assert await is_open(new)  # the attempt has not used it up
        clock.advance(timedelta(seconds=1))
        assert not await is_open(new)
        with pytest.raises(LinkUsed):
            await change(link_rows.use, hashed(token_of(new)), purpose, clock.now())


async def test_of_those_who_use_a_link_at_the_same_moment_one_gets_in(database: Database) -> None:
    """T22: the database decides, on both; all of them have seen it open."""
    links = service(database)
    for number, (purpose, make) in enumerate(makers(links).items()):
        account = await database.change(add_account, f"O{number} O", Role.OPERATOR, password_hash=None)
        token = token_of(await make(COMMAND_LINE, account))
        uses = (use(links, purpose, token) for _ in range(3))
        outcomes = await asyncio.gather(*uses, return_exceptions=True)
        assert sorted(type(one).__name__ for one in outcomes) == ["LinkUsed", "LinkUsed", "NoneType"]


async def test_an_invitation_is_mailed_and_shown(sqlite_database: Database, olga: Caller) -> None:
    """T47: a name is text of the mail and nothing else; the operator reads whether it went out."""
    name = "Dana\r\nBcc: everybody@example.org\r\n\r\n=?utf-8?q?=0D=0A?= <b>"
    async with mailbox() as box:
        url = f"smtp://127.0.0.1:{box.port}"
        links = service(sqlite_database, smtp_url=url, mail_from="charge@example.org")
        link = await links.invite(olga, **{**DANA, "name": name}, base="http://portal.example/")
        assert (link.mailed, link.problem) == (True, "")
        assert link.address.startswith("http://portal.example/invitation/")
        box.refuse = "550 not here"
        again = await links.invite_again(olga, link.account_id)
        assert (again.mailed, again.problem) == (False, "the server refused the address with 550")
        assert again.address.startswith("http://127.0.0.1:8080/invitation/")
    (letter,) = box.letters
    assert box.envelopes == [("charge@example.org", ("dana@example.org",))]
    assert "Bcc" not in letter
    text = letter.get_content()  # in the language of whoever invites: Dana's is not known yet
    assert text.startswith("Guten Tag Dana Bcc: everybody@example.org =?utf-8?q?=0D=0A?= <b>,")
    assert link.address in text
    assert re.search(r"bis \w+, \d+\. \w+ \d{4}, \d\d:\d\d \(Europe/Berlin\)", text)
    assert await links.recipient(token_of(again), Purpose.INVITATION) is not None
    assert await links.recipient(token_of(link), Purpose.INVITATION) is None


def test_what_a_password_is() -> None:
    """A NIST SP 800-63B list in small: length, what is guessed first, and the account's own words."""
    person = {"name": "Dana Driver-Long", "email": "dana.driverlong@example.org"}
    for password, why in (
        ("x" * 11, "password"),
        ("x" * 1_001, "password"),
        ("aaaaaaaaaaaa", "common"),
        ("abababababab", "common"),
        ("123456789012", "common"),
        ("098765432109", "common"),
        ("Passwort 1234!", "common"),
        ("QWERTYUIOPASDF", "common"),
        ("dana.driverlong@example.org", "own"),
        ("Dana.DriverLong", "own"),
        ("danadriverlongdanadriverlong", "own"),
    ):
        with pytest.raises(Refused) as raised:
            check_password(password, **person)
        assert raised.value.why == why, password
    for good in ("correct horse battery", "ünïcödé ist auch gut", "9f3k-2m8p-7q1z"):
        check_password(good, **person)
    assert all(len(word) >= 12 and word == word.casefold() and word.isalnum() for word in COMMON)
