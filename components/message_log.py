"""What a charger and the portal said to each other last, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nicegui.element import Element

from components.drawn import Card, Drawn
from components.words import Reader

HEAD = """
<h2 id="messages-title">{{ props.row.title }}</h2>
<p class="p-muted p-small">{{ props.row.text }}</p>
"""
FRAMES = """
<p class="p-muted p-small p-listing-told" role="status">{{ props.row.told }}</p>
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
<ol v-else class="p-frames">
  <li v-for="[key, time, sent, direction, kind, action, id, payload, cut] in props.row.frames" :key="key"
      :class="'is-' + kind">
    <div class="p-frame-head">
      <span class="p-frame-time">{{ time }}</span>
      <span class="p-frame-way" :class="{ 'is-sent': sent }"><i class="p-icon" aria-hidden="true"
        :class="'p-i-arrow_' + (sent ? 'downward' : 'upward')"></i>{{ direction }}</span>
      <span class="p-name">{{ action }}</span>
      <span class="p-frame-id">{{ id }}</span>
    </div>
    <code v-if="payload">{{ payload }}</code>
    <span v-if="cut" class="p-muted p-small">{{ cut }}</span>
  </li>
</ol>
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One frame, without tags and secrets."""

    at: datetime
    sent: bool
    kind: str
    """``call``, ``result``, ``error`` or ``other``."""
    action: str
    message_id: str
    payload: str
    cut: int
    """Characters that were not kept."""


class MessageLog(Card):
    """The card. Fields go into ``tools``, buttons into ``actions``."""

    def __init__(self, reader: Reader, text: str) -> None:
        super().__init__("p-messages", "messages-title")
        self._reader = reader
        with self:
            self._head = Drawn(HEAD, {"title": reader.text("messages.title"), "text": text})
            self.tools = Element("div").classes("p-slot")
            self._frames = Drawn(FRAMES)
            self.actions = Element("div").classes("p-person-actions")

    def tell(self, text: str) -> None:
        """Say *text* of the whole log."""
        self._head.show({"title": self._reader.text("messages.title"), "text": text})

    def show(self, messages: Sequence[Message], matching: int, kept: int, now: datetime) -> None:
        """Show *messages*, the newest first: the first of *matching* ones of *kept*."""
        reader = self._reader
        told = reader.text(
            "messages.shown", shown=reader.integer(len(messages)), all=reader.integer(matching)
        )
        self._frames.show(
            {
                "told": told if kept else "",
                "empty": "" if messages else reader.text("messages.no_match" if kept else "messages.empty"),
                "frames": [
                    (f"{one.at.timestamp()} {number}", *row(one, reader, now))
                    for number, one in zip(range(len(messages), 0, -1), messages, strict=True)
                ],
            }
        )


def row(one: Message, reader: Reader, now: datetime) -> tuple[str, bool, str, str, str, str, str, str]:
    """Time, direction, kind, action, id, payload and what was cut off, as people read them."""
    return (
        moment(one.at, reader, now),
        one.sent,
        reader.text("messages.sent" if one.sent else "messages.received"),
        one.kind,
        _action(one, reader),
        one.message_id,
        one.payload if one.payload != "{}" else "",
        reader.text("messages.cut", characters=reader.integer(one.cut)) if one.cut else "",
    )


def moment(at: datetime, reader: Reader, now: datetime) -> str:
    """The second of *at*, with its day if that is not today."""
    local = reader.local(at)
    time = f"{reader.time(at)}:{local.second:02d}"
    return time if local.date() == reader.local(now).date() else reader.parted(local.date(), time, now)


def as_text(messages: Sequence[Message]) -> str:
    """*messages* as lines to paste into a mail: UTC, one frame a line."""
    return "\n".join(
        "\t".join(
            (
                one.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "to charger" if one.sent else "from charger",
                one.kind,
                one.action,
                one.message_id,
                one.payload,
            )
        )
        for one in messages
    )


def _action(one: Message, reader: Reader) -> str:
    if one.kind == "call":
        return one.action or reader.text("messages.kind.other")
    word = reader.text("messages.kind." + one.kind)
    return reader.text("messages.answer", kind=word, action=one.action) if one.action else word
