"""What the console asks before it ends, assigns or corrects a session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation

from nicegui import ui

from app.charging.care import CannotCare
from app.pages.console import Console
from components import dialogs
from components.dialogs import LONGEST_REASON, Problem
from components.words import Reader
from data.caller import Caller
from data.queries import accounts
from data.queries.session_facts import SessionFacts
from data.types import Role

OFFERED = 8
"""Drivers that a search offers to choose from."""
LONGEST_NUMBER = 12


async def done(console: Console, do: Callable[[Caller], Awaitable[object]]) -> Problem:
    """Do it as whoever clicks; the sentence for why not, or nothing."""
    if (caller := await console.caller()) is None:
        return ""
    try:
        await do(caller)
    except CannotCare as error:
        return console.reader.text("sessions.problem." + error.why)
    return ""


def end(console: Console, facts: SessionFacts) -> None:
    """Ask for the reason, and end a session that goes on."""
    reader, one = console.reader, facts.listed
    care = console.portal.care

    async def act(reason: str) -> Problem:
        return await done(console, lambda caller: care.end(caller, one.id, reason))

    dialogs.confirm(
        reader,
        reader.text("sessions.end.title", number=one.id, charger=one.charger_name),
        reader.text("sessions.end.text"),
        reader.text("sessions.end.do", number=one.id),
        act,
        reason=reader.text("sessions.reason"),
        danger=True,
    )


def assign(console: Console, facts: SessionFacts) -> None:
    """Ask to whom and why."""
    reader, one = console.reader, facts.listed
    with dialogs.dialog(reader.text("sessions.assign.title", number=one.id)) as box:
        dialogs.paragraph(reader.text("sessions.assign.text"))
        search = dialogs.field(reader.text("sessions.assign.search"), longest=accounts.LONGEST_SEARCH)
        search.props("debounce=250 type=search")
        choice = ui.radio({}).classes("p-choose")
        none = dialogs.paragraph("").props("role=status").classes("p-muted p-small")
        reason = dialogs.field(reader.text("sessions.reason"), longest=LONGEST_REASON)

        async def look() -> None:
            words = (search.value or "").strip()
            found = await console.portal.database.ask(accounts.listed, Role.DRIVER, words, limit=OFFERED)
            if box.is_deleted:
                return
            offered = {person.id: f"{person.name} · {person.email}" for person in found.shown}
            chosen = choice.value if choice.value in offered else None
            if len(offered) == 1:
                (chosen,) = offered
            choice.set_options(offered if words else {}, value=chosen if words else None)
            none.text = reader.text("sessions.assign.none") if words and not offered else ""

        search.on_value_change(look)

        async def act() -> Problem:
            chosen = choice.value
            if not isinstance(chosen, int):
                return reader.text("sessions.assign.choose")
            care = console.portal.care
            return await done(console, lambda caller: care.assign(caller, one.id, chosen, reason.value or ""))

        label = reader.text("sessions.assign.do", number=one.id)
        dialogs.actions(reader, box, label, act, fields=[search, reason])


def correct(console: Console, facts: SessionFacts) -> None:
    """Ask for the right energy and why."""
    reader, one = console.reader, facts.listed
    with dialogs.dialog(reader.text("sessions.correct.title", number=one.id)) as box:
        told = reader.text("sessions.correct.text", energy=f"{reader.live_kwh(one.energy_wh)} kWh")
        dialogs.paragraph(told)
        energy = dialogs.field(reader.text("sessions.correct.energy"), longest=LONGEST_NUMBER)
        energy.props("inputmode=decimal autocomplete=off")
        reason = dialogs.field(reader.text("sessions.reason"), longest=LONGEST_REASON)

        async def act() -> Problem:
            wh = typed_wh(energy.value or "", reader)
            if wh is None:
                return reader.text("sessions.problem.number")
            care = console.portal.care
            return await done(console, lambda caller: care.correct(caller, one.id, wh, reason.value or ""))

        label = reader.text("sessions.correct.do", number=one.id)
        dialogs.actions(reader, box, label, act, fields=[energy, reason], danger=True)


def typed_wh(text: str, reader: Reader) -> int | None:
    """The Wh of a number of kWh as people of the reader's language type it; ``None`` if it is none.

    ``12.4`` and ``12,4`` are the same in all languages; a number with both, such as ``1,234.5``, is read
    in the reader's way. More than three decimals are no whole Wh: they are none either.
    """
    plain = "".join(text.removesuffix("kWh").split())
    if "." in plain and "," in plain:
        plain = plain.replace(reader.group, "")
    plain = plain.replace(",", ".")
    if not plain.isascii() or plain.count(".") > 1 or not plain.replace(".", "").isdecimal():
        return None
    try:
        wh = Decimal(plain) * 1000
    except InvalidOperation:
        return None
    return int(wh) if wh == wh.to_integral_value() else None
