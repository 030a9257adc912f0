"""`/admin/quarantine`: messages of chargers that could not be applied, until somebody sees to them (C11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator
from app.charging.care import CannotCare
from app.charging.ocpp.shown_frames import payload_shown
from app.pages.console import Console
from components.bound import Show, When
from components.drawn import Card, Drawn
from data.announcements import Topic
from data.queries.quarantine import SHOWN, Quarantined, unresolved

if TYPE_CHECKING:
    from app.portal import Portal

MESSAGE = """
<h2 :id="'message-' + props.row.id">{{ props.row.title }}</h2>
<dl class="p-person-facts">
  <div v-for="[name, value, href] in props.row.facts" :key="name"><dt>{{ name }}</dt>
    <dd><a v-if="href" :href="href">{{ value }}</a><template v-else>{{ value }}</template></dd></div>
</dl>
<pre class="p-payload" tabindex="0" role="region"
  :aria-labelledby="'message-' + props.row.id">{{ props.row.payload }}</pre>
"""
LONGEST = 4_000
"""Characters of a message that are shown."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/admin/quarantine")
    async def quarantine(request: Request, operator: Operator) -> None:
        await QuarantinePage(Console(portal, operator, request)).draw()


@dataclass(frozen=True, slots=True)
class Found:
    """The oldest ones, and how many there are in all; no more than `SHOWN` of them are counted."""

    messages: tuple[Quarantined, ...]


class QuarantinePage:
    """The page: a card for each message."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.reader = console.reader
        self.cards = console.cards()
        self.found = self.cards.bind(
            self.ask, When(Topic.ATTENTION, at_most_every=lambda: 1.0), When(Topic.MINUTE)
        )

    def ask(self, db: Connection) -> Found:
        """Asked in a thread."""
        return Found(unresolved(db))

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        with self.console.page(self.reader.text("quarantine.title")):
            ui.add_head_html('<link rel="stylesheet" href="/look/overview.css">')
            self.found.draw(self.draw_messages)

    def draw_messages(self, found: Found) -> Show[Found]:
        """The cards; those that have been seen to leave."""
        place = ui.element("div").classes("p-slot")

        def show(found: Found) -> None:
            place.clear()
            with place:
                with Card("p-quarantine-told"):
                    text = "quarantine.text" if found.messages else "quarantine.empty"
                    ui.label(self.reader.text(text)).tag = "p"
                    if len(found.messages) == SHOWN:
                        more = self.reader.text("quarantine.more", n=self.reader.integer(SHOWN))
                        ui.label(more).classes("p-muted p-small").tag = "p"
                for message in found.messages:
                    self._draw(message)

        show(found)
        return show

    def _draw(self, message: Quarantined) -> None:
        reader, now = self.reader, clock.now()
        came = reader.moment(message.received_at, now)
        if message.times > 1:
            last = reader.moment(message.last_received_at, now)
            times = reader.text("quarantine.times", n=reader.integer(message.times), moment=last)
            came = f"{came} · {times}"
        facts = [
            (reader.text("quarantine.charger"), message.charger, f"/admin/chargers/{message.charger_id:d}"),
            (reader.text("quarantine.reason"), message.reason, ""),
            (reader.text("quarantine.received"), came, ""),
        ]
        if message.session_id is not None:
            session = message.session_id
            facts.append(
                (reader.text("quarantine.session"), reader.integer(session), f"/admin/sessions/{session:d}")
            )
        payload = payload_shown(message.action, message.payload)[:LONGEST]
        with Card("p-quarantined", f"message-{message.id:d}"):
            Drawn(
                MESSAGE,
                {"id": message.id, "title": message.action or "—", "facts": facts, "payload": payload},
            )
            with ui.element("div").classes("p-person-actions"):
                button = ui.button(
                    reader.text("quarantine.resolve"),
                    color=None,
                    on_click=lambda: self._resolve(message.id),
                )
                button.classes("p-button")
                button.props["aria-describedby"] = f"message-{message.id:d}"

    async def _resolve(self, message_id: int) -> None:
        if (caller := await self.console.caller()) is None:
            return
        try:
            await self.console.portal.care.resolve(caller, message_id)
        except CannotCare:
            pass  # it has gone meanwhile: the list says so
        else:
            ui.notify(self.reader.text("quarantine.resolved"))
        self.found.ask()
