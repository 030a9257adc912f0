"""What the console asks before it changes an account, and what it tells when a link was made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from app import clock
from app.access.account_rules import LONGEST_NAME, Refused
from app.access.one_time_links import Link
from app.access.own_address import own_address
from app.access.people import LONGEST_EMAIL, CannotChange
from app.pages.console import Console
from components import dialogs
from components.dialogs import Problem
from components.people import PATHS
from components.preferences import Choice
from components.texts import languages
from components.words import Reader
from data.queries.accounts import AccountFacts
from data.types import Role


def problem(reader: Reader, error: CannotChange | Refused) -> Problem:
    """The sentence for *error*."""
    return reader.text("people.problem." + error.why)


def invite(console: Console, role: Role) -> None:
    """Ask for name and e-mail; then show the link."""
    reader = console.reader
    with dialogs.dialog(reader.text(f"people.invite.{role.value}")) as box:
        dialogs.paragraph(reader.text("people.invite.text"))
        name = dialogs.field(reader.text("people.name"), longest=LONGEST_NAME)
        email = dialogs.field(reader.text("people.email"), longest=LONGEST_EMAIL)
        email.props("type=email autocomplete=off")
        spoken = {code: one.name for code, one in languages().items()}
        label = reader.text("people.invite.language")
        language = Choice(spoken, label=label, value=reader.language.code)
        language.props("outlined options-dense behavior=menu")

        async def act() -> Problem:
            if (caller := await console.caller()) is None:
                return ""
            try:
                link = await console.portal.links.invite(
                    caller,
                    name=name.value or "",
                    email=email.value or "",
                    role=role,
                    language=language.value,
                    base=base(console),
                )
            except Refused as refused:
                return problem(reader, refused)
            show_link(console, link, name.value or "", role)
            return ""

        dialogs.actions(reader, box, reader.text("people.invite.do"), act, fields=[name, email])


async def invite_again(console: Console, facts: AccountFacts) -> None:
    """Another invitation, at once: it only ends the one before."""
    await _show_made(console, facts, console.portal.links.invite_again)


def password_link(console: Console, facts: AccountFacts) -> None:
    """Ask, and then make a link that sets a new password; the old one works until it is used."""
    reader = console.reader

    async def act(_: str) -> Problem:
        await _show_made(console, facts, console.portal.links.reset)
        return ""

    dialogs.confirm(
        reader,
        reader.text("people.password.title", name=facts.name),
        reader.text("people.password.text"),
        reader.text("people.password.do", name=facts.name),
        act,
    )


async def _show_made(console: Console, facts: AccountFacts, make: Callable[..., Awaitable[Link]]) -> None:
    if (caller := await console.caller()) is None:
        return
    try:
        link = await make(caller, facts.id, base=base(console))
    except Refused as refused:
        ui.notify(problem(console.reader, refused), type="negative", position="top")
        return
    show_link(console, link, facts.name, facts.role)


def show_link(console: Console, link: Link, name: str, role: Role) -> None:
    """The link to copy, once: it is kept nowhere."""
    reader = console.reader
    with dialogs.dialog(reader.text("people.link.title", name=name)) as box:
        mailed = "people.link.mailed" if link.mailed else "people.link.pass_on"
        dialogs.paragraph(reader.text(mailed))
        if link.problem:
            dialogs.paragraph(reader.text("people.link.not_mailed", problem=link.problem)).classes("p-alert")
        address = ui.input(reader.text("people.link"), value=link.address).props("outlined readonly")
        address.classes("p-link-address")
        # The link goes to somebody else, perhaps elsewhere: whose clock it is has to stand beside it.
        until = f"{reader.moment(link.expires_at, clock.now())} ({reader.zone})"
        dialogs.paragraph(reader.text("people.link.until", moment=until)).classes("p-muted p-small")

        def copy() -> None:
            ui.clipboard.write(link.address)
            copied.set_text(reader.text("people.link.copied"))

        copied = dialogs.paragraph("").props("role=status").classes("p-muted p-small")
        with ui.element("div").classes("p-actions"):
            page = ui.link(reader.text("people.link.page"), f"{PATHS[role]}{link.account_id}")
            page.classes("p-text-link")
            close = ui.button(reader.text("people.link.close"), on_click=box.close, color=None)
            close.classes("p-button").props("flat")
            if console.can_copy:  # elsewhere one selects it in its box
                main = ui.button(reader.text("people.link.copy"), on_click=copy, color=None)
                main.classes("p-button is-main")


def edit(console: Console, facts: AccountFacts) -> None:
    """Another name or e-mail address."""
    reader = console.reader
    with dialogs.dialog(reader.text("people.edit.title", name=facts.name)) as box:
        name = dialogs.field(reader.text("people.name"), facts.name, longest=LONGEST_NAME)
        email = dialogs.field(reader.text("people.email"), facts.email, longest=LONGEST_EMAIL)
        email.props("type=email autocomplete=off")
        dialogs.paragraph(reader.text("people.edit.text")).classes("p-muted p-small")

        async def act() -> Problem:
            if (caller := await console.caller()) is None:
                return ""
            try:
                await console.portal.people.rename(
                    caller, facts.id, name=name.value or "", email=email.value or ""
                )
            except CannotChange as error:
                return problem(reader, error)
            return ""

        dialogs.actions(reader, box, reader.text("settings.save"), act, fields=[name, email])


def disable(console: Console, facts: AccountFacts) -> None:
    """Ask for the reason, and then let nobody sign in to the account any more."""
    reader = console.reader

    async def act(reason: str) -> Problem:
        if (caller := await console.caller()) is None:
            return ""
        try:
            await console.portal.people.disable(caller, facts.id, reason)
        except CannotChange as error:
            return problem(reader, error)
        return ""

    dialogs.confirm(
        reader,
        reader.text("people.disable.title", name=facts.name),
        reader.text(f"people.disable.text.{facts.role.value}"),
        reader.text("people.disable.do", name=facts.name),
        act,
        reason=reader.text("people.reason"),
        danger=True,
    )


def erase(console: Console, facts: AccountFacts) -> None:
    """Ask for the reason, and then forget who the account belonged to."""
    reader = console.reader

    async def act(reason: str) -> Problem:
        if (caller := await console.caller()) is None:
            return ""
        try:
            await console.portal.erasing.erase(caller, facts.id, reason)
        except CannotChange as error:
            return problem(reader, error)
        ui.navigate.to(f"{PATHS[facts.role]}{facts.id}")
        return ""

    asked = reader.text("people.erase.unasked", name=facts.name)
    if facts.deletion_requested_at is not None:
        moment = reader.moment(facts.deletion_requested_at, clock.now())
        asked = reader.text("people.erase.asked", name=facts.name, moment=moment)
    dialogs.confirm(
        reader,
        reader.text("people.erase.title", name=facts.name),
        asked + " " + reader.text("people.erase.text"),
        reader.text("people.erase.do", name=facts.name),
        act,
        reason=reader.text("people.reason"),
        danger=True,
    )


async def enable(console: Console, facts: AccountFacts) -> None:
    """Let somebody sign in again: nothing is lost by it, so nothing is asked."""
    if (caller := await console.caller()) is None:
        return
    try:
        await console.portal.people.enable(caller, facts.id)
    except CannotChange as error:
        ui.notify(problem(console.reader, error), type="negative", position="top")


def change_role(console: Console, facts: AccountFacts) -> None:
    """Ask, and then make a driver an operator or the reverse; their page is at another address then."""
    reader = console.reader
    role = Role.OPERATOR if facts.role is Role.DRIVER else Role.DRIVER

    async def act(_: str) -> Problem:
        if (caller := await console.caller()) is None:
            return ""
        try:
            await console.portal.people.change_role(caller, facts.id, role)
        except CannotChange as error:
            return problem(reader, error)
        ui.navigate.to(f"{PATHS[role]}{facts.id}")
        return ""

    dialogs.confirm(
        reader,
        reader.text(f"people.make.{role.value}.title", name=facts.name),
        reader.text(f"people.make.{role.value}.text"),
        reader.text(f"people.make.{role.value}.do", name=facts.name),
        act,
        danger=True,
    )


def end_sign_ins(
    console: Console, facts: AccountFacts, sign_in_id: int | None = None, where: str = ""
) -> None:
    """Ask, and then end one sign-in, at the browser that *where* names, or all of the account."""
    reader = console.reader

    async def act(_: str) -> Problem:
        if (caller := await console.caller()) is not None:
            await console.portal.sign_ins.end_of_account(caller, facts.id, sign_in_id)
        return ""

    which = "all" if sign_in_id is None else "one"
    dialogs.confirm(
        reader,
        reader.text(f"people.end.{which}.title", name=facts.name, where=where),
        reader.text("people.end.text"),
        reader.text(f"people.end.{which}.do", name=facts.name),
        act,
        danger=True,
    )


def base(console: Console) -> str:
    """Where the operator's browser found the portal; links lead there unless the settings say otherwise."""
    return own_address(console.portal.settings, console.request)
