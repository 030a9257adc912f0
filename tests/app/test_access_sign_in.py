"""Signing in and out: P1, P2, P25, T13–T19, T22, T37."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import nicegui
import pytest
from nicegui import ui
from sqlalchemy import select, update

from app import clock
from app.access import passwords, return_address
from app.access.first_operator import FirstOperator
from app.access.languages import preferred
from app.access.tries import TooManyTries, Tries, neighbourhood
from data.announcements import Announcement, Topic
from data.database import Database
from data.models import Account, Browser, OneTimeLink
from tests.app.access_site import PAGE, Site, site
from tests.world import NOW, PASSWORD

FORM = {"email": "dana@example.org", "password": PASSWORD}


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Site]:
    async with site(sqlite_database) as made:
        yield made


async def test_signed_out_goes_to_sign_in_and_back_with_path_and_query(here: Site) -> None:
    """P1: one redirect there, and after it back to the same address."""
    await here.driver()
    async with here.browser() as browser:
        away = await browser.get("/?period=year&x=a%20b")
        assert (away.status_code, away.headers["location"]) == (
            303,
            "/sign-in?next=%2F%3Fperiod%3Dyear%26x%3Da%2520b",
        )
        page = await browser.get(away.headers["location"])
        assert page.status_code == 200
        assert "/?period=year&x=a%20b" in page.text.replace("&amp;", "&")
        back = await browser.post("/auth/sign-in", data={**FORM, "next": "/?period=year&x=a%20b"})
        assert (back.status_code, back.headers["location"]) == (303, "/?period=year&x=a%20b")
        shown = await browser.get(back.headers["location"])
        assert "Hello Dana Driver, year" in shown.text


async def test_operator_at_the_dashboard_is_sent_home_and_driver_at_admin_finds_nothing(here: Site) -> None:
    """P2: no hint that the console exists: the same page as for an address that is none."""
    operator, driver = await here.operator(), await here.driver()
    async with here.browser(await here.sign_ins.issue(operator)) as browser:
        away = await browser.get("/?period=year")
        assert (away.status_code, away.headers["location"]) == (303, "/admin")
        assert (await browser.get("/admin")).status_code == 200
        assert (await browser.get("/sessions/1")).status_code == 404
    async with here.browser(await here.sign_ins.issue(driver)) as browser:
        pages = [await browser.get(path) for path in ("/admin", "/admin/people", "/no-such-page")]
        assert [page.status_code for page in pages] == [404, 404, 404]
        bodies = {re.sub(r"[0-9a-f-]{36}|nonce=\"[^\"]+\"", "", page.text) for page in pages}
        assert len(bodies) == 1


async def test_cookie_carries_a_random_token_and_the_table_its_hash(here: Site) -> None:
    """T13, T14: 256 bits, HttpOnly, SameSite=Lax, nothing but the token; the old one ends at sign-in."""
    await here.driver()
    async with here.browser() as browser:
        first = await browser.post("/auth/sign-in", data=FORM)
        cookie = next(c for c in first.headers.get_list("set-cookie") if c.startswith("polaris="))
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Max-Age" not in cookie  # not remembered: it ends with the browser
        token = browser.cookies["polaris"]
        assert len(token) == 43
        hashes = await here.database.ask(lambda db: list(db.scalars(select(Browser.token_hash))))
        assert token not in hashes
        assert len(hashes) == 1
        await browser.post("/auth/sign-in", data={**FORM, "remember": "yes"})
        assert browser.cookies["polaris"] != token
        assert await here.sign_ins.find(token) is None
        assert await here.sign_ins.find(browser.cookies["polaris"]) is not None


async def test_cookie_over_tls_is_secure_and_bound_to_the_host(sqlite_database: Database) -> None:
    """T14: `__Host-` and Secure as soon as browsers reach us over TLS; HSTS with it (T44)."""
    async with site(sqlite_database, public_url="https://charge.example.org") as here:
        await here.driver()
        async with here.browser() as browser:
            answer = await browser.post("/auth/sign-in", data={**FORM, "remember": "yes"})
            cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-polaris="))
            assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax", "Max-Age=2592000"} <= set(
                cookie.split("; ")
            )
            assert "strict-transport-security" in answer.headers


async def test_a_sign_in_ends_by_itself(here: Site) -> None:
    """T15: after the hours, or for a remembered one the days, of the settings."""
    driver = await here.driver()
    with clock.at(NOW):
        short = await here.sign_ins.issue(driver)
        long = await here.sign_ins.issue(driver, remember=True)
        clock.advance(timedelta(hours=8, seconds=1))
        assert await here.sign_ins.find(short) is None
        assert await here.sign_ins.find(long) is not None
        clock.advance(timedelta(days=30))
        assert await here.sign_ins.find(long) is None


async def test_a_page_soon_after_another_asks_the_database_once(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A found sign-in is believed for five seconds, and no longer (T7)."""
    token = await here.sign_ins.issue(await here.driver())
    with clock.at(NOW):
        await here.sign_ins.find(token)
        await here.database.change(lambda change: change.execute(update(Account).values(disabled_at=NOW)))
        assert await here.sign_ins.find(token) is not None
        clock.advance(timedelta(seconds=5))
        assert await here.sign_ins.find(token) is None


async def test_an_announced_change_of_an_account_counts_at_once(here: Site) -> None:
    """T7: what is told about an account drops what was remembered of it."""
    driver = await here.driver()
    token = await here.sign_ins.issue(driver)
    await here.sign_ins.find(token)

    def disable(change: Any) -> None:
        change.execute(update(Account).values(disabled_at=NOW))
        change.announce(Announcement(Topic.PEOPLE, driver))

    await here.database.change(disable)
    await asyncio.sleep(0.05)
    assert await here.sign_ins.find(token) is None


REFUSED: list[dict[str, str]] = [
    {"email": "dana@example.org", "password": "wrong"},
    {"email": "nobody@example.org", "password": PASSWORD},
    {"email": "nobody@example.org", "password": "wrong"},
    {"email": "gone@example.org", "password": PASSWORD},
    {"email": "nohash@example.org", "password": "nobody has this password"},
    {"email": "", "password": ""},
    {},
]


async def test_a_refusal_never_tells_whether_an_address_is_known(here: Site) -> None:
    """T19: the same answer for a wrong password, an unknown address, a disabled account, one without any."""
    await here.driver()
    await here.driver("Gone Driver", disabled_at=NOW)
    await here.driver("Nohash Driver", password_hash=None)
    async with here.browser() as browser:
        for form in REFUSED:
            answer = await browser.post("/auth/sign-in", data={**form, "next": "/?period=year"})
            assert answer.status_code == 303
            assert answer.headers["location"] == "/sign-in?problem=wrong&next=%2F%3Fperiod%3Dyear", form
            assert "polaris" not in browser.cookies
        page = await browser.get(answer.headers["location"])
        assert "E-mail or password is not right" in page.text


def test_a_refusal_takes_as_long_for_nobody_as_for_somebody() -> None:
    """T19: as much is computed whether an address has no account, one or two."""
    some = passwords.hash_password("another one entirely")

    def cpu(hashes: list[str | None]) -> float:
        started = time.thread_time()
        assert passwords.each_match(hashes, "wrong") == [False] * len(hashes)
        return time.thread_time() - started

    cpu([])
    nobody, one, two = (min(cpu(hashes) for _ in range(3)) for hashes in ([], [some], [some, some]))
    assert max(nobody, one, two) < 1.5 * min(nobody, one, two)


async def test_one_person_with_two_roles_enters_the_one_the_page_belongs_to(here: Site) -> None:
    """Accounts: one person may own one of each role, with the same password."""
    await here.driver("Dana Driver")
    await here.operator("Dana Operator")
    async with here.browser() as browser:
        answer = await browser.post("/auth/sign-in", data={**FORM, "next": "/admin/people"})
        assert answer.headers["location"] == "/admin/people"
        assert "People" in (await browser.get("/admin/people")).text
    async with here.browser() as browser:
        assert (await browser.post("/auth/sign-in", data=FORM)).headers["location"] == "/"
        assert "Hello Dana Driver" in (await browser.get("/")).text


async def test_too_many_tries_wait_a_little_and_never_for_good(here: Site) -> None:
    """T19: ten at once per account, then 429 with the time to wait; a minute later it works again."""
    await here.driver()
    with clock.at(NOW):
        async with here.browser() as browser:
            for _ in range(10):
                answer = await browser.post("/auth/sign-in", data={**FORM, "password": "wrong"})
                assert answer.status_code == 303
            refused = await browser.post("/auth/sign-in", data={**FORM, "next": "/?period=year"})
            assert refused.status_code == 429
            assert 1 <= int(refused.headers["retry-after"]) <= 7
            assert "Too many tries" in refused.text
            assert "dana@example.org" in refused.text  # nothing has to be typed again but the password
            clock.advance(timedelta(seconds=7))
            assert (await browser.post("/auth/sign-in", data=FORM)).headers["location"] == "/"


async def test_parallel_guesses_don_t_slip_through(here: Site) -> None:
    """T19: a try is taken before its outcome is known."""
    await here.driver()
    with clock.at(NOW):
        async with here.browser() as browser:
            answers = await asyncio.gather(
                *(browser.post("/auth/sign-in", data={**FORM, "password": f"guess {n}"}) for n in range(25))
            )
    assert sorted(answer.status_code for answer in answers) == [303] * 10 + [429] * 15


async def test_people_who_know_their_password_don_t_hold_each_other_up(here: Site) -> None:
    """T19: fifteen drivers behind one address sign in at the same moment."""
    for number in range(15):
        await here.driver(f"Driver{number} Driver")
    with clock.at(NOW):
        async with here.browser() as browser:
            for number in range(15):
                form = {"email": f"driver{number}@example.org", "password": PASSWORD}
                assert (await browser.post("/auth/sign-in", data=form)).headers["location"] == "/"


def test_tries_are_counted_for_a_network_and_not_for_each_of_its_addresses() -> None:
    """T19: an IPv6 connection has 2^64 addresses."""
    assert (
        neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1") != neighbourhood("2001:db8:0:1::1")
    )
    assert neighbourhood("::ffff:192.0.2.7") == "192.0.2.7" == neighbourhood("192.0.2.7")
    assert neighbourhood("fe80::1%eth0") == neighbourhood("fe80::2")
    tries = Tries(burst=2, per_minute=60, keys=3)
    with clock.at(NOW):
        tries.take("a", "b")
        tries.take("a", "c")
        with pytest.raises(TooManyTries) as raised:
            tries.take("a", "d")
        assert raised.value.seconds in (1, 2)
        clock.advance(timedelta(seconds=1))
        tries.take("a", "d")


NOT_OURS = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "/%09/evil.example",
    "/%5Cevil.example",
    "/%2F/evil.example",
    "///evil.example",
    "/a//evil.example",
    " /",
    "/ ",
    "/\x00",
    "/\x85",
    "javascript:alert(1)",
    "javascript://127.0.0.1/%0aalert(1)",
    "http:/evil.example",
    "http:evil.example",
    "/no-such-page",
    "/auth/sign-out",
    "/sign-in?next=/",
    "/_nicegui/auto/x",
    "/welcome/x",
    "/" + "a" * 3000,
    "//[",
    "",
]


async def test_the_way_back_is_one_of_our_own_pages_or_nowhere(here: Site) -> None:
    r"""P1, T18: `/\evil` and tabs are another site's address to a browser."""
    await here.driver()
    assert [address for address in NOT_OURS if return_address.safe(nicegui.app, address)] == []
    async with here.browser() as browser:
        for address in NOT_OURS:
            answer = await browser.post("/auth/sign-in", data={**FORM, "next": address})
            assert answer.headers["location"] == "/", address


async def test_the_way_back_is_no_other_site_even_for_a_page_that_takes_any_path(here: Site) -> None:
    r"""T18: the list of pages is one guard; what browsers read as another site is refused without it."""

    @ui.page("/{rest:path}")
    def anything(rest: str) -> None:
        pass

    assert return_address.safe(nicegui.app, "/no-such-page") == "/no-such-page"
    ours = {"/no-such-page"}
    refused = [*(address for address in NOT_OURS if address not in ours), "/?a=\n", "/?a=\\", "/x\x7f"]
    assert [address for address in refused if return_address.safe(nicegui.app, address)] == []


async def test_the_way_back_takes_our_own_pages(here: Site) -> None:
    """P1."""
    for address in ("/", "/?period=year", "/sessions/1", "/sessions/1?x=//y", "/admin", "/?x=https://a/b"):
        assert return_address.safe(nicegui.app, address) == address


async def test_sign_out_is_a_post_and_ends_the_sign_in_on_the_server(here: Site) -> None:
    """T16, T37: GET changes nothing; afterwards the token is dead wherever it was kept."""
    token = await here.sign_ins.issue(await here.driver())
    async with here.browser(token) as browser:
        assert (await browser.get("/auth/sign-out")).status_code in (404, 405)
        assert (await browser.get("/")).status_code == 200
        answer = await browser.post("/auth/sign-out")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?problem=signed-out")
        assert "You are signed out" in (await browser.get(answer.headers["location"])).text
    async with here.browser(token) as thief:
        # As to somebody who was signed out from elsewhere: what happened, and what to do.
        answer = await thief.get("/")
        assert answer.headers["location"] == "/sign-in?next=%2F&problem=ended"
        page = (await thief.get(answer.headers["location"])).text
        assert "this sign-in was ended elsewhere or has expired" in page
        assert "You are signed out." not in page


async def test_back_after_sign_out_shows_nothing(here: Site) -> None:
    """T17: no page is kept by the browser."""
    async with here.browser(await here.sign_ins.issue(await here.driver())) as browser:
        for path in ("/", "/no-such-page", "/broken"):
            assert "no-store" in (await browser.get(path)).headers["cache-control"]
        await browser.post("/auth/sign-out")
        assert "no-store" in (await browser.get("/")).headers["cache-control"]


async def test_sign_in_while_signed_in_leads_on(here: Site) -> None:
    """P1."""
    async with here.browser(await here.sign_ins.issue(await here.driver())) as browser:
        away = await browser.get("/sign-in?next=%2Fsessions%2F1")
        assert (away.status_code, away.headers["location"]) == (303, "/sessions/1")


async def test_first_guess_of_zone_and_language_comes_from_the_browser(here: Site) -> None:
    """P25: an account without a zone keeps the browser's; one that has a zone keeps its own."""
    await here.driver(time_zone=None, language=None)
    await here.driver("Ella Driver", time_zone="Asia/Tokyo")
    async with here.browser() as browser:
        page = await browser.get("/sign-in", headers={"accept-language": "de-CH,en;q=0.5"})
        assert "Anmelden" in page.text
        assert 'lang="de"' in page.text
        assert "resolvedOptions().timeZone" in page.text
        await browser.post("/auth/sign-in", data={**FORM, "time_zone": "Pacific/Chatham"})
        form = {**FORM, "email": "ella@example.org", "time_zone": "Pacific/Chatham"}
        await browser.post("/auth/sign-in", data=form)
    zones = await here.database.ask(
        lambda db: dict(db.execute(select(Account.email, Account.time_zone)).all())
    )
    assert zones == {"dana@example.org": "Pacific/Chatham", "ella@example.org": "Asia/Tokyo"}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9", "de"),
        ("fr,de;q=0.3,en;q=0.5", "en"),
        ("fr", "en"),
        ("en;q=0,de;q=0.1", "de"),
        ("de;q=nonsense,*;q=1", "en"),
        ("de;q=1e999,en", "en"),
        (",;,;q=,", "en"),
    ],
)
def test_the_browser_s_language(header: str | None, language: str) -> None:
    """P25, RFC 9110 §12.5.4."""
    assert preferred(header) == language


@pytest.fixture
def link(here: Site) -> str:
    offered = FirstOperator(here.database).link("http://127.0.0.1")
    assert offered is not None
    return offered


OPERATOR = {"name": "Olga", "email": "Olga@Example.org", "password": "long enough for us"}


async def test_the_first_operator_comes_in_by_a_link_that_works_once(here: Site, link: str) -> None:
    """T22: looking at it does not use it up; using it does, and signs in."""
    token = link.removeprefix("http://127.0.0.1/welcome/")
    async with here.browser() as browser:
        for _ in range(2):
            assert "Become the first operator" in (await browser.get(link)).text
        made = await browser.post("/auth/welcome", data={**OPERATOR, "token": token})
        assert (made.status_code, made.headers["location"]) == (303, "/admin/setup")
        assert (await browser.get("/admin")).status_code == 200
    async with here.browser() as late:
        assert (await late.get(link)).headers["location"] == "/sign-in?problem=link"
        again = await late.post("/auth/welcome", data={**OPERATOR, "email": "b@example.org", "token": token})
        assert again.headers["location"] == "/sign-in?problem=link"
        assert "expired or has been used" in (await late.get("/sign-in?problem=link")).text
        signed_in = await late.post("/auth/sign-in", data={**OPERATOR, "email": "olga@example.org"})
        assert signed_in.headers["location"] == "/admin"
    assert FirstOperator(here.database).link("http://127.0.0.1") is None


async def test_of_two_who_use_the_link_at_the_same_moment_one_becomes_operator(here: Site, link: str) -> None:
    """T22."""
    token = link.rsplit("/", 1)[1]
    async with here.browser() as browser:
        answers = await asyncio.gather(
            *(
                browser.post("/auth/welcome", data={**OPERATOR, "email": f"o{n}@example.org", "token": token})
                for n in range(4)
            )
        )
    went = sorted(answer.headers["location"] for answer in answers)
    assert went == ["/admin/setup"] + ["/sign-in?problem=link"] * 3
    accounts = await here.database.ask(lambda db: len(db.execute(select(Account.id)).all()))
    assert accounts == 1


async def test_the_link_expires_and_a_new_one_ends_the_old(here: Site, link: str) -> None:
    """T22."""
    first = FirstOperator(here.database)
    old = link.rsplit("/", 1)[1]
    new = first.offer()
    assert new is not None
    assert not await first.is_open(old)
    assert await first.is_open(new)
    with clock.at(datetime.now(UTC) + timedelta(hours=24)):
        assert not await first.is_open(new)
    rows = await here.database.ask(lambda db: list(db.scalars(select(OneTimeLink.token_hash))))
    assert len(rows) == 1
    assert new not in rows


async def test_the_first_operator_s_form_says_what_is_missing(here: Site, link: str) -> None:
    """T22: and the link can still be used."""
    token = link.rsplit("/", 1)[1]
    async with here.browser() as browser:
        for form, problem in (
            ({"password": "elevenchars"}, "password"),
            ({"password": "x" * 1001}, "password"),
            ({"name": "  "}, "name"),
            ({"email": "olga"}, "email"),
            ({"email": "olga@a b.org"}, "email"),
        ):
            answer = await browser.post("/auth/welcome", data={**OPERATOR, **form, "token": token})
            assert answer.headers["location"] == f"/welcome/{token}?problem={problem}"
            page = await browser.get(answer.headers["location"])
            assert page.status_code == 200
            assert "Please " in page.text
        done = await browser.post("/auth/welcome", data={**OPERATOR, "token": token})
        assert done.headers["location"] == "/admin/setup"


async def test_hostile_tokens_lead_nowhere(here: Site) -> None:
    """T22."""
    async with here.browser() as browser:
        for token in ("", "../admin", "//evil.example", "x" * 5000, "ä\r\nset-cookie: a=b", "x" * 43):
            answer = await browser.post("/auth/welcome", data={**OPERATOR, "token": token})
            assert answer.headers["location"] == "/sign-in?problem=link"


async def test_no_secret_reaches_the_log(here: Site, link: str, caplog: pytest.LogCaptureFixture) -> None:
    """T38, T63: neither tokens nor passwords nor the cookie."""
    caplog.set_level("DEBUG", logger="polaris")
    caplog.set_level("DEBUG", logger="nicegui")
    token = link.rsplit("/", 1)[1]
    async with here.browser() as browser:
        await browser.get(link)
        await browser.post("/auth/welcome", data={**OPERATOR, "token": token, "password": "short"})
        await browser.post("/auth/welcome", data={**OPERATOR, "token": token})
        cookie = browser.cookies["polaris"]
        await browser.get("/admin")
        await browser.post("/auth/sign-in", data={"email": "olga@example.org", "password": "wrong one again"})
        await browser.post("/auth/sign-out")
        await browser.get(link)
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "signed up" in said
    for secret in (token, cookie, OPERATOR["password"], "wrong one again", "olga@example.org"):
        assert secret not in said


async def test_an_outdated_hash_is_renewed_at_sign_in(here: Site) -> None:
    """Passwords are argon2id with today's parameters, as soon as their owner comes by."""
    await here.driver()  # the world's hashes are cheap ones
    async with here.browser() as browser:
        await browser.post("/auth/sign-in", data=FORM)
        await asyncio.sleep(0.3)
    kept = await here.database.ask(lambda db: db.scalar(select(Account.password_hash)))
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.matches(kept, PASSWORD)


async def test_the_forms_say_what_they_are(here: Site) -> None:
    """A password manager knows e-mail and password by their autocomplete; nothing waits for a script."""
    async with here.browser() as browser:
        page = (await browser.get("/sign-in?next=%2Fadmin", headers=PAGE)).text
    for part in ("username", "current-password", "/auth/sign-in", "email", "submit"):
        assert f'"{part}"' in page
