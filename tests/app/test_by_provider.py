"""Coming in by an identity provider, through the front door: T9, T11, T12, T19, T21, T22."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app import clock
from data.database import Database
from data.models import Account, SignIn
from data.types import HowSignedIn
from tests.app.access_site import Site
from tests.app.provider_site import (
    ADA,
    BEGIN,
    BOB,
    CALLBACK,
    Open,
    accounts,
    audit,
    back,
    begun,
    identities,
    link,
    opened,
    path,
    provider,
    running_provider,
    said,
    sign_in,
)
from tests.providers.hostile import Hostile
from tests.world import NOW, PASSWORD

__all__ = ["opened", "provider", "running_provider"]
UNKNOWN = "there is no account for you here"
TAKEN = "There is an account with your e-mail address already"


async def disable(here: Site, account_id: int) -> None:
    await here.database.change(
        lambda change: change.execute(update(Account).where(Account.id == account_id).values(disabled_at=NOW))
    )


async def test_an_unknown_person_comes_in_as_a_driver_where_that_is_allowed(
    database: Database, opened: Open, provider: Hostile
) -> None:
    """T9, T12: a new account, known by (iss, sub) alone from then on; made, linked and audited at once."""
    async with opened(database, unknown_drivers=True) as here, here.browser() as browser:
        away = await begun(browser, next="/?period=year")
        assert {"code_challenge_method=S256", "nonce", "state"} <= {
            part if "S256" in part else part.partition("=")[0] for part in away.split("?")[1].split("&")
        }
        assert await back(browser, await provider.visit(away)) == "/?period=year"
        assert "Hello Ada Driver, year" in await said(browser, "/?period=year")
        kept = await here.database.ask(
            lambda db: db.execute(
                select(Account.email, Account.language, Account.time_zone, Account.password_hash)
            ).one()
        )
        assert tuple(kept) == ("ada@example.org", "de", "Europe/Zurich", None)
        columns = SignIn.how, SignIn.provider_session, SignIn.identity_id, SignIn.remembered
        assert [
            tuple(one) for one in await here.database.ask(lambda db: db.execute(select(*columns)).all())
        ] == [(HowSignedIn.PROVIDER, "session-1", 1, False)]
        assert await audit(here) == [
            ("account.create", 1, "Ada Driver"),
            ("identity.link", 1, "Ada Driver"),
        ]
        # Another address, another name: still the same person.
        provider.person.update(email="ada@elsewhere.example", name="Ada Married")
        async with here.browser() as other:
            assert await sign_in(other, provider, remember="yes") == "/"
            lasts = {cookie.name: cookie.expires for cookie in other.cookies.jar}
            assert lasts[here.sign_ins.cookie] is not None
        kept = {cookie.name: cookie.expires for cookie in browser.cookies.jar}
        assert kept[here.sign_ins.cookie] is None
        assert await accounts(here) == [("Ada Driver", "driver")]


@pytest.mark.parametrize("who", ["stranger", "disabled", "disabled by e-mail"])
async def test_an_unknown_person_is_told_whom_to_ask(
    sqlite_database: Database, opened: Open, provider: Hostile, who: str
) -> None:
    """T12: and a disabled account is told in the same words, also where unknown people may come in."""
    async with (
        opened(sqlite_database, unknown_drivers=who != "stranger", link_by_email=True) as here,
        here.browser() as browser,
    ):
        if who != "stranger":
            ada = await here.driver("Ada Driver")
            await disable(here, ada)
            if who == "disabled":
                await link(here, ada, provider.issuer)
        before = await accounts(here)
        where = await sign_in(browser, provider, next="/?period=year")
        assert path(where) == "/sign-in"
        page = await said(browser, where)
        assert UNKNOWN in page
        assert "Company knows you" in page
        assert await accounts(here) == before
        assert (await browser.get("/")).status_code == 303


ADDRESSES: list[Any] = [
    pytest.param({}, {}, {}, "linked", id="T12-verified-and-allowed"),
    pytest.param({"link_by_email": False}, {}, {}, TAKEN, id="T12-not-allowed"),
    pytest.param(
        {"link_by_email": False, "unknown_drivers": True}, {}, {}, TAKEN, id="T12-no-second-account"
    ),
    pytest.param({}, {"email_verified": False}, {}, UNKNOWN, id="T12-not-verified"),
    pytest.param({"unknown_drivers": True}, {"email_verified": False}, {}, UNKNOWN, id="T12-nor-told-of-it"),
    pytest.param({}, {}, {"identity": "person-9"}, TAKEN, id="T12-somebody-at-a-provider-has-it"),
    pytest.param({"unknown_drivers": True}, {"email": None}, {}, "told us no e-mail", id="T12-no-address"),
]


@pytest.mark.parametrize(("table", "told", "account", "outcome"), ADDRESSES)
async def test_an_address_leads_to_an_account_only_where_the_operator_allows(
    sqlite_database: Database,
    opened: Open,
    provider: Hostile,
    table: dict[str, Any],
    told: dict[str, Any],
    account: dict[str, str],
    outcome: str,
) -> None:
    """T12."""
    provider.person = {name: value for name, value in {**ADA, **told}.items() if value is not None}
    provider.lies.userinfo = {name: None for name, value in told.items() if value is None}
    async with opened(sqlite_database, **{"link_by_email": True, **table}) as here, here.browser() as browser:
        ada = await here.driver("Ada Driver")
        if "identity" in account:
            await link(here, ada, provider.issuer, account["identity"])
        known = await identities(here)
        where = await sign_in(browser, provider)
        if outcome == "linked":
            assert where == "/"
            assert await identities(here) == [(ada, "person-1")]
            assert await audit(here) == [("identity.link", ada, "Ada Driver")]
        else:
            assert outcome in await said(browser, where)
            assert await identities(here) == known
            assert await audit(here) == []
        assert await accounts(here) == [("Ada Driver", "driver")]


OPERATORS = {"operator_claim": "groups", "operator_value": "operators"}


async def test_an_operator_by_claim_gained_and_lost(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T7, T12: a driver who becomes an operator gets an account for it; who is none any more, is out."""
    async with opened(sqlite_database, unknown_drivers=True, **OPERATORS) as here, here.browser() as browser:
        assert await sign_in(browser, provider) == "/"
        provider.person["groups"] = ["operators"]
        async with here.browser() as console:
            assert await sign_in(console, provider) == "/admin"
            assert (await console.get("/admin")).status_code == 200
            assert await accounts(here) == [("Ada Driver", "driver"), ("Ada Driver", "operator")]
            # P3: "use another account" leads to the other one, and the page that is wanted decides.
            assert await sign_in(console, provider) == "/"
            assert len(await here.sign_ins.of_account(2)) == 1
            assert await sign_in(browser, provider, next="/admin/people") == "/admin/people"

            del provider.person["groups"]
            assert await sign_in(browser, provider, next="/admin") == "/admin"  # as a driver: 404
            assert (await browser.get("/admin")).status_code == 404
            assert await here.sign_ins.of_account(2) == ()
            assert (await console.get("/")).status_code == 200  # the driver's account is theirs all the same
            rows = [row for row in await audit(here) if row[0] == "sign_in.end"]
            assert rows == [("sign_in.end", 2, "identity provider company")] * 2
        await disable(here, 1)
        assert "does not say that you are an operator" in await said(
            browser, await sign_in(browser, provider)
        )
        provider.person["groups"] = ["operators"]
        assert await sign_in(browser, provider) == "/admin"


async def test_operators_where_no_claim_tells(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T12: a linked account of an operator's works; who owns both comes in where they want to."""
    async with opened(sqlite_database) as here, here.browser() as browser:
        olga, dana = await here.operator(), await here.driver()
        await link(here, olga, provider.issuer)
        assert await sign_in(browser, provider) == "/admin"
        await link(here, dana, provider.issuer)
        async with here.browser() as other:
            assert await sign_in(other, provider) == "/"
        async with here.browser() as other:
            assert await sign_in(other, provider, next="/admin") == "/admin"


async def test_a_claim_makes_no_second_account_with_an_operator_s_address(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T12."""
    async with opened(sqlite_database, **OPERATORS) as here, here.browser() as browser:
        await here.operator("Ada Operator")
        provider.person["groups"] = ["operators"]
        assert TAKEN in await said(browser, await sign_in(browser, provider))
        assert await identities(here) == []


async def test_tabs_at_the_same_time_all_come_in(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T9: each has a state of its own; the answer that is used already leads on."""
    async with opened(sqlite_database, unknown_drivers=True) as here, here.browser() as browser:
        tabs = [await begun(browser, next=f"/?period={name}") for name in ("year", "previous", "current")]
        answers = [await provider.visit(address) for address in reversed(tabs)]
        went = [await back(browser, answer) for answer in answers]
        assert went == ["/?period=current", "/?period=previous", "/?period=year"]
        assert await back(browser, answers[0]) == "/?period=current"
        assert "Hello Ada" in await said(browser, "/")
        assert len(await here.sign_ins.of_account(1)) == 1


async def test_an_answer_is_good_once_and_for_the_browser_that_asked(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T9: swapped, replayed, made up, too late: sign-in again, and never somebody else."""
    async with opened(sqlite_database, unknown_drivers=True) as here:
        async with here.browser() as victim, here.browser() as attacker, here.browser() as third:
            mine = await provider.visit(await begun(attacker))
            await begun(victim)
            for browser, query in (
                (victim, str(mine)),
                (third, str(mine)),
                (third, "code=x&state=y"),
                (third, ""),
            ):
                answer = await browser.get(f"{CALLBACK}?{query}")
                assert answer.status_code == 303
                page = await said(browser, answer.headers["location"])
                words = "keeps no cookies" if browser is third else "Please try again"
                assert words in page
                assert (await browser.get("/")).status_code == 303
            assert await back(attacker, mine) == "/"
            await attacker.post("/auth/sign-out")
            assert path(await back(attacker, mine)) == "/sign-in"
            late = await provider.visit(await begun(attacker, next="/?period=year"))
            with clock.at(clock.now() + timedelta(minutes=11)):
                where = await back(attacker, late)
            assert "next=%2F%3Fperiod%3Dyear" in where  # where they wanted to is known all the same
        assert len(await accounts(here)) == 1


@pytest.mark.alone
@pytest.mark.parametrize("how", ["500", "stall"])
@pytest.mark.alone
async def test_a_provider_that_is_down_explains_itself_and_leaves_the_signed_in_alone(
    sqlite_database: Database, opened: Open, provider: Hostile, how: str
) -> None:
    """T21: at the beginning, on the way back and at sign-out; within the time that was set, never a 500."""
    async with opened(sqlite_database, patience=1 if how == "stall" else 10) as here:
        dana = await here.driver()
        await link(here, dana, provider.issuer)
        async with here.browser() as signed_in, here.browser() as browser:
            assert await sign_in(signed_in, provider) == "/"
            query = await provider.visit(await begun(browser))
            provider.lies.pages = {"/token": how}
            started = time.monotonic()
            page = await said(browser, await back(browser, query))
            assert "Company does not answer at the moment" in page
            assert time.monotonic() - started < 3
            started = time.monotonic()
            assert "Company did not answer a moment ago" in await said(browser, "/sign-in")
            assert time.monotonic() - started < 1
            assert (await signed_in.get("/")).status_code == 200
            # Also for who is signed in and wanted to sign in a further account (P3).
            where = await sign_in(signed_in, provider)
            assert "does not answer" in await said(signed_in, where)
            assert (await signed_in.get("/")).status_code == 200
            # What is remembered of it would lead to it, but it was down: it is asked first.
            provider.lies.pages = {"/.well-known/openid-configuration": how}
            started = time.monotonic()
            where = (await browser.get(BEGIN)).headers["location"]
            assert "does not answer" in await said(browser, where)
            assert time.monotonic() - started < 3
            provider.lies.pages = {}
            with clock.at(clock.now() + timedelta(seconds=6)):
                assert await sign_in(browser, provider) == "/"
            assert "a moment ago" not in await said(browser, "/sign-in?another=yes")


@pytest.mark.alone
async def test_a_provider_that_was_never_reached(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T21: at the beginning."""
    provider.lies.pages = {"/.well-known/openid-configuration": "stall"}
    async with opened(sqlite_database, patience=1) as here, here.browser() as browser:
        started = time.monotonic()
        answer = await browser.get(BEGIN + "?next=%2F%3Fperiod%3Dyear")
        assert time.monotonic() - started < 3
        assert "does not answer at the moment" in await said(browser, answer.headers["location"])
        assert "next=%2F%3Fperiod%3Dyear" in answer.headers["location"]


async def test_what_a_provider_refuses_and_what_it_lies_about(
    sqlite_database: Database, opened: Open, provider: Hostile, caplog: pytest.LogCaptureFixture
) -> None:
    """T9, T10: cancelled is said; a lie gets general words and a reference, whose line tells the operator."""
    async with opened(sqlite_database, unknown_drivers=True) as here, here.browser() as browser:
        provider.lies.callback = {"code": None, "error": "access_denied"}
        assert "was cancelled" in await said(browser, await sign_in(browser, provider))
        provider.lies.callback = {}
        provider.lies.claims = {"nonce": "another"}
        where = await sign_in(browser, provider, next="/?period=year")
        page = await said(browser, where)
        found = re.search(r"tell your operator the reference ([0-9A-F]{8})", page)
        assert found is not None
        assert "another nonce" not in page
        assert any(
            "another nonce" in record.getMessage()
            for record in caplog.records
            if record.levelname == "WARNING"
        )
        # Whoever makes up an address makes up none of its words.
        made_up = "/sign-in?problem=provider-untrusted&provider=%3Cb%3E&reference=call+me"
        page = await said(browser, made_up)
        assert "call me" not in page
        assert "Signing in with the identity provider did not work" in page
        assert await accounts(here) == []


async def test_answers_that_are_none_are_counted(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T19: per address, never for good; people who come in well are not held up by each other."""
    async with opened(sqlite_database, unknown_drivers=True) as here:
        with clock.at(clock.now()):
            async with here.browser() as browser:
                provider.lies.callback = {"code": None, "error": "access_denied"}
                for _ in range(11):
                    assert path(await sign_in(browser, provider)) == "/sign-in"
                provider.lies.callback = {}
                for _ in range(11):
                    assert await sign_in(browser, provider) == "/"
                for _ in range(60):
                    assert (await browser.get(f"{CALLBACK}?state=x&code=y")).status_code == 303
                refused = await browser.get(f"{CALLBACK}?state=x&code=y")
                assert refused.status_code == 429
                assert 1 <= int(refused.headers["retry-after"]) <= 7
                assert "Too many tries" in refused.text
                async with here.browser(client=("2001:db8::1", 1)) as elsewhere:
                    assert await sign_in(elsewhere, provider) == "/"
                clock.advance(timedelta(seconds=7))
                assert await sign_in(browser, provider) == "/"


async def test_the_sign_in_page_offers_what_there_is(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T22: with a provider, passwords are off unless switched on; T18: no way to another site."""
    async with opened(sqlite_database) as here, here.browser() as browser:
        page = await said(browser, "/sign-in?next=%2F%3Fperiod%3Dyear")
        assert "Sign in with Company" in page
        assert "/auth/provider/company?next=%2F%3Fperiod%3Dyear" in page
        assert "/auth/provider/company?next=%2F%3Fperiod%3Dyear&remember=yes" in page.replace("&amp;", "&")
        assert "password" not in page.lower().replace("password-form", "")
        assert "/forgot" not in page
        provider_requests = list(provider.asked)
        assert provider_requests == []  # nobody waits for a provider to see the page
        await here.driver()
        signed_in = await browser.post(
            "/auth/sign-in", data={"email": "dana@example.org", "password": PASSWORD}
        )
        assert path(signed_in.headers["location"]) == "/sign-in"
        assert (await browser.get("/")).status_code == 303
        assert (await browser.get("/auth/provider/other")).status_code == 404
        assert (await browser.get("/auth/provider/other/callback?state=x")).status_code == 404
        assert (await browser.get(f"{BEGIN}?purpose=other")).status_code == 404
        assert (await browser.head(f"{CALLBACK}?state=x")).status_code == 404
        provider.person = dict(BOB)
        where = await sign_in(browser, provider, next="https://evil.example/")
        assert "evil" not in where


async def test_passwords_can_stay_on_beside_a_provider(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T22; P3: who is signed in already is offered the picker."""
    async with (
        opened(sqlite_database, settings={"password_sign_in": "on"}) as here,
        here.browser() as browser,
    ):
        await here.driver()
        page = await said(browser, "/sign-in")
        assert "/forgot" in page
        assert "Sign in with Company" in page
        await browser.post("/auth/sign-in", data={"email": "dana@example.org", "password": PASSWORD})
        assert (await browser.get("/sign-in")).headers["location"] == "/"
        page = await said(browser, "/sign-in?another=yes")
        assert "Choose one of the accounts" in page
        assert "Sign in with Company" in page
