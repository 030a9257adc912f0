"""The order of a transaction's messages where the charger numbers them (OCPP 2.0.1). Pure.

Device time orders readings (C13), unless the charger's clock is set back during the session: then the
times of its events contradict their numbers, and by their times the register would seem to fall and
energy would be lost. The numbers decide then, and the times are moved so that they go forward (C14, M14).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.charging.metering.readings import relevant
from app.charging.reports import INTERVAL, REGISTER, Sample

NOTICED = timedelta(seconds=10)
"""A clock that is set back by no more is one that is kept right."""
SET_BACK = "clock_set_back"
"""The session's flag: its times after that follow from the order and the receipt of its messages."""
_TICK = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Told:
    """A message about a transaction: its number, its device time (corrected, M13–M15), its receipt."""

    seq_no: int
    at: datetime
    received_at: datetime
    is_end: bool = False


class Order:
    """Takes the messages of one session by rising number, and gives the times to count them by."""

    __slots__ = (
        "_at",
        "_has_registers",
        "_last",
        "_newest",
        "_received_at",
        "by_time",
        "ended_at",
        "is_back",
        "is_doubtful",
        "is_noticed",
    )

    def __init__(self) -> None:
        self.by_time = False
        """The numbers are the ones that are wrong: times are left alone."""
        self.is_back = False
        """The clock was set back: later times may have been moved."""
        self.is_noticed = False
        """By more than `NOTICED`."""
        self.is_doubtful = False
        """Where times contradict the numbers, receipts do too: it may be the numbers that are wrong."""
        self.ended_at: datetime | None = None
        """When the session ended, where that is not the time it was told with."""
        self._last: int | None = None
        self._at: datetime | None = None
        self._received_at: datetime | None = None
        self._newest: datetime | None = None
        """Of all samples counted."""
        self._has_registers = False

    def go_by_time(self) -> None:
        """The charger's numbers are wrong, and its times are right."""
        self.by_time, self.is_back, self.is_noticed, self.ended_at = True, False, False, None

    def follows(self, told: Told) -> bool:
        """True if *told* has a higher number than all before; only then it may be taken."""
        return self._last is None or told.seq_no > self._last

    def take(self, told: Told, samples: Sequence[Sample]) -> tuple[datetime, Sequence[Sample]]:
        """The moment of the next message and its samples to be counted, at the times to count them by."""
        at, same = told.at, False
        if not self.by_time:
            at, same = self._moment(told), self._at == told.at
        self._last, self._at, self._received_at = told.seq_no, at, told.received_at
        if self.is_back:
            samples = self._moved(told.at, at, samples)
        elif same:
            samples = self._beside(told.at, samples)
        for sample in samples:
            if sample.measurand == REGISTER:
                self._has_registers = True
            if (self._newest is None or sample.at > self._newest) and relevant(sample):
                self._newest = sample.at
        if told.is_end and (self.is_back or same):
            at = at if self._newest is None else max(at, self._newest)
            self.ended_at = self.ended_at or at
        return at, samples

    def stored(self, told: Told, samples: Sequence[Sample]) -> Sequence[Sample]:
        """*samples* as they are to be stored: a time that comes twice must not hide a later reading (M20)."""
        if self.by_time or self._at is None:
            return samples
        if not self.is_back and (told.at > self._at if self.follows(told) else told.at < self._at):
            return samples
        apart = told.seq_no % 1_000_000 * _TICK
        return [s if s.measurand == INTERVAL else replace(s, at=s.at + apart) for s in samples]

    def _moment(self, told: Told) -> datetime:
        if self._at is None or self._received_at is None or told.at >= self._at:
            return told.at
        # It goes on at the pace of the receipts, and not beyond them: a burst tells no times.
        gone = max(told.received_at - self._received_at, timedelta(0))
        at = max(self._at, min(self._at + gone, told.received_at))
        self.is_back = True
        self.is_noticed = self.is_noticed or at - told.at > NOTICED
        self.is_doubtful = self.is_doubtful or told.received_at < self._received_at
        return at

    def _beside(self, at: datetime, samples: Sequence[Sample]) -> Sequence[Sample]:
        """*samples* of a second message of the same moment: its register is the later one."""
        newest = self._newest
        if newest is None or not at <= newest < at + _SECOND:
            return samples
        return [
            replace(sample, at=newest + _TICK) if sample.at == at and sample.measurand != INTERVAL else sample
            for sample in samples
        ]

    def _moved(self, said: datetime, at: datetime, samples: Sequence[Sample]) -> list[Sample]:
        """*samples* of a message that *said* it was of another moment, after all that was counted before.

        Of one that lists readings of several moments the nearest to its own counts: the others may be
        of before the clock was set, and add nothing to its register. Intervals keep their times (M17).
        """
        known = [sample for sample in samples if relevant(sample)]
        registers = {sample.at for sample in known if sample.measurand == REGISTER}
        has_registers = self._has_registers or bool(registers)
        moments = registers or {sample.at for sample in known if sample.measurand != INTERVAL}
        nearest = min(moments, key=lambda moment: abs(moment - said), default=None)
        moved: list[Sample] = []
        for sample in known:
            if sample.measurand == INTERVAL:
                if not has_registers:
                    moved.append(sample)
            elif sample.at == nearest:
                to = at + (sample.at - said)
                if self._newest is not None and to <= self._newest:
                    to = self._newest + _TICK
                moved.append(replace(sample, at=to))
        return moved


def by_receipt(samples: Sequence[tuple[Sample, datetime]]) -> tuple[Order, list[Sample]]:
    """As `in_order`, of a session whose messages have no numbers (1.6): *samples* are as they came.

    Not sorted by the moment of their receipt: our clock may have been set back as well.
    """
    messages: dict[datetime, list[Sample]] = {}
    for sample, received_at in samples:
        if relevant(sample):
            messages.setdefault(received_at, []).append(sample)
    order = Order()
    counted: list[Sample] = []
    for number, (received_at, some) in enumerate(messages.items()):
        counted += order.take(Told(number, max(one.at for one in some), received_at), some)[1]
    order.ended_at = max((sample.at for sample in counted), default=None)
    return order, counted


def in_order(
    told: Iterable[Told], samples: Mapping[int | None, Sequence[Sample]]
) -> tuple[Order, list[Sample]]:
    """All messages of a session in whatever order, and its samples by their message's number.

    Returned are the samples to be counted, at the times to count them by; those without number as they are.
    """
    order = Order()
    counted: list[Sample] = list(samples.get(None, ()))
    for one in sorted(told, key=lambda one: one.seq_no):
        counted += order.take(one, samples.get(one.seq_no, ()))[1]
    return order, counted
