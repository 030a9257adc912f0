"""The account page: P24, P25, T2, T3, T4, T16, T24, T30."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import insert, select

from app import clock
from app.access import identity_rows, tokens
from app.access.identity_rows import Admitted, Why
from app.portal import Portal
from components import account_data, words
from components.preferences import Choice
from data.caller import Caller
from data.database import Change
from data.models import Account, AuditEntry, Identity, OneTimeLink, SignIn
from data.queries.support_visits import SupportVisit
from data.types import Role, Theme
from tests import world
from tests.app.test_changing import PERSON, PROVIDER
from tests.app.window import WHY, Window, window
from tests.world import NOW, PASSWORD

Visit = Callable[..., Awaitable[User]]
HOUR = timedelta(hours=1)


@pytest.fixture
async def here(portal: Portal) -> AsyncIterator[Window]:
    async with window(portal) as made:
        yield made


@pytest.fixture
def dana(portal: Portal) -> int:
    return portal.database.change_now(lambda change: world.add_driver(change, "Dana Driver"))


@pytest.fixture
def olga(portal: Portal) -> int:
    return portal.database.change_now(
        lambda change: world.add_account(change, "Olga Operator", Role.OPERATOR)
    )


def account(portal: Portal, account_id: int) -> Any:
    """The row."""
    return portal.database.ask_now(
        lambda db: db.execute(select(Account.__table__).where(Account.id == account_id)).one()
    )


def told(portal: Portal, action: str) -> list[Any]:
    """The audit rows of *action*."""
    return portal.database.ask_now(
        lambda db: list(db.execute(select(AuditEntry.__table__).where(AuditEntry.action == action)))
    )


async def test_it_is_for_drivers_and_operators(portal: Portal, visit: Visit, dana: int, olga: int) -> None:
    for owner, role in ((dana, "This is a driver account."), (olga, "This is an operator account.")):
        user = await visit(owner, "/account")
        for words_ in ("Your account", role, "Where you are signed in", "This browser", "Your data"):
            await user.should_see(words_)
        see = user.should_see if owner == dana else user.should_not_see
        await see("Nobody has viewed your account.")
        await see("You can ask your operator to delete this account.")
        await user.should_not_see("Linked sign-ins")  # nobody to link one at
        assert user.client is not None
        assert len(user.client.elements) < 60, "elements are what a page costs"


async def test_the_name_is_changed_and_told(portal: Portal, here: Window, dana: int) -> None:
    await here.enter(dana)
    assert await here.post("/auth/account/name", name="  Dana \n <b>New</b> ") == "/account?said=name-saved"
    assert account(portal, dana).name == "Dana <b>New</b>"
    assert "Your name is saved." in await here.get("/account?said=name-saved")
    (row,) = told(portal, "own_account.rename")
    assert (row.subject_id, row.actor_id, row.details) == (
        dana,
        dana,
        {"name": ["Dana Driver", "Dana <b>New</b>"]},
    )
    for wrong in ("", "x" * 201):
        assert await here.post("/auth/account/name", name=wrong) == "/account?said=name"
    assert account(portal, dana).name == "Dana <b>New</b>"
    assert "Please give a name" in await here.get("/account?said=name")
    assert "alert" not in await here.get("/account?said=<script>")


async def test_t24_another_address_takes_a_fresh_sign_in(portal: Portal, here: Window, dana: int) -> None:
    """T4, T24: the page offers none without it, and the service refuses by itself."""
    sign_in = await here.enter(dana)
    assert "Save e-mail" in await here.get("/account")
    await here.age(sign_in, timedelta(minutes=15))
    page = await here.get("/account")
    assert "Save e-mail" not in page
    assert "/confirm?next=/account" in page
    assert await here.post("/auth/account/email", email="new@example.org") == "/confirm?next=%2Faccount"
    assert account(portal, dana).email == "dana@example.org"
    assert await here.post("/auth/confirm", password=PASSWORD, next="/account") == "/account"
    assert await here.post("/auth/account/email", email="New@Example.org") == "/account?said=email-saved"
    assert account(portal, dana).email == "new@example.org"
    (row,) = told(portal, "own_account.email")
    assert (row.subject_id, row.details) == (dana, {"email": ["dana@example.org", "new@example.org"]})


async def test_an_address_is_unique_within_its_role(
    portal: Portal, here: Window, dana: int, olga: int
) -> None:
    """One person may own one account of each role; and links that were sent to the old address end."""
    portal.database.change_now(lambda change: world.add_driver(change, "Eve Other"))
    link = {"token_hash": tokens.hashed("x"), "purpose": "password reset", "account_id": dana}
    link |= {"created_at": clock.now(), "expires_at": clock.now() + HOUR}
    portal.database.change_now(lambda change: change.execute(insert(OneTimeLink), link))
    await here.enter(dana)
    assert await here.post("/auth/account/email", email="eve@example.org") == "/account?said=taken"
    assert "Another account has this e-mail address." in await here.get("/account?said=taken")
    assert await here.post("/auth/account/email", email="eve") == "/account?said=email"
    assert account(portal, dana).email == "dana@example.org"
    assert portal.database.ask_now(lambda db: db.scalar(select(OneTimeLink.id))) is not None
    assert await here.post("/auth/account/email", email="olga@example.org") == "/account?said=email-saved"
    assert portal.database.ask_now(lambda db: db.scalar(select(OneTimeLink.id))) is None
    for _ in range(10):  # T19: it is no way to ask who has an account
        last = await here.post("/auth/account/email", email="eve@example.org")
    assert last == "/account?said=many"


async def test_t12_an_address_that_its_owner_chose_leads_nobody_else_to_the_account(
    portal: Portal, here: Window, dana: int
) -> None:
    """T12: else whoever takes somebody's address waits for their first sign-in by a provider."""
    provider = replace(PROVIDER, link_by_email=True)
    nobody = Caller(None, None)

    def admit(change: Change, email: str) -> Admitted | Why:
        person = replace(PERSON, email=email, email_verified=True)
        return identity_rows.admit(change, person, provider, nobody, NOW, console=False, here=())

    await here.enter(dana)
    await here.post("/auth/account/email", email="victim@example.org")
    assert portal.database.change_now(admit, "victim@example.org") is Why.TAKEN
    eve = portal.database.change_now(lambda change: world.add_driver(change, "Eve Other"))
    found = portal.database.change_now(admit, "eve@example.org")
    assert isinstance(found, Admitted)
    assert found.account_id == eve


async def test_p25_language_theme_and_zone_are_chosen_here(portal: Portal, visit: Visit, dana: int) -> None:
    user = await visit(dana, "/account?said=name-saved")
    assert user.client is not None
    language, theme, zone = [one for one in user.client.elements.values() if isinstance(one, Choice)]
    language.value, theme.value, zone.value = "de", Theme.DARK, "America/New_York"
    user.find(kind=ui.button, content="Save").click()
    await user.should_see("Sprache und Darstellung")
    await user.should_see("Ihre Einstellungen sind gespeichert.")
    await user.should_not_see("Ihr Name ist gespeichert.")  # that was told of another form
    row = account(portal, dana)
    assert (row.language, row.theme, row.time_zone) == ("de", Theme.DARK, "America/New_York")
    await user.should_see("New York")


async def test_t16_sign_ins_are_listed_and_ended(portal: Portal, here: Window, dana: int) -> None:
    """T2, T3, T16: one that is somebody else's stays; the one that asks stays too."""
    eve = portal.database.change_now(lambda change: world.add_driver(change, "Eve Other"))
    mine = await here.enter(dana)
    await portal.sign_ins.issue(eve)
    for _ in range(3):
        await portal.sign_ins.issue(dana)

    def sign_ins(owner: int) -> list[int]:
        found = select(SignIn.id).where(SignIn.account_id == owner).order_by(SignIn.id)
        return portal.database.ask_now(lambda db: list(db.scalars(found)))

    (hers,) = sign_ins(eve)
    _, second, *_ = sign_ins(dana)
    page = await here.get("/account")
    assert page.count("Unknown browser") > 3
    assert f"&quot;id&quot;:{hers}," not in page
    ended = "/account?said=ended#sign-ins-title"
    assert await here.post("/auth/account/end-sign-in", sign_in_id=hers) == ended
    assert await here.post("/auth/account/end-sign-in", sign_in_id="x") == ended
    assert sign_ins(eve) == [hers]
    assert len(sign_ins(dana)) == 4
    assert await here.post("/auth/account/end-sign-in", sign_in_id=second) == ended
    assert second not in sign_ins(dana)
    answer = await here.post("/auth/account/end-sign-in", others="yes")
    assert answer == "/account?said=others-ended#sign-ins-title"
    assert sign_ins(dana) == [mine]
    assert sign_ins(eve) == [hers]
    assert [row.subject_id for row in told(portal, "sign_in.end")] == [dana] * 3
    assert "Sign out everywhere else" not in await here.get("/account")


async def test_the_password_is_changed_by_whoever_knows_it(portal: Portal, here: Window, dana: int) -> None:
    await here.enter(dana)
    before = account(portal, dana).password_hash
    for current, new, said, sentence in (
        ("wrong", "another good password", "wrong", "The current password is not right."),
        (PASSWORD, "short", "password", "Please choose a password of at least 12 characters."),
        (PASSWORD, "dana@example.org", "own", "Please don't choose your own name"),
    ):
        answer = await here.post("/auth/account/password", current=current, new=new)
        assert answer == f"/account?said={said}#password-title"
        assert sentence in await here.get(answer)
    assert account(portal, dana).password_hash == before
    answer = await here.post("/auth/account/password", current=PASSWORD, new="another good password")
    assert answer == "/account?said=password-saved#password-title"
    assert account(portal, dana).password_hash != before


async def test_identities_are_listed_and_the_only_way_in_stays(
    portal: Portal, here: Window, dana: int
) -> None:
    """T3: somebody else's is not found."""
    eve = portal.database.change_now(lambda change: world.add_driver(change, "Eve Other"))

    def add(change: Any, owner: int) -> int:
        row = {
            "account_id": owner,
            "provider": "old",
            "issuer": "https://id.example.org",
            "subject": str(owner),
        }
        row |= {"email": "dana@id.example.org", "created_at": NOW, "last_used_at": NOW}
        return world.key(change.execute(insert(Identity), row))

    mine, hers = (portal.database.change_now(add, owner) for owner in (dana, eve))

    def identities() -> list[int]:
        return portal.database.ask_now(lambda db: list(db.scalars(select(Identity.id))))

    await here.enter(dana)
    page = await here.get("/account")
    assert "dana@id.example.org" in page
    await here.post("/auth/account/unlink", identity_id=hers)
    assert identities() == [mine, hers]
    portal.database.change_now(
        lambda change: change.execute(Account.__table__.update().values(password_hash=None))
    )
    page = await here.get("/account")
    assert "This account has no password." in page
    assert "It is the only way to sign in to this account" in page
    answer = await here.post("/auth/account/unlink", identity_id=mine)
    assert answer == "/account?said=only-way-in#identities-title"
    assert identities() == [mine, hers]
    portal.database.change_now(
        lambda change: change.execute(Account.__table__.update().values(password_hash="x"))
    )
    answer = await here.post("/auth/account/unlink", identity_id=mine)
    assert answer == "/account?said=unlinked#identities-title"
    assert identities() == [hers]


async def test_p24_t30_the_driver_is_told_of_support(
    portal: Portal, here: Window, dana: int, olga: int
) -> None:
    """P24, T30: that, when, by which role and why; not by whom. And twenty at a time."""
    await here.enter(olga)
    for _ in range(21):
        await here.act(dana)
        assert "Going on now" in await here.get("/account")
        await here.post("/auth/acting/end")
    async with window(portal) as hers:
        await hers.enter(dana)
        page = await hers.get("/account")
        assert page.count(WHY) == 20
        assert "Operator" in page
        assert "Olga" not in page
        assert "Going on now" not in page
        (path,) = {part.split("&quot;")[0] for part in page.split("/account?before=")[1:]}
        older = await hers.get(f"/account?before={path.split('#')[0]}")
        assert older.count(WHY) == 1
        assert "Show the newest visits" in older
        assert "Show the newest visits" not in page
        assert (await hers.get("/account?before=nonsense")).count(WHY) == 20


def test_p24_p25_a_visit_is_told_in_the_readers_zone_and_ends_by_itself() -> None:
    """Without a row of its end it goes on for half an hour at most."""
    visit = SupportVisit(1, NOW, None, Role.OPERATOR, WHY)
    reader = words.reader("en", "Asia/Tokyo")
    assert account_data._visit(visit, reader, NOW + timedelta(minutes=29))["when"] == [
        "Going on now",
        "since 21:00",
        "Operator",
    ]
    assert account_data._visit(visit, reader, NOW + timedelta(minutes=30))["when"] == [
        "Today, 21:00–21:30",
        "Operator",
    ]


async def test_p24_whoever_acts_can_look_and_change_nothing(
    portal: Portal, here: Window, dana: int, olga: int
) -> None:
    """P24, T4, T25: by the page's disabled controls, and by the services themselves."""
    await portal.sign_ins.issue(dana)
    await here.enter(olga)
    await here.act(dana)
    page = await here.get("/account")
    assert "dana@example.org" in page
    assert page.count("fieldset") >= 3
    before = account(portal, dana)
    for what, fields in (
        ("name", {"name": "Other"}),
        ("email", {"email": "other@example.org"}),
        ("password", {"current": PASSWORD, "new": "another good password"}),
        ("end-sign-in", {"others": "yes"}),
        ("unlink", {"identity_id": "1"}),
        ("deletion", {"wanted": "yes"}),
        ("deletion", {"wanted": "no"}),
    ):
        assert "you can look at everything and change nothing" in await here.post(
            f"/auth/account/{what}", 403, **fields
        )
    for path in ("/account/data.json", "/account/sessions.csv"):
        assert "dana@example.org" not in await here.get(path, 403)
    assert account(portal, dana) == before
    assert (await here.audit()).count("own_account.deletion.request.refused") == 1


async def test_deletion_is_asked_for_and_withdrawn(portal: Portal, here: Window, dana: int) -> None:
    await here.enter(dana)
    assert "Ask for deletion" in await here.get("/account")
    with clock.at(clock.now()):
        assert (
            await here.post("/auth/account/deletion", wanted="yes") == "/account?said=deletion-asked#leaving"
        )
        asked_at = account(portal, dana).deletion_requested_at
        assert asked_at == clock.now()
        clock.advance(HOUR)
        await here.post("/auth/account/deletion", wanted="yes")
        assert account(portal, dana).deletion_requested_at == asked_at
    assert "Withdraw the request" in await here.get("/account")
    assert len(told(portal, "own_account.deletion.request")) == 1
    await here.post("/auth/account/deletion", wanted="no")
    assert account(portal, dana).deletion_requested_at is None
    assert len(told(portal, "own_account.deletion.withdraw")) == 1
