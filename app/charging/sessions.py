"""Sessions: what a start, a reading and a stop change, committed before they are answered (C8–C14).

Readings are the hot path. They meet the session in memory (`Running`), read nothing, and what they
write shares a commit with whatever else waits. Everything rare — a restart, a reading out of order, a
late stop — reads what is stored and rebuilds the meter from it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson

from app import clock
from app.charging import beginning, matching, quarantine, tags
from app.charging.events import Events
from app.charging.ledger import Action, Ledger
from app.charging.memory import Memory
from app.charging.metering.device_time import TimeFlag
from app.charging.pace import QUIET
from app.charging.reports import Sample, Start, Started, Stop, TransactionEvent, Values
from app.charging.rows import Finalized, Writing
from app.charging.running import Note, Running
from app.charging.sightings import Sightings
from app.settings import Settings
from data.database import Change, Database
from data.live import Live
from data.types import Authorization


class Sessions:
    """The sessions of this process. The messages of one charger are taken one after another."""

    def __init__(self, database: Database, live: Live, settings: Settings | None = None) -> None:
        zone = (settings or Settings.model_construct()).default_time_zone
        self._database = database
        self._memory = Memory(database, live, zone)
        self._ledger = Ledger(self._memory)
        self._sightings = Sightings(database)
        self._events = Events(self._ledger, self._sightings)
        self._hidden = self._ledger.hidden
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.pace = self._ledger.pace
        """The chargers' clocks; `Presence` adds what it hears."""

    # -- what chargers say

    async def authorize(self, charger_id: int, id_tag: str) -> Authorization:
        """What to answer about *id_tag*. A tag may charge in several places at once: energy matters more."""
        answer = (await self._database.ask(tags.bearer, id_tag)).authorization
        await self._sightings.held(charger_id, id_tag, answer)
        return answer

    async def start(self, charger_id: int, start: Start) -> Started:
        """A transaction began; the same answer if it was told before (C9)."""
        async with self._turns[charger_id]:
            begun = await self._ledger.begin(charger_id, start, offline=False)
            return Started(begun.session_id, begun.authorization)

    async def values(self, charger_id: int, values: Values) -> None:
        """Meter values came, of a session or of none (M9)."""
        if not values.samples:
            return
        async with self._turns[charger_id]:
            running = await self._session_of(charger_id, values)
            if running is None:
                await self._memory.change(self._ledger.outside, charger_id, values)
            else:
                await self._ledger.add(running, values.samples, values.received_at, values.flags)

    async def stop(self, charger_id: int, stop: Stop) -> Authorization | None:
        """A transaction ended; the answer is about the tag that stopped it. Odd ones are kept whole (C11)."""
        async with self._turns[charger_id]:
            running = None
            if stop.session_id is not None:
                running = await self._memory.known(charger_id, stop.session_id)
            elif stop.transaction_id is not None:
                running = await self._memory.of_transaction(charger_id, stop.transaction_id)
            await self._stop(charger_id, running, stop)
        if stop.id_tag is None:
            return None
        return await self.authorize(charger_id, stop.id_tag)

    async def event(self, charger_id: int, event: TransactionEvent) -> Authorization | None:
        """An OCPP 2.0.1 transaction began, went on or ended, told in whatever order (C14)."""
        async with self._turns[charger_id]:
            return await self._events.take(charger_id, event)

    async def end(
        self,
        session_id: int,
        also: Callable[[Change, int | None], object] = lambda change, account_id: None,
        *,
        now: datetime | None = None,
    ) -> bool:
        """An operator ends a session whose charger will not: at its last known reading (C12).

        It is settled when *now* (this moment) has been a while ago: what its charger still sends is late
        data. *also* belongs to the same transaction and is told whose session it is. False: it had ended.
        """
        told_at = now or clock.now()
        row = await self._database.ask(beginning.active_session, session_id)
        if row is None:
            return False
        async with self._turns[row.charger_id]:

            def work(change: Change) -> bool:
                active = beginning.active_session(change.connection, session_id)
                if active is None:
                    return False
                why = Note.ENDED_BY_OPERATOR
                beginning.end_without_stop(change, active.charger_id, active, why, told_at)
                also(change, active.account_id)
                return True

            ended = await self._memory.change(work)
            self._memory.drop(session_id)
            self._hidden.drop(session_id)
            return ended

    # -- what time does

    async def resume(self) -> None:
        """The process has started: replayed sessions wait for the end of their burst."""
        now = clock.now()
        for session_id, charger_id in await self._database.ask(matching.hidden):
            self._hidden.add(session_id, charger_id, now)

    async def show_alive(self, now: datetime) -> datetime | None:
        """Show the sessions whose burst is over without a stop (C13); returns when the next one is due."""
        await self._memory.drop_ended()
        for session_id, charger_id in self._hidden.due(now):
            async with self._turns[charger_id]:
                if (session_id, charger_id) in self._hidden.due(now):
                    heard = await self._memory.change(matching.show, session_id, now - QUIET)
                    if heard is not None:
                        self._hidden.hear(charger_id, heard)
                        continue
                    self._hidden.drop(session_id)
                    if (running := self._memory.running.get(session_id)) is not None:
                        running.replayed = False
        return self._hidden.next_due()

    # -- what they mean

    async def _session_of(self, charger_id: int, values: Values) -> Running | None:
        """The session of *values*: the one they name, else the one in progress on the connector."""
        running = None
        if values.session_id is not None:
            running = await self._memory.known(charger_id, values.session_id)
        elif values.transaction_id is not None:
            running = await self._memory.of_transaction(charger_id, values.transaction_id)
        if running is not None:
            return running
        samples = [sample for sample in values.samples if sample.context != "Sample.Clock"]
        if not samples or not (values.place.number or values.place.evse):
            return None  # clock-aligned values, or the charger's own meter (M9)
        first = min(sample.at for sample in samples)
        found = await self._database.ask(matching.on_connector, charger_id, values.place, first)
        return None if found is None else await self._memory.known(charger_id, found)

    async def _stop(self, charger_id: int, running: Running | None, stop: Stop) -> None:
        reasons = []
        self._ledger.hear(charger_id, stop.at, stop.received_at)
        if running is None:
            reasons.append("unknown transaction")
            found = await self._database.ask(matching.for_stop, charger_id, stop)
            running = None if found is None else await self._memory.known(charger_id, found)
            if running is not None:
                running.notes |= {Note.STOP_MATCHED.value}
        twice = running is not None and running.has_own_stop
        if twice:
            reasons.append("stopped twice")
        elif running is not None and running.is_closed:
            reasons.append("stopped after it was finalized")
        elif running is not None:
            below = stop.meter_stop is not None and running.meter_start is not None
            if below and (stop.meter_stop or 0) < (running.meter_start or 0):
                reasons.append("meterStop is below meterStart")
                running.notes |= {Note.STOP_BELOW_START.value}
            if matching.is_to_come(stop) and TimeFlag.SKEW not in running.notes:
                reasons.append("stop in the future")
                running.notes |= {Note.STOP_IN_FUTURE.value}
        actions: list[Action] = []
        if reasons:
            actions.append(
                (
                    quarantine.KEEP,
                    quarantine.row(
                        charger_id=charger_id,
                        session_id=None if running is None else running.id,
                        received_at=stop.received_at,
                        action="StopTransaction",
                        payload=stop.payload if stop.payload is not None else _plain(stop),
                        reason="; ".join(reasons),
                    ),
                )
            )
        if running is None or twice:
            await self._memory.change(Writing(others=actions))
        elif running.is_closed:
            await self._ledger.late(running, _readings(stop, running), stop.received_at, actions)
        else:
            try:
                await self._ledger.finish(running, stop, actions)
            except Finalized:
                await self._stop(charger_id, await self._memory.known(charger_id, running.id), stop)


def _readings(stop: Stop, running: Running) -> list[Sample]:
    """What a stop that came too late tells of the energy: its register is a reading like others then."""
    found = list(stop.samples)
    if stop.meter_stop is not None and stop.meter_stop >= max(0, running.meter_start or 0):
        found.append(Sample(stop.at, str(stop.meter_stop), context="Transaction.End"))
    return found


def _plain(stop: Stop) -> dict[str, Any]:
    plain: dict[str, Any] = orjson.loads(orjson.dumps(asdict(stop)))
    return plain
