"""`/admin/drivers/{id}`, `/admin/operators/{id}`: one account, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request

from app import clock
from app.access.acting import LONGEST_REASON
from app.access.acting_forms import typed_reason
from app.access.visitor import Operator, not_found
from app.pages import people_dialogs
from app.pages.console import Console
from app.pages.driver_parts import DriverParts
from app.pages.row_id import own_row_id
from app.settings import password_sign_in
from components import forms
from components.bound import Show, When
from components.browsers import browser_name
from components.drawn import Card
from components.people import PATHS
from components.person import Facts, History, Identities, PersonSignIns
from data.announcements import Topic
from data.queries import accounts, audit, sign_ins
from data.queries.accounts import AccountFacts, LinkedIdentity, State
from data.queries.audit import Entry
from data.queries.sign_ins import ListedSignIn
from data.types import Role

if TYPE_CHECKING:
    from app.portal import Portal

BEGIN_ACTING = "/auth/acting/begin"


def install(portal: Portal) -> None:
    """Install the two pages."""

    @ui.page("/admin/drivers/{driver_id}")
    async def driver(request: Request, operator: Operator, driver_id: str, problem: str = "") -> None:
        page = PersonPage(Console(portal, operator, request), driver_id, Role.DRIVER)
        await page.draw(problem == "reason")

    @ui.page("/admin/operators/{operator_id}")
    async def other_operator(request: Request, operator: Operator, operator_id: str) -> None:
        await PersonPage(Console(portal, operator, request), operator_id, Role.OPERATOR).draw()


class PersonPage:
    """The page of one account. Raises `not_found` for what is no account of *role*."""

    def __init__(self, console: Console, account_id: str, role: Role) -> None:
        self.id = own_row_id(account_id)
        self.console = console
        self.role = role
        self.own = console.operator.id == self.id
        self.known: AccountFacts
        """As it was found last."""
        self.cards = cards = console.cards()
        about = When(Topic.PEOPLE, self.id)
        self.passwords = passwords = password_sign_in(console.portal.settings)
        self.facts = cards.bind(
            lambda db: accounts.facts(db, self.id, role, passwords=passwords), about, tells_time=True
        )
        self.identities = cards.bind(lambda db: accounts.identities(db, self.id), about, tells_time=True)
        self.sign_ins = cards.bind(
            lambda db: sign_ins.of_account(db, self.id, clock.now()), about, tells_time=True
        )
        self.parts = DriverParts(console, cards, self.id, lambda: self.known) if role is Role.DRIVER else None
        self.history = cards.bind(lambda db: audit.latest_about(db, self.id), about, tells_time=True)

    async def draw(self, reason_missing: bool = False) -> None:
        """The page, if there is such an account."""
        known = await self.console.portal.database.ask(accounts.facts, self.id, self.role)
        if known is None:
            raise not_found()
        self.known = known
        await self.cards.load()
        with self.console.page(known.name) as frame:
            with frame.title:
                words = self.console.reader.text(f"people.{self.role.value}s")
                back = ui.link(f"← {words}", PATHS[self.role][:-1]).classes("p-text-link p-way-back")
                back.move(target_index=0)
            self.facts.draw(self.draw_facts)
            if self.role is Role.DRIVER:
                self.facts.draw(lambda facts: self.draw_acting(facts, reason_missing), silent=True)
            if self.parts is not None:
                ui.add_head_html('<link rel="stylesheet" href="/look/cards.css">')
                self.parts.draw()
            self.sign_ins.draw(self.draw_sign_ins)
            self.identities.draw(self.draw_identities)
            self.history.draw(self.draw_history)

    # --- cards

    def draw_facts(self, facts: AccountFacts | None) -> Show[AccountFacts | None]:
        """What the account is, and buttons for what it allows."""
        reader = self.console.reader
        card = Facts(reader)
        offered: tuple[object, ...] = ()

        def show(facts: AccountFacts | None) -> None:
            nonlocal offered
            if facts is None:  # it has another role since, and so another page
                card.actions.clear()
                with card.actions:
                    forms.text("p", reader.text("people.gone")).props("role=status")
                return
            self.known = facts
            card.show(facts, clock.now())
            ui.page_title(f"{facts.name} · {reader.text('brand')}")
            # Drawn anew only if they change: whoever has just tabbed to one stays there.
            offers = facts.name, facts.email, facts.state, facts.can_sign_in
            if offers != offered:
                offered = offers
                card.actions.clear()
                with card.actions:
                    self.draw_actions(facts)

        show(facts)
        return show

    def draw_actions(self, facts: AccountFacts) -> None:
        """The buttons."""
        console, reader = self.console, self.console.reader

        def button(key: str, do: object, *, danger: bool = False) -> None:
            made = ui.button(reader.text(key), on_click=do, color=None)  # type: ignore[arg-type]
            made.classes("p-button is-danger" if danger else "p-button").props("flat")

        if facts.state is State.ERASED:
            return
        button("people.edit", lambda: people_dialogs.edit(console, facts))
        if facts.disabled_at is None and not facts.can_sign_in:
            button("people.invite_again", lambda: people_dialogs.invite_again(console, facts))
        elif facts.disabled_at is None and self.passwords:
            button("people.password_link", lambda: people_dialogs.password_link(console, facts))
        if self.own:
            forms.text("p", reader.text("people.own")).classes("p-muted p-small")
            return
        other = Role.OPERATOR if facts.role is Role.DRIVER else Role.DRIVER
        button(f"people.make.{other.value}", lambda: people_dialogs.change_role(console, facts))
        if facts.disabled_at is not None:
            button("people.enable", lambda: people_dialogs.enable(console, facts))
        # Rare, and not to be taken for what one does every day: apart, at the end.
        with ui.element("div").classes("p-rare-actions"):
            if facts.disabled_at is None:
                button("people.disable", lambda: people_dialogs.disable(console, facts), danger=True)
            button("people.erase", lambda: people_dialogs.erase(console, facts), danger=True)

    def draw_acting(self, facts: AccountFacts | None, reason_missing: bool) -> Show[AccountFacts | None]:
        """P23: the form that begins it, for a driver who could sign in themselves (T26)."""
        place = ui.element("div").classes("p-slot")
        drawn_for = ""

        def show(facts: AccountFacts | None) -> None:
            nonlocal drawn_for
            name = facts.name if facts is not None and facts.disabled_at is None else ""
            if name == drawn_for:
                return
            drawn_for = name
            place.clear()
            if name:
                with place:
                    self.draw_acting_form(name, reason_missing)

        show(facts)
        return show

    def draw_acting_form(self, name: str, reason_missing: bool) -> None:
        """A plain form: the browser's token changes with it (T13), which no socket can do."""
        reader = self.console.reader
        with Card("p-act-as p-one-third", "act-as-title"):
            forms.text("h2", reader.text("people.act_as")).props("id=act-as-title")
            forms.text("p", reader.text("people.act_as.text"))
            if reason_missing:
                forms.alert(reader.text("people.act_as.reason_missing"))
            with forms.form(BEGIN_ACTING, drawn_for=self.console.operator.sign_in_id):
                forms.hidden("driver_id", str(self.id))
                forms.once()
                reason = forms.field(reader.text("people.act_as.reason"), typed_reason(self.console.request))
                reason.props("type=text name=reason autocomplete=off required")
                reason.props["maxlength"] = LONGEST_REASON
                forms.submit(reader.text("people.act_as.do", name=name))

    def draw_sign_ins(self, found: Sequence[ListedSignIn]) -> Show[Sequence[ListedSignIn]]:
        """Where they are signed in; each, or all, can be ended (T16)."""
        console, reader = self.console, self.console.reader
        listed: dict[int, str] = {}

        def end(sign_in_id: int) -> None:
            if sign_in_id in listed:
                people_dialogs.end_sign_ins(console, self.known, sign_in_id, listed[sign_in_id])

        card = PersonSignIns(reader, end)
        with card.actions:
            everywhere = ui.button(reader.text("people.end.all"), color=None).classes("p-button is-danger")
            everywhere.props("flat").on_click(lambda: people_dialogs.end_sign_ins(console, self.known))

        def show(found: Sequence[ListedSignIn]) -> None:
            listed.clear()
            listed.update({one.id: browser_name(one.browser_name, reader) for one in found})
            card.show(found, clock.now())
            everywhere.set_visibility(bool(found))

        show(found)
        return show

    def draw_identities(self, found: Sequence[LinkedIdentity]) -> Show[Sequence[LinkedIdentity]]:
        """How they sign in."""
        labels = {one.key: one.label for one in self.console.portal.by_provider.choices()}
        card = Identities(self.console.reader, labels)

        def show(found: Sequence[LinkedIdentity]) -> None:
            card.show(found, self.known.has_password, clock.now(), passwords=self.passwords)

        show(found)
        return show

    def draw_history(self, found: Sequence[Entry]) -> Show[Sequence[Entry]]:
        """P24: support visits, and what else was done."""
        card = History(self.console.reader)
        card.show(found, self.id, clock.now())
        return lambda found: card.show(found, self.id, clock.now())
