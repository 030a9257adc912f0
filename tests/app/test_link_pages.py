"""The pages and forms of one-time links and passwords: P3, T13, T16, T19, T22, T37, T38, T63."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from app import clock
from app.access import sign_in_rows, tokens
from app.access.account_rules import Refused
from app.access.first_operator import FirstOperator
from app.access.one_time_links import Purpose
from app.access.own_password import WrongPassword
from app.access.tries import TooManyTries
from app.logs import clean
from data.caller import COMMAND_LINE, Caller
from data.database import Database
from data.models import Account, AuditEntry, Identity, OneTimeLink, SignIn
from data.types import HowSignedIn, Role
from tests.app.access_site import Site, site
from tests.app.mailbox import Mailbox, mailbox
from tests.app.test_links import DANA, NEW, token_of
from tests.world import NOW, PASSWORD

FORMS = ("invitation", "password", "enter", "forgot", "welcome")


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Site]:
    async with site(sqlite_database) as made:
        yield made


async def told(here: Site) -> list[tuple[str, int | None, str]]:
    """The audit log: action, subject, name of the actor."""
    columns = AuditEntry.action, AuditEntry.subject_id, AuditEntry.actor_name

    def ask(db: Connection) -> list[Any]:
        return [tuple(row) for row in db.execute(select(*columns).order_by(AuditEntry.id))]

    return await here.database.ask(ask)


async def test_an_invitation_is_accepted_once(here: Site) -> None:
    """T22: looking does not use it up; a name and a password do, and sign in; both are in the audit."""
    link = await here.links.invite(COMMAND_LINE, **DANA)
    path = f"/invitation/{token_of(link)}"
    form = {"token": token_of(link), "name": "Dana D.", "password": NEW, "time_zone": "Pacific/Chatham"}
    async with here.browser() as browser:
        for _ in range(2):
            page = await browser.get(path)
            assert page.status_code == 200
            for part in ("Dana Driver", "dana@example.org", "new-password", "Make my account"):
                assert part in page.text
        joined = await browser.post("/auth/invitation", data=form)
        assert (joined.status_code, joined.headers["location"]) == (303, "/")
        assert "Hello Dana D." in (await browser.get("/")).text
    async with here.browser() as late:
        again = await late.post("/auth/invitation", data={**form, "password": "somebody else's one"})
        assert again.headers["location"] == path
        unusable = [await late.get(one) for one in (path, path[:-1] + "x", "/invitation/none")]
        assert [page.status_code for page in unusable] == [404] * 3
        assert "be used any more" in unusable[0].text
        assert len({re.sub(r"[0-9a-f-]{36}|nonce=\"[^\"]+\"", "", page.text) for page in unusable}) == 1
        good = await late.post("/auth/sign-in", data={"email": "dana@example.org", "password": NEW})
        assert good.headers["location"] == "/"
    zone = await here.database.ask(lambda db: db.scalar(select(Account.time_zone)))
    assert zone == "Pacific/Chatham"
    how = await here.database.ask(lambda db: list(db.scalars(select(SignIn.how).order_by(SignIn.id))))
    assert how == [HowSignedIn.LINK, HowSignedIn.PASSWORD]
    assert await told(here) == [
        ("person.invite", link.account_id, "command line"),
        ("person.join", link.account_id, "Dana D."),
    ]


async def test_a_new_password_ends_the_old_one_and_everything_it_opened(here: Site) -> None:
    """T16: other browsers are out at once, other links too; this one is in, with a new token (T13).

    Whoever else is signed in at the browser stays (P3).
    """
    dana, eva = await here.driver(), await here.driver("Eva Driver")
    elsewhere, before = await here.sign_ins.issue(dana), await here.sign_ins.issue(eva)
    link = await here.links.reset(COMMAND_LINE, dana)
    async with here.browser(before) as browser:
        page = await browser.get(f"/password/{token_of(link)}")
        for part in ("For the driver account of Dana Driver", "dana@example.org", "it will be signed out"):
            assert part in page.text
        for password, why in (("short", "password"), ("password12345", "common"), ("Dana Driver.", "own")):
            form = {"token": token_of(link), "password": password}
            refused = await browser.post("/auth/password", data=form)
            assert refused.headers["location"] == f"/password/{token_of(link)}?problem={why}"
            assert "lease choose" in (await browser.get(refused.headers["location"])).text
        done = await browser.post("/auth/password", data={"token": token_of(link), "password": NEW})
        assert (done.status_code, done.headers["location"]) == (303, "/")
        assert done.cookies["polaris"] not in ("", before)
        assert "Hello Dana" in (await browser.get("/")).text
        assert len(await here.sign_ins.of_account(eva)) == 1
        assert await here.sign_ins.find(elsewhere) is None
        answer = await browser.post("/auth/password", data={"token": token_of(link), "password": PASSWORD})
        assert (await browser.get(answer.headers["location"])).status_code == 404
    async with here.browser() as browser:
        for password, location in ((PASSWORD, "/sign-in?problem=wrong"), (NEW, "/")):
            form = {"email": "dana@example.org", "password": password}
            assert (await browser.post("/auth/sign-in", data=form)).headers["location"] == location
    assert [action for action, *_ in await told(here)] == ["person.reset", "password.reset", "sign_in.end"]


async def test_a_link_s_form_comes_from_our_own_page(here: Site, caplog: pytest.LogCaptureFixture) -> None:
    """T37: POST with our Origin alone; GET changes nothing. T13, T38, T63: no token is stored or logged."""
    caplog.set_level("DEBUG", logger="polaris")
    caplog.set_level("DEBUG", logger="nicegui")
    made = [
        await here.links.invite(COMMAND_LINE, **{**DANA, "email": "dora@example.org"}),
        await here.links.reset(COMMAND_LINE, await here.driver()),
        await here.links.sign_in_link(COMMAND_LINE, await here.operator()),
    ]
    data = {"password": NEW, "name": "N", "email": "dana@example.org"}
    async with here.browser() as browser:
        for form in FORMS:
            foreign = {"origin": "https://evil.example"}
            for link in made:
                tried = {**data, "token": token_of(link)}
                assert (await browser.post(f"/auth/{form}", data=tried, headers=foreign)).status_code == 403
            assert (await browser.get(f"/auth/{form}")).status_code in (404, 405)
            for token in ("../admin", "ä\r\nset-cookie: a=b"):
                answer = await browser.post(f"/auth/{form}", data={**data, "token": token})
                location = answer.headers.get("location", "404")
                assert location in (f"/{form}/none", "/sign-in?problem=link", "404")
        for link, form in zip(made, FORMS, strict=False):
            path = link.address.removeprefix("http://127.0.0.1:8080")
            assert (await browser.get(path)).status_code == 200
            done = await browser.post(f"/auth/{form}", data={**data, "token": token_of(link)})
            assert done.headers["location"] in ("/", "/admin")
        # Nothing is mailed here, so nothing is made that nobody gets.
        assert "Your operator can make a link" in (await browser.get("/forgot")).text
        assert (await browser.post("/auth/forgot", data=data)).status_code == 404
    stored = await here.database.ask(lambda db: str(db.execute(select(OneTimeLink.__table__)).all()))
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "a new password was set" in said
    assert NEW not in said
    for link in made:
        assert token_of(link) not in stored + said + clean(f"GET {link.address} failed")


async def test_whoever_acts_as_somebody_leaves_that_by_a_link(here: Site) -> None:
    """T29: until then the banner is there too; T13: with a new token, and the acting as is over."""
    operator, dana = await here.operator(), await here.driver()
    mine = await here.sign_ins.find(await here.sign_ins.issue(operator))
    assert mine is not None
    olga = Caller(operator, Role.OPERATOR, actor_id=operator, actor_sign_in_id=mine.sign_in_id)
    acting, now = tokens.new(), clock.now()
    begun = tokens.hashed(acting)
    await here.database.change(sign_in_rows.begin_acting, olga, dana, "She asks.", now, begun)
    link = await here.links.reset(COMMAND_LINE, dana)
    async with here.browser(acting) as browser:
        for path in ("/forgot", f"/password/{token_of(link)}", "/password/none"):
            assert "You are acting as Dana Driver" in (await browser.get(path)).text
        done = await browser.post("/auth/password", data={"token": token_of(link), "password": NEW})
        page = await browser.get(done.headers["location"])
        assert "Hello Dana" in page.text
        assert "You are acting" not in page.text
    how = await here.database.ask(lambda db: list(db.scalars(select(SignIn.how).order_by(SignIn.id))))
    assert how == [HowSignedIn.PASSWORD, HowSignedIn.LINK]
    assert await here.sign_ins.find(acting) is None


async def test_tries_are_counted_by_address_and_by_account(here: Site) -> None:
    """T19: then 429 with the time to wait, and a moment later it works again; good links take no try."""
    people = [await here.operator(f"O{number} Operator") for number in range(12)]
    with clock.at(NOW):
        links = [await here.links.sign_in_link(COMMAND_LINE, account) for account in people]
        async with here.browser() as browser:
            for link in links[:11]:
                entered = await browser.post("/auth/enter", data={"token": token_of(link)})
                assert entered.headers["location"] == "/admin"
            for number in range(60):
                wrong = {"token": "x" * 43, "password": NEW}
                assert (await browser.post(f"/auth/{FORMS[number % 3]}", data=wrong)).status_code == 303
            for form in ("invitation", "password", "enter", "welcome"):
                refused = await browser.post(f"/auth/{form}", data={"token": token_of(links[11])})
                assert refused.status_code == 429
                assert 1 <= int(refused.headers["retry-after"]) <= 7
                assert "Too many tries" in refused.text
            clock.advance(timedelta(seconds=7))
            entered = await browser.post("/auth/enter", data={"token": token_of(links[11])})
            assert entered.headers["location"] == "/admin"
        link = await here.links.reset(COMMAND_LINE, people[0])
        codes = []
        for number in range(12):  # many addresses gain nothing
            async with here.browser(client=(f"2001:db8:{number}::1", 5)) as browser:
                form = {"token": token_of(link), "password": "short"}
                codes.append((await browser.post("/auth/password", data=form)).status_code)
        assert codes == [303] * 10 + [429] * 2


async def test_somebody_changes_their_own_password(here: Site) -> None:
    """T16, T19: with the one they have, counted for the sign-in; everywhere else they are signed out."""
    dana = await here.driver()
    token, elsewhere = [await here.sign_ins.issue(dana) for _ in range(2)]
    mine = await here.sign_ins.find(token)
    assert mine is not None
    caller = Caller(dana, Role.DRIVER, actor_id=dana, actor_sign_in_id=mine.sign_in_id, address="192.0.2.9")
    change = here.links.passwords.change_password
    link = await here.links.reset(COMMAND_LINE, dana)
    with clock.at(NOW):
        with pytest.raises(Refused):
            await change(caller, PASSWORD, "short")
        for _ in range(10):
            with pytest.raises(WrongPassword):
                await change(caller, "not this one", NEW)
        with pytest.raises(TooManyTries):
            await change(caller, PASSWORD, NEW)
        async with here.browser() as browser:  # nobody takes the tries of another one
            form = {"email": "dana@example.org", "password": PASSWORD}
            assert (await browser.post("/auth/sign-in", data=form)).headers["location"] == "/"
        clock.advance(timedelta(minutes=1))
        await change(caller, PASSWORD, NEW)
    assert await here.sign_ins.find(token) is not None
    assert await here.sign_ins.find(elsewhere) is None
    assert await here.links.recipient(token_of(link), Purpose.PASSWORD_RESET) is None
    assert [action for action, *_ in await told(here)] == [
        *("person.reset", "password.change"),
        *("sign_in.end", "sign_in.end"),  # the other one of before, and the browser's
    ]
    async with here.browser() as browser:
        form = {"email": "dana@example.org", "password": NEW}
        assert (await browser.post("/auth/sign-in", data=form)).headers["location"] == "/"


PROVIDERS = """
[acme]
label = "Acme <b>ID</b>"
issuer = "https://id.example.org"
client_id = "polaris"
"""


async def test_with_an_identity_provider_passwords_are_off_and_the_break_glass_works(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """T22: the form itself refuses; an invitation leads to the provider, the server's link in."""
    file = tmp_path / "providers.toml"
    file.write_text(PROVIDERS)
    async with site(sqlite_database, identity_providers=str(file)) as here:
        first = FirstOperator(here.database).offer()
        invited = await here.links.invite(COMMAND_LINE, **{**DANA, "email": "dora@example.org"})
        await here.driver()
        async with here.browser() as browser:
            form = {"email": "dana@example.org", "password": PASSWORD}
            refused = await browser.post("/auth/sign-in", data=form)
            assert refused.headers["location"] == "/sign-in?problem=off"
            assert "Passwords are not used here" in (await browser.get(refused.headers["location"])).text
            assert "Passwords are not used here" in (await browser.get("/forgot")).text
            assert (await browser.post("/auth/forgot", data=form)).status_code == 404
            page = html.unescape((await browser.get(f"/invitation/{token_of(invited)}")).text)
            assert f"/auth/provider/acme?purpose=invitation&token={token_of(invited)}" in page
            assert "new-password" not in page
            form = {"token": token_of(invited), "name": "Dora", "password": NEW}
            assert "problem=off" in (await browser.post("/auth/invitation", data=form)).headers["location"]
            assert "new-password" not in (await browser.get(f"/welcome/{first}")).text
            form = {"token": str(first), "name": "Olga", "email": "olga@example.org"}
            assert (await browser.post("/auth/welcome", data=form)).headers["location"] == "/admin/setup"
        link = await here.links.sign_in_link(COMMAND_LINE, 3)
        async with here.browser() as browser:
            assert "signs Olga in, once" in (await browser.get(f"/enter/{token_of(link)}")).text
            assert (await browser.get("/admin")).status_code == 303
            entered = await browser.post("/auth/enter", data={"token": token_of(link)})
            assert entered.headers["location"] == "/admin"
            assert (await browser.get("/admin")).status_code == 200
            used = await browser.get(f"/enter/{token_of(link)}")
            assert "main.py operator-sign-in EMAIL" in used.text
        assert [row for row in await told(here) if row[1] == 3] == [
            ("person.first_operator", 3, "Olga"),
            ("person.sign_in_link", 3, "command line"),
            ("sign_in.by_link", 3, "Olga"),
        ]


async def test_passwords_are_on_where_that_is_said(sqlite_database: Database, tmp_path: Path) -> None:
    """T22: and an invitation offers both ways. The first operator's link ends when one has come otherwise."""
    file = tmp_path / "providers.toml"
    file.write_text(PROVIDERS)
    async with site(sqlite_database, identity_providers=str(file), password_sign_in="on") as here:
        token = FirstOperator(here.database).offer()
        await here.operator()
        invited = await here.links.invite(COMMAND_LINE, **DANA)
        async with here.browser() as browser:
            page = (await browser.get(f"/invitation/{token_of(invited)}")).text
            assert "new-password" in page
            assert "/auth/provider/acme" in page
            form = {"token": str(token), "name": "Eve", "email": "eve@example.org", "password": NEW}
            late = await browser.post("/auth/welcome", data=form)
            assert late.headers["location"] == "/sign-in?problem=link"
            form = {"email": "olga@example.org", "password": PASSWORD}
            assert (await browser.post("/auth/sign-in", data=form)).headers["location"] == "/admin"


@pytest.fixture
async def mailing(sqlite_database: Database) -> AsyncIterator[tuple[Site, Mailbox]]:
    async with mailbox() as box:
        url = f"smtp://127.0.0.1:{box.port}"
        async with site(sqlite_database, smtp_url=url, mail_from="charge@example.org") as here:
            yield here, box


async def test_a_forgotten_password_is_answered_alike_whoever_asks(mailing: tuple[Site, Mailbox]) -> None:
    """T19: one answer for a known address, an unknown one, a disabled account; the mail comes behind it.

    Three mails go to one address, then 429, known or not; others can go on asking.
    """
    here, box = mailing
    await here.driver(language="de")
    await here.operator("Dana Operator", language=None)
    await here.driver("Gone Driver", disabled_at=NOW)
    pia = await here.driver("Pia Driver", password_hash=None)  # only ever by a provider: its word alone
    row = {"account_id": pia, "provider": "x", "issuer": "i", "subject": "s", "created_at": NOW}
    await here.database.change(lambda change: change.execute(insert(Identity), {**row, "last_used_at": NOW}))
    async with here.browser() as browser:
        assert "Mail me a link" in (await browser.get("/forgot")).text
        answers = []
        for name in ("dana", "nobody", "gone", "pia", "a,b"):
            form = {"email": f" {name}@Example.org "}
            # T20: the port that is asked for may be another program's, and the link is for somebody else.
            asked = {"host": "127.0.0.1:81", "origin": "http://127.0.0.1:81"}
            answer = await browser.post("/auth/forgot", data=form, headers=asked)
            answers.append((answer.status_code, sorted(answer.headers.items())))
            assert len(answers) > 1 or not box.letters  # nobody is looked for before the answer
        assert all(answer == answers[0] for answer in answers)
        assert ("location", "/forgot?sent=yes") in answers[0][1]
        assert "If there is an account with this address" in (await browser.get("/forgot?sent=yes")).text
        letters = [await box.letter(number) for number in (1, 2)]
        assert {to for _, to in box.envelopes} == {("dana@example.org",)}
        german, english = sorted(letters, key=lambda one: "Hello" in one.get_content())
        assert "Fahrerkonto dana@example.org" in german.get_content()
        assert "operator account dana@example.org" in english.get_content()
        assert english["Subject"] == "A new password for Polaris Express"
        found = re.search(r"http://127\.0\.0\.1/password/([\w-]{43})\s", german.get_content())
        assert found is not None
        done = await browser.post("/auth/password", data={"token": found[1], "password": NEW})
        assert done.headers["location"] == "/"
        changed = await box.letter(3)
        assert changed["Subject"] == "Ihr Passwort für Polaris Express wurde geändert"
        assert found[1] not in changed.get_content()
    with clock.at(NOW + timedelta(days=365)):  # all buckets are full again
        for email in ("dana@example.org", "nobody@example.org"):
            async with here.browser(client=(email, 5)) as browser:
                form = {"email": email}
                codes = [(await browser.post("/auth/forgot", data=form)).status_code for _ in range(4)]
            assert codes == [303, 303, 303, 429]
        codes = []
        async with here.browser(client=("192.0.2.7", 5)) as browser:
            for number in range(62):
                form = {"email": f"somebody{number}@example.org"}
                codes.append((await browser.post("/auth/forgot", data=form)).status_code)
        assert codes == [303] * 60 + [429] * 2
        await box.letter(9)
    await asyncio.sleep(0.1)
    assert len(box.letters) == 9
    assert {to for _, to in box.envelopes} == {("dana@example.org",)}
