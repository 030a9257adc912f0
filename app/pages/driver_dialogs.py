"""What the console asks before a driver's plan or groups change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from nicegui import ui

from app.billing.subscribing import CannotSubscribe, NotABorder
from app.operating.sites import CannotKeep
from app.pages.console import Console
from components import dialogs
from components.dialogs import Problem
from components.words import Reader
from data.queries import driver_page
from data.queries.accounts import AccountFacts
from data.queries.driver_page import Groups, Subscribed

LONGEST_NAME = 200


def problem(reader: Reader, error: CannotSubscribe) -> Problem:
    """The sentence for *error*."""
    if isinstance(error, NotABorder):
        before, after = reader.full_date(error.before), reader.full_date(error.after)
        return reader.text("subscription.problem.border", before=before, after=after)
    return reader.text("subscription.problem." + error.why)


async def subscribe(console: Console, facts: AccountFacts, held: Sequence[Subscribed]) -> None:
    """Ask for the plan, the day that billing periods begin on, and from when on."""
    reader = console.reader
    plans = await console.portal.database.ask(driver_page.plans)
    title = "subscription.change.title" if held else "subscription.begin.title"
    with dialogs.dialog(reader.text(title, name=facts.name)) as box:
        if not plans:
            dialogs.paragraph(reader.text("subscription.no_plans"))
            ui.link(reader.text("subscription.to_plans"), "/admin/plans").classes("p-text-link")
            return
        dialogs.paragraph(reader.text("subscription.text.change" if held else "subscription.text.begin"))
        choice = ui.select({one.id: one.name for one in plans}, label=reader.text("subscription.plan"))
        choice.classes("p-card-choice").props("outlined options-dense behavior=menu")
        if len(plans) == 1:
            choice.set_value(plans[0].id)
        anchor = dialogs.field(reader.text("subscription.anchor"), longest=2)
        anchor.props("inputmode=numeric")
        anchor.props["hint"] = reader.text("subscription.anchor.hint")
        day = ui.input(reader.text("subscription.from")).props("outlined stack-label type=date")
        day.props["hint"] = reader.text("subscription.from.hint")

        async def act() -> Problem:
            if choice.value is None:
                return reader.text("subscription.problem.plan.missing")
            typed = (anchor.value or "").strip()
            if typed and not (typed.isascii() and typed.isdecimal() and 1 <= int(typed) <= 31):
                return reader.text("subscription.problem.anchor")
            try:
                started_on = date.fromisoformat(day.value) if day.value else None
            except ValueError:
                return reader.text("subscription.problem.day")
            if (caller := await console.caller()) is None:
                return ""
            try:
                begun = await console.portal.plans.subscribe(
                    caller, facts.id, choice.value, int(typed) if typed else None, started_on
                )
            except CannotSubscribe as error:
                return problem(reader, error)
            begins = reader.full_date(begun.started_on)
            ui.notify(reader.text("subscription.begun", day=begins), type="positive", position="top")
            return ""

        dialogs.actions(reader, box, reader.text("subscription.do"), act)


def unsubscribe(console: Console, facts: AccountFacts, held: Subscribed) -> None:
    """Ask, and then end the plan."""
    reader = console.reader

    async def act(_: str) -> Problem:
        if (caller := await console.caller()) is None:
            return ""
        try:
            last = await console.portal.plans.unsubscribe(caller, facts.id)
        except CannotSubscribe as error:
            return problem(reader, error)
        ui.notify(
            reader.text("subscription.ended", day=reader.full_date(last)), type="positive", position="top"
        )
        return ""

    dialogs.confirm(
        reader,
        reader.text("subscription.end.title", name=facts.name, plan=held.name),
        reader.text("subscription.end.text", name=facts.name),
        reader.text("subscription.end.do", plan=held.name),
        act,
        danger=True,
    )


def groups(console: Console, facts: AccountFacts, known: Groups) -> None:
    """Ask which groups of chargers the driver sees."""
    reader = console.reader
    with dialogs.dialog(reader.text("driver.groups.title", name=facts.name)) as box:
        dialogs.paragraph(reader.text("driver.groups.text"))
        boxes = {name: ui.checkbox(name, value=name in known.mine) for name in known.all}
        new = dialogs.field(reader.text("driver.groups.new"), longest=LONGEST_NAME)

        async def act() -> Problem:
            names = {name for name, box in boxes.items() if box.value}
            if (new.value or "").strip():
                names.add(new.value.strip())
            if (caller := await console.caller()) is None:
                return ""
            try:
                await console.portal.groups.of_driver(caller, facts.id, names)
            except CannotKeep as error:
                return reader.text("operating.problem." + error.why)
            return ""

        dialogs.actions(reader, box, reader.text("settings.save"), act, fields=[new])
