"""The console's pages of people: lists, the page of one, and what is done there (T4, T7, T16, T41)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import nicegui
import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import select, update

from app.changing import CHANGING
from app.portal import Portal
from components import words
from components.drawn import Drawn
from components.person import PersonSignIns
from components.texts import languages
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change
from data.models import Account, AuditEntry, SignIn
from data.types import Role
from tests.data.test_queries_accounts import add_identity
from tests.waiting import until
from tests.world import NOW, add_account, add_driver, add_plan

Visit = Callable[..., Awaitable[User]]
HOSTILE = "<img src=x onerror=alert(1)> {{constructor.constructor('alert(1)')()}}"


class Town:
    """Operators and drivers."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.olga = self.add(add_account, "Olga Operator", Role.OPERATOR)
        self.dana = self.add(add_driver, "Dana Driver", tag="DANA")
        self.eve = self.add(add_driver, "Eve Other")

    def add(self, add: Callable[..., int], *args: Any, **values: Any) -> int:
        return self.portal.database.change_now(add, *args, **values)

    def set(self, account: int, **values: Any) -> None:
        """Change the row of *account*, told as services do."""

        def set_(change: Change) -> None:
            change.execute(update(Account).where(Account.id == account).values(**values))
            change.announce(Announcement(Topic.PEOPLE, account))

        self.portal.database.change_now(set_)

    def value(self, column: Any, account: int) -> Any:
        return self.portal.database.ask_now(
            lambda db: db.execute(select(column).where(Account.id == account)).scalar_one()
        )

    def actions(self) -> list[str]:
        return self.portal.database.ask_now(lambda db: list(db.scalars(select(AuditEntry.action))))


@pytest.fixture
def town(portal: Portal) -> Town:
    return Town(portal)


def listed(user: User) -> list[list[Any]]:
    """The rows of the list on *user*'s page."""
    assert user.client is not None
    for element in user.client.elements.values():
        if isinstance(element, Drawn) and element.values and "people" in element.values:
            return [list(row) for row in element.values["people"]]
    raise AssertionError("there is no list")


def press(user: User, text: str) -> None:
    """Click the button, or the last of the buttons, that says *text*."""
    assert user.client is not None
    buttons = [
        one for one in user.client.elements.values() if isinstance(one, ui.button) and one.text == text
    ]
    assert buttons, f"no button {text!r}"
    with user.client:
        for listener in buttons[-1]._event_listeners.values():
            if listener.type == "click":
                nicegui.events.handle_event(
                    listener.handler,
                    nicegui.events.GenericEventArguments(sender=buttons[-1], client=user.client, args=None),
                )


def fill(user: User, label: str, value: str) -> None:
    """Type into the box that is called *label*; into the last of several."""
    assert user.client is not None
    boxes = [
        one
        for one in user.client.elements.values()
        if isinstance(one, ui.input) and label in (one.props.get("label"), one.props.get("aria-label"))
    ]
    boxes[-1].set_value(value)


async def test_the_list_shows_everybody_and_the_search_finds_them(
    visit: Visit, town: Town, portal: Portal
) -> None:
    """Several words, all of which must be there; the state; the address says both on reload; T5."""
    town.add(add_driver, "Ida Invited", password_hash=None)
    town.add(add_driver, "Dan Disabled", disabled_at=NOW)
    user = await visit(town.olga, "/admin/drivers")
    assert [(row[1], row[3]) for row in listed(user)] == [
        ("Dan Disabled", "disabled"),
        ("Dana Driver", "active"),
        ("Eve Other", "active"),
        ("Ida Invited", "invited"),
    ]
    await user.should_see("4 drivers")
    fill(user, "Search by name or e-mail", "driver\0dana\ud800")
    await user.should_see("1 of 4")
    assert [row[1] for row in listed(user)] == ["Dana Driver"]
    for path, names in (
        ("/admin/drivers?search=dan&state=disabled", ["Dan Disabled"]),
        ("/admin/drivers?search=nobody", []),
        ("/admin/drivers?state=everybody&role=operator", ["Dan Disabled", "Dana Driver"]),
        ("/admin/operators", ["Olga Operator"]),
    ):
        user = await visit(town.olga, path)
        assert [row[1] for row in listed(user)][:2] == names, path
    user = await visit(town.olga, "/admin/drivers?search=nobody")
    await user.should_see("Nobody matches")
    town.add(add_plan, town.eve, name="Home")
    for path, names in (
        ("/admin/drivers?lacks=card", ["Dan Disabled", "Eve Other", "Ida Invited"]),
        ("/admin/drivers?lacks=plan&search=da", ["Dan Disabled", "Dana Driver", "Ida Invited"]),
        ("/admin/drivers?lacks=all", ["Dan Disabled", "Dana Driver", "Eve Other", "Ida Invited"]),
    ):
        user = await visit(town.olga, path)
        assert [row[1] for row in listed(user)] == names, path
    assert [row[5:] for row in listed(user)] == [
        ["No card", "No plan"],
        ["1 card", "No plan"],
        ["No card", "Home"],
        ["No card", "No plan"],
    ]
    olga = Caller(town.olga, Role.OPERATOR, town.olga)
    await portal.cards.map(olga, "EVE", town.eve)
    await until(lambda: listed(user)[2][5:] == ["1 card", "Home"])
    await portal.plans.subscribe(olga, town.dana, 1)
    await until(lambda: listed(user)[1][5:] == ["1 card", "Home"])


async def test_an_open_list_follows_what_happens(visit: Visit, town: Town, portal: Portal) -> None:
    """T7: a driver who is disabled elsewhere is told so on the pages that are open."""
    user = await visit(town.olga, "/admin/drivers")
    town.set(town.eve, disabled_at=NOW)
    town.set(town.dana, name="Dana Renamed")
    await user.should_see("Dana Renamed")
    assert [(row[1], row[3]) for row in listed(user)] == [
        ("Dana Renamed", "active"),
        ("Eve Other", "disabled"),
    ]


async def test_no_drivers_yet(visit: Visit, portal: Portal) -> None:
    olga = portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR, language="de")
    user = await visit(olga, "/admin/drivers")
    await user.should_see("Noch keine Fahrer.")
    await user.should_see("Fahrer einladen")


async def test_a_driver_is_invited_and_their_link_is_shown(visit: Visit, town: Town, portal: Portal) -> None:
    user = await visit(town.olga, "/admin/drivers")
    press(user, "Invite a driver")
    fill(user, "Name", "Nina New")
    fill(user, "E-mail", "dana@example.org")
    press(user, "Make the invitation")
    await user.should_see("There is another account of this role")
    fill(user, "E-mail", "Nina@example.org")
    press(user, "Make the invitation")
    await user.should_see("A link for Nina New")
    await user.should_see("Please pass it on to them.")
    press(user, "Copy")
    await user.should_see("Copied.")
    assert user.client is not None
    addresses = [one.value for one in user.client.elements.values() if isinstance(one, ui.input)]
    assert any(re.match(r"http://127\.0\.0\.1(:\d+)?/invitation/[\w-]{43}$", str(one)) for one in addresses)
    await user.should_see("Nina New")
    nina = portal.database.ask_now(
        lambda db: db.execute(select(Account.id).where(Account.email == "nina@example.org")).scalar_one()
    )
    page = await visit(town.olga, f"/admin/drivers/{nina}")
    await page.should_see("Invited, but not in yet.")
    press(page, "Invite again")
    await page.should_see("A link for Nina New")
    await page.should_see("Invited again")  # in the history, told at once


async def test_t2_only_what_is_an_account_of_that_role_has_a_page(visit: Visit, town: Town) -> None:
    """T2, P2: unknown and malformed ids, the other role's, and everything for those who are no operator."""
    transport = httpx.ASGITransport(nicegui.core.app)
    headers = {"accept": "text/html"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        sign_ins = town.portal.sign_ins
        client.cookies.set(sign_ins.cookie, await sign_ins.issue(town.olga))
        for one in ("0", "-1", "x", "4711", "2147483648", "9" * 400, "1.0", "١", "%00", f"{town.olga}"):
            assert (await client.get(f"/admin/drivers/{one}")).status_code == 404, one
        assert (await client.get(f"/admin/operators/{town.dana}")).status_code == 404
        assert (await client.get(f"/admin/drivers/{town.dana}")).status_code == 200
        assert (await client.get(f"/admin/operators/{town.olga}")).status_code == 200
        client.cookies.set(sign_ins.cookie, await sign_ins.issue(town.dana))
        for path in ("/admin/drivers", "/admin/operators", f"/admin/drivers/{town.dana}"):
            assert (await client.get(path)).status_code == 404, path


async def test_disabling_takes_a_reason_and_ends_the_sign_ins(
    visit: Visit, town: Town, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T16: the dialog names who it is about; the page shows it, and how it is undone."""
    await portal.sign_ins.issue(town.dana)
    user = await visit(town.olga, f"/admin/drivers/{town.dana}")
    await user.should_see("Act as Dana Driver")
    press(user, "Disable")
    press(user, "Disable Dana Driver")
    await user.should_see("Please give a reason.")
    fill(user, "Reason, for the audit log (required)", "Contract ended")
    press(user, "Disable Dana Driver")
    await user.should_see("nobody can sign in to it")
    await user.should_see("Contract ended")
    await user.should_not_see("Act as Dana Driver")  # T26
    assert await portal.sign_ins.of_account(town.dana) == ()
    press(user, "Enable")
    await user.should_see("Act as Dana Driver")
    assert town.value(Account.disabled_at, town.dana) is None
    assert town.actions() == ["account.disable", "account.enable"]


async def test_another_role_another_page(visit: Visit, town: Town) -> None:
    """T7: and an operator's page offers neither acting as them nor changes to oneself."""
    user = await visit(town.olga, f"/admin/drivers/{town.dana}")
    press(user, "Make an operator")
    press(user, "Make Dana Driver an operator")
    await until(lambda: user.back_history[-1] == f"/admin/operators/{town.dana}")
    await user.should_see("Made operator")
    assert town.value(Account.role, town.dana) is Role.OPERATOR
    await user.should_see("Make a driver")
    await user.should_not_see("Act as Dana Driver")
    own = await visit(town.olga, f"/admin/operators/{town.olga}")
    await own.should_see("This is your own account.")
    await own.should_not_see("Make a driver")
    await own.should_not_see("Disable")


async def test_name_and_e_mail_are_edited(visit: Visit, town: Town) -> None:
    user = await visit(town.olga, f"/admin/drivers/{town.dana}")
    press(user, "Edit")
    fill(user, "E-mail", "no address")
    press(user, "Save")
    await user.should_see("Please give a complete e-mail address.")
    fill(user, "Name", "Dana Doe")
    fill(user, "E-mail", "doe@example.org")
    press(user, "Save")
    await user.should_see("Name or e-mail changed")
    assert town.value(Account.name, town.dana) == "Dana Doe"


def click_row(user: User, args: Any) -> None:
    """Click a row of the sign-ins, as the browser tells it."""
    assert user.client is not None
    card = next(one for one in user.client.elements.values() if isinstance(one, PersonSignIns))
    with user.client:
        nicegui.events.handle_event(
            card._clicked,
            nicegui.events.GenericEventArguments(sender=card, client=user.client, args=args),
        )


async def test_t16_one_sign_in_or_all_are_ended(visit: Visit, town: Town, portal: Portal) -> None:
    """T3, T16: only those of this account, whatever the browser says was clicked."""
    for _ in range(3):
        await portal.sign_ins.issue(town.dana)
    await portal.sign_ins.issue(town.eve)
    user = await visit(town.olga, f"/admin/drivers/{town.dana}")
    ids = [one.id for one in await portal.sign_ins.of_account(town.dana)]
    (foreign,) = [one.id for one in await portal.sign_ins.of_account(town.eve)]
    for nonsense in (None, [], [{}], [{}, {"id": "x"}], [{}, {"id": foreign}], [{}, {"id": [1]}], 5):
        click_row(user, nonsense)
    await user.should_not_see("End the sign-in at")
    click_row(user, [{}, {"id": ids[0]}, 0])
    press(user, "Sign Dana Driver out there")
    await until(lambda: town.actions() == ["sign_in.end"])
    assert [one.id for one in await portal.sign_ins.of_account(town.dana)] == ids[1:]
    press(user, "End all sign-ins")
    press(user, "Sign Dana Driver out everywhere")
    await user.should_see("Nowhere at the moment.")
    assert await portal.sign_ins.of_account(town.dana) == ()
    assert len(await portal.sign_ins.of_account(town.eve)) == 1
    assert town.actions() == ["sign_in.end"] * 3


async def test_acting_as_is_a_plain_form(visit: Visit, town: Town) -> None:
    """P23: it says what it means, takes a reason, and says so where there was none."""
    user = await visit(town.olga, f"/admin/drivers/{town.dana}?problem=reason")
    await user.should_see("Please give a reason.")
    await user.should_see("for 30 minutes at most, and can change nothing")
    assert user.client is not None
    forms = [one for one in user.client.elements.values() if one.tag == "form"]
    assert [one.props["action"] for one in forms] == ["/auth/acting/begin"]
    boxes = {one.props["name"]: one.props for one in forms[0].descendants() if one.tag == "input"}
    assert boxes["driver_id"]["value"] == str(town.dana)
    assert (boxes["reason"]["maxlength"], "required" in boxes["reason"]) == (500, True)


@pytest.mark.parametrize("gone", ["signed out", "no operator any more"])
async def test_t4_a_click_without_the_right_does_nothing(
    visit: Visit, town: Town, portal: Portal, gone: str
) -> None:
    """T4, T7: the page is open and its button is there; the right was lost a moment ago, untold."""
    user = await visit(town.olga, f"/admin/drivers/{town.dana}")
    press(user, "Disable")
    fill(user, "Reason, for the audit log (required)", "x")

    def lose(change: Change) -> None:
        if gone == "signed out":
            change.execute(update(SignIn).values(ends_at=NOW))
        else:
            change.execute(update(Account).where(Account.id == town.olga).values(role=Role.DRIVER))

    portal.database.change_now(lose)
    press(user, "Disable Dana Driver")
    await until(lambda: "/sign-in" in user.back_history)
    assert town.value(Account.disabled_at, town.dana) is None
    assert town.actions() == []


async def test_t41_hostile_names_are_text(visit: Visit, town: Town, portal: Portal) -> None:
    """T41: in the list, on the page, in its dialogs and its history: as they are, and as text only."""
    town.set(town.dana, name=HOSTILE, deletion_requested_at=NOW)
    user = await visit(town.olga, "/admin/drivers")
    assert listed(user)[0][1] == HOSTILE
    user = await visit(town.olga, f"/admin/drivers/{town.dana}")
    await user.should_see(f"Act as {HOSTILE}")
    await user.should_see("asked for the deletion")
    press(user, "Disable")
    await user.should_see(f"Disable {HOSTILE}?")
    assert user.client is not None
    for element in user.client.elements.values():
        assert "innerHTML" not in element.props
        for slot in element.slots.values():
            assert HOSTILE not in (slot.template or "")


@pytest.mark.parametrize("language", sorted(languages()))
def test_whatever_can_be_done_to_an_account_has_words_in_its_history(portal: Portal, language: str) -> None:
    """A new service of `app.access` that changes something gets a text ``people.did.ACTION``."""
    reader = words.reader(language, None)
    actions = [action for action, method in CHANGING.items() if method.startswith("app.access.")]
    assert "account.disable" in actions
    assert [action for action in actions if not reader.knows(f"people.did.{action}")] == []


async def test_whoever_lost_their_way_in_is_told_of_and_invited_again(
    visit: Visit, town: Town, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P4: passwords are switched off: the overview and the list tell it, and their page has the way out."""
    town.set(town.eve, deletion_requested_at=NOW)
    overview = await visit(town.olga, "/admin")
    await overview.should_not_see("no way to sign in")
    await overview.should_not_see("Dashboard of a driver account")  # none is signed in at this browser
    monkeypatch.setitem(portal.settings.__dict__, "password_sign_in", "off")
    town.portal.database.change_now(add_identity, town.olga)
    overview = await visit(town.olga, "/admin")
    await overview.should_see("1 driver has no way to sign in")
    await overview.should_see("1 driver asked for their deletion")
    assert portal.links.locked_out() == 1
    own = await visit(town.dana, "/account")
    await own.should_see("Passwords are switched off here")
    for state, name in (("no-way-in", "Dana Driver"), ("leaving", "Eve Other")):
        user = await visit(town.olga, f"/admin/drivers?state={state}")
        assert [(row[1], row[3]) for row in listed(user)] == [(name, state)]
    user = await visit(town.olga, f"/admin/drivers/{town.dana}")
    assert "switched off here" in str(words_of(user))
    press(user, "Invite again")
    await user.should_see("A link for Dana Driver")
    await user.should_see("(Europe/Berlin)")
    assert town.actions() == ["person.invite_again"]


async def test_an_invitation_speaks_the_language_that_was_chosen(visit: Visit, town: Town) -> None:
    """P25: the operator's own, unless they choose another; the account keeps it."""
    town.set(town.olga, language="de")
    user = await visit(town.olga, "/admin/drivers")
    press(user, "Fahrer einladen")
    fill(user, "Name", "Gerd Fahrer")
    fill(user, "E-Mail", "gerd@example.org")
    press(user, "Einladung erstellen")
    await user.should_see("Ein Link für Gerd Fahrer")
    gerd = town.portal.database.ask_now(
        lambda db: db.execute(select(Account.language).where(Account.name == "Gerd Fahrer")).scalar_one()
    )
    assert gerd == "de"


def words_of(user: User) -> list[Any]:
    """What the drawn cards of *user*'s page show."""
    assert user.client is not None
    return [one.values for one in user.client.elements.values() if isinstance(one, Drawn)]
