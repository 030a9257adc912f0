"""What readings write: statements that are made once, and the rows for them.

The statements of the hot path are plain SQL with moments already in the form of the database:
SQLAlchemy's processing of typed parameters costs more than the rows themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Dialect, Executable, Table, bindparam, delete, select, text, update

from app.charging.metering.meter import Progress, Step
from app.charging.quarantine import KEEP
from app.charging.reports import Sample
from data.announcements import Announcement, Topic
from data.database import Change
from data.models import Charger, ChargingSession, EnergyStep
from data.types import Utc

SAMPLE = text(
    "INSERT INTO meter_samples (session_id, connector_id, at, received_at, seq_no, measurand, phase,"
    " context, location, unit, format, value) VALUES (:session_id, :connector_id, :at, :received_at, :seq_no,"
    " :measurand, :phase, :context, :location, :unit, :format, :value) ON CONFLICT DO NOTHING"
)
STEP = text(
    "INSERT INTO energy_steps (session_id, started_at, ended_at, energy_wh)"
    " VALUES (:session_id, :started_at, :ended_at, :energy_wh)"
)
PROGRESS = text(
    "UPDATE sessions SET energy_wh = :energy_wh, has_reading = :has_reading,"
    " energy_started_at = :energy_started_at, energy_ended_at = :energy_ended_at, reading_at = :reading_at,"
    " power_w = :power_w, power_derived = :power_derived WHERE id = :session_id"
)
EVENT = text(
    "INSERT INTO transaction_events"
    " (session_id, seq_no, event_type, trigger_reason, at, received_at, offline)"
    " VALUES (:session_id, :seq_no, :event_type, :trigger_reason, :at, :received_at, :offline)"
    " ON CONFLICT DO NOTHING"
)

_sessions = cast(Table, ChargingSession.__table__)
FLAGS = (
    update(_sessions)
    .where(_sessions.c.id == bindparam("session_id"))
    .values(flags=bindparam("notes"), replayed=bindparam("hidden"))
)
INTERVAL = (
    update(Charger).where(Charger.id == bindparam("charger")).values(reading_interval=bindparam("interval"))
)
END = (
    update(_sessions)
    .where(_sessions.c.id == bindparam("session_id"))
    .values(
        ended_at=bindparam("end"),
        stop_received_at=bindparam("stop_received"),
        stop_reason=bindparam("reason"),
        meter_stop=bindparam("register"),
        flags=bindparam("notes"),
    )
)
LATE = (
    update(_sessions)
    .where(_sessions.c.id == bindparam("session_id"))
    .values(flags=bindparam("notes"), late_at=bindparam("heard"), reviewed_at=None)
)
STATE = (
    select(_sessions.c.finalized_at, _sessions.c.flags)
    .where(_sessions.c.id == bindparam("session_id"))
    .with_for_update()
)
NO_STEPS = delete(EnergyStep).where(EnergyStep.session_id == bindparam("session"))

Moment = Callable[[datetime | None], Any]


def moment_writer(dialect: Dialect) -> Moment:
    """The function that gives a moment the form in which *dialect* stores it."""
    write = Utc().dialect_impl(dialect).bind_processor(dialect)
    assert write is not None
    # The same moment is written several times: as a reading's, as a step's end, as the next one's start.
    return lru_cache(maxsize=4096)(write)


@lru_cache(maxsize=4096)
def _kind(measurand: str, phase: str, context: str, location: str, unit: str, format_: str) -> dict[str, str]:
    """What samples have in common, cut to the columns."""
    return {
        "measurand": _clean(measurand, 64),
        "phase": _clean(phase, 16),
        "context": _clean(context, 32),
        "location": _clean(location, 16),
        "unit": _clean(unit, 32),
        "format": _clean(format_, 16),
    }


def _clean(value: str, length: int) -> str:
    return value.replace("\0", "")[:length]


def sample_rows(
    samples: Sequence[Sample],
    session_id: int | None,
    connector_id: int,
    received_at: datetime,
    moment: Moment,
    seq_no: int | None = None,
) -> list[dict[str, Any]]:
    """The rows of *samples*, for `SAMPLE`; *seq_no* of the event that brought them (2.0.1)."""
    rows: list[dict[str, Any]] = []
    received, last, at = moment(received_at), None, None
    for sample in samples:
        if sample.at is not last:  # the samples of a message share their moment
            last = sample.at
            at = moment(last)
        value = sample.value
        rows.append(
            {
                "session_id": session_id,
                "connector_id": connector_id,
                "at": at,
                "received_at": received,
                "seq_no": seq_no,
                "value": value.replace("\0", "") if "\0" in value else value,
                **_kind(
                    sample.measurand,
                    sample.phase,
                    sample.context,
                    sample.location,
                    sample.unit,
                    sample.format,
                ),
            }
        )
    return rows


def step_rows(steps: Sequence[Step], session_id: int, moment: Moment) -> list[dict[str, Any]]:
    """The rows of *steps*, for `STEP`."""
    return [
        {
            "session_id": session_id,
            "started_at": moment(step.started_at),
            "ended_at": moment(step.ended_at),
            "energy_wh": step.energy_wh,
        }
        for step in steps
    ]


def progress_row(
    progress: Progress,
    session_id: int,
    started_at: datetime,
    moment: Moment,
    ended_at: datetime | None = None,
) -> dict[str, Any]:
    """What a session shows after *progress*, for `PROGRESS`; *ended_at* if it is over."""
    return {
        "session_id": session_id,
        "energy_wh": progress.energy_wh or 0,
        "has_reading": progress.energy_wh is not None,
        "energy_started_at": moment(progress.energy_started_at or started_at),
        "energy_ended_at": moment(progress.energy_ended_at or ended_at or started_at),
        "reading_at": moment(progress.reading_at),
        "power_w": None if ended_at else progress.power_w,
        "power_derived": progress.power_derived and not ended_at,
    }


CORRECTED = "corrected"
"""The flag of a session whose energy an operator has set; see `app.charging.running.Note`."""


class Finalized(Exception):
    """The session was finalized, or corrected, in the meantime: what was to be written is late data now."""


@dataclass(slots=True)
class Writing:
    """All that one message changes, made before the transaction: the unit itself reads nothing.

    But of a session that is over: that may be finalized at the same moment, by another process too.
    """

    samples: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    replace_steps_of: int | None = None
    """The session whose stored steps give way to these."""
    progress: dict[str, Any] | None = None
    others: list[tuple[Executable, dict[str, Any]]] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)
    unless_finalized: int | None = None
    """A session: if that is finalized or corrected by now, nothing is written, and `Finalized` raised."""

    def __call__(self, change: Change) -> None:
        """Write it. Raises `Finalized`."""
        if self.unless_finalized is not None:
            state = change.execute(STATE, {"session_id": self.unless_finalized}).one()
            if state.finalized_at is not None or CORRECTED in state.flags:
                raise Finalized
        later = change.later
        for row in self.samples:
            later(SAMPLE, row)
        if self.replace_steps_of is not None:
            change.execute(NO_STEPS, {"session": self.replace_steps_of})
        for row in self.steps:
            later(STEP, row)
        if self.progress is not None:
            later(PROGRESS, self.progress)
        for statement, row in self.others:
            later(statement, row)
        if any(statement is FLAGS or statement is KEEP for statement, _ in self.others):
            change.announce(Announcement(Topic.ATTENTION))  # there may be more for an operator to see to
        change.announcements.extend(self.announcements)
