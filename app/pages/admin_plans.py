"""`/admin/plans`: all plans, what they cost, and how many drivers have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator
from app.pages.console import Console
from components import plan_words
from components.bound import Show, When
from components.listing import Cell, Column, Line, Listing, Page
from components.words import Reader
from data.announcements import Topic
from data.queries import plan_list
from data.queries.plan_list import Family

if TYPE_CHECKING:
    from app.portal import Portal

Found = tuple[Family, ...]


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/admin/plans")
    async def plans(request: Request, operator: Operator) -> None:
        await PlansPage(Console(portal, operator, request)).draw()


class PlansPage:
    """The list."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.cards = console.cards()
        self.found = self.cards.bind(self.ask, When(Topic.PLANS, at_most_every=lambda: 1.0))

    def ask(self, db: Connection) -> Found:
        """Asked in a thread."""
        return plan_list.families(db, self.console.reader.local(clock.now()).date())

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        reader = self.console.reader
        with self.console.page(reader.text("shell.plans")) as frame:
            with frame.title:
                add = ui.link(reader.text("plans.new"), "/admin/plans/new")
                add.classes("p-submit")
            self.found.draw(self.draw_plans)

    def draw_plans(self, found: Found) -> Show[Found]:
        """The card."""
        reader = self.console.reader
        card = Listing(reader, reader.text("shell.plans"))

        def show(found: Found) -> None:
            card.show(listed(found, reader))

        show(found)
        return show


def listed(found: Found, reader: Reader) -> Page:
    """The rows: a plan each, as its newest version is."""
    columns = [
        Column(reader.text("plans.name")),
        Column(reader.text("plans.state")),
        Column(reader.text("plans.price")),
        Column(reader.text("plans.included")),
        Column(reader.text("plans.base_fee"), number=True),
        Column(reader.text("plans.drivers"), number=True),
    ]
    current = sum(one.newest.retired_at is None for one in found)
    return Page(
        columns,
        [_line(one, reader) for one in found],
        told=reader.count("plans.told", current),
        empty=reader.text("plans.empty"),
    )


def _line(family: Family, reader: Reader) -> Line:
    plan = family.newest
    version = reader.text("plans.version", n=plan.version) if plan.version > 1 else ""
    first, *more = plan_words.prices(plan, reader) or [""]
    earlier = family.drivers_on_earlier
    is_retired = plan.retired_at is not None
    return Line(
        plan.id,
        (
            Cell(plan.name, meta=version, href=f"/admin/plans/{plan.id}"),
            Cell(
                reader.text("plans.retired" if is_retired else "plans.current"),
                kind="offline" if is_retired else "online",
                icon="block" if is_retired else "check_circle",
            ),
            Cell(first, meta=" · ".join(more)),
            plan_words.included(plan, reader),
            reader.money(plan.base_fee, plan.currency) if plan.base_fee else reader.text("plans.fee.none"),
            Cell(
                reader.integer(plan.drivers),
                meta=reader.count("plans.drivers.earlier", earlier) if earlier else "",
            ),
        ),
    )
