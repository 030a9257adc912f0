"""`/admin/plans/new`, `/admin/plans/{plan_id}/edit`: the form of a plan, and what a month of it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import clock
from app.access.visitor import Operator, not_found
from app.billing import example
from app.billing.plans import CannotSubscribe, Terms, WrongTerms
from app.pages import typed_plan
from app.pages.console import Console
from app.pages.row_id import own_row_id
from components import currencies, forms
from components.plan_form import PlanForm, Typed
from components.plan_preview import Month, Preview, PricedPart
from data.queries import plan_list
from data.queries.plan_list import ListedPlan, PlanPage

if TYPE_CHECKING:
    from app.portal import Portal

PLANS = "/admin/plans"


def install(portal: Portal) -> None:
    """Install the two pages."""

    @ui.page("/admin/plans/new")
    async def new_plan(request: Request, operator: Operator) -> None:
        console = Console(portal, operator, request)
        typed = Typed(currency=currencies.currency_of(console.reader.zone))
        Editor(console, None, typed).draw()

    @ui.page("/admin/plans/{plan_id}/edit")
    async def edit_plan(request: Request, operator: Operator, plan_id: str) -> Response | None:
        console = Console(portal, operator, request)
        found = await known(console, plan_id)
        if found.plan.retired_at is not None:
            newest = found.versions[0]
            if newest.retired_at is not None:
                raise not_found()
            # Whoever goes back after saving, or has kept the address: what there is to change is the newest.
            return RedirectResponse(f"{PLANS}/{newest.id}?instead_of={found.plan.version}", 303)
        Editor(console, found, typed_plan.typed_of(found.plan, console.reader)).draw()
        return None


async def known(console: Console, plan_id: str) -> PlanPage:
    """The plan with the id of an address. Raises `not_found`."""
    number = own_row_id(plan_id)
    today = console.reader.local(clock.now()).date()
    found = await console.portal.database.ask(plan_list.plan_page, number, today)
    if found is None:
        raise not_found()
    return found


def month(terms: Terms | ListedPlan, energy_wh: int, night: int) -> Month:
    """The example month under *terms*, for the preview."""
    found = example.example(energy_wh, night, terms, terms.base_fee)
    parts = [PricedPart(one.kind, one.energy_wh, one.price_per_kwh, one.amount) for one in found.parts]
    return Month(terms.currency, parts, found.base_fee, found.total)


class Editor:
    """The form for a new plan, or for the one that was *found*."""

    def __init__(self, console: Console, found: PlanPage | None, typed: Typed) -> None:
        self.console = console
        self.found = found
        self.typed = typed
        self.tried = False

    def draw(self) -> None:
        """The page."""
        console, reader, found = self.console, self.console.reader, self.found
        title = reader.text("plans.new") if found is None else reader.text("plans.edit", name=found.plan.name)
        with console.page(title) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/plans.css">')
            with frame.title:
                label = reader.text("shell.plans") if found is None else found.plan.name
                back = ui.link(f"← {label}", self.back).classes("p-text-link p-way-back")
                back.move(target_index=0)
            if found is not None and found.ever_used:
                text = reader.count(
                    "plans.edit.used", found.plan.drivers, version=found.versions[0].version + 1
                )
                forms.text("p", text).classes("p-note-box p-wide").props("role=note")
            self.form = PlanForm(reader, self.typed, self.changed)
            with self.form.actions:
                self.told = forms.text("p", "").props("role=alert").classes("p-alert p-wide")
                self.told.set_visibility(False)
                cancel = ui.link(reader.text("settings.cancel"), self.back).classes("p-act")
                assert cancel is not None
                key = "plans.save.new" if found is None else "plans.save"
                save = ui.button(reader.text(key), on_click=self.save, color=None)
                save.classes("p-button is-main")
            self.preview = Preview(reader, self.month)

    @property
    def back(self) -> str:
        """Where nothing is changed."""
        return PLANS if self.found is None else f"{PLANS}/{self.found.plan.id}"

    def month(self, energy_wh: int, night: int) -> Month | None:
        """For the preview: as far as the form has been filled in."""
        terms, _ = typed_plan.read(self.typed if self.typed.name.strip() else _named(self.typed))
        return None if terms is None else month(terms, energy_wh, night)

    def changed(self) -> None:
        """Price the month anew; what was complained about once is looked at again."""
        self.preview.show()
        if self.tried:
            self.tell(typed_plan.read(self.typed)[1])

    def tell(self, problems: dict[str, str]) -> None:
        """Show *problems* at their fields."""
        self.form.tell(typed_plan.sentences(problems, self.console.reader))
        self.told.set_text(self.console.reader.text("plans.problem.marked") if problems else "")
        self.told.set_visibility(bool(problems))

    async def save(self) -> None:
        """Keep it and show it, or say what is wrong."""
        self.tried = True
        terms, problems = typed_plan.read(self.typed)
        self.tell(problems)
        if terms is None or (caller := await self.console.caller()) is None:
            return
        plans = self.console.portal.plans
        try:
            if self.found is None:
                plan_id = await plans.add(caller, terms)
            else:
                plan_id = await plans.change(caller, self.found.plan.id, terms)
        except WrongTerms as wrong:
            self.tell(wrong.problems)
            return
        except CannotSubscribe as error:  # somebody has just versioned it
            ui.notify(self.console.reader.text(f"plans.cannot.{error.why}"), type="negative", position="top")
            return
        ui.navigate.to(f"{PLANS}/{plan_id}")


def _named(typed: Typed) -> Typed:
    """*typed* with a name: what a month costs does not depend on it."""
    return Typed(**{**vars(typed), "name": "-"})
