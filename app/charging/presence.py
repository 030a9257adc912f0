"""What is known of the chargers themselves, and the one ticker for what only the passing of time changes.

Any message is a check-in (C4). Pages have no timers: whatever a minute, an hour of silence or a
reservation's start changes is announced here (P12, P20, P22).
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update

from app import clock
from app.charging import check_ins, quarantine
from app.charging.check_ins import CheckIns
from app.charging.connectors import connector, find_connector, has_room
from app.charging.pace import LATE
from app.charging.passing import Passing
from app.charging.reports import CONNECTORS_AT_MOST, Boot, Place, Status
from app.charging.sessions import Sessions
from app.settings import Settings
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.live import Live
from data.models import Charger, ChargerReport, Connector
from data.queries.chargers import OFFLINE_AFTER

log = logging.getLogger("polaris.charging")

WRITTEN_EVERY = timedelta(seconds=30)
"""Check-ins in between are kept in memory, and written when the charger falls silent."""
TRIM_EVERY = timedelta(minutes=1)
"""How often quarantines are looked at for having grown too large."""
TICK = 2.0
"""Seconds that the ticker sleeps at most: what other processes change is to show within ten (P22)."""

_SEEN = update(Charger).where(Charger.id == bindparam("charger")).values(last_seen_at=bindparam("seen"))
_CONNECTED = (
    update(Charger)
    .where(Charger.id == bindparam("charger"))
    .values(last_seen_at=bindparam("seen"), protocol=bindparam("speaks"))
)
_BOOTED = (
    update(Charger)
    .where(Charger.id == bindparam("charger"))
    .values(
        vendor=bindparam("new_vendor"),
        model=bindparam("new_model"),
        serial_number=bindparam("new_serial"),
        firmware=bindparam("new_firmware"),
        booted_at=bindparam("boot"),
    )
)
_SKEW = update(Charger).where(Charger.id == bindparam("charger")).values(clock_skew=bindparam("ahead"))
_LAST_SEEN = select(Charger.last_seen_at).where(Charger.id == bindparam("charger"))
_STATUS = select(Connector.status, Connector.status_since, Connector.error_code, Connector.info).where(
    Connector.id == bindparam("plug")
)
_SET_STATUS = (
    update(Connector)
    .where(Connector.id == bindparam("plug"))
    .values(
        status=bindparam("new"),
        status_since=bindparam("since"),
        error_code=bindparam("error"),
        info=bindparam("text"),
    )
)
_REPORT = (
    update(ChargerReport)
    .where(ChargerReport.charger_id == bindparam("charger"), ChargerReport.action == bindparam("kind"))
    .values(payload=bindparam("body"), received_at=bindparam("received"))
)


class Presence:
    """Chargers' check-ins, what they are and how their connectors stand.

    A status of connector 0 (OCPP 1.6 and, with EVSE 0, 2.0.1) is the charger's own and is kept in a
    `Connector` row with ``number`` 0, which is no plug.
    """

    def __init__(
        self, database: Database, live: Live, settings: Settings, sessions: Sessions | None = None
    ) -> None:
        """Without *sessions* nothing ends the waiting of replayed sessions (C13)."""
        self._database = database
        self._sessions = sessions
        self._passing = Passing(database, live)
        self._places: dict[int, set[Place]] = {}
        """Connectors that the chargers have or may have: those of a reading are not asked for each time."""
        self._trimmed: datetime | None = None
        self._check_ins = CheckIns()
        self._pruned: datetime | None = None
        self._seen: dict[int, datetime] = {}
        self._written: dict[int, datetime] = {}
        self._skews: dict[int, int] = {}

    async def seen(self, charger_id: int) -> None:
        """A message came from the charger (C4)."""
        now = clock.now()
        self._seen[charger_id] = now
        written = self._written.get(charger_id)
        if written is None or clock.is_over(written, WRITTEN_EVERY, now):
            await self._write_seen({charger_id: now})

    async def connected(self, charger_id: int, protocol: str) -> None:
        """The charger opened a connection and speaks *protocol*."""
        now = clock.now()
        self._seen[charger_id] = self._written[charger_id] = now
        seen = {charger_id: now}
        await self._database.change(_write_seen, seen, self._check_ins.news(seen), protocol)

    async def disconnected(self, charger_id: int) -> None:
        """Its connection closed: its last check-in is written down. It is not offline yet (P20)."""
        if charger_id in self._seen:
            await self._write_seen({charger_id: self._seen[charger_id]})

    async def boot(self, charger_id: int, boot: Boot) -> None:
        """The charger started and says what it is. Its sessions go on (C12)."""
        row = {
            "charger": charger_id,
            "new_vendor": boot.vendor,
            "new_model": boot.model,
            "new_serial": boot.serial_number,
            "new_firmware": boot.firmware,
            "boot": boot.received_at,
        }

        def work(change: Change) -> None:
            change.later(_BOOTED, row)
            change.announce(Announcement(Topic.COMMANDS, charger_id))  # a reset may have been asked for

        await self._database.change(work)

    async def has_room(self, charger_id: int, place: Place) -> bool:
        """Whether the charger has the connector, or may have it: there is an end to them (C5)."""
        known = self._places.setdefault(charger_id, set())
        if place in known:
            return True
        room = await self._database.ask(has_room, charger_id, place)
        if room and len(known) < CONNECTORS_AT_MOST:
            known.add(place)
        return room

    async def status(self, charger_id: int, status: Status, *, new: bool = True) -> bool:
        """A connector's status, or with number 0 the charger's; a stale one changes nothing (C13).

        A connector that was not known is made, if *new* and if there is room. False: there is none.
        """
        since = status.received_at
        if status.at is not None:
            if self._sessions is not None:
                pace = self._sessions.pace
                pace.observe(charger_id, status.at, status.received_at)
                since = pace.corrected(charger_id, status.at, status.received_at)
            else:
                since = min(status.at, status.received_at)
        skew = self._new_skew(charger_id)
        return await self._database.change(_write_status, charger_id, status, since, skew, new)

    def _new_skew(self, charger_id: int) -> int | None:
        """Seconds that the charger's clock is ahead, if that is known and has changed (M14)."""
        offset = None if self._sessions is None else self._sessions.pace.offset(charger_id)
        if offset is None:
            return None
        skew = round(offset / timedelta(seconds=1))
        if abs(skew - self._skews.get(charger_id, 0)) <= LATE / timedelta(seconds=1):
            return None
        self._skews[charger_id] = skew
        return skew

    async def report(
        self, charger_id: int, action: str, payload: dict[str, Any], received_at: datetime
    ) -> None:
        """Keep the newest report of a kind."""

        def work(change: Change) -> None:
            row = {"charger": charger_id, "kind": action[:64], "body": payload, "received": received_at}
            if change.execute(_REPORT, row).rowcount == 0:
                first = {
                    "charger_id": charger_id,
                    "action": action[:64],
                    "payload": payload,
                    "received_at": received_at,
                }
                change.execute(change.insert_once(ChargerReport), first)

        await self._database.change(work)

    async def quarantine(
        self,
        charger_id: int,
        action: str,
        payload: dict[str, Any],
        reason: str,
        session_id: int | None = None,
    ) -> None:
        """Keep a message that can't be applied, whole, for the operator (C11)."""
        row = quarantine.row(
            charger_id=charger_id,
            action=action,
            payload=payload,
            reason=reason,
            received_at=clock.now(),
            session_id=session_id,
        )

        def keep(change: Change) -> None:
            change.later(quarantine.KEEP, row)
            change.announce(Announcement(Topic.ATTENTION))

        await self._database.change(keep)

    async def run(self) -> None:
        """Let time pass, until cancelled."""
        resumed = self._sessions is None
        while True:
            try:
                if not resumed and self._sessions is not None:
                    await self._sessions.resume()
                    resumed = True
                now = clock.now()
                due = await self.tick(now)
                pause = min(TICK, max(0.02, (due - clock.now()).total_seconds()))
            except Exception:
                log.exception("the ticker failed and goes on")
                pause = TICK
            await asyncio.sleep(pause)

    async def tick(self, now: datetime) -> datetime:
        """Announce what became due by *now*; returns when the next thing is due."""
        waiting = {
            charger: seen for charger, seen in self._seen.items() if seen > self._written.get(charger, seen)
        }
        overdue = {
            charger: seen
            for charger, seen in waiting.items()
            if clock.is_over(self._written[charger], WRITTEN_EVERY, now)
        }
        if overdue:
            await self._write_seen(overdue)
        due = [await self._passing.tick(now)]
        if self._trimmed is None or clock.is_over(self._trimmed, TRIM_EVERY, now):
            self._trimmed = now
            if await self._database.ask(quarantine.too_many):
                await self._database.change(quarantine.trim, now)
        if self._pruned is None or clock.is_over(self._pruned, check_ins.PRUNE_EVERY, now):
            self._pruned = now
            if await self._database.ask(check_ins.too_old, now):
                await self._database.change(check_ins.prune, now)
        due += [self._written[charger] + WRITTEN_EVERY for charger in waiting if charger not in overdue]
        if self._sessions is not None:
            alive = await self._sessions.show_alive(now)
            due += [] if alive is None else [alive]
        return min(due)

    async def _write_seen(self, seen: dict[int, datetime]) -> None:
        self._written.update(seen)
        await self._database.change(_write_seen, seen, self._check_ins.news(seen))


def _write_seen(
    change: Change,
    seen: dict[int, datetime],
    slots: list[dict[str, Any]],
    protocol: str | None = None,
) -> None:
    check_ins.write(change, slots)
    for charger, moment in seen.items():
        last = change.execute(_LAST_SEEN, {"charger": charger}).scalar_one_or_none()
        row = {"charger": charger, "seen": moment}
        if protocol is None:
            change.later(_SEEN, row)
        else:
            change.later(_CONNECTED, {**row, "speaks": protocol[:16]})
            change.announce(Announcement(Topic.COMMANDS, charger))  # something may wait for it
        if last is None or moment - last > OFFLINE_AFTER:
            change.announce(Announcement(Topic.CHARGERS, charger))


def _write_status(
    change: Change, charger_id: int, status: Status, since: datetime, skew: int | None, new: bool
) -> bool:
    """Write *status*; False if there is no such connector, and none may be made."""
    if skew is not None:
        change.later(_SKEW, {"charger": charger_id, "ahead": skew})
    db = change.connection
    if find_connector(db, charger_id, status.place) is None and not (
        new and has_room(db, charger_id, status.place)
    ):
        return False
    plug = connector(change, charger_id, status.place)
    known = change.execute(_STATUS, {"plug": plug}).one()
    if known.status_since is not None and since < known.status_since <= status.received_at:
        return True
    error = None if status.error_code is None else status.error_code[:64]
    text = None if status.info is None else status.info[:255]
    if (status.status, error, text) == (known.status, known.error_code, known.info):
        since = known.status_since or since  # it says again what it said before
    row = {"plug": plug, "new": status.status, "since": since, "error": error, "text": text}
    change.execute(_SET_STATUS, row)
    if status.status is not known.status or (error, text) != (known.error_code, known.info):
        change.announce(Announcement(Topic.CHARGERS, charger_id))
    return True
