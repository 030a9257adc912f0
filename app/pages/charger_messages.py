"""The log of what a charger and this process said to each other last, on the charger's page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nicegui import ui
from nicegui.element import Element

from app import clock
from app.charging.ocpp.frame_log import KEPT
from app.charging.ocpp.shown_frames import shown
from app.pages.console import Console
from components import message_log
from components.message_log import Message, MessageLog
from data.queries.chargers import folded

FIRST = 25
"""Frames that are shown before somebody wants all."""
EVERY = 1.0
"""Seconds between two looks while the log is followed."""


class Messages:
    """The card, and what it is filled with: nothing is read before the page is drawn."""

    def __init__(self, console: Console, charger_id: int) -> None:
        self.console = console
        self.id = charger_id
        self.search = self.direction = self.action = ""
        self.everything = False
        self.following = False
        self._messages: list[Message] = []
        self._stop: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._card: MessageLog
        self._client = ui.context.client
        self._client.on_delete(self._gone)
        self._client.on_connect(self._soon)

    def draw(self) -> None:
        """The card."""
        console, reader = self.console, self.console.reader
        self._card = MessageLog(reader, self._told())
        with self._card.tools, Element("div").classes("p-frames-tools"):
            box = ui.input(placeholder=reader.text("messages.search"))
            box.classes("p-search p-i-search").props("outlined dense debounce=250 type=search maxlength=100")
            box.props["aria-label"] = reader.text("messages.search")
            box.on_value_change(lambda event: self._look(search=event.value or ""))
            ways = {
                "": reader.text("messages.both"),
                "received": reader.text("messages.received"),
                "sent": reader.text("messages.sent"),
            }
            way = ui.select(ways, value="", label=reader.text("messages.direction"))
            way.classes("p-choice").props("outlined dense options-dense behavior=menu")
            way.on_value_change(lambda event: self._look(direction=event.value or ""))
            self._actions = ui.select({"": reader.text("messages.actions")}, value="")
            self._actions.classes("p-choice").props("outlined dense options-dense behavior=menu")
            self._actions.props["label"] = reader.text("messages.action")
            self._actions.on_value_change(lambda event: self._look(action=event.value or ""))
            follow = ui.switch(reader.text("messages.follow"), value=False)
            follow.on_value_change(lambda event: self._follow(bool(event.value)))
        with self._card.actions:
            self._all = ui.button(reader.text("messages.all", kept=reader.integer(KEPT)), color=None)
            self._all.classes("p-button").props("flat").on_click(lambda: self._look(everything=True))
            if console.can_copy:
                copy = ui.button(reader.text("messages.copy"), on_click=self._copy, color=None)
                copy.classes("p-button").props("flat")
        self._watch()
        self._show()

    def catch_up(self) -> None:
        """The charger may have come, and with it the first frame."""
        if self._stop is None and hasattr(self, "_card"):
            self._soon()

    def _told(self) -> str:
        """Since when, and whose log this is."""
        console, reader, endpoint = self.console, self.console.reader, self.console.portal.endpoint
        since = reader.moment(endpoint.since, clock.now())
        text = reader.text("messages.text", kept=reader.integer(KEPT), moment=since)
        if console.portal.database.dialect != "sqlite" and self.id not in endpoint.connected():
            text += " " + reader.text("messages.elsewhere")
        return text

    def _look(
        self,
        *,
        search: str | None = None,
        direction: str | None = None,
        action: str | None = None,
        everything: bool | None = None,
    ) -> None:
        self.search = self.search if search is None else search
        self.direction = self.direction if direction is None else direction
        self.action = self.action if action is None else action
        self.everything = self.everything if everything is None else everything
        self._show()

    def _show(self) -> None:
        log = self.console.portal.endpoint.log(self.id)
        kept = [
            Message(one.at, one.sent, one.kind, one.action, one.message_id, one.payload, one.cut)
            for one in reversed(shown(log.frames() if log is not None else []))
        ]
        found = [one for one in kept if self._matches(one)]
        self._messages = found if self.everything else found[:FIRST]
        self._all.set_visibility(len(self._messages) < len(found))
        names = sorted({one.action for one in kept if one.action})
        options = {"": self.console.reader.text("messages.actions")} | {name: name for name in names}
        if self.action and self.action not in options:
            options[self.action] = self.action
        if self._actions.options != options:
            self._actions.set_options(options)
        self._card.tell(self._told())
        self._card.show(self._messages, len(found), len(kept), clock.now())

    def _matches(self, one: Message) -> bool:
        if self.direction and one.sent != (self.direction == "sent"):
            return False
        if self.action and one.action != self.action:
            return False
        words = folded(self.search).split()
        return not words or all(
            word in folded(f"{one.action}\n{one.message_id}\n{one.payload}") for word in words
        )

    def _copy(self) -> None:
        ui.clipboard.write(message_log.as_text(self._messages))
        ui.notify(self.console.reader.text("messages.copied"), position="top")

    # --- following

    def _follow(self, following: bool) -> None:
        self.following = following
        if following:
            self._soon()

    def _watch(self) -> None:
        log = self.console.portal.endpoint.log(self.id)
        if self._stop is None and log is not None:
            self._stop = log.watch(self._soon)

    def _soon(self) -> None:
        """A frame came: look in a moment, and not for each one."""
        if self.following and self._timer is None and self._client.has_socket_connection:
            self._timer = asyncio.get_running_loop().call_later(EVERY, self._again)

    def _again(self) -> None:
        self._timer = None
        if self.following and not self._card.is_deleted:
            self._watch()
            with self._card:
                self._show()

    def _gone(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._stop is not None:
            self._stop()
