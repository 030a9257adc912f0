"""`/admin/chargers/import`: many chargers from a file or a pasted table, looked at before anything is
written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import nicegui
from nicegui import ui
from nicegui.element import Element
from starlette.requests import Request
from starlette.responses import Response

from app.access import posted, uploads
from app.access.own_address import own_address
from app.access.route_table import WITH_FILE
from app.access.visitor import Operator, SignedOut
from app.operating.charger_import import COLUMNS, Line, Plan
from app.operating.chargers import NewCharger, ocpp_address
from app.operating.sites import CannotKeep
from app.pages.console import Console
from components import forms, sessions_csv
from components.drawn import Card
from components.listing import Cell, Column, Listing, Page
from components.listing import Line as Listed
from components.words import Reader

if TYPE_CHECKING:
    from app.portal import Portal

PAGE = "/admin/chargers/import"
LONGEST = 60_000
"""Characters that can be pasted at once: what a page may send in one go (T35) holds them in any language."""
EXAMPLE = "identity,name,site,connectors,group\nGARAGE-1,Garage left,Harbour,Type 2:22|CCS:150,Staff"


def install(portal: Portal) -> None:
    """Install the page and its form. Before the page of one charger, whose address looks the same."""

    @ui.page(PAGE)
    async def page(request: Request, operator: Operator, file: str = "", problem: str = "") -> None:
        await ImportPage(Console(portal, operator, request)).begin(file, problem)

    @nicegui.app.post(PAGE + "/file", include_in_schema=False)
    async def file(request: Request, _: Operator) -> Response:
        # Nobody else's file is read at all; who sends one is asked again when all of it has come (T7).
        try:
            fields, content = await uploads.form(request)
            visitor = await portal.sign_ins.visitor(request)
            if visitor is None:
                raise SignedOut(PAGE)
            posted.check_drawn_for(visitor, fields.get(forms.DRAWN_FOR))
            text = uploads.text(content)
        except uploads.TooLarge:
            return posted.redirect(PAGE, problem="too_large")
        except uploads.NoText:
            return posted.redirect(PAGE, problem="no_text")
        if not text.strip():
            return posted.redirect(PAGE, problem="nothing")
        return posted.redirect(PAGE, file=portal.charger_import.kept.keep(visitor.id, text))


class ImportPage:
    """The page: choose or paste, look, import, keep the passwords."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.plan: Plan | None = None
        self.made: Sequence[NewCharger] = ()

    async def begin(self, word: str, wrong: str) -> None:
        """The page, with the dry run of the file that is kept as *word*, or what was *wrong* with one."""
        reader = self.console.reader
        text = None
        if word:
            text = self.console.portal.charger_import.kept.of(self.console.operator.id, word)
            wrong = "" if text else "gone"
        key = "chargerimport.file.problem." + wrong
        told = reader.text(key) if reader.knows(key) else ""  # anybody can write anything into an address
        if text is not None:
            try:
                self.plan = await self.console.portal.charger_import.plan(text)
            except CannotKeep as error:
                told = problem(reader, error.why)
        self.made = self.console.portal.charger_import.made.of(self.console.operator.id)
        self.draw(told)

    def draw(self, told: str = "") -> None:
        """The page; *told* is what was wrong with the file."""
        reader = self.console.reader
        with self.console.page(reader.text("chargerimport.title")) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/chargers.css">')
            with frame.title:
                back = ui.link(f"← {reader.text('shell.chargers')}", "/admin/chargers")
                back.classes("p-text-link p-way-back").move(target_index=0)
            self._unsaved = Element("div").classes("p-slot")
            if self.made:
                with self._unsaved:
                    self._draw_made(unsaved=True)
            if self.plan is not None:  # what somebody has waited for comes first
                self._place = Element("div").classes("p-slot")
                with self._place:
                    self._draw_plan(self.plan)
            with Card("p-import-form", "import-file-title"):
                self._draw_file(told)
            with Card("p-import-form", "import-form-title"):
                forms.text("h2", reader.text("chargerimport.paste")).props("id=import-form-title")
                forms.text("p", reader.text("chargerimport.text"))
                large = reader.text("chargerimport.large", n=reader.integer(LONGEST))
                forms.text("p", large).classes("p-muted p-small")
                self._text = ui.textarea(reader.text("chargerimport.table"), placeholder=EXAMPLE)
                # Told with each key, no later: the button may be pressed right after the last one.
                self._text.props("outlined stack-label rows=10 spellcheck=false autocomplete=off")
                self._text.props["maxlength"] = LONGEST
                self._problem = forms.text("p", "").props("role=alert").classes("p-alert hidden")
                with Element("div").classes("p-person-actions"):
                    look = ui.button(reader.text("chargerimport.look"), on_click=self.look, color=None)
                    look.classes("p-button is-main")
            if self.plan is None:
                self._place = Element("div").classes("p-slot")

    def _draw_file(self, told: str) -> None:
        reader = self.console.reader
        forms.text("h2", reader.text("chargerimport.file")).props("id=import-file-title")
        forms.text("p", reader.text("chargerimport.file.text"))
        forms.text("p", reader.text("chargerimport.columns")).classes("p-muted p-small")
        if told:
            forms.alert(told)
        with forms.form(PAGE + "/file", drawn_for=self.console.operator.sign_in_id) as form:
            form.props["enctype"] = WITH_FILE
            box = forms.field(reader.text("chargerimport.file.choose"))
            box.props('type=file accept=".csv,.txt,.tsv,text/csv,text/plain" required')
            box.props["name"] = uploads.FIELD
            forms.submit(reader.text("chargerimport.file.look"))

    def _tell(self, problem: str) -> None:
        self._problem.set_text(problem)
        self._problem.classes(remove="hidden") if problem else self._problem.classes("hidden")

    async def look(self) -> None:
        """The dry run: what would become of each line. Nothing is written."""
        self._tell("")
        self._place.clear()
        text = self._text.value or ""
        if not text.strip():
            self._tell(self.console.reader.text("chargerimport.nothing"))
            return
        if await self.console.caller() is None:
            return
        try:
            self.plan = await self.console.portal.charger_import.plan(text)
        except CannotKeep as error:
            self._tell(problem(self.console.reader, error.why))
            return
        with self._place:
            self._draw_plan(self.plan)

    def _draw_plan(self, plan: Plan) -> None:
        reader = self.console.reader
        listing = Listing(
            reader,
            reader.text("chargerimport.plan"),
            title=reader.text("chargerimport.plan"),
            heading="import-plan-title",
        )
        heads = ["line", "outcome", *COLUMNS]
        listing.show(
            Page(
                [Column(reader.text("chargerimport.head." + head)) for head in heads],
                [Listed(place, _cells(line, reader)) for place, line in enumerate(plan.lines)],
                told=told(plan, reader),
                empty=reader.text("chargerimport.nothing"),
            )
        )
        if plan.unknown:
            with listing, Element("div") as box:
                names, columns = ", ".join(plan.unknown)[:200], ", ".join(COLUMNS)
                forms.alert(reader.text("chargerimport.unknown", names=names, columns=columns))
            box.move(target_index=0)
        if plan.unknown or not plan.new:
            return
        with listing, Element("div").classes("p-person-actions"):
            words = reader.count("chargerimport.do", len(plan.new))
            self._button = ui.button(words, on_click=self.add, color=None).classes("p-button is-main")
            self._progress = ui.label().props("role=status").classes("p-muted")

    async def add(self) -> None:
        """Write what was looked at; show the passwords, once."""
        reader, plan = self.console.reader, self.plan
        if plan is None or not self._button.enabled:  # a second click while the first is under way is none
            return
        if (caller := await self.console.caller()) is None:
            return
        self._button.disable()

        def progress(done: int, all_: int) -> None:
            if not self._progress.is_deleted:
                words = reader.text(
                    "chargerimport.progress", done=reader.integer(done), all=reader.integer(all_)
                )
                self._progress.set_text(words)

        client, kept = ui.context.client, self.console.portal.charger_import.made

        def is_awaited() -> bool:
            return client.has_socket_connection and not self._place.is_deleted

        try:
            made = await self.console.portal.charger_import.add(caller, plan.text, progress, is_awaited)
        except CannotKeep as error:
            if self._place.is_deleted:
                return
            self._tell(problem(reader, error.why))
            if not self._button.is_deleted:
                self._button.enable()
            return
        kept.keep(self.console.operator.id, made)
        self.made, self.plan = kept.of(self.console.operator.id), None
        if self._place.is_deleted:
            return  # the page was left in this moment: it offers them when they come back
        self._text.set_value("")
        self._unsaved.clear()
        self._place.clear()
        with self._place:
            self._draw_made()

    def _draw_made(self, *, unsaved: bool = False) -> None:
        """What was added; *unsaved*: before, by a page that was left with the passwords on it."""
        reader = self.console.reader
        with Card("p-import-made", "import-made-title"):
            title = reader.text("chargerimport.none")
            if self.made:
                title = reader.count("chargerimport.made", len(self.made))
            heading = forms.text("h2", title).props("id=import-made-title tabindex=-1")
            if self.made:
                if unsaved:
                    forms.text("p", reader.text("chargerimport.unsaved"))
                forms.text("p", reader.text("chargerimport.once")).props("role=status").classes("p-note-box")
            with Element("div").classes("p-person-actions"):
                if self.made:
                    save = ui.button(
                        reader.text("chargerimport.download"), on_click=self.download, color=None
                    )
                    save.classes("p-button is-main")
                ui.link(reader.text("shell.chargers"), "/admin/chargers").classes("p-text-link")
        if not unsaved:
            heading.run_method("focus")  # what was pressed is gone: who reads by ear goes on here

    def download(self) -> None:
        """The passwords as a file, out of this process's memory: they are stored nowhere (T46, T62)."""
        reader = self.console.reader
        settings = self.console.portal.settings
        base = own_address(settings, self.console.request)
        heads = [reader.text("chargerimport.head." + one) for one in ("identity", "address", "password")]
        lines = [sessions_csv.BOM + sessions_csv.line(heads, reader)]
        for one in self.made:
            cells = (one.identity, ocpp_address(settings, one.identity, base), one.password)
            lines.append(sessions_csv.line(cells, reader))
        ui.download.content("".join(lines).encode(), "chargers.csv", "text/csv")
        self.console.portal.charger_import.made.saved(self.console.operator.id, self.made)


def problem(reader: Reader, why: str) -> str:
    """The sentence for a line that is wrong."""
    key = "chargerimport.problem." + why
    return reader.text(key if reader.knows(key) else "operating.problem." + why)


def told(plan: Plan, reader: Reader) -> str:
    """How many lines there are of which kind."""
    parts = [reader.count("chargerimport.new", len(plan.new))]
    if plan.known:
        parts.append(reader.count("chargerimport.known", plan.known))
    if plan.wrong:
        parts.append(reader.count("chargerimport.wrong", plan.wrong))
    return " · ".join(parts)


def _cells(line: Line, reader: Reader) -> tuple[Cell | str, ...]:
    if line.problem:
        outcome = Cell(
            reader.text("chargerimport.outcome.wrong"),
            meta=problem(reader, line.problem),
            kind="fault",
            icon="error",
        )
    elif line.exists:
        outcome = Cell(
            reader.text("chargerimport.outcome.known"),
            meta=reader.text("chargerimport.stays"),
            kind="offline",
            icon="check_circle",
        )
    else:
        made = ", ".join(line.new_groups)
        meta = reader.text("chargerimport.new_group", names=made) if made else ""
        if not line.groups:
            meta = reader.text("chargerimport.public")
        outcome = Cell(reader.text("chargerimport.outcome.new"), meta=meta, kind="online", icon="add")
    return (reader.integer(line.number), outcome, *(cell[:200] for cell in line.cells))
