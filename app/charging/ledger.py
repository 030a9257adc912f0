"""The entries of the sessions' ledger: a beginning, readings, an end. One message, one commit (C8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Executable

from app.charging import beginning, matching, rows
from app.charging.beginning import Begun
from app.charging.connectors import connector
from app.charging.hidden import Hidden
from app.charging.memory import Memory
from app.charging.metering.meter import OutOfOrder, Progress
from app.charging.metering.order import Told
from app.charging.pace import Pace
from app.charging.reports import Sample, Start, Stop, Values
from app.charging.rows import Finalized, Writing
from app.charging.running import WITHOUT_STOP, Note, Running, load
from data.announcements import Announcement, Topic
from data.database import Change

Action = tuple[Executable, dict[str, Any]]
"""A further statement of a message's commit, and its row."""


class Ledger:
    """Writes sessions. Whoever calls takes the messages of one charger one after another."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.pace = Pace()
        self.hidden = Hidden()
        self.moment = rows.moment_writer(memory.database.engine.dialect)

    def hear(self, charger_id: int, at: datetime, received_at: datetime) -> None:
        """A message about a transaction came, with device time *at*."""
        self.hidden.hear(charger_id, received_at)
        self.pace.observe(charger_id, at, received_at)

    # -- beginning

    async def begin(self, charger_id: int, start: Start, *, offline: bool, over: bool = False) -> Begun:
        """Store the session of *start*, or find it (C9); *offline*: it says itself that it is told late."""
        live = not offline and self.pace.is_live(
            charger_id,
            start.at,
            start.received_at,
            start.connected_at,
            quiet=self.hidden.is_quiet(charger_id, start.received_at),
        )
        begun = await self.memory.change(beginning.begin, charger_id, start, live=live, over=over)
        self.hear(charger_id, start.at, start.received_at)
        for ended in begun.ended:
            self.memory.drop(ended)
            self.hidden.drop(ended)
        if begun.new and not begun.over and not live:
            self.hidden.add(begun.session_id, charger_id, start.received_at)
        if begun.new:
            await self.memory.known(charger_id, begun.session_id)
        return begun

    # -- readings

    async def add(
        self,
        running: Running,
        samples: Sequence[Sample],
        received_at: datetime,
        flags: Iterable[str] = (),
        actions: Sequence[Action] = (),
        *,
        at: datetime | None = None,
        alive: bool = False,
        start: datetime | None = None,
        told: Told | None = None,
    ) -> None:
        """Write *samples* and what they change.

        *at* is the message's own device time, if it has one; *alive*: it says that it happens now;
        *start*: a session that was known from later messages only began then; *told*: its number.
        """
        try:
            await self._add(running, samples, received_at, flags, actions, at, alive, start, told)
        except BaseException:
            # The meter in memory may have counted what is not stored: it is made anew from what is (C8).
            self.memory.drop(running.id)
            raise

    async def _add(
        self,
        running: Running,
        samples: Sequence[Sample],
        received_at: datetime,
        flags: Iterable[str],
        actions: Sequence[Action],
        at: datetime | None,
        alive: bool,
        start: datetime | None,
        told: Told | None,
    ) -> None:
        if at is None:
            at = samples[-1].at if samples else received_at
        self.hear(running.charger_id, at, received_at)
        gap = at - running.heard_at
        live = running.hear(at, received_at)
        writing = Writing(self._rows(running, samples, received_at, told), others=list(actions))
        if live and (interval := running.new_interval(gap)) is not None:
            row = {"charger": running.charger_id, "interval": interval}
            writing.others.append((rows.INTERVAL, row))
            if running.account_id is not None:
                expected = {"reading_interval": interval}
                writing.announcements.append(Announcement(Topic.SESSIONS, running.account_id, expected))
        if start is not None and not running.is_closed:
            writing.others.append((matching.MOVE_START, {"session_id": running.id, "start": start}))
        if running.ended_at is not None:
            await self._add_late(running, samples, writing, received_at, start, told)
            return
        notes, shown = running.notes.union(flags), running.replayed and (alive or live)
        if start is not None:
            notes -= {Note.START_MISSING.value}
        before, anew = running.progress, False
        try:
            if start is not None:
                raise OutOfOrder
            progress = running.meter.add(_counted(running, samples, told)[1])
        except OutOfOrder:
            running, progress = await self.rebuilt(running, samples, start=start, told=told)
            writing.replace_steps_of, anew = running.id, True
        writing.steps = rows.step_rows(progress.steps, running.id, self.moment)
        if progress.steps or progress != before:
            writing.progress = rows.progress_row(progress, running.id, running.started_at, self.moment)
        running.progress = progress
        if running.order.is_noticed:
            notes |= {Note.CLOCK_SET_BACK.value}
        if notes != running.notes or progress.flags != before.flags or shown:
            running.notes = notes
            running.replayed = running.replayed and not shown
            writing.others.append((rows.FLAGS, running.flags_row()))
        shows = running.account_id is not None and not running.replayed
        if shows:
            until = None if running.costs is None else running.costs.until
            if running.costs_due or (until is not None and received_at >= until):
                await self.memory.ask_costs(running)
        if running.costs is not None:
            running.costs.count(progress.steps, anew=anew)
        if shows and running.account_id is not None:
            if shown:
                writing.announcements.append(Announcement(Topic.SESSIONS, running.account_id))
            writing.announcements.append(running.reading().announcement(running.account_id))
        elif running.account_id is None and not running.replayed:  # nobody's: for operators alone
            writing.announcements.append(running.reading().announcement(None))
        await self.memory.change(writing)
        if shown:
            self.hidden.drop(running.id)

    async def _add_late(
        self,
        running: Running,
        samples: Sequence[Sample],
        writing: Writing,
        received_at: datetime,
        start: datetime | None,
        told: Told | None,
    ) -> None:
        """Values of a session that is over: they refine it by device time, its stop stands (C13, M7)."""
        others = [one for one in writing.others if one[0] is not matching.MOVE_START]
        if running.is_closed:
            if samples:
                writing.others.append(late_after_final(running, received_at))
        elif running.is_ended_by_hand and start is None:
            # It has ended, however long its charger goes on: what comes is late data (C12).
            if samples:
                writing.others.append(late_after_final(running, received_at))
        elif samples or start is not None:
            writing.unless_finalized = running.id
            fresh, progress = await self.rebuilt(running, samples, start=start, told=told)
            ended_at = fresh.ended_at
            if not fresh.has_own_stop:
                ended_at = max(fresh.started_at, progress.reading_at or fresh.started_at)
            if ended_at != running.ended_at:
                writing.others.append((matching.MOVE_END, {"session_id": running.id, "end": ended_at}))
            if start is not None:
                fresh.notes -= {Note.START_MISSING.value}
            writing.replace_steps_of = running.id
            writing.steps = rows.step_rows(progress.steps, running.id, self.moment)
            writing.progress = rows.progress_row(
                progress, running.id, fresh.started_at, self.moment, ended_at
            )
            writing.others.append((rows.FLAGS, fresh.flags_row()))
            if running.account_id is not None:
                writing.announcements.append(Announcement(Topic.SESSIONS, running.account_id))
        try:
            await self.memory.change(writing)
        except Finalized:
            running.finalized = True
            again = Writing(writing.samples, others=others)
            await self._add_late(running, samples, again, received_at, None, None)

    async def late(
        self, running: Running, samples: Sequence[Sample], received_at: datetime, actions: Sequence[Action]
    ) -> None:
        """Keep *samples* of a session that is closed: settlement sees to them."""
        kept = self._rows(running, samples, received_at, None)
        actions = [*actions, late_after_final(running, received_at)]
        await self.memory.change(Writing(kept, others=actions))

    async def rebuilt(
        self,
        running: Running,
        samples: Sequence[Sample],
        *,
        stop: tuple[datetime, int | None] | None = None,
        start: datetime | None = None,
        told: Told | None = None,
    ) -> tuple[Running, Progress]:
        """The session anew, from what is stored and *samples*; its progress has all its steps."""
        await self.memory.settled()
        fresh = await self.memory.database.ask(
            load, running.charger_id, running.id, samples, stop, start, told
        )
        assert fresh is not None
        fresh.costs, fresh.costs_due = running.costs, running.costs_due
        fresh.replayed = running.replayed
        fresh.notes |= running.notes
        if fresh.ended_at is None:
            self.memory.remember(fresh)
        return fresh, fresh.progress

    def _rows(
        self, running: Running, samples: Sequence[Sample], received_at: datetime, told: Told | None
    ) -> list[dict[str, Any]]:
        number = None if told is None else told.seq_no
        if told is not None:
            samples = running.order.stored(told, samples)
        return rows.sample_rows(samples, running.id, running.connector_id, received_at, self.moment, number)

    def outside(self, change: Change, charger_id: int, values: Values) -> None:
        """Values of no session are stored with their connector (M7, M9)."""
        plug = connector(change, charger_id, values.place)
        for row in rows.sample_rows(values.samples, None, plug, values.received_at, self.moment):
            change.later(rows.SAMPLE, row)

    async def finish(
        self, running: Running, stop: Stop, actions: Sequence[Action] = (), told: Told | None = None
    ) -> None:
        """The session is over, at *stop*; *told*: its number. Raises `Finalized` if it was, and is by now."""
        try:
            await self._finish(running, stop, actions, told)
        except BaseException:
            self.memory.drop(running.id)
            raise
        self.memory.drop(running.id)
        self.hidden.drop(running.id)

    async def _finish(
        self, running: Running, stop: Stop, actions: Sequence[Action], told: Told | None
    ) -> None:
        self.hear(running.charger_id, stop.at, stop.received_at)
        at = max(stop.at, running.started_at)
        writing = Writing(
            self._rows(running, stop.samples, stop.received_at, told),
            others=list(actions),
            unless_finalized=None if running.ended_at is None else running.id,
        )
        try:
            if running.is_ended_by_hand:
                raise OutOfOrder  # its stored steps are behind its samples
            counted_at, counted = _counted(running, stop.samples, told)
            at = max(at, counted_at or at)
            progress = running.meter.stop(at, stop.meter_stop, counted)
        except OutOfOrder:
            running, progress = await self.rebuilt(
                running, stop.samples, stop=(at, stop.meter_stop), told=told
            )
            at = max(at, running.order.ended_at or at)
            writing.replace_steps_of = running.id
        running.progress = progress
        running.notes = (running.notes | set(stop.flags)) - WITHOUT_STOP
        if running.order.is_noticed:
            running.notes |= {Note.CLOCK_SET_BACK.value}
        if writing.unless_finalized is not None:
            running.notes -= {Note.LATE_AFTER_FINAL.value}  # it was not: what came late is counted now
        writing.steps = rows.step_rows(progress.steps, running.id, self.moment)
        writing.progress = rows.progress_row(progress, running.id, running.started_at, self.moment, at)
        end = {
            "session_id": running.id,
            "end": at,
            "stop_received": stop.received_at,
            "reason": None if stop.reason is None else stop.reason[:64],
            "register": stop.meter_stop,
            "notes": running.flags,
        }
        writing.others.append((rows.END, end))
        if running.account_id is not None:
            writing.announcements.append(Announcement(Topic.SESSIONS, running.account_id))
        writing.announcements.append(Announcement(Topic.CHARGERS, running.charger_id))
        await self.memory.change(writing)


def _counted(
    running: Running, samples: Sequence[Sample], told: Told | None
) -> tuple[datetime | None, Sequence[Sample]]:
    """The moment of a numbered message, and the samples to be counted. Raises `OutOfOrder`."""
    if told is None:
        return None, samples
    if not running.order.follows(told):
        raise OutOfOrder
    return running.order.take(told, samples)


def late_after_final(running: Running, received_at: datetime) -> Action:
    """Flag a session that is closed, or ended by hand: something came that would have changed it.

    `app.charging.late` sees to it.
    """
    running.notes |= {Note.LATE_AFTER_FINAL.value}
    return rows.LATE, {"session_id": running.id, "notes": running.flags, "heard": received_at}
