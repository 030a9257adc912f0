"""What answering a charger's messages needs: who it is, and whom to tell."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from app import clock
from app.charging.ocpp.tolerance import Message
from app.charging.reports import (
    CONNECTORS_AT_MOST,
    Boot,
    Place,
    Start,
    Started,
    Status,
    Stop,
    TransactionEvent,
    Values,
)
from app.logs import masked
from data.types import Authorization

log = logging.getLogger("polaris.chargers")

NO_ROOM = f"more than {CONNECTORS_AT_MOST} connectors"


class Sessions(Protocol):
    """What `app.charging.sessions.Sessions` does for the wire. All return after the commit (C8)."""

    async def authorize(self, charger_id: int, id_tag: str) -> Authorization:
        """What to say about *id_tag*."""

    async def start(self, charger_id: int, start: Start) -> Started:
        """A transaction began."""

    async def values(self, charger_id: int, values: Values) -> None:
        """Meter values came."""

    async def stop(self, charger_id: int, stop: Stop) -> Authorization | None:
        """A transaction ended; what to say about the tag that ended it, if there was one."""

    async def event(self, charger_id: int, event: TransactionEvent) -> Authorization | None:
        """A transaction of OCPP 2.0.1 went on; what to say about its tag, if there was one."""


class Presence(Protocol):
    """What `app.charging.presence.Presence` does for the wire. All return after the commit."""

    async def boot(self, charger_id: int, boot: Boot) -> None:
        """The charger said what it is."""

    async def status(self, charger_id: int, status: Status, *, new: bool = True) -> bool:
        """A connector's status; a connector that is not known is made if *new*. False: there is none."""

    async def has_room(self, charger_id: int, place: Place) -> bool:
        """Whether the charger has the connector, or may have it (C5)."""

    async def report(
        self, charger_id: int, action: str, payload: dict[str, Any], received_at: datetime
    ) -> None:
        """Something else that is kept, the newest of a kind."""

    async def quarantine(
        self,
        charger_id: int,
        action: str,
        payload: dict[str, Any],
        reason: str,
        session_id: int | None = None,
    ) -> None:
        """A message that could not be applied, kept whole for the operator (C11)."""

    async def seen(self, charger_id: int) -> None:
        """A message came (C4)."""

    async def connected(self, charger_id: int, protocol: str) -> None:
        """The charger is on the line."""

    async def disconnected(self, charger_id: int) -> None:
        """The charger has left the line, and no newer connection of it is there (C3)."""


@dataclass(slots=True)
class Desk:
    """One charger, as the handlers of its messages see it."""

    charger_id: int
    identity: str
    zone: str
    """IANA zone of its site, for timestamps without a zone (M15)."""
    pending: bool
    """Not yet let in by an operator: may say who it is, and no more (C2)."""
    heartbeat_interval: int
    sessions: Sessions
    presence: Presence
    deviations: Counter[str] = field(default_factory=Counter)
    """How often it broke the standard in which way (C6)."""
    connected_at: datetime = field(default_factory=clock.now)
    """Since when it is on the line: tells what happens now from what is replayed (C13, P6)."""

    async def status(self, message: Message, status: Status) -> None:
        """Tell of *status*. A charger that waits to be accepted makes no connectors (T49)."""
        if not await self.presence.status(self.charger_id, status, new=not self.pending) and not self.pending:
            message.notes.append(NO_ROOM)

    async def has_room(self, message: Message, place: Place | None) -> bool:
        """Whether *place* can be the charger's; noted if not (C5)."""
        if place is None or await self.presence.has_room(self.charger_id, place):
            return True
        message.notes.append(NO_ROOM)
        return False

    def told(self, what: str, session: object, id_tag: str | None) -> None:
        """Log that a session began or ended, for whoever watches the log at the charger."""
        card = "no card" if id_tag is None else f"card {masked(id_tag)}"
        log.info("charger %s: session %s %s, %s", self.identity, session, what, card)

    def answered(self, id_tag: str | None, status: Authorization) -> None:
        """Log that a card was not accepted: the first thing that a driver at the charger asks about."""
        if status is not Authorization.ACCEPTED:
            log.info("charger %s: card %s is %s", self.identity, masked(id_tag), status.value)
