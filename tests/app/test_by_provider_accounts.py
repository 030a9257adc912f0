"""Linking an identity, proving who one is by it, an invitation taken with it: T4, T9, T12, T24, T25."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update
from starlette.requests import Request
from starlette.responses import Response

from app import clock
from app.access import tokens
from app.access.acting import ActingAs
from app.access.identities import Refused, Why
from app.access.identity import Person
from app.access.one_time_links import Purpose
from app.access.visitor import Visitor
from data.caller import COMMAND_LINE, ReadOnly
from data.database import Database
from data.models import AuditEntry, OneTimeLink, SignIn
from data.types import Role
from tests.app.access_site import Site
from tests.app.mailbox import mailbox
from tests.app.provider_site import (
    BEGIN,
    BOB,
    KEY,
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

__all__ = ["opened", "provider", "running_provider"]


def request(here: Site, browser: httpx.AsyncClient) -> Request:
    """What the browser would ask with."""
    cookie = f"{here.sign_ins.cookie}={browser.cookies[here.sign_ins.cookie]}"
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())], "client": ("127.0.0.1", 1)})


async def visitor(here: Site, browser: httpx.AsyncClient) -> Visitor:
    """Who is current at the browser."""
    found = await here.sign_ins.visitor(request(here, browser))
    assert found is not None
    return found


async def test_an_identity_is_linked_by_who_is_signed_in_and_proved_it_lately(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T12, T24: not by a link on another site, not with an old proof; twice is once; audited."""
    async with opened(sqlite_database) as here:
        dana = await here.driver()
        async with here.browser(await here.sign_ins.issue(dana)) as browser:
            for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "none"}, {}):
                for what in ("link", "fresh", f"invitation&token={tokens.new()}"):
                    answer = await browser.get(f"{BEGIN}?purpose={what}", headers=headers)
                    assert answer.status_code == 403, what
            came = {"referer": "http://127.0.0.1/account"}  # a browser that does not say more
            assert (await browser.get(BEGIN + "?purpose=link", headers=came)).status_code == 303
            query = await provider.visit(await begun(browser, purpose="link"))
            with clock.at(clock.now() + timedelta(minutes=16)):
                away = await begun(browser, purpose="link")
                assert away == "/confirm?next=%2Faccount"
            old = update(SignIn).values(fresh_at=clock.now() - timedelta(hours=1))
            await here.database.change(lambda change: change.execute(old))
            assert await back(browser, query) == "/confirm?next=%2Faccount"
            assert await identities(here) == []
            await here.sign_ins.prove((await visitor(here, browser)).caller, 1)
            assert await sign_in(browser, provider, purpose="link") == "/account"
            assert await sign_in(browser, provider, purpose="link") == "/account"
            assert await identities(here) == [(dana, "person-1")]
            assert await audit(here) == [("identity.link", dana, "Dana Driver")]
        async with here.browser() as browser:
            assert (await begun(browser, purpose="link")) == "/sign-in?next=%2Faccount"
            assert await sign_in(browser, provider) == "/"


async def test_an_identity_is_not_taken_from_anybody(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T12: one account of each role; not linked to who has become current meanwhile (T9)."""
    async with opened(sqlite_database) as here:
        dana, ella, olga = await here.driver(), await here.driver("Ella Driver"), await here.operator()
        await link(here, dana, provider.issuer)
        async with here.browser(await here.sign_ins.issue(ella)) as browser:
            where = await sign_in(browser, provider, purpose="link")
            page = await said(browser, where)
            assert "Nothing was linked" in page
            assert "belongs to another account here already" in page
            assert "Sign in with" not in page
            provider.person = dict(BOB)
            query = await provider.visit(await begun(browser, purpose="link"))
            browser.cookies.set(here.sign_ins.cookie, await here.sign_ins.issue(dana))
            assert "somebody else" in await said(browser, await back(browser, query))
        async with here.browser(await here.sign_ins.issue(olga)) as browser:
            provider.person["sub"] = "person-1"
            assert await sign_in(browser, provider, purpose="link") == "/account"
        assert await identities(here) == [(dana, "person-1"), (olga, "person-1")]


async def test_nothing_is_linked_while_acting_as_somebody(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T25, P24: refused before anybody goes anywhere, by the service too, and written down."""
    async with opened(sqlite_database) as here:
        dana, olga = await here.driver(), await here.operator()
        async with here.browser(await here.sign_ins.issue(olga)) as browser:
            operator, response = await visitor(here, browser), Response()
            acting_as = ActingAs(here.sign_ins)
            await acting_as.begin(operator.caller, request(here, browser), response, dana, "a ticket")
            given = response.headers["set-cookie"].split("=", 1)[1].split(";")[0]
            browser.cookies.set(here.sign_ins.cookie, given)
            headers = {"sec-fetch-site": "same-origin"}
            answer = await browser.get(BEGIN + "?purpose=link", headers=headers)
            assert answer.status_code == 403
            assert "You are acting as a driver" in answer.text
            acting = await visitor(here, browser)
            with pytest.raises(ReadOnly):
                await here.identities.unlink(acting.caller, 1)
            # Nor does a driver's identity, that they have by whatever way, make them fresh (T24, T27).
            assert (await browser.get(BEGIN + "?purpose=fresh", headers=headers)).status_code == 404
            person = Person(KEY, provider.issuer, "person-1", None, False, "", False, None, None, None, None)
            await link(here, dana, provider.issuer)
            with pytest.raises(ReadOnly):
                await here.identities.prove(acting.caller, person)
        refused = [row[:2] for row in await audit(here) if row[0].endswith("refused")]
        assert refused == [
            ("identity.link.begin.refused", dana),
            ("identity.unlink.refused", dana),
            ("identity.prove.refused", dana),
        ]


async def test_a_provider_proves_who_somebody_is(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T24: asked for the password there, and by nobody but the one who is linked."""
    async with opened(sqlite_database) as here:
        olga = await here.operator()
        await link(here, olga, provider.issuer)
        async with here.browser() as browser:
            await sign_in(browser, provider)
            fresh = select(SignIn.fresh_at)
            before = await here.database.ask(lambda db: db.scalar(fresh))
            # The provider knew them already: that they have signed in now is no proof of now.
            assert before is not None
            assert before <= clock.now() - timedelta(minutes=59)
            page = (await browser.get("/confirm?next=/admin/people")).text
            assert "Confirm with " in page
            assert "purpose=fresh" in page
            assert "next=%2Fadmin%2Fpeople" in page
            away = await begun(browser, purpose="fresh", next="/admin/people")
            assert "prompt=login" in away
            assert await back(browser, await provider.visit(away)) == "/admin/people"
            after = await here.database.ask(lambda db: db.scalar(fresh))
            assert after is not None
            assert after > clock.now() - timedelta(minutes=1)
            await sign_in(browser, provider)  # takes nothing away from a proof
            assert await here.database.ask(lambda db: db.scalar(fresh)) == after
            provider.person = dict(BOB)
            page = await said(browser, await sign_in(browser, provider, purpose="fresh"))
            assert "This was not confirmed" in page
            assert "somebody else" in page
            provider.lies.claims = {"auth_time": 1}  # it did not ask
            assert "did not work" in await said(browser, await sign_in(browser, provider, purpose="fresh"))
            assert await here.database.ask(lambda db: db.scalar(fresh)) == after
        async with here.browser() as nobody:
            assert path(await begun(nobody, purpose="fresh", next="/admin")) == "/sign-in"


async def test_whose_claim_is_gone_proves_nothing_and_is_out(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T7, T24."""
    operators = {"operator_claim": "groups", "operator_value": "operators"}
    async with opened(sqlite_database, **operators) as here, here.browser() as browser:
        provider.person["groups"] = ["operators"]
        assert await sign_in(browser, provider) == "/admin"
        provider.person["groups"] = []
        where = await sign_in(browser, provider, purpose="fresh", next="/admin")
        assert "does not say that you are an operator" in await said(browser, where)
        assert (await browser.get("/admin")).status_code == 303
        # An operator can't link an identity that the provider does not call an operator's, either.
        olga = await here.operator()
        browser.cookies.set(here.sign_ins.cookie, await here.sign_ins.issue(olga))
        provider.person["sub"] = "person-3"
        assert "Nothing was linked" in await said(browser, await sign_in(browser, provider, purpose="link"))
        assert [subject for _, subject in await identities(here)] == ["person-1"]


@pytest.mark.parametrize("role", list(Role))
async def test_an_invitation_is_taken_with_a_provider(
    sqlite_database: Database, opened: Open, provider: Hostile, role: Role
) -> None:
    """T12: once; whatever address the provider knows; nobody else gets in by it afterwards."""
    async with opened(sqlite_database) as here:
        made = await here.links.invite(COMMAND_LINE, name="Ada", email="ada@invited.example", role=role)
        token = made.address.rsplit("/", 1)[1]
        async with here.browser() as browser:
            home = "/admin" if role is Role.OPERATOR else "/"
            first = await provider.visit(await begun(browser, purpose="invitation", token=token))
            second = await provider.visit(await begun(browser, purpose="invitation", token=token))
            assert await back(browser, first) == home
            assert (await browser.get(home)).status_code == 200
            assert await identities(here) == [(1, "person-1")]
            assert [row[0] for row in await audit(here)] == ["person.invite", "person.join", "identity.link"]
            async with here.browser() as other:
                provider.person = dict(BOB)
                where = await sign_in(other, provider, purpose="invitation", token=token)
                page = await said(other, where)
                assert "The invitation was not accepted" in page
                assert "expired or has been used" in page
                assert token not in where
                assert "This invitation" in await said(browser, await back(browser, second))
                assert (await other.get(BEGIN + "?purpose=invitation&token=x")).status_code == 404
        assert await accounts(here) == [("Ada", role.value)]


async def test_whoever_is_invited_again_is_told_and_signed_out(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T12, T16, T22: an account that had an owner is not taken in silence, and by one identity alone."""
    async with mailbox() as box:
        mail = {"smtp_url": f"smtp://127.0.0.1:{box.port}", "mail_from": "charge@example.org"}
        async with opened(sqlite_database, settings=mail) as here:
            dana = await here.driver()
            made = await here.links.invite_again(COMMAND_LINE, dana)
            token = made.address.rsplit("/", 1)[1]
            here.sign_ins.settings = here.settings.model_copy(update={"password_sign_in": "on"})
            async with here.browser() as browser:  # passwords are back: the account needs no way in
                page = await said(
                    browser, await sign_in(browser, provider, purpose="invitation", token=token)
                )
                assert "expired or has been used" in page
            assert await identities(here) == []
            here.sign_ins.settings = here.settings
            async with here.browser(await here.sign_ins.issue(dana)) as old, here.browser() as browser:
                assert await sign_in(browser, provider, purpose="invitation", token=token) == "/"
                assert (await browser.get("/")).status_code == 200
                assert (await old.get("/")).status_code == 303
            letter = await box.letter(2)
            assert letter["Subject"] == "A new way to sign in to Polaris Express"
            assert box.envelopes[1][1] == ("dana@example.org",)
            about = select(AuditEntry.about).where(AuditEntry.action == "person.join")
            assert await here.database.ask(lambda db: db.scalar(about)) == "invited again"


async def test_who_links_from_inside_needs_no_invitation_any_more(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T12, T22: it ends; nor would one do that is open all the same."""
    async with opened(sqlite_database) as here:
        dana, ella = await here.driver(), await here.driver("Ella Driver")
        await here.links.invite_again(COMMAND_LINE, dana)
        async with here.browser(await here.sign_ins.issue(dana)) as browser:
            assert await sign_in(browser, provider, purpose="link") == "/account"
        assert await here.database.ask(lambda db: db.scalar(select(OneTimeLink.id))) is None
        made = await here.links.invite_again(COMMAND_LINE, ella)
        token = made.address.rsplit("/", 1)[1]
        await link(here, ella, provider.issuer, "person-9")
        assert await here.links.recipient(token, Purpose.INVITATION) is None
        provider.person = dict(BOB)
        async with here.browser() as browser:
            page = await said(browser, await sign_in(browser, provider, purpose="invitation", token=token))
            assert "expired or has been used" in page
        assert await identities(here) == [(dana, "person-1"), (ella, "person-9")]


async def test_an_invitation_for_who_has_an_account_already_stays_open(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T12; and linking by address ends it: nobody else sets a password by it."""
    async with opened(sqlite_database, link_by_email=True) as here, here.browser() as browser:
        dana = await here.driver()
        await link(here, dana, provider.issuer)
        made = await here.links.invite(COMMAND_LINE, name="B", email="bob@example.org", role=Role.DRIVER)
        token = made.address.rsplit("/", 1)[1]
        page = await said(browser, await sign_in(browser, provider, purpose="invitation", token=token))
        assert "belongs to another account" in page
        open_links = select(func.count()).select_from(OneTimeLink).where(OneTimeLink.used_at.is_(None))
        assert await here.database.ask(lambda db: db.scalar(open_links)) == 1
        provider.person = dict(BOB)
        assert await sign_in(browser, provider) == "/"
        assert await here.database.ask(lambda db: db.scalar(open_links)) == 0


async def test_an_identity_is_taken_away_unless_it_is_the_only_way_in(
    database: Database, opened: Open, provider: Hostile
) -> None:
    """T2, T3, T12: one's own alone; what came by it elsewhere ends, who asks stays."""
    async with opened(database) as here:
        dana, ella = await here.driver(), await here.driver("Ella Driver")
        for account, subject in ((dana, "person-1"), (ella, "person-9")):
            await link(here, account, provider.issuer, subject)
        async with here.browser() as browser, here.browser() as elsewhere:
            await sign_in(browser, provider)
            await sign_in(elsewhere, provider)
            mine = await visitor(here, browser)
            for identity, why in ((1, Why.ONLY_WAY_IN), (2, Why.UNKNOWN), (9, Why.UNKNOWN)):
                with pytest.raises(Refused) as refused:
                    await here.identities.unlink(mine.caller, identity)
                assert refused.value.why is why
            await link(here, dana, provider.issuer, "person-5")
            await here.identities.unlink(mine.caller, 1)
            assert await identities(here) == [(ella, "person-9"), (dana, "person-5")]
            assert (await browser.get("/")).status_code == 200
            assert (await elsewhere.get("/")).status_code == 303
            with pytest.raises(Refused):
                await here.identities.unlink(mine.caller, 3)
        assert ("identity.unlink", dana, "Dana Driver") in await audit(here)
