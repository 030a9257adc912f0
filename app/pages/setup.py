"""`/admin/setup`: the first run, from an empty portal to a first charge; each step an address of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from nicegui.element import Element
from starlette.requests import Request

from app.access.visitor import Operator
from app.pages import setup_steps
from app.pages.console import Console
from components import displays, forms
from components.bound import Show, When
from components.drawn import Card
from components.steps import ListedStep, Steps
from data.announcements import Topic
from data.queries import setup
from data.queries.setup import Step

if TYPE_CHECKING:
    from app.portal import Portal

READY = "ready"
"""After the last step: what works now, and what is still to be done."""
AT_MOST_EVERY = 0.5
"""Seconds between questions about how far it is: chargers tell of themselves all the time."""
PLACES = {
    Step.SITE: "/admin/sites",
    Step.CHARGER: "/admin/chargers",
    Step.DRIVER: "/admin/drivers",
    Step.CARD: "/admin/cards",
    Step.PLAN: "/admin/plans",
}
"""Where what a step has made is looked after."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/admin/setup")
    async def page(request: Request, operator: Operator, step: str = "") -> None:
        await SetUpPage(Console(portal, operator, request), step).draw()


def path(step: Step | None) -> str:
    """Where *step* is; ``None`` is the end."""
    return f"/admin/setup?step={READY if step is None else step.value}"


def after(step: Step) -> Step | None:
    """The step that follows."""
    steps = list(Step)
    return steps[steps.index(step) + 1] if step is not steps[-1] else None


def before(step: Step) -> Step | None:
    """The step that comes before."""
    steps = list(Step)
    return steps[steps.index(step) - 1] if step is not steps[0] else None


class SetUpPage:
    """One step, below how far all of them are; that follows what others do at the same time."""

    def __init__(self, console: Console, step: str) -> None:
        self.console = console
        self.cards = console.cards()
        self.asked = step
        topics = Topic.SITES, Topic.CHARGERS, Topic.PEOPLE, Topic.PLAN
        seldom = (When(topic, at_most_every=lambda: AT_MOST_EVERY) for topic in topics)
        self.open = self.cards.bind(setup.open_steps, *seldom)

    async def draw(self) -> None:
        """The page."""
        console, reader = self.console, self.console.reader
        first = await console.portal.database.ask(setup.open_steps)
        step: Step | None = None
        if self.asked in set(Step):
            step = Step(self.asked)
        elif self.asked != READY:  # T5: an unknown one is none; the first that is to be done then
            step = first[0] if first else None
        drawn: setup_steps.DrawnStep | None = None
        if step is not None:
            drawn = setup_steps.STEPS[step](console, self.cards, path(after(step)))
            await drawn.load()
        await self.cards.load()
        with console.page(reader.text("setup.title")):
            ui.add_head_html('<link rel="stylesheet" href="/look/setup.css">')
            ui.context.client.content.classes("p-first-run-page")
            self.open.draw(lambda found: self.draw_steps(found, step))
            if step is None or drawn is None:
                self.open.draw(self.draw_ready)
                return
            drawn.draw()
            self.open.draw(lambda found: self.draw_way_on(found, step), silent=True)

    def draw_steps(self, found: tuple[Step, ...], current: Step | None) -> Show[tuple[Step, ...]]:
        """How far it is."""
        reader = self.console.reader
        card = Steps(reader)

        def show(found: tuple[Step, ...]) -> None:
            card.show(
                [
                    ListedStep(
                        reader.text(f"setup.{step.value}.short"),
                        path(step),
                        step not in found,
                        step is current,
                    )
                    for step in Step
                ]
            )

        show(found)
        return show

    def draw_way_on(self, found: tuple[Step, ...], step: Step) -> Show[tuple[Step, ...]]:
        """Back, and on: a step that is not done can be left for later."""
        reader = self.console.reader
        following, earlier = after(step), before(step)
        with Card("p-setup-on"):
            if earlier is not None:
                words = reader.text(f"setup.{earlier.value}.short")
                ui.link(f"← {words}", path(earlier)).classes("p-text-link")
            told = forms.text("p", reader.text("setup.later")).classes("p-muted p-small")
            name = reader.text("setup.ready.short" if following is None else f"setup.{following.value}.short")
            on = ui.link("", path(following)).classes("p-page-link p-setup-next")

        def show(found: tuple[Step, ...]) -> None:
            is_open = step in found
            told.set_visibility(is_open)
            on.set_text(reader.text("setup.skip" if is_open else "setup.next", name=name))
            on.classes(remove="is-main") if is_open else on.classes("is-main")

        show(found)
        return show

    def draw_ready(self, found: tuple[Step, ...]) -> Show[tuple[Step, ...]]:
        """What works now, and what is still open."""
        reader = self.console.reader
        place = Element("div").classes("p-slot")
        drawn: tuple[Step, ...] | None = None

        def show(found: tuple[Step, ...]) -> None:
            nonlocal drawn
            if found == drawn:
                return
            drawn = found
            place.clear()
            with place, Card("p-setup-ready", "ready-title"):
                title = "setup.ready.open" if found else "setup.ready"
                forms.text("h2", reader.text(title)).props("id=ready-title")
                forms.text("p", reader.text(f"{title}.text"))
                with Element("ul").classes("p-ready-list"):
                    for step in Step:
                        self.draw_line(step, is_open=step in found)
                with Element("div").classes("p-setup-actions"):
                    ui.link(reader.text("setup.ready.overview"), "/admin").classes(
                        "p-page-link p-setup-next is-main"
                    )
                    # No step: a site without one is complete.
                    ui.link(reader.text("setup.ready.display"), displays.LIST).classes("p-text-link")

        show(found)
        return show

    def draw_line(self, step: Step, *, is_open: bool) -> None:
        """A step of the summary."""
        reader = self.console.reader
        with Element("li"):
            sign = Element("i").classes("p-icon").props("aria-hidden=true")
            sign.classes("p-i-hourglass_top is-open" if is_open else "p-i-check_circle is-done")
            with Element("div"):
                forms.text("p", reader.text(f"setup.{step.value}.{'open' if is_open else 'works'}"))
                words = reader.text("setup.do" if is_open else f"setup.{step.value}.look")
                link = ui.link(words, path(step) if is_open else PLACES[step]).classes("p-text-link")
                link.props["aria-label"] = f"{words}: {reader.text(f'setup.{step.value}.short')}"
