"""What came about a session after it was finalized: its energy follows, and its bill gets a further line.

Its energy, or when it was drawn: a reading in between moves energy over a border of prices.

The samples are stored as they came (`ledger`), `late_at` says that there are some. The session is rebuilt
from all that is stored, outside of any transaction, and written if nothing more came meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from app.billing import charges
from app.charging import rows
from app.charging.owned import corrected, keep, owned
from app.charging.running import Note, Running, load
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import ChargingSession, EnergyStep

BY = "late data"
"""In `SessionCorrection.by`, and the reason of the charge lines."""
SETTLEMENT = Caller(None, None, label="settlement")

_LATE = select(ChargingSession.charger_id, ChargingSession.late_at).where(
    ChargingSession.id == bindparam("session_id"), ChargingSession.late_at.is_not(None)
)
_STEPS = (
    select(EnergyStep.started_at, EnergyStep.ended_at, EnergyStep.energy_wh)
    .where(EnergyStep.session_id == bindparam("session_id"))
    .order_by(EnergyStep.started_at)
)


@dataclass(frozen=True, slots=True)
class _Found:
    late_at: datetime
    running: Running


async def settle_late(database: Database, session_id: int, now: datetime, default_zone: str) -> None:
    """Apply what came late about the session, unless more comes at this moment."""
    found = await database.ask(_rebuilt, session_id)
    if found is not None:
        moment = rows.moment_writer(database.engine.dialect)
        await database.change(_apply, session_id, found, moment, now, default_zone)


def _rebuilt(db: Connection, session_id: int) -> _Found | None:
    row = db.execute(_LATE, {"session_id": session_id}).one_or_none()
    running = None if row is None else load(db, row.charger_id, session_id)
    return None if row is None or running is None else _Found(row.late_at, running)


def _apply(
    change: Change, session_id: int, found: _Found, moment: rows.Moment, now: datetime, default_zone: str
) -> None:
    row = owned(change, session_id)
    if row is None or row.late_at != found.late_at:
        return
    progress = found.running.progress
    energy_wh = progress.energy_wh or 0
    steps = [(step.started_at, step.ended_at, step.energy_wh) for step in progress.steps]
    stored = [tuple(step) for step in change.execute(_STEPS, {"session_id": session_id})]
    same = energy_wh == row.energy_wh and steps == stored
    is_open = row.finalized_at is None and Note.ENDED_BY_OPERATOR not in row.flags
    if is_open or Note.CORRECTED in row.flags or same:
        keep(change, session_id, late_at=None)  # an operator's word stands
        change.announce(Announcement(Topic.ATTENTION))
        return
    reached = [at for at in (progress.energy_started_at, progress.energy_ended_at) if at is not None]
    before = charges.measured(change.connection, session_id, default_zone, reached)
    ended_at = found.running.ended_at or row.ended_at
    if not found.running.has_own_stop:
        ended_at = max(row.started_at, progress.reading_at or row.started_at)
    change.execute(rows.NO_STEPS, {"session": session_id})
    for step in rows.step_rows(progress.steps, session_id, moment):
        change.later(rows.STEP, step)
    change.later(rows.PROGRESS, rows.progress_row(progress, session_id, row.started_at, moment, ended_at))
    keep(change, session_id, ended_at=ended_at, flags=found.running.flags, late_at=None)
    corrected(
        change,
        session_id,
        at=now,
        by=BY,
        reason="",
        before={"energy_wh": row.energy_wh, "ended_at": row.ended_at.isoformat(), "steps": len(stored)},
        after={"energy_wh": energy_wh, "ended_at": ended_at.isoformat(), "steps": len(steps)},
    )
    lines = [] if before is None else charges.adjust(change, before, BY, now)
    told(change, "session.late", row, now, {"before_wh": row.energy_wh, "after_wh": energy_wh}, lines)


def told(
    change: Change,
    action: str,
    row: Any,
    now: datetime,
    details: dict[str, Any],
    lines: list[dict[str, Any]],
) -> None:
    """Write into the audit log, and announce, what settlement did to the session *row*."""
    billed = [{name: line[name] for name in ("energy_wh", "amount", "currency")} for line in lines]
    audit.record(
        change,
        SETTLEMENT,
        action,
        now,
        about=f"session {row.id}",
        subject_id=row.account_id,
        details={**details, "lines": billed},
    )
    if row.account_id is not None:
        change.announce(Announcement(Topic.SESSIONS, row.account_id))
    change.announce(Announcement(Topic.ATTENTION))
