"""What is kept in memory of a session while it is in progress, and how it is restored from what is stored.

The hot path reads nothing: a reading meets its `Running`, and what it changes is written. After a
restart, a failed commit or a reading out of order, `load` makes it anew from the stored samples (M18).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import Any

from sqlalchemy import Connection, bindparam, select

from app.charging import rows
from app.charging.cost import Costs
from app.charging.metering.meter import Flag, Meter, Progress, rebuild
from app.charging.metering.order import SET_BACK, Order, Told, by_receipt, in_order
from app.charging.pace import is_live_pace
from app.charging.reports import INTERVAL, POWER, REGISTER, Sample
from data.live import Reading
from data.models import Charger, ChargingSession, Connector, MeterSample, TransactionEvent
from data.types import Authorization


class Note(StrEnum):
    """Why an operator should look at a session, beside what its meter flags."""

    ENDED_BY_NEW_START = "ended_by_new_start"
    """No stop came: a new start on the connector ended it at its last known reading (C12)."""
    ENDED_BY_OPERATOR = "ended_by_operator"
    STOP_BELOW_START = "stop_below_start"
    STOP_IN_FUTURE = "stop_in_future"
    STOP_MATCHED = "stop_matched"
    """Its stop named no known transaction and was matched by charger and time (C11)."""
    START_MISSING = "start_missing"
    """Known from a later event only; its start has not arrived (2.0.1)."""
    LATE_AFTER_FINAL = "late_after_final"
    """Values or a stop came after the session was finalized, or values after an operator had ended it."""
    CORRECTED = rows.CORRECTED
    """An operator has set its energy: what its charger still sends is kept, and changes it no more."""
    CLOCK_SET_BACK = SET_BACK
    """Its charger's clock was set back meanwhile: it is counted in the order of its messages (2.0.1)."""
    SETTLED_INCOMPLETE = "settled_incomplete"
    """It was billed although messages about it are missing: they did not come in time."""


WITHOUT_STOP: frozenset[str] = frozenset({Note.ENDED_BY_NEW_START.value, Note.ENDED_BY_OPERATOR.value})
"""Sessions ended like this may still get their own stop."""


_SECOND = timedelta(seconds=1)
_TICK = timedelta(microseconds=1)
_SHORTEST, _LONGEST = 1, 3_600
_METER_FLAGS = frozenset(flag.value for flag in Flag)


class Sequence:
    """Sequence numbers seen, kept as one number as long as none is missing."""

    __slots__ = ("_below", "_beyond")

    def __init__(self, numbers: tuple[int, ...] = ()) -> None:
        self._below = 0
        self._beyond: set[int] = set()
        for number in numbers:
            self.add(number)

    def __contains__(self, number: int) -> bool:
        return 0 <= number < self._below or number in self._beyond

    def add(self, number: int) -> None:
        """*number* has been seen."""
        if number in self:
            return
        if number != self._below:
            self._beyond.add(number)
            return
        self._below += 1
        while self._below in self._beyond:
            self._beyond.remove(self._below)
            self._below += 1


@dataclass(slots=True)
class Running:
    """A session in memory; `ended_at` is set for one that was loaded although it is over."""

    id: int
    charger_id: int
    connector_id: int
    connector_number: int
    transaction_id: str | None
    id_tag: str
    authorization: Authorization
    account_id: int | None
    started_at: datetime
    meter_start: int | None
    meter: Meter
    progress: Progress
    notes: frozenset[str]
    """Why an operator should look at it, beside what its meter flags."""
    replayed: bool
    heard_at: datetime
    """Device time of its last message, and when that came."""
    heard_received_at: datetime
    interval: int
    """Seconds between its readings that its charger is known for, and as last observed (P8)."""
    observed: int = -10
    ended_at: datetime | None = None
    meter_stop: int | None = None
    finalized: bool = False
    events: Sequence = field(default_factory=Sequence)
    order: Order = field(default_factory=Order)
    """2.0.1: of its messages, by their numbers."""
    offline: bool = False
    """2.0.1: its events said that they were told after the fact."""
    costs: Costs | None = None
    costs_due: bool = True
    """They are to be asked for (again) at the next reading."""

    @property
    def has_own_stop(self) -> bool:
        """True if its charger has ended it, and not we for want of a stop."""
        return self.ended_at is not None and not self.notes & WITHOUT_STOP

    @property
    def is_ended_by_hand(self) -> bool:
        """True if an operator has ended it, and its charger has not (C12)."""
        return Note.ENDED_BY_OPERATOR in self.notes

    @property
    def is_closed(self) -> bool:
        """True if nothing that comes changes it any more: what it costs, or its energy, is settled."""
        return self.finalized or Note.CORRECTED in self.notes

    @property
    def flags(self) -> list[str]:
        """All flags, as they are stored."""
        return sorted(self.notes | self.progress.flags)

    def flags_row(self) -> dict[str, Any]:
        """For `rows.FLAGS`."""
        return {"session_id": self.id, "notes": self.flags, "hidden": self.replayed}

    def hear(self, at: datetime, received_at: datetime) -> bool:
        """A message about it came; true if it came at the pace of what happens now (C13)."""
        live = is_live_pace(at - self.heard_at, received_at - self.heard_received_at)
        if at > self.heard_at:
            self.heard_at, self.heard_received_at = at, received_at
        return live

    def new_interval(self, gap: timedelta) -> int | None:
        """Seconds between readings, if *gap* and the one before say something else than is known (P8)."""
        seconds, before = round(gap / _SECOND), self.observed
        self.observed = seconds
        if not _SHORTEST <= seconds <= _LONGEST or abs(seconds - before) > max(2, seconds // 5):
            return None
        if abs(seconds - self.interval) <= max(1, self.interval // 5):
            return None
        self.interval = seconds
        return seconds

    def reading(self) -> Reading:
        """What its banner shows."""
        progress = self.progress
        cost = currency = None
        if self.costs is not None and progress.energy_wh is not None:
            cost, currency = self.costs.estimate(progress.energy_wh)
        return Reading(
            session_id=self.id,
            energy_wh=progress.energy_wh,
            power_w=progress.power_w,
            power_derived=progress.power_derived,
            reading_at=progress.reading_at,
            cost=cost,
            currency=currency,
        )


_SESSION = (
    select(
        *(
            getattr(ChargingSession, name)
            for name in (
                "id",
                "charger_id",
                "connector_id",
                "ocpp_transaction_id",
                "id_tag",
                "authorization",
                "account_id",
                "started_at",
                "received_at",
                "ended_at",
                "finalized_at",
                "meter_start",
                "meter_stop",
                "reading_at",
                "replayed",
                "flags",
            )
        ),
        Connector.number,
        Charger.reading_interval,
    )
    .join(Charger, Charger.id == ChargingSession.charger_id)
    .join(Connector, Connector.id == ChargingSession.connector_id)
    .where(
        ChargingSession.id == bindparam("session_id"), ChargingSession.charger_id == bindparam("charger_id")
    )
)
_SAMPLES = (
    select(
        MeterSample.at,
        MeterSample.value,
        MeterSample.measurand,
        MeterSample.unit,
        MeterSample.context,
        MeterSample.location,
        MeterSample.phase,
        MeterSample.format,
        MeterSample.received_at,
        MeterSample.seq_no,
        MeterSample.id,
    )
    .where(
        MeterSample.session_id == bindparam("session_id"),
        MeterSample.measurand.in_([REGISTER, INTERVAL, POWER]),
    )
    .order_by(MeterSample.at, MeterSample.id)
)
_EVENTS = select(
    TransactionEvent.seq_no, TransactionEvent.at, TransactionEvent.received_at, TransactionEvent.event_type
).where(TransactionEvent.session_id == bindparam("session_id"))


def load(
    db: Connection,
    charger_id: int,
    session_id: int,
    more: Iterable[Sample] = (),
    stop: tuple[datetime, int | None] | None = None,
    start: datetime | None = None,
    told: Told | None = None,
) -> Running | None:
    """The charger's session as it is stored, its meter rebuilt from its samples; ``None``: no such one.

    *more* are samples that are about to be stored, of the message *told*; *stop* (device time, register)
    and *start* are about to take the place of what is stored. ``progress.steps`` are all its steps.
    """
    key = {"session_id": session_id}
    row = db.execute(_SESSION, {**key, "charger_id": charger_id}).one_or_none()
    if row is None:
        return None
    samples = db.execute(_SAMPLES, key).all()
    events: list[Told] = []
    if row.ocpp_transaction_id is not None:
        events = [Told(*event[:3], is_end=event[3] == "Ended") for event in db.execute(_EVENTS, key)]
    by_number: dict[int | None, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_number[sample.seq_no].append(Sample(*sample[:8]))
    by_number[None if told is None else told.seq_no] += more
    notes = frozenset(row.flags) - _METER_FLAGS
    if stop is None and row.ended_at is not None and not notes & WITHOUT_STOP:
        stop = (row.ended_at, row.meter_stop)
    started_at = start or row.started_at
    order, counted = in_order(events if told is None else [*events, told], by_number)
    by_time = list(chain.from_iterable(by_number.values()))
    if order.is_doubtful and _falls(counted) and not _falls(by_time):
        order.go_by_time()
        counted = by_time
    ended_at = row.ended_at
    if stop is not None and order.ended_at is not None:
        end = max(stop[0], order.ended_at)
        ended_at = None if ended_at is None else max(ended_at, end)
        meter, progress = rebuild(started_at, row.meter_start, counted, (end, stop[1]))
    else:
        meter, progress = rebuild(started_at, row.meter_start, counted, stop)
    if row.ocpp_transaction_id is None and Flag.FELL in progress.flags:
        # Without numbers, what came is no order (C13); but a register that only rises as it came proves one.
        newest = max((sample.received_at for sample in samples), default=row.received_at)
        as_they_came = sorted(samples, key=lambda sample: sample.id)
        heard = [(Sample(*sample[:8]), sample.received_at) for sample in as_they_came]
        received, counted = by_receipt([*heard, *((sample, newest + _TICK) for sample in more)])
        if received.is_back and not _falls(counted):
            order = received
            if stop is not None:
                stop = (max(stop[0], order.ended_at or stop[0]), stop[1])
                ended_at = None if ended_at is None else stop[0]
            meter, progress = rebuild(started_at, row.meter_start, counted, stop)
    if order.is_noticed:
        notes |= {Note.CLOCK_SET_BACK.value}
    last = samples[-1] if samples else None
    return Running(
        id=row.id,
        charger_id=row.charger_id,
        connector_id=row.connector_id,
        connector_number=row.number,
        transaction_id=row.ocpp_transaction_id,
        id_tag=row.id_tag,
        authorization=row.authorization,
        account_id=row.account_id,
        started_at=started_at,
        meter_start=row.meter_start,
        meter=meter,
        progress=progress,
        notes=notes,
        replayed=row.replayed,
        heard_at=row.started_at if last is None else last.at,
        heard_received_at=row.received_at if last is None else last.received_at,
        interval=row.reading_interval,
        ended_at=ended_at,
        meter_stop=row.meter_stop,
        finalized=row.finalized_at is not None,
        events=Sequence(tuple(event.seq_no for event in events)),
        order=order,
    )


def _falls(samples: list[Sample]) -> bool:
    """True if the register falls by the times of *samples*."""
    if not samples:
        return False
    _, progress = rebuild(min(sample.at for sample in samples), None, samples)
    return not progress.flags.isdisjoint((Flag.FELL, Flag.RELATIVE))
