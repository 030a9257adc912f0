"""`/admin/health`: how the portal is, its backups, the last errors, and diagnostics to pass on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator
from app.operating.backups import Backup, BackupFailed
from app.operating.health import ANSWER_SECONDS, Health, Question, diagnostics
from app.pages.console import Console
from components import dialogs, forms
from components.displays import LIST, MISSING
from components.drawn import Card
from components.facts import FactsCard, Pill
from components.listing import Cell, Column, Line, Listing, Page, Table

if TYPE_CHECKING:
    from app.portal import Portal

ANEW = 5.0
"""Seconds between two looks of an open page: what a process is tells nobody when it changes."""
BACKUPS, ERRORS = 5, 20
"""Lines that are shown."""
NEW_BACKUP = timedelta(days=2)
"""After which a backup is called old."""
KINDS = {"ERROR": ("fault", "error"), "CRITICAL": ("fault", "error"), "WARNING": ("reserved", "warning")}


def install(portal: Portal) -> None:
    """Install the page."""
    folder = Question(lambda: asyncio.to_thread(portal.backups.listed))

    # What it asks is answered sooner; a process that is late with everything still gets to draw it.
    @ui.page("/admin/health", response_timeout=10 * ANSWER_SECONDS)
    async def health(request: Request, operator: Operator) -> None:
        await HealthPage(Console(portal, operator, request), folder).draw()


class HealthPage:
    """The page: its cards, and what a look fills them with."""

    def __init__(self, console: Console, folder: Question[list[Backup]]) -> None:
        self.console = console
        self.folder = folder
        self.reader = console.reader
        self.portal = console.portal

    async def draw(self) -> None:
        """The page as of now; it looks again while it is open."""
        text = self.reader.text
        health, backups = await self._look()
        with self.console.page(text("health.title")) as frame:
            with frame.title:
                copy = ui.button(text("health.diagnostics"), color=None, on_click=self._diagnostics)
                copy.classes("p-button is-main")
            self.process = FactsCard(text("health.process"), heading="process-title")
            self.database = FactsCard(
                text("health.database"), heading="database-title", classes="p-one-third"
            )
            self.work = FactsCard(text("health.work"), heading="work-title", classes="p-one-third")
            with Card("p-two-thirds p-backups", "backups-title"):
                self.backups = Table(
                    self.reader, text("health.backups"), title=text("health.backups"), heading="backups-title"
                )
                with ui.element("div").classes("p-person-actions"):
                    self.button = ui.button(text("health.back_up"), color=None, on_click=self._back_up)
                    self.button.classes("p-button")
                    self.told = forms.text("p", "").classes("p-muted p-small").props("role=status")
                forms.text("p", text("health.restore")).classes("p-muted p-small")
            self.errors = Listing(
                self.reader, text("health.errors"), title=text("health.errors"), heading="errors-title"
            )
            self.show(health, backups)
            ui.timer(ANEW, self._again)

    async def _look(self) -> tuple[Health, list[Backup] | None]:
        health, (backups, _) = await asyncio.gather(
            self.portal.watch.health(), self.folder.within(ANSWER_SECONDS)
        )
        return health, backups

    async def _again(self) -> None:
        self.show(*await self._look())

    def show(self, health: Health, backups: list[Backup] | None) -> None:
        """Fill the cards."""
        self._show_process(health)
        self._show_database(health)
        self._show_work(health)
        self._show_backups(backups)
        self._show_errors()

    def _show_process(self, health: Health) -> None:
        reader, text = self.reader, self.reader.text
        notes = []
        if health.stopped:
            notes.append(text("health.stopped", tasks=", ".join(health.stopped)))
        if health.is_late:
            notes.append(text("health.late"))
        well = health.is_well and not notes
        state = Pill(text("health.well"), "online", "check_circle")
        if not well:
            state = Pill(text("health.not_well"), "fault", "error")
        up = reader.duration(health.at - health.started_at)
        busy = health.cpu_seconds / max(1.0, (health.at - health.started_at).total_seconds())
        self.process.show(
            [
                (text("health.version"), health.version),
                (
                    text("health.up"),
                    text("health.up.since", length=up, moment=reader.moment(health.started_at, health.at)),
                ),
                (text("health.memory"), "" if health.memory is None else reader.file_size(health.memory)),
                (text("health.cpu"), text("health.percent", percent=reader.integer(round(busy * 100)))),
                (
                    text("health.lag"),
                    text("health.milliseconds", number=reader.integer(round(health.lag * 1000))),
                ),
                (text("health.pages"), reader.integer(health.connected_pages)),
                (text("health.connected"), reader.integer(health.chargers), "/admin/chargers"),
            ],
            pill=state,
            notes=notes,
        )

    def _show_database(self, health: Health) -> None:
        reader, text, database = self.reader, self.reader.text, health.database
        notes = []
        if not database.answers:
            notes.append(text("health.database.down"))
        elif not database.up_to_date:
            notes.append(text("health.database.revision_wrong"))
        if database.nearly_full:
            notes.append(text("health.database.full"))
        kind = "SQLite" if self.portal.database.dialect == "sqlite" else "PostgreSQL"
        size = "" if database.size is None else reader.file_size(database.size)
        free = "" if database.free is None else reader.file_size(database.free)
        milliseconds = text(
            "health.milliseconds", number=reader.integer(max(1, round(database.seconds * 1000)))
        )
        facts = [
            (text("health.database.kind"), kind),
            (text("health.database.answer"), milliseconds if database.answers else ""),
            (text("health.database.revision"), database.revision or ""),
            (text("health.database.backlog"), reader.integer(database.backlog)),
        ]
        if kind == "SQLite":
            facts += [(text("health.database.size"), size), (text("health.database.free"), free)]
        self.database.show(facts, notes=notes)

    def _show_work(self, health: Health) -> None:
        reader, text, counts = self.reader, self.reader.text, health.counts
        if counts is None:
            self.work.show([], notes=[text("health.unknown")])
            return
        waiting = reader.integer(counts.settling_sessions)
        if counts.settling_since is not None:
            age = reader.duration(health.at - counts.settling_since)
            waiting = text("health.settling.oldest", number=waiting, age=age)
        heard = text(
            "health.of", part=reader.integer(counts.heard_chargers), all=reader.integer(counts.chargers)
        )
        displays = text(
            "health.of", part=reader.integer(counts.seen_displays), all=reader.integer(counts.displays)
        )
        self.work.show(
            [
                (
                    text("health.running"),
                    reader.integer(counts.running_sessions),
                    "/admin/sessions?state=charging",
                ),
                (text("health.power"), reader.kw(counts.power_w)),
                (text("health.settling"), waiting, "/admin/sessions?state=settling"),
                (text("health.heard"), heard, "/admin/chargers"),
                (
                    text("health.displays"),
                    displays,
                    LIST if counts.displays == counts.seen_displays else MISSING,
                ),
                (text("health.commands"), reader.integer(counts.open_commands)),
                (text("health.quarantined"), reader.integer(counts.quarantined)),
            ]
        )

    def _show_backups(self, found: list[Backup] | None) -> None:
        """*found* is ``None`` while their folder does not answer."""
        backups = found or []
        reader, text = self.reader, self.reader.text
        now = clock.now()
        columns = [
            Column(text("health.backup.made")),
            Column(text("health.backup.size"), number=True),
            Column(text("health.backup.file")),
        ]
        lines = [
            Line(
                backup.path.name,
                (reader.moment(backup.made_at, now), reader.file_size(backup.size), str(backup.path)),
            )
            for backup in backups[:BACKUPS]
        ]
        told = ""
        if backups and now - backups[0].made_at > NEW_BACKUP:
            told = text("health.backup.old", ago=reader.ago(backups[0].made_at, now))
        empty = text("health.backups.unknown" if found is None else "health.backups.empty")
        self.backups.show_page(Page(columns, lines, told=told, empty=empty))
        progress = self.portal.backups.progress
        if progress is not None:
            self.told.set_text(text("health.backup.going_on", percent=reader.integer(round(progress * 100))))
        self.button.set_enabled(progress is None)

    def _show_errors(self) -> None:
        reader, text, now = self.reader, self.reader.text, clock.now()
        columns = [
            Column(text("health.error.when")),
            Column(text("health.error.level")),
            Column(text("health.error.text")),
        ]
        lines = []
        for number, line in enumerate(reversed(list(self.portal.watch.errors.lines)[-ERRORS:])):
            kind, icon = KINDS.get(line.level, ("offline", "help"))
            level = Cell(text(f"health.level.{line.level.lower()}"), kind=kind, icon=icon)
            # The line's own moment and level stand in the columns before.
            content = line.text.split(" ", 2)[-1][:300]
            lines.append(
                Line(f"{line.at.timestamp()} {number}", (reader.moment(line.at, now), level, content))
            )
        self.errors.show(Page(columns, lines, empty=text("health.errors.empty")))

    async def _back_up(self) -> None:
        if (caller := await self.console.caller()) is None:
            return
        text = self.reader.text
        self.button.disable()
        self.told.set_text(text("health.backup.going_on", percent="0"))
        try:
            made = await self.portal.backups.make(caller)
        except BackupFailed as error:
            self.told.set_text(text("health.backup.failed", problem=str(error)))
            self.button.enable()
            return
        self.told.set_text(text("health.backup.done", file=made.path.name))
        self._show_backups(await asyncio.to_thread(self.portal.backups.listed))

    async def _diagnostics(self) -> None:
        if await self.console.caller() is None:
            return
        health = await self.portal.watch.health()
        content = diagnostics(health, self.portal.watch.errors, self.portal.settings)
        text = self.reader.text
        with dialogs.dialog(text("health.diagnostics")) as box:
            dialogs.paragraph(text("health.diagnostics.text"))
            area = ui.textarea(value=content).props("outlined readonly").classes("p-diagnostics")
            area.props["aria-label"] = text("health.diagnostics")
            copied = dialogs.paragraph("").props("role=status").classes("p-muted p-small")

            def copy() -> None:
                ui.clipboard.write(content)
                copied.set_text(text("people.link.copied"))

            with ui.element("div").classes("p-actions"):
                close = ui.button(text("people.link.close"), on_click=box.close, color=None)
                close.classes("p-button").props("flat")
                if self.console.can_copy:
                    ui.button(text("people.link.copy"), on_click=copy, color=None).classes("p-button is-main")
