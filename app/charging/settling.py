"""Settlement: an ended session is finalized and billed when its data is complete and has been quiet a while.

All of it happens in one transaction: the charges, `finalized_at`, the audit log. A second worker, or the
same one after a crash, finds the session finalized or does it from the beginning; the row locks of
`owned` let nobody else bill the same account meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from app import clock
from app.billing import charges
from app.charging.late import settle_late, told
from app.charging.owned import keep, owned
from app.charging.running import Note
from app.settings import Settings
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.live import Live
from data.models import ChargingSession, MeterSample, TransactionEvent

log = logging.getLogger("polaris.charging")

PAGE = 200
"""Sessions that one look takes from the index."""
AT_ONCE = 8
"""Sessions whose transactions share a commit: what chargers say waits no longer for more."""
LOOK_EVERY = timedelta(minutes=1)
"""A card that gets its driver brings its sessions along, which may be due at once."""
GATHER = 1.0
"""Seconds after being told of something, in which more may be told."""
AFTER_FAILURE = timedelta(minutes=5)
FIRST = datetime.fromtimestamp(0, UTC)

_sessions = ChargingSession
_UNSETTLED = (_sessions.ended_at.is_not(None), _sessions.finalized_at.is_(None))
_CANDIDATES = (
    select(_sessions.id, _sessions.ended_at)
    .where(
        *_UNSETTLED,
        _sessions.account_id.is_not(None),
        _sessions.ended_at <= bindparam("before"),
        or_(
            _sessions.ended_at > bindparam("after"),
            and_(_sessions.ended_at == bindparam("after"), _sessions.id > bindparam("after_id")),
        ),
        _sessions.ended_at >= bindparam("after"),
    )
    .order_by(_sessions.ended_at, _sessions.id)
    .limit(PAGE)
)
_NEXT = select(func.min(_sessions.ended_at)).where(*_UNSETTLED, _sessions.ended_at > bindparam("before"))
_LATE = (
    select(_sessions.id)
    # From the beginning of time: a range is what a planner without statistics takes the index for.
    .where(_sessions.late_at > bindparam("after"), _sessions.late_at <= bindparam("before"))
    .order_by(_sessions.late_at)
    .limit(PAGE)
)
_NEXT_LATE = select(func.min(_sessions.late_at)).where(_sessions.late_at > bindparam("before"))
_LAST_HEARD = tuple(
    select(func.max(table.received_at)).where(table.session_id == bindparam("session_id"))
    for table in (MeterSample, TransactionEvent)
)
_SEQUENCE = select(func.count(), func.min(TransactionEvent.seq_no), func.max(TransactionEvent.seq_no)).where(
    TransactionEvent.session_id == bindparam("session_id")
)


@dataclass(frozen=True, slots=True)
class Rules:
    """When a session is settled."""

    after: timedelta
    """Nothing has come about it for so long."""
    incomplete_after: timedelta
    """The same, if messages about it are missing."""
    default_zone: str
    """Of drivers whose account tells none."""


class Settlement:
    """Settles what is due, and sleeps until more is."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._rules = Rules(
            timedelta(minutes=settings.settle_after_minutes),
            timedelta(hours=settings.settle_incomplete_hours),
            settings.default_time_zone,
        )
        self._waiting: dict[int, datetime] = {}
        """Sessions that were looked at, and when they are due."""
        self._failed: tuple[datetime, str] | None = None
        self._woken = asyncio.Event()

    def listen(self, live: Live) -> Callable[[], None]:
        """Look again at once when an operator has assigned a session; returns what ends it."""

        def wake(announcement: Announcement) -> None:
            if announcement.values is not None and "assigned" in announcement.values:
                self._woken.set()

        return live.listen(Topic.ATTENTION, wake)

    def failing(self, now: datetime) -> str:
        """The kind of error that something failed with lately; empty if all goes well."""
        if self._failed is None or clock.is_over(self._failed[0], 2 * AFTER_FAILURE, now):
            return ""
        return self._failed[1]

    async def run(self) -> None:
        """Settle, until cancelled."""
        while True:
            now = clock.now()
            try:
                due = await self.tick(now)
            except Exception as error:
                self._failed = now, type(error).__name__
                log.exception("settlement failed and goes on")
                due = now + LOOK_EVERY
            pause = max(GATHER, (due - clock.now()) / timedelta(seconds=1))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
                await asyncio.sleep(GATHER)
            self._woken.clear()

    async def tick(self, now: datetime) -> datetime:
        """Settle all that is due at *now*; returns when to look again."""
        self._waiting = {session: due for session, due in self._waiting.items() if due > now}
        before = now - self._rules.after
        after, after_id = FIRST, 0
        while True:
            page = await self._database.ask(_candidates, before, after, after_id)
            fresh = [row.id for row in page if row.id not in self._waiting]
            for place in range(0, len(fresh), AT_ONCE):
                some = fresh[place : place + AT_ONCE]
                await asyncio.gather(*(self._settle(session_id, now) for session_id in some))
            if len(page) < PAGE:
                break
            after, after_id = page[-1].ended_at, page[-1].id
        for session_id in await self._database.ask(_late, before):
            await self._settle_late(session_id, now)
        following = await self._database.ask(_next, before)
        return min([now + LOOK_EVERY, *self._waiting.values(), *(at + self._rules.after for at in following)])

    async def _settle(self, session_id: int, now: datetime) -> None:
        try:
            due = await self._database.change(settle, session_id, now, self._rules)
        except Exception as error:
            self._failed = now, type(error).__name__
            log.exception("a session could not be settled session=%d", session_id)
            due = now + AFTER_FAILURE
        if due is not None:
            self._waiting[session_id] = due

    async def _settle_late(self, session_id: int, now: datetime) -> None:
        if self._waiting.get(-session_id, now) > now:
            return
        try:
            await settle_late(self._database, session_id, now, self._rules.default_zone)
        except Exception as error:
            self._failed = now, type(error).__name__
            log.exception("late data could not be settled session=%d", session_id)
            self._waiting[-session_id] = now + AFTER_FAILURE


def settle(change: Change, session_id: int, now: datetime, rules: Rules) -> datetime | None:
    """Finalize and bill the session, if it is due; else returns when it is, ``None`` for never.

    One that is finalized, in progress or nobody's is left alone.
    """
    row = owned(change, session_id)
    if row is None or row.ended_at is None or row.finalized_at is not None or row.account_id is None:
        return None
    complete = is_complete(change.connection, row)
    due = last_heard(change.connection, row) + (rules.after if complete else rules.incomplete_after)
    if due > now:
        return due
    flags = row.flags if complete else sorted({*row.flags, Note.SETTLED_INCOMPLETE.value})
    # Another process may have taken a reading while an operator ended the session in this one.
    ended_at = max(row.ended_at, row.energy_ended_at) if _is_by_hand(row) else row.ended_at
    keep(change, session_id, finalized_at=now, ended_at=ended_at, flags=flags)
    lines = charges.bill(change, session_id, now, rules.default_zone)
    is_billed = any(line["amount"] is not None for line in lines)
    action = "session.settle" if is_billed else "session.finalize"
    told(change, action, row, now, {"complete": complete}, lines)
    return None


def is_complete(db: Connection, row: Any) -> bool:
    """Whether nothing is missing that would have been told: no gap in the sequence of OCPP 2.0.1."""
    if Note.START_MISSING in row.flags:
        return False
    if row.ocpp_transaction_id is None:
        return True
    number, first, last = db.execute(_SEQUENCE, {"session_id": row.id}).one()
    return bool(number == 0 or last - first + 1 == number)


def last_heard(db: Connection, row: Any) -> datetime:
    """When the last message about the session came; the operator's word is the last about it (C12)."""
    if _is_by_hand(row) and row.stop_received_at is not None:
        heard_before: datetime = max(row.received_at, row.stop_received_at)
        return heard_before
    told = [db.execute(statement, {"session_id": row.id}).scalar_one() for statement in _LAST_HEARD]
    heard: datetime = max(at for at in (row.received_at, row.stop_received_at, *told) if at is not None)
    return heard


def _is_by_hand(row: Any) -> bool:
    return Note.ENDED_BY_OPERATOR in row.flags


def _candidates(db: Connection, before: datetime, after: datetime, after_id: int) -> Sequence[Any]:
    return db.execute(_CANDIDATES, {"before": before, "after": after, "after_id": after_id}).all()


def _next(db: Connection, before: datetime) -> list[datetime]:
    """When the next session ended, or something came late about one, after *before*."""
    found = [db.execute(statement, {"before": before}).scalar_one() for statement in (_NEXT, _NEXT_LATE)]
    return [at for at in found if at is not None]


def _late(db: Connection, before: datetime) -> Sequence[int]:
    return db.execute(_LATE, {"after": FIRST, "before": before}).scalars().all()
