"""`/admin/plans/{plan_id}`: one version of a plan, who has it, and what can be done with it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator
from app.pages import plan_dialogs, plan_editor
from app.pages.console import Console
from app.pages.row_id import row_id
from components import plan_words
from components.bound import Show, When
from components.facts import FactsCard, Pill
from components.listing import Cell, Column, Line, Listing, Page
from components.plan_preview import Preview
from data.announcements import Topic
from data.queries import plan_list
from data.queries.plan_list import ListedPlan, PlanPage, Subscriber, Subscribers

if TYPE_CHECKING:
    from app.portal import Portal


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/admin/plans/{plan_id}")
    async def plan(
        request: Request, operator: Operator, plan_id: str, after: str = "", instead_of: str = ""
    ) -> None:
        console = Console(portal, operator, request)
        await OnePlan(console, await plan_editor.known(console, plan_id), after, instead_of).draw()


class OnePlan:
    """The page."""

    def __init__(self, console: Console, known: PlanPage, after: str, instead_of: str) -> None:
        self.console = console
        self.known = known
        self.id = known.plan.id
        self.after = row_id(after)
        self.instead_of = int(instead_of) if instead_of in _numbers(known) else None
        """The version that somebody wanted to change, which can't be any more."""
        self.cards = console.cards()
        told = When(Topic.PLANS, at_most_every=lambda: 1.0)
        self.found = self.cards.bind(self.ask, told)
        self.drivers = self.cards.bind(self.ask_drivers, told)

    def ask(self, db: Connection) -> PlanPage | None:
        """Asked in a thread."""
        return plan_list.plan_page(db, self.id, self.today())

    def ask_drivers(self, db: Connection) -> Subscribers:
        """Asked in a thread."""
        return plan_list.subscribers(db, self.id, self.today(), self.after)

    def today(self) -> date:
        """Of the operator."""
        return self.console.reader.local(clock.now()).date()

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        reader = self.console.reader
        with self.console.page(self.known.plan.name) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/plans.css">')
            with frame.title:
                back = ui.link(f"← {reader.text('shell.plans')}", "/admin/plans")
                back.classes("p-text-link p-way-back").move(target_index=0)
            self.found.draw(self.draw_facts)
            self.found.draw(self.draw_preview, silent=True)
            self.drivers.draw(self.draw_drivers)
            self.found.draw(self.draw_versions, silent=True)

    def draw_facts(self, found: PlanPage | None) -> Show[PlanPage | None]:
        """What it costs, and buttons for what can be done."""
        reader = self.console.reader
        card = FactsCard(reader.text("plans.facts"))
        offered: tuple[object, ...] = ()

        def show(found: PlanPage | None) -> None:
            nonlocal offered
            if found is None:
                return
            self.known = found
            card.show(self.facts(found.plan), pill=self.pill(found.plan), notes=self.notes(found))
            ui.page_title(f"{found.plan.name} · {reader.text('brand')}")
            offers = found.plan, found.others
            if offers != offered:
                offered = offers
                card.actions.clear()
                with card.actions:
                    self.draw_actions(found)

        show(found)
        return show

    def facts(self, plan: ListedPlan) -> list[tuple[str, str]]:
        """The pairs."""
        reader = self.console.reader
        prices = plan_words.prices(plan, reader)
        anchor = reader.text("plans.anchor.own")
        if plan.anchor_day is not None:
            anchor = reader.text("plans.anchor.day", n=plan.anchor_day)
        made = "" if plan.created_at is None else reader.full_date(reader.local(plan.created_at).date())
        return [
            (reader.text("plans.price"), prices[0] if prices else ""),
            *((reader.text("plans.also"), one) for one in prices[1:]),
            (reader.text("plans.included"), plan_words.included(plan, reader)),
            (reader.text("plans.base_fee"), plan_words.fee(plan, reader)),
            (reader.text("plans.anchor"), anchor),
            (reader.text("plans.version.head"), reader.integer(plan.version)),
            (reader.text("plans.made"), made),
            (reader.text("plans.drivers"), reader.integer(plan.drivers)),
        ]

    def pill(self, plan: ListedPlan) -> Pill:
        """Whether it can be had."""
        if plan.retired_at is not None:
            return Pill(self.console.reader.text("plans.retired"), "offline", "block")
        return Pill(self.console.reader.text("plans.current"), "online", "check_circle")

    def notes(self, found: PlanPage) -> list[str]:
        """What one should know of it."""
        reader, plan = self.console.reader, found.plan
        notes = []
        if self.instead_of is not None:
            notes.append(
                reader.text("plans.note.instead_of", old=self.instead_of, version=found.versions[0].version)
            )
        if plan.retired_at is not None and plan.drivers:
            notes.append(reader.count("plans.note.retired", plan.drivers))
        earlier = sum(one.drivers for one in found.versions if one.version < plan.version)
        if plan.retired_at is None and earlier:
            notes.append(reader.count("plans.note.earlier", earlier))
        return notes

    def draw_actions(self, found: PlanPage) -> None:
        """The buttons."""
        console, reader, plan = self.console, self.console.reader, found.plan
        if plan.retired_at is None:
            edit = ui.button(reader.text("plans.change"), color=None).classes("p-button").props("flat")
            edit.on_click(lambda: ui.navigate.to(f"/admin/plans/{self.id}/edit"))
        for one in found.versions:
            targets = [other for other in (*found.versions, *found.others) if other.retired_at is None]
            targets = list({other.id: other for other in targets if other.id != one.id}.values())
            is_earlier = one.version < plan.version and plan.retired_at is None
            if one.drivers and targets and (one.id == plan.id or is_earlier):
                key = "plans.move" if one.id == plan.id else "plans.move.earlier"
                label = reader.count(key, one.drivers, version=one.version)
                move = ui.button(label, color=None).classes("p-button").props("flat")
                move.on_click(lambda one=one, to=tuple(targets): plan_dialogs.move(console, one, to))
        if plan.retired_at is None:
            retire = ui.button(reader.text("plans.retire"), color=None).classes("p-button is-danger")
            retire.props("flat").on_click(lambda: plan_dialogs.retire(console, self.known.plan))

    def draw_preview(self, found: PlanPage | None) -> Show[PlanPage | None]:
        """An example month."""
        card = Preview(
            self.console.reader, lambda energy, night: plan_editor.month(self.known.plan, energy, night)
        )
        before = found

        def show(found: PlanPage | None) -> None:
            nonlocal before
            if found is not None and (before is None or found.plan != before.plan):
                card.show()
            before = found

        return show

    def draw_drivers(self, found: Subscribers) -> Show[Subscribers]:
        """Who have it."""
        reader = self.console.reader
        card = Listing(
            reader, reader.text("plans.drivers"), title=reader.text("plans.drivers"), heading="drivers-title"
        )

        def show(found: Subscribers) -> None:
            columns = [
                Column(reader.text("people.name")),
                Column(reader.text("plans.since")),
                Column(reader.text("plans.anchor")),
                Column(reader.text("plans.until")),
            ]
            following = f"/admin/plans/{self.id}?after={found.shown[-1].id}" if found.more else ""
            card.show(
                Page(
                    columns,
                    [self.driver(one) for one in found.shown],
                    empty=reader.text("plans.drivers.empty"),
                    previous="" if self.after is None else f"/admin/plans/{self.id}",
                    next=following,
                )
            )

        show(found)
        return show

    def driver(self, one: Subscriber) -> Line:
        """The row of a subscription."""
        reader = self.console.reader
        return Line(
            one.id,
            (
                Cell(one.name, href=f"/admin/drivers/{one.account_id}"),
                Cell(
                    reader.full_date(one.started_on),
                    meta=reader.text("plans.planned") if one.started_on > self.today() else "",
                ),
                reader.text("plans.anchor.day", n=one.anchor_day),
                "" if one.ended_on is None else reader.full_date(one.ended_on),
            ),
        )

    def draw_versions(self, found: PlanPage | None) -> Show[PlanPage | None]:
        """All versions, the newest first, if there is more than one."""
        reader = self.console.reader
        card = Listing(
            reader,
            reader.text("plans.versions"),
            title=reader.text("plans.versions"),
            heading="versions-title",
        )

        def show(found: PlanPage | None) -> None:
            card.visible = found is not None and len(found.versions) > 1
            if found is None or not card.visible:
                return
            columns = [
                Column(reader.text("plans.version.head")),
                Column(reader.text("plans.price")),
                Column(reader.text("plans.included")),
                Column(reader.text("plans.made")),
                Column(reader.text("plans.drivers"), number=True),
            ]
            card.show(Page(columns, [self.version(one) for one in found.versions]))

        show(found)
        return show

    def version(self, one: ListedPlan) -> Line:
        """The row of a version; this page's own leads nowhere."""
        reader = self.console.reader
        made = "" if one.created_at is None else reader.full_date(reader.local(one.created_at).date())
        name = f"{reader.text('plans.version', n=one.version)} · {one.name}"
        prices = plan_words.prices(one, reader)
        return Line(
            one.id,
            (
                Cell(name, href="" if one.id == self.id else f"/admin/plans/{one.id}"),
                Cell(prices[0] if prices else "", meta=" · ".join(prices[1:])),
                plan_words.included(one, reader),
                made,
                reader.integer(one.drivers),
            ),
        )


def _numbers(known: PlanPage) -> frozenset[str]:
    return frozenset(str(one.version) for one in known.versions if one.id != known.plan.id)
