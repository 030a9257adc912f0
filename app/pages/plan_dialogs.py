"""What the console asks before a plan is retired, or its drivers get another one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from nicegui import ui

from app import clock
from app.billing.plans import CannotSubscribe
from app.pages.console import Console
from components import dialogs, plan_words
from components.dialogs import Problem
from components.preferences import Choice
from components.words import Reader
from data.queries.plan_list import ListedPlan


def retire(console: Console, plan: ListedPlan) -> None:
    """Ask, and then give the plan to nobody anew."""
    reader = console.reader

    async def act(_: str) -> Problem:
        if (caller := await console.caller()) is None:
            return ""
        try:
            await console.portal.plans.retire(caller, plan.id)
        except CannotSubscribe as error:
            return reader.text(f"plans.cannot.{error.why}")
        return ""

    dialogs.confirm(
        reader,
        reader.text("plans.retire.title", name=plan.name),
        reader.count("plans.retire.text", plan.drivers),
        reader.text("plans.retire.do", name=plan.name),
        act,
        danger=True,
    )


def move(console: Console, plan: ListedPlan, targets: Sequence[ListedPlan]) -> None:
    """Ask to which of *targets*, and not before when; then move all who have *plan*."""
    reader = console.reader
    with dialogs.dialog(reader.count("plans.move.title", plan.drivers, name=named(plan, reader))) as box:
        dialogs.paragraph(reader.text("plans.move.text", name=named(plan, reader)))
        to = Choice(
            {one.id: _with_price(one, reader) for one in targets},
            value=targets[0].id,
            label=reader.text("plans.move.to"),
        )
        to.props("outlined options-dense behavior=menu")
        from_day = ui.input(reader.text("plans.move.from"))
        from_day.props("outlined stack-label type=date")
        from_day.props["hint"] = reader.text("plans.move.from.hint")

        async def act() -> Problem:
            day = _day(from_day.value)
            if (from_day.value or "").strip() and day is None:
                return reader.text("plans.cannot.day")
            if day is not None and day < reader.local(clock.now()).date():
                return reader.text("plans.cannot.day")
            if (caller := await console.caller()) is None:
                return ""
            try:
                moved = await console.portal.plans.move_subscribers(caller, plan.id, to.value, day)
            except CannotSubscribe as error:
                return reader.text(f"plans.cannot.{error.why}")
            ui.notify(reader.count("plans.moved", moved), type="positive", position="top")
            return ""

        label = reader.count("plans.move.do", plan.drivers, name=named(plan, reader))
        dialogs.actions(reader, box, label, act)


def named(plan: ListedPlan, reader: Reader) -> str:
    """The plan and its version, where there are others."""
    if plan.version == 1 and plan.retired_at is None:
        return plan.name
    return f"{plan.name} ({reader.text('plans.version', n=plan.version)})"


def _with_price(plan: ListedPlan, reader: Reader) -> str:
    prices = plan_words.prices(plan, reader)
    return f"{named(plan, reader)} · {prices[0]}" if prices else named(plan, reader)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "").strip())
    except ValueError:
        return None
